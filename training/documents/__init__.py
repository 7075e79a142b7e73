"""Synthetic documents, charts and clips with the exact place of every character, and questions about them."""
from .document import KINDS, LARGE_KINDS, Document, make
from .page import make_page
from .rng import Rng
from .small import SMALL_KINDS

__all__ = ["KINDS", "LARGE_KINDS", "SMALL_KINDS", "Document", "Rng", "make", "make_page"]
