"""AnyRes: the views of a picture that the tower sees, and what is printed in each of their patches.

The plan is that of Hugging Face's LlavaNextImageProcessor: the pinpoint that keeps most of the picture's pixels and
wastes least, a bicubic resize that keeps the aspect ratio, black borders, square tiles in reading order; before them
the whole picture squeezed into one square, the base view.
"""
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.character_head import SLOTS, UNKNOWN

PATCH = 14
SIDE = 168
GRID = SIDE // PATCH
# Height, width. No pinpoint is smaller than 2 x 2 tiles, so that a small picture is looked at twice as large.
PINPOINTS = ((336, 336), (336, 504), (504, 336))
# Print smaller than this after scaling, in pixels, is not asked of the tower.
READABLE = 10.0


@dataclass
class Plan:
    rows: int            # of tiles
    columns: int
    width: int           # of the resized picture
    height: int
    left: int            # of the resized picture in the tiled canvas
    top: int
    original: tuple      # width, height of the picture

    def kept(self):
        """(first row, end row, first column, end column) of the tiled patch grid that are not border: what unpadding
        keeps, rounded as transformers' unpad_image does it."""
        rows, columns = self.rows * GRID, self.columns * GRID
        width, height = self.original
        if width / height > columns / rows:
            scaled = int(round(height * (columns / width), 7))
            border = (rows - scaled) // 2
            return border, rows - border, 0, columns
        scaled = int(round(width * (rows / height), 7))
        border = (columns - scaled) // 2
        return 0, rows, border, columns - border


def plan_views(width, height):
    best, key = None, None
    for tall, wide in PINPOINTS:
        scale = min(wide / width, tall / height)
        used = min(int(width * scale) * int(height * scale), width * height)
        candidate = (used, -(wide * tall - used))
        if key is None or candidate > key:
            best, key = (tall, wide), candidate
    tall, wide = best
    if wide / width < tall / height:
        new_width, new_height = wide, min(int(math.ceil(height * (wide / width))), tall)
    else:
        new_width, new_height = min(int(math.ceil(width * (tall / height))), wide), tall
    left, top = (wide - new_width) // 2, (tall - new_height) // 2
    return Plan(tall // SIDE, wide // SIDE, new_width, new_height, left, top, (width, height))


def cut_views(image, plan):
    """uint8 [H, W, 3] -> uint8 [1 + tiles, SIDE, SIDE, 3], the base view first."""
    picture = Image.fromarray(image)
    canvas = np.zeros((plan.rows * SIDE, plan.columns * SIDE, 3), np.uint8)
    resized = np.asarray(picture.resize((plan.width, plan.height), Image.BICUBIC))
    canvas[plan.top:plan.top + plan.height, plan.left:plan.left + plan.width] = resized
    tiles = canvas.reshape(plan.rows, SIDE, plan.columns, SIDE, 3).transpose(0, 2, 1, 3, 4).reshape(-1, SIDE, SIDE, 3)
    base = np.asarray(picture.resize((SIDE, SIDE), Image.BICUBIC))
    return np.concatenate([base[None], tiles])


def slots_of(characters, scale_x, scale_y, left, top, columns=GRID, rows=GRID):
    """What is in each patch after x -> scale_x * x + left and y -> scale_y * y + top: uint8 [rows * columns, SLOTS]."""
    out = np.zeros((rows * columns, SLOTS), np.uint8)
    count = len(characters)
    if not count:
        return out
    classes, starts = characters.classes, characters.starts
    before = np.where(starts, 0, np.roll(classes, 1))
    ends = np.roll(starts, -1)
    ends[-1] = True
    after = np.where(ends, 0, np.roll(classes, -1))
    column = np.floor((characters.x * scale_x + left) / PATCH).astype(int)
    row = np.floor((characters.y * scale_y + top) / PATCH).astype(int)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    readable = characters.sizes * min(scale_x, scale_y) >= READABLE
    index = row * columns + column
    current, filled = -1, 0
    for i in range(count):
        if not inside[i]:
            current = -1
            continue
        if not readable[i]:
            out[index[i], 1] = UNKNOWN
            current = -1
            continue
        patch = index[i]
        if patch != current or starts[i]:
            if out[patch, 1] and patch != current:     # two lines met in one patch: the first stays
                current = -1
                continue
            if patch != current:
                current, filled = patch, 0
                out[patch, 0] = before[i]
        if filled < 3:
            out[patch, 1 + filled] = classes[i]
            out[patch, 4] = after[i]
        filled += 1
    return out


def view_slots(characters, plan, width, height):
    """uint8 [1 + tiles, GRID * GRID, SLOTS] for the views of a picture of that size."""
    base = slots_of(characters, SIDE / width, SIDE / height, 0, 0)
    rows, columns = plan.rows * GRID, plan.columns * GRID
    whole = slots_of(characters, plan.width / width, plan.height / height, plan.left, plan.top, columns, rows)
    tiles = whole.reshape(plan.rows, GRID, plan.columns, GRID, SLOTS).transpose(0, 2, 1, 3, 4)
    return np.concatenate([base[None], tiles.reshape(-1, GRID * GRID, SLOTS)])


def view_figures(figures, plan):
    """Figure classes per pixel, uint8 [H, W] -> per patch of every view, uint8 [1 + tiles, GRID * GRID].

    A patch shows the figure that lies at its centre.
    """
    if figures is None:
        return np.zeros((1 + plan.rows * plan.columns, GRID * GRID), np.uint8)
    height, width = figures.shape
    centre = (np.arange(GRID) + 0.5) / GRID
    base = figures[(centre * height).astype(int)[:, None], (centre * width).astype(int)[None]]
    rows, columns = plan.rows * GRID, plan.columns * GRID
    y = ((np.arange(rows) + 0.5) * PATCH - plan.top) * height / plan.height
    x = ((np.arange(columns) + 0.5) * PATCH - plan.left) * width / plan.width
    whole = figures[np.clip(y, 0, height - 1).astype(int)[:, None], np.clip(x, 0, width - 1).astype(int)[None]]
    whole = whole * ((y >= 0) & (y < height))[:, None] * ((x >= 0) & (x < width))[None]
    tiles = whole.reshape(plan.rows, GRID, plan.columns, GRID).transpose(0, 2, 1, 3).reshape(-1, GRID * GRID)
    return np.concatenate([base.reshape(1, -1), tiles]).astype(np.uint8)
