"""Fonts, sizes and places for the lines of a large document: small type that only tiles of the image can show."""
from typing import NamedTuple

from .fonts import face, font_paths
from .layout import Figure, Layout, Run

LEAST_SIZE = 12


class Cell(NamedTuple):
    """One run of a line. align: "L", "R", "C", or "T" for the tab stop; role: 0 body, 1 heading, 2 emphasis;
    box: "empty box" or "ticked box" drawn before the text.
    """
    text: str
    align: str = "L"
    role: int = 0
    box: str = ""


class Style:
    """What one page holds constant: fonts, sizes, margins (pixels)."""

    def __init__(self, rng, width, height, attempt=0):
        last = len(font_paths()) - 1
        self.width, self.height = width, height
        self.body_font, self.heading_font = rng.n(0, last), rng.n(0, last)
        if rng.p(0.6):
            self.heading_font = self.body_font
        # A page that did not fit is tried again in smaller type.
        self.base = LEAST_SIZE if attempt > 3 else rng.c([12, 13, 13, 14, 14, 15] if attempt else [12, 13, 14, 15, 16, 17, 18])
        self.heading_size = min(self.base + rng.c([0, 1, 2, 3, 5, 7]), 22)
        self.emphasis_size = min(self.base + rng.c([0, 0, 1, 2, 4]), 20)
        self.leading = rng.f(1.2, 1.6)
        self.left, self.right = rng.n(9, 20), width - rng.n(9, 20)
        self.top = rng.n(8, 14)
        self.spacing = rng.c([0, 0, 0, 0.5, 1.0])
        self.tab = rng.f(0.34, 0.5)

    def face(self, role, size):
        return face(self.heading_font if role else self.body_font, size)

    def size(self, role):
        return (self.base, self.heading_size, self.emphasis_size)[role]


def fit_line(style, line):
    """([(cell, x)], Face) of one line, or None where it is too wide at the least size."""
    role = line[0].role
    size = style.size(role)
    room = style.right - style.left
    while size >= LEAST_SIZE:
        line_face = style.face(role, size)
        places, end = [], style.left
        for cell in line:
            box = size * 1.35 if cell.box else 0
            width = line_face.width(cell.text, style.spacing) + box
            x = {"L": end, "R": style.right - width, "C": style.left + (room - width) / 2,
                 "T": style.left + room * style.tab}[cell.align]
            if x < end or x + width > style.right:
                break
            places.append((cell, x))
            end = x + width + size * 0.8
        if len(places) == len(line):
            return places, line_face
        size -= 1
    return None


def place_large(rng, lines, style):
    """Layout of lines of cells from top to bottom, or None where they do not fit.

    A line too wide at 12 pixels is broken into lines of one cell each.
    """
    rows, queue = [], list(lines)
    while queue:
        line = queue.pop(0)
        row = fit_line(style, line)
        if row is None:
            if len(line) == 1:
                return None
            queue = [[cell._replace(align="R" if cell.align == "R" else "L")] for cell in line] + queue
            continue
        rows.append(row)
    least = [row[1].size * 1.12 + 1 for row in rows]
    wanted = [row[1].size * style.leading for row in rows]
    room = style.height - 2 * style.top
    if sum(least) > room:
        return None
    # Between the least and the wanted leading, as far as the page allows.
    share = min(1.0, (room - sum(least)) / max(1e-6, sum(max(w - m, 0) for w, m in zip(wanted, least))))
    heights = [m + max(w - m, 0) * share for w, m in zip(wanted, least)]
    gap = (room - sum(heights)) / len(rows) * rng.f(0, 0.95)
    layout = Layout(style.width, style.height, [])
    y = style.top + (room - sum(heights) - gap * (len(rows) - 1)) * rng.u() * 0.6
    for (places, line_face), height in zip(rows, heights):
        for cell, x in places:
            add_cell(layout, cell, x, y, line_face, style.spacing)
        y += height + gap
    return layout


def add_cell(layout, cell, x, y, line_face, spacing):
    """Puts a cell's tick box and text on the page."""
    if cell.box:
        side = max(10, int(line_face.size * 0.85))
        middle = y + line_face.ascent * 0.62
        top, left = int(middle - side / 2 + 0.5), int(x + 0.5)
        layout.figures.append(Figure(cell.box, left, top, left + side, top + side))
        x += line_face.size * 1.35
    layout.runs.append(Run(cell.text, x, y, line_face, spacing))
