"""LLaVA in plain torch: CLIP ViT -> two-layer MLP -> LLaMA. Parameter names are those of Hugging Face checkpoints."""
