"""Synthetic documents, charts and clips with the exact place of every character, and questions about them."""
from . import alphabet, clips, pairs, schemas, words
from .checks import check
from .document import KINDS, LARGE_KINDS, Document, make
from .page import make_page
from .questions import sample_questions
from .rng import Rng
from .small import SMALL_KINDS

__all__ = ["KINDS", "LARGE_KINDS", "SMALL_KINDS", "Document", "Rng", "alphabet", "check", "clips", "make", "make_page", "pairs",
           "sample_questions", "schemas", "words"]
