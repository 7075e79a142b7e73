"""Ink to photographs: tilt, blur, colours, shading, grain and JPEG."""
import functools
import io

import numpy as np
from PIL import Image, ImageFilter

from .alphabet import COLORS

# The middle of every colour; develop() moves each channel a little.
PAINT = {"red": (215, 40, 35), "green": (35, 160, 60), "blue": (40, 80, 210), "yellow": (240, 205, 25), "black": (22, 22, 25)}


@functools.cache
def ramps(width, height):
    """float32 [height, width] each: rows and columns rising from 0 by 1 over the width."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / width
    return rows, columns


def inverse(matrix):
    """PIL's six numbers (image to page) of a matrix [2, 3] (page to image)."""
    return tuple(np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2].ravel())


def draw_colors(rng, painted):
    """(paper, ink) float32 [3] each. Paper under painted figures is always light, else their colours are lost."""
    dark = rng.p(0.15) and not painted
    level = rng.f(205 if painted else 150, 255) if not dark else rng.f(10, 90)
    paper = np.clip(np.array([level + rng.f(-25, 25) for _ in range(3)]), 0, 255)
    if rng.p(0.4) or painted:
        paper[:] = level
    contrast = rng.f(70, 130) if rng.p(0.25) else rng.f(120, 255)
    ink_level = level + contrast if dark else level - contrast
    ink = np.array([ink_level + rng.f(-30, 30) for _ in range(3)]) if rng.p(0.5) else np.array([ink_level] * 3)
    return paper.astype(np.float32), np.clip(ink, 0, 255).astype(np.float32)


def add_grain(rng, image):
    """With fine noise, coarse noise or none. image: float32 [height, width, 3]."""
    height, width = image.shape[:2]
    draw = rng.u()
    if draw < 0.35:
        strength = np.float32(rng.f(1, 9))
        return image + strength * rng.r.standard_normal((height, width, 1), dtype=np.float32)
    if draw < 0.45:
        coarse = rng.r.standard_normal((height // 8, width // 8), dtype=np.float32) * np.float32(rng.f(3, 12))
        return image + np.asarray(Image.fromarray(coarse).resize((width, height), Image.BILINEAR))[..., None]
    return image


def paint_figures(rng, field, figures):
    """The paper with bars painted. figures: [(color, mask uint8 [height, width])]."""
    for color, mask in figures:
        paint = np.clip(np.array([channel + rng.f(-15, 15) for channel in PAINT[color]], np.float32), 0, 255)
        field = field + mask[..., None] * np.float32(1 / 255) * (paint - field)
    return field


def split_bars(figure_map, matrix):
    """[(color, mask)] of the bars on a page, each mask tilted with soft edges."""
    masks = []
    for index, color in enumerate(COLORS):               # bars are the first classes of alphabet.FIGURES
        mask = figure_map == index + 1
        if mask.any():
            image = Image.fromarray(mask.astype(np.uint8) * 255)
            if matrix is not None:
                image = image.transform(image.size, Image.AFFINE, inverse(matrix), resample=Image.BILINEAR)
            masks.append((color, np.asarray(image, np.float32)))
    return masks


def develop(rng, ink, matrix, bars=()):
    """uint8 [height, width, 3] of ink [height, width]. matrix: as layout.tilt; bars: as split_bars."""
    height, width = ink.shape
    image = Image.fromarray(ink)
    if matrix is not None:
        image = image.transform((width, height), Image.AFFINE, inverse(matrix),
                                resample=Image.BICUBIC if rng.p(0.6) else Image.BILINEAR)
    if rng.p(0.25):
        image = image.filter(ImageFilter.GaussianBlur(float(rng.f(0.2, 0.8))))
    alpha = np.asarray(image, np.float32)[..., None] * np.float32(1 / 255)
    paper, tone = draw_colors(rng, bool(bars))
    field = paper
    if rng.p(0.35):
        rows, columns = ramps(width, height)
        slope_x, slope_y = np.float32(rng.f(-40, 40)), np.float32(rng.f(-40, 40))
        field = paper + ((columns - 0.5) * slope_x + (rows - 0.5) * slope_y)[..., None]
    if bars:
        field = paint_figures(rng, field, bars)
    photograph = add_grain(rng, field + alpha * (tone - field))
    photograph = np.clip(photograph + np.float32(0.5), 0, 255).astype(np.uint8)
    if rng.p(0.25):
        stored = io.BytesIO()
        Image.fromarray(photograph).save(stored, "JPEG", quality=rng.n(45, 92))
        photograph = np.asarray(Image.open(stored).convert("RGB"))
    return photograph
