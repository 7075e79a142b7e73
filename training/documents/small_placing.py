"""Fonts, sizes and places for the lines of a small document. The order of the draws is part of the recipe."""
from .fonts import face, font_paths
from .layout import Layout, Run

SMALL_SIDE = 168
LEAST_SIZE = 12
LEAST_ROW = 15


def place_small(rng, lines):
    """Layout of 168 x 168 pixels, or None where the lines do not fit at 12 pixels or more."""
    last = len(font_paths()) - 1
    body_font, heading_font = rng.n(0, last), rng.n(0, last)
    if rng.p(0.6):
        heading_font = body_font
    base = rng.c([13, 14, 14, 15, 15, 16, 16, 17, 18])
    leading = rng.f(1.15, 1.6)
    left = rng.n(3, 12)
    right = SMALL_SIDE - rng.n(3, 12)
    spacing = rng.c([0, 0, 0, 0.5, 1.0])
    available = right - left
    rows, heights = [], []
    queue = [list(line) for line in lines]
    while queue:
        line = queue.pop(0)
        font, size = body_font, base
        if line[0][2] == 1:
            font, size = heading_font, base + rng.c([0, 0, 1, 2, 3, 5])
        elif line[0][2] == 2:
            font, size = heading_font, base + rng.c([0, 2, 4, 6, 8, 12])
        while True:
            line_face = face(font, size)
            widths = [line_face.width(text, spacing) for text, _, _ in line]
            needed = sum(widths) + (8 if len(line) > 1 else 0)
            if needed <= available or size <= LEAST_SIZE:
                break
            size -= 1
        row_spacing = spacing
        if needed > available and len(line) > 1:
            queue.insert(0, [line[1]])               # the value goes to a line of its own
            line, widths = line[:1], widths[:1]
        elif needed > available:
            row_spacing, widths = 0, [line_face.width(line[0][0], 0)]
            if widths[0] > available:
                return None
        rows.append([(text, left if align == "L" else right - width if align == "R" else left + (available - width) / 2,
                      line_face, row_spacing) for (text, align, _), width in zip(line, widths)])
        heights.append(max(size * leading, LEAST_ROW))
    return spread(rng, rows, heights)


def spread(rng, rows, heights):
    """Layout with the rows set one below the other and the free height shared out, or None where it is too little."""
    total = sum(heights)
    if total > SMALL_SIDE - 6:
        squeeze = (SMALL_SIDE - 6) / total
        heights = [height * squeeze for height in heights]
        if min(heights) < LEAST_ROW:
            return None
        total = SMALL_SIDE - 6
    slack = SMALL_SIDE - total - 4
    y = 3 + rng.u() * slack * (0.6 if rng.p(0.5) else 1)
    gap = max(0.0, (SMALL_SIDE - y - total) / len(rows)) * rng.f(0, 0.8)
    runs = []
    for row, height in zip(rows, heights):
        runs += [Run(text, x, y, line_face, spacing) for text, x, line_face, spacing in row]
        y += height + gap * rng.u()
    return Layout(SMALL_SIDE, SMALL_SIDE, runs)
