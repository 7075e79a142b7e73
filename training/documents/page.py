"""Dense random text: teaches the vision tower to see characters, and nothing is asked about it."""
from . import words
from .alphabet import CHARACTERS
from .fonts import face, font_paths
from .layout import Layout, Run, locate, tilt
from .ink import add_rules, add_barcode, ink_runs
from .developing import develop
from .small import HEAD, KEYS, SMALL_KINDS

SIZES = [12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19, 20]


def snippet(rng):
    """A word, name, amount, date, id or a jumble of characters."""
    draw = rng.u()
    if draw < 0.16:
        text = words.word(rng, rng.c([words.FIRST, words.LAST, words.CITY, words.SHOP, words.GOODS]))
    elif draw < 0.24:
        text = words.merchant(rng)
    elif draw < 0.32:
        amount = rng.p(0.6)
        text = words.money(rng) if amount else rng.c(["$", "\u20ac", "\u00a3"]) + rng.c(["", " "]) + words.money(rng)
    elif draw < 0.40:
        text = words.date(rng)
    elif draw < 0.50:
        text = words.identifier(rng)
    elif draw < 0.58:
        text = rng.c(KEYS[rng.c(list(KEYS))])
    elif draw < 0.64:
        text = words.word(rng, words.GOODS).upper()
    elif draw < 0.90:
        text = "".join(rng.c(CHARACTERS[1:]) for _ in range(rng.n(2, 8)))
    else:
        text = rng.c(words.CURRENCIES + HEAD[rng.c(SMALL_KINDS)])
    return text + " " + words.word(rng, words.SHOP) if rng.p(0.3) else text


def fill_line(rng, x, y, line_face, spacing, width):
    """Runs from x to the right edge; the last is cut where it does not fit."""
    runs = []
    while x <= width - 20 or not runs:
        text = snippet(rng)
        whole = x + line_face.width(text, spacing) <= width - 2
        while text and x + line_face.width(text, spacing) > width - 2:
            text = text[:-1]
        text = text.rstrip()
        if text:
            runs.append(Run(text, x, y, line_face, spacing))
        if not whole:
            break
        x += line_face.width(text, spacing) + rng.f(8, 30)
    return runs


def place_page(rng, width, height):
    """Layout filled with text from top to bottom, 12 to 30 pixels high."""
    last = len(font_paths()) - 1
    runs, y = [], rng.f(0, 12)
    font = rng.n(0, last)
    spacing = rng.c([0, 0, 0, 0.5, 1.0])
    while y < height - 12:
        if rng.p(0.35):
            font = rng.n(0, last)
        size = rng.c(SIZES) if rng.p(0.85) else rng.n(20, 30)
        x = rng.f(0, 14) if rng.p(0.8) else rng.f(0, 70)
        runs += fill_line(rng, x, y, face(font, size), spacing, width)
        y += max(15.0, size * rng.f(1.05, 1.35))
    return Layout(width, height, runs)


def make_page(rng, width=168, height=168):
    """(characters, image uint8 [height, width, 3]). Characters at the edge may be cut, their centres may lie outside."""
    layout = place_page(rng, width, height)
    matrix = tilt(rng, width, height)
    text_ink = ink_runs(layout.runs, width, height)
    ink = add_rules(rng, text_ink) if rng.p(0.3) else text_ink
    if rng.p(0.12):
        ink = add_barcode(rng, ink, text_ink)
    return locate(layout.runs, matrix), develop(rng, ink, matrix)
