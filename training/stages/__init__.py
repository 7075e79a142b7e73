"""LLaVA's stages, each a class with the batches it learns from, its loss and its probe."""
