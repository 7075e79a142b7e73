"""Documents: kind and fields drawn at random, printed, photographed, with the place of every character."""
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .chart import compose_chart, place_chart
from .developing import develop, inverse, split_bars
from .ink import add_barcode, add_rules, ink_layout, map_figures
from .large import LARGE_COMPOSERS
from .large_placing import Style, place_large
from .layout import Characters, locate_tilted
from .small import COMPOSERS, SMALL_KINDS
from .small_placing import SMALL_SIDE, place_small
from .table import compose_table, place_table

# Half the height of a letter, in font sizes.
LETTER_REACH = 0.45
LARGE_KINDS = ["long receipt", "invoice", "form", "table", "shipping label"]
KINDS = SMALL_KINDS + LARGE_KINDS + ["chart"]


@dataclass
class Document:
    """One page.

    fields: values as printed, numbers as words.Number; keys per kind in schemas.py. text: all printed text, line by line.
    image: uint8 [height, width, 3], None without pixels. figures: uint8 [height, width], alphabet.FIGURE_CLASS of
    every image pixel, None where the page has no figures. boxes: float32 [runs, 4], see Layout.boxes.
    """
    kind: str
    fields: dict
    text: str
    width: int
    height: int
    image: np.ndarray | None
    characters: Characters
    figures: np.ndarray | None
    boxes: np.ndarray


def draw_size(rng):
    """(width, height) in pixels of a large page."""
    draw = rng.u()
    return (336, 504) if draw < 0.15 else (504, 336) if draw < 0.3 else (336, 336)


def draft_small(rng, kind):
    while True:
        fields, lines = COMPOSERS[kind](rng)
        layout = place_small(rng, lines)
        if layout is not None:
            return fields, layout


def draft_large(rng, kind):
    width, height = draw_size(rng)
    attempt = 0
    while True:
        style = Style(rng, width, height, attempt)
        if kind == "table":
            fields = compose_table(rng)
            layout = place_table(rng, fields, style)
        else:
            fields, lines = LARGE_COMPOSERS[kind](rng)
            layout = place_large(rng, lines, style)
        if layout is not None:
            return fields, layout
        attempt += 1


def draft_chart(rng):
    side = SMALL_SIDE if rng.p(0.5) else 2 * SMALL_SIDE
    while True:
        fields = compose_chart(rng, side > SMALL_SIDE)
        layout = place_chart(rng, fields, side)
        if layout is not None:
            return fields, layout


def draft(rng, kind):
    """(fields, Layout) of a kind."""
    if kind == "chart":
        return draft_chart(rng)
    return draft_small(rng, kind) if kind in COMPOSERS else draft_large(rng, kind)


def print_layout(rng, kind, layout, figures):
    """Ink of a page with its decoration: rules and barcodes stay clear of the text."""
    ink = text_ink = ink_layout(rng, layout)
    if kind == "chart":
        return np.where(figures > 0, 0, ink).astype(np.uint8)       # gridlines pass behind the bars
    if kind == "table":
        return ink
    if rng.p(0.3):
        ink = add_rules(rng, ink, 0 if kind in SMALL_KINDS else 2)
    if rng.p(0.5 if kind == "shipping label" else 0.12):
        ink = add_barcode(rng, ink, text_ink)
    return ink


def tilt_map(figures, matrix):
    """The map of figures [height, width] tilted with its page."""
    if figures is None or matrix is None:
        return figures
    image = Image.fromarray(figures)
    return np.asarray(image.transform(image.size, Image.AFFINE, inverse(matrix), resample=Image.NEAREST))


def make(rng, kind=None, pixels=True):
    """A Document; of any kind where none is named. Without pixels the same page is only laid out, much faster."""
    kind = kind or rng.c(KINDS)
    fields, layout = draft(rng, kind)
    if kind in SMALL_KINDS:
        characters, matrix = locate_tilted(rng, layout)
    else:
        # The ends of a large page's lines are far from its centre: the same angle would carry them off the image.
        characters, matrix = locate_tilted(rng, layout, 1.2, 1.02, LETTER_REACH)
    figures = map_figures(layout) if layout.figures else None
    image = None
    if pixels:
        ink = print_layout(rng, kind, layout, figures)
        bars = split_bars(figures, matrix) if kind == "chart" else ()
        image = develop(rng, ink, matrix, bars)
    return Document(kind, fields, layout.text(), layout.width, layout.height, image, characters,
                    tilt_map(figures, matrix), layout.boxes())
