"""Clips of one coloured shape that moves left, right, up or down."""
import functools

import numpy as np
from PIL import Image, ImageDraw

from . import phrases
from .alphabet import COLORS, FIGURE_CLASS, SHAPES
from .answers import encode_json
from .clip import LENGTHS, SIDE, Clip, expose
from .developing import PAINT, draw_colors
from .layout import locate
from .schemas import DIRECTIONS

STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@functools.cache
def shape_mask(shape, size):
    """uint8 [size, size], 255 inside, soft at the edge."""
    side = size * 4
    image = Image.new("L", (side, side))
    drawing = ImageDraw.Draw(image)
    if shape == "circle":
        drawing.ellipse((0, 0, side - 1, side - 1), fill=255)
    elif shape == "square":
        drawing.rectangle((side // 20, side // 20, side - side // 20, side - side // 20), fill=255)
    else:
        drawing.polygon([(side / 2, 0), (side - 1, side - 1), (0, side - 1)], fill=255)
    return np.asarray(image.resize((size, size), Image.BOX))


def draw_track(rng, size, direction, length):
    """[(x, y)] of the shape's left top corner in every frame: at least 40 pixels from the first to the last."""
    room = SIDE - size - 4
    distance = rng.f(40, room)
    start = 2 + rng.f(0, room - distance)
    across = 2 + rng.f(0, room)
    step_x, step_y = STEPS[direction]
    if step_x + step_y < 0:
        start += distance
    places = []
    for index in range(length):
        along = start + (step_x + step_y) * distance * index / (length - 1)
        aside = min(max(across + rng.f(-1.5, 1.5), 0), SIDE - size)
        x, y = (along, aside) if step_x else (aside, along)
        places.append((int(round(x)), int(round(y))))
    return places


def make_shape(rng, pixels):
    """Clip of a shape that keeps its size, colour and direction."""
    fields = {"shape": rng.c(SHAPES), "color": rng.c(COLORS), "direction": rng.c(DIRECTIONS)}
    length, size = rng.c(LENGTHS), rng.n(30, 60)
    mask = shape_mask(fields["shape"], size)
    index = FIGURE_CLASS[fields["color"] + " " + fields["shape"]]
    paper, _ = draw_colors(rng, True)
    paint = np.clip(np.array([channel + rng.f(-15, 15) for channel in PAINT[fields["color"]]], np.float32), 0, 255)
    noise = rng.c([0, rng.f(1, 6), rng.f(4, 14)])
    texture = paper
    if pixels and rng.p(0.3):
        coarse = rng.r.standard_normal((12, 12), dtype=np.float32) * np.float32(rng.f(3, 9))
        texture = paper + np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.BILINEAR))[..., None]
    frames, figures = [], []
    track = draw_track(rng, size, fields["direction"], length)
    fields["places"] = [place_name((x + size / 2) / SIDE, (y + size / 2) / SIDE) for x, y in track]
    for x, y in track:
        alpha = np.zeros((SIDE, SIDE), np.uint8)
        alpha[y:y + size, x:x + size] = mask
        figures.append((alpha > 127) * np.uint8(index))
        if pixels:
            frames.append(expose(rng, texture, alpha[..., None] * np.float32(1 / 255), paint, noise))
    empty = [locate([]) for _ in figures]
    return Clip("shape clip", fields, length, np.stack(frames) if pixels else None, empty, figures,
                ask_shape_json, ask_shape)


def place_name(x, y):
    """'top left' .. 'bottom right': the third of the picture's height and width that a place in 0..1 lies in."""
    return ["top", "middle", "bottom"][min(int(3 * y), 2)] + " " + ["left", "centre", "right"][min(int(3 * x), 2)]


def ask_place(rng, clip):
    """Where the shape is in one frame: a step on the way to where it moves."""
    places = clip.fields["places"]
    frame = rng.c([0, len(places) - 1, rng.n(0, len(places) - 1)])
    put = {0: phrases.PLACE_FIRST, len(places) - 1: phrases.PLACE_LAST}.get(frame)
    if put is None or rng.p(0.3):
        put = phrases.PLACE_IN_FRAME
    return rng.c(put).format(frame=frame + 1), places[frame]


def ask_shape(rng, clip):
    if rng.p(0.35):
        return ask_place(rng, clip)
    key, put = rng.c([("direction", phrases.DIRECTION), ("direction", phrases.DIRECTION), ("shape", phrases.SHAPE),
                      ("color", phrases.COLOR)])
    return rng.c(put), clip.fields[key]


def ask_shape_json(rng, clip):
    keys = ["shape", "color", "direction"]
    if rng.p(0.4):
        keys = rng.sample(keys, rng.n(1, 3))
    return rng.c(phrases.SHAPE_JSON).format(keys=", ".join(keys)), encode_json({key: clip.fields[key] for key in keys})
