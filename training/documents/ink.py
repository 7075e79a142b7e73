"""Layouts to ink: uint8 [height, width], 0 for paper and 255 for full ink; and the map of figures."""
import numpy as np
from PIL import Image, ImageDraw

from .alphabet import FIGURE_CLASS


def ink_runs(runs, width, height):
    """Glyph by glyph, so that the place of every character is known to the pixel."""
    ink = np.zeros((height, width), np.uint8)
    for run in runs:
        x, top = run.x, int(round(run.y))
        for character in run.text:
            bitmap, offset_x, offset_y, advance = run.face.glyph(character)
            if bitmap is not None:
                left, upper = int(round(x)) + offset_x, top + offset_y
                h, w = bitmap.shape
                x0, y0, x1, y1 = max(left, 0), max(upper, 0), min(left + w, width), min(upper + h, height)
                if x1 > x0 and y1 > y0:
                    target = ink[y0:y1, x0:x1]
                    np.maximum(target, bitmap[y0 - upper:y1 - upper, x0 - left:x1 - left], out=target)
            x += advance + run.spacing
    return ink


def add_rules(rng, ink, clearance=0):
    """With rule lines and a frame, drawn only where no row of text is, nor within `clearance` pixels of one."""
    height, width = ink.shape
    unit = width / 168
    lines = np.zeros_like(ink)
    inked = ink.max(1) > 0
    for _ in range(clearance):
        inked[1:-1] = inked[1:-1] | inked[:-2] | inked[2:]
    free = np.flatnonzero(~inked)
    for _ in range(rng.n(1, 3)):
        if not len(free):
            continue
        y = int(rng.c(free))
        if rng.p(0.7):
            x0, x1 = rng.n(0, 12), width - rng.n(0, 12)
        else:
            x0, x1 = rng.n(0, int(60 * unit)), rng.n(int(90 * unit), width)
        strength = rng.n(90, 255)
        if rng.p(0.25):
            lines[y, x0:x1:3] = strength
        else:
            lines[y, x0:x1] = strength
            if rng.p(0.3) and y + 1 < height and ink[y + 1].max() == 0:
                lines[y + 1, x0:x1] = strength
    if rng.p(0.3):
        edge, strength = rng.n(0, 2), rng.n(80, 255)
        lines[[edge, height - 1 - edge], :] = strength
        lines[:, [edge, width - 1 - edge]] = strength
    return np.maximum(ink, lines)


def add_barcode(rng, ink, text_ink):
    """With a barcode in the free band at the bottom, where there is one of 18 rows or more."""
    height, width = ink.shape
    inked = np.flatnonzero(text_ink.max(1))
    end = int(inked[-1]) + 1 if len(inked) else 0
    if height - end < 18:
        return ink
    ink = ink.copy()
    tall = rng.n(10, min(26, height - end - 6))
    x = rng.n(6, 40)
    last = rng.n(90, width - 6)
    while x < last:
        bar = rng.n(1, 3)
        ink[end + 4:end + 4 + tall, x:min(x + bar, last)] = 255
        x += bar + rng.n(1, 3)
    return ink


def ink_tick_box(rng, drawing, box):
    """Outline of a tick box, and a cross, a tick or a filled square in a ticked one."""
    x0, y0, x1, y1 = box.x0, box.y0, box.x1 - 1, box.y1 - 1
    drawing.rectangle((x0, y0, x1, y1), outline=255)
    if box.name != "ticked box":
        return
    mark = rng.n(0, 2)
    if mark == 0:
        drawing.line((x0 + 2, y0 + 2, x1 - 2, y1 - 2), fill=255, width=2)
        drawing.line((x0 + 2, y1 - 2, x1 - 2, y0 + 2), fill=255, width=2)
    elif mark == 1:
        middle = x0 + (x1 - x0) * 0.4
        drawing.line((x0 + 2, (y0 + y1) / 2, middle, y1 - 2, x1 - 1, y0 + 1), fill=255, width=2)
    else:
        drawing.rectangle((x0 + 3, y0 + 3, x1 - 3, y1 - 3), fill=255)


def ink_layout(rng, layout):
    """Ink of a layout's runs, strokes and tick boxes."""
    ink = ink_runs(layout.runs, layout.width, layout.height)
    for stroke in layout.strokes:
        target = ink[stroke.y0:stroke.y1, stroke.x0:stroke.x1]
        np.maximum(target, stroke.strength, out=target)
    boxes = [figure for figure in layout.figures if figure.name.endswith("box")]
    if not boxes:
        return ink
    image = Image.fromarray(ink)
    drawing = ImageDraw.Draw(image)
    for box in boxes:
        ink_tick_box(rng, drawing, box)
    return np.asarray(image)


def map_figures(layout):
    """uint8 [height, width]: alphabet.FIGURE_CLASS of the figure at every pixel of the page, 0 where there is none."""
    figures = np.zeros((layout.height, layout.width), np.uint8)
    for figure in layout.figures:
        figures[figure.y0:figure.y1, figure.x0:figure.x1] = FIGURE_CLASS[figure.name]
    return figures
