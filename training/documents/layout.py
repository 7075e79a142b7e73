"""What a page holds before it is drawn: runs of text, strokes, figures; and where its characters come to stand."""
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .alphabet import CLASS
from .fonts import Face


class Run(NamedTuple):
    """A text on one line. x, y: left and top of the line in pixels; spacing: pixels added after every character."""
    text: str
    x: float
    y: float
    face: Face
    spacing: float

    @property
    def width(self):
        return self.face.width(self.text, self.spacing)


class Stroke(NamedTuple):
    """A filled rectangle in ink, pixels [x0, x1) and [y0, y1), strength 0-255."""
    x0: int
    y0: int
    x1: int
    y1: int
    strength: int


class Figure(NamedTuple):
    """A shape that is no character, pixels [x0, x1) and [y0, y1); `name` is one of alphabet.FIGURES."""
    name: str
    x0: int
    y0: int
    x1: int
    y1: int


@dataclass
class Layout:
    """A page of width and height pixels, before rotation."""
    width: int
    height: int
    runs: list
    strokes: list = field(default_factory=list)
    figures: list = field(default_factory=list)

    def text(self):
        """All printed text; runs at the same height are one line."""
        lines = []
        for run in self.runs:
            if lines and lines[-1][0] == run.y:
                lines[-1][1] += " " + run.text
            else:
                lines.append([run.y, run.text])
        return "\n".join(text for _, text in lines)

    def boxes(self):
        """float32 [runs, 4]: x0, y0, x1, y1 of the middle of every run's letters (no ascenders, no descenders)."""
        boxes = []
        for run in self.runs:
            y = run.y + run.face.ascent * 0.62
            boxes.append((run.x, y - run.face.size * 0.2, run.x + run.width, y + run.face.size * 0.2))
        return np.array(boxes, np.float32).reshape(-1, 4)


@dataclass
class Characters:
    """Every printed character in reading order, arrays of one length.

    classes uint8: alphabet.CLASS; x, y float32: its centre in pixels of the image; starts bool: the first of its run;
    sizes float32: font size in pixels.
    """
    classes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    def __len__(self):
        return len(self.classes)


def locate(runs, matrix=None):
    """Characters of the runs; matrix [2, 3] takes page pixels to image pixels, None leaves them."""
    classes, xs, ys, starts, sizes = [], [], [], [], []
    for run in runs:
        # 0.62 of the ascent is the middle of capitals in these fonts.
        x, y = run.x, run.y + run.face.ascent * 0.62
        for index, character in enumerate(run.text):
            advance = run.face.glyph(character)[3]
            classes.append(CLASS[character])
            xs.append(x + advance / 2)
            ys.append(y)
            starts.append(index == 0)
            sizes.append(run.face.size)
            x += advance + run.spacing
    x, y = np.array(xs, np.float64), np.array(ys, np.float64)
    if matrix is not None:
        x, y = (matrix[row, 0] * x + matrix[row, 1] * y + matrix[row, 2] for row in (0, 1))
    return Characters(np.array(classes, np.uint8), x.astype(np.float32), y.astype(np.float32),
                      np.array(starts, bool), np.array(sizes, np.float32))


def tilt(rng, width, height, degrees=2.0, growth=1.04):
    """A small rotation, scale and shift about the page's centre: matrix [2, 3], or None for none at all."""
    if rng.p(0.35):
        return None
    angle = np.deg2rad(rng.f(-degrees, degrees)) if rng.p(0.6) else 0.0
    scale = rng.f(0.97, growth)
    shift_x, shift_y = rng.f(-1.5, 1.5), rng.f(-1.5, 1.5)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    x, y = width / 2, height / 2
    return np.array([[c, -s, x - c * x + s * y + shift_x], [s, c, y - s * x - c * y + shift_y]])


def locate_tilted(rng, layout, degrees=2.0, growth=1.04, clearance=0.0):
    """(characters, matrix): a tilt that leaves every character's centre inside the image, and away from its edge by
    `clearance` font sizes.
    """
    while True:
        matrix = tilt(rng, layout.width, layout.height, degrees, growth)
        characters = locate(layout.runs, matrix)
        edge = characters.sizes * clearance
        inside = ((characters.x >= edge) & (characters.x < layout.width - edge)
                  & (characters.y >= edge) & (characters.y < layout.height - edge))
        if matrix is None or inside.all():
            return characters, matrix
