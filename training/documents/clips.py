"""Clips of 4, 6 or 8 frames: a number in large type that changes, or one shape that moves.

A frame is 168 x 168 pixels and reaches the model as cells of 28 x 28, so digits and shapes are at least that large.
"""
import functools
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from . import phrases
from .alphabet import COLORS, FIGURE_CLASS, SHAPES
from .answers import encode_json
from .developing import PAINT, draw_colors, inverse
from .fonts import face, font_paths
from .ink import ink_runs
from .layout import Layout, Run, locate, locate_tilted, tilt
from .schemas import DIRECTIONS
from .words import SHOP, Number, word

SIDE = 168
CLIP_KINDS = ["number clip", "shape clip"]
STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass
class Clip:
    """fields: of a number clip {"numbers": [{"name", "first", "last", "largest"}]}, of a shape clip shape, color and
    direction. frames: uint8 [frames, 168, 168, 3], None without pixels. characters: one Characters per frame.
    figures: one uint8 [168, 168] per frame, alphabet.FIGURE_CLASS of every pixel, or None where there is no shape.
    """
    kind: str
    fields: dict
    length: int
    frames: np.ndarray | None
    characters: list
    figures: list = field(default_factory=list)

    def questions(self, rng, json_count=1, plain=2):
        """[(question, answer)] in random order."""
        ask_json, ask_plain = (ask_number_json, ask_number) if self.kind == "number clip" else (ask_shape_json, ask_shape)
        asked = [ask_json(rng, self) for _ in range(json_count)] + [ask_plain(rng, self) for _ in range(plain)]
        return rng.sample(asked, len(asked))


def count_through(rng, length):
    """[length] integers: a counter, a walk or a value that jumps; often still for a frame."""
    digits = rng.c([1, 2, 2, 3])
    low, high = (0 if digits == 1 else 10 ** (digits - 1)), 10 ** digits - 1
    manner = rng.c(["count", "walk", "jump"])
    step = rng.n(1, 5) * rng.c([-1, 1])
    values = [rng.n(low, high)]
    while len(values) < length:
        last = values[-1]
        if rng.p(0.25):
            values.append(last)
            continue
        value = last + step if manner == "count" else last + rng.n(-9, 9) if manner == "walk" else rng.n(low, high)
        values.append(value if low <= value <= high else rng.n(low, high))
    return values


def draw_number(rng):
    """(fields, layouts): one or two numbers; every frame has the same words, and the numbers keep their left edge."""
    length = rng.c([4, 6, 8])
    groups = 2 if rng.p(0.3) else 1
    last = len(font_paths()) - 1
    number_face = face(rng.n(0, last), rng.n(28, 44) if groups == 2 else rng.n(32, 60))
    label_face = face(rng.n(0, last), rng.n(28, 32))
    names = [""] * groups
    while groups == 2 and (names[0] == names[1] or not all(names)) or groups == 1 and not names[0] and rng.p(0.5):
        names = [word(rng, SHOP)[:5].strip() for _ in names]
    tracks = [count_through(rng, length) for _ in names]
    spread = [number_face.width(str(max(track))) for track in tracks]
    if max(spread) > SIDE - 8 or any(label_face.width(name) > SIDE - 8 for name in names):
        return None
    heights = [(34 if name else 0) + number_face.size * 1.2 for name in names]
    if sum(heights) > SIDE - 8:
        return None
    slack = SIDE - 8 - sum(heights)
    y, runs = 4 + slack * rng.u() / 2, [[] for _ in range(length)]
    for name, track, width, height in zip(names, tracks, spread, heights):
        x = 4 + (SIDE - 8 - width) * rng.u()
        if name:
            name_x = min(x, SIDE - 4 - label_face.width(name))
        for index, value in enumerate(track):
            if name:
                runs[index].append(Run(name, name_x, y, label_face, 0))
            runs[index].append(Run(str(value), x, y + (34 if name else 0), number_face, 0))
        y += height + slack * 0.5 * rng.u() / groups
    numbers = [{"name": name, "first": Number(track[0]), "last": Number(track[-1]), "largest": Number(max(track))}
               for name, track in zip(names, tracks)]
    return {"numbers": numbers}, [Layout(SIDE, SIDE, frame) for frame in runs]


def expose(rng, field_image, alpha, tone, noise):
    """uint8 [168, 168, 3] of one frame. alpha: float32 [168, 168, 1]; noise: standard deviation."""
    frame = field_image + alpha * (tone - field_image)
    if noise:
        frame = frame + np.float32(noise) * rng.r.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
    return np.clip(frame + np.float32(0.5), 0, 255).astype(np.uint8)


def make_number(rng, pixels):
    drawn = None
    while drawn is None:
        drawn = draw_number(rng)
    fields, layouts = drawn
    wobble = rng.p(0.3)
    first, matrix = locate_tilted(rng, layouts[0])
    matrices = [matrix] + [shake(rng, matrix) if wobble else matrix for _ in layouts[1:]]
    characters = [locate(layout.runs, frame_matrix) for layout, frame_matrix in zip(layouts, matrices)]
    frames = None
    if pixels:
        paper, tone = draw_colors(rng, False)
        noise, blur = rng.c([0, 0, rng.f(1, 9)]), rng.p(0.25)
        shots = []
        for layout, frame_matrix in zip(layouts, matrices):
            ink = Image.fromarray(ink_runs(layout.runs, SIDE, SIDE))
            if frame_matrix is not None:
                ink = ink.transform((SIDE, SIDE), Image.AFFINE, inverse(frame_matrix), resample=Image.BILINEAR)
            if blur:
                ink = ink.filter(ImageFilter.GaussianBlur(0.6))
            alpha = np.asarray(ink, np.float32)[..., None] * np.float32(1 / 255)
            shots.append(expose(rng, paper, alpha, tone, noise))
        frames = np.stack(shots)
    return Clip("number clip", fields, len(layouts), frames, characters, [None] * len(layouts))


def shake(rng, matrix):
    """The matrix moved by up to a pixel, as by an unsteady hand."""
    moved = np.array([[1.0, 0, 0], [0, 1.0, 0]]) if matrix is None else matrix.copy()
    moved[:, 2] += rng.f(-1, 1), rng.f(-1, 1)
    return moved


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
    fields = {"shape": rng.c(SHAPES), "color": rng.c(COLORS), "direction": rng.c(DIRECTIONS)}
    length, size = rng.c([4, 6, 8]), rng.n(30, 60)
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
    for x, y in draw_track(rng, size, fields["direction"], length):
        alpha = np.zeros((SIDE, SIDE), np.uint8)
        alpha[y:y + size, x:x + size] = mask
        figures.append((alpha > 127) * np.uint8(index))
        if pixels:
            frames.append(expose(rng, texture, alpha[..., None] * np.float32(1 / 255), paint, noise))
    empty = [locate([]) for _ in figures]
    return Clip("shape clip", fields, length, np.stack(frames) if pixels else None, empty, figures)


def choose_number(rng, clip):
    """(number, how the question names it). A number that stands alone need not be named."""
    numbers = clip.fields["numbers"]
    number = rng.c(numbers)
    named = len(numbers) > 1 or number["name"] and rng.p(0.4)
    return number, " at " + number["name"] if named else ""


def ask_number(rng, clip):
    number, name = choose_number(rng, clip)
    draw = rng.u()
    if draw < 0.15:
        return rng.c(phrases.RISES).format(name=name), "yes" if int(number["last"]) > int(number["first"]) else "no"
    key, put = rng.c([("first", phrases.FIRST_NUMBER), ("last", phrases.LAST_NUMBER), ("largest", phrases.LARGEST_NUMBER)])
    return rng.c(put).format(name=name), str(number[key])


def ask_number_json(rng, clip):
    number, name = choose_number(rng, clip)
    keys = rng.c([["first", "last"], ["first", "last"], ["first", "last", "largest"]])
    return rng.c(phrases.NUMBER_JSON).format(keys=", ".join(keys), name=name), encode_json({key: number[key] for key in keys})


def ask_shape(rng, clip):
    key, put = rng.c([("direction", phrases.DIRECTION), ("direction", phrases.DIRECTION), ("shape", phrases.SHAPE),
                      ("color", phrases.COLOR)])
    return rng.c(put), clip.fields[key]


def ask_shape_json(rng, clip):
    keys = ["shape", "color", "direction"] if rng.p(0.6) else rng.sample(list(clip.fields), rng.n(1, 3))
    return rng.c(phrases.SHAPE_JSON).format(keys=", ".join(keys)), encode_json({key: clip.fields[key] for key in keys})


def make(rng, kind=None, pixels=True):
    """A Clip; of either kind where none is named."""
    kind = kind or rng.c(CLIP_KINDS)
    return (make_number if kind == "number clip" else make_shape)(rng, pixels)
