"""Clips of one or two numbers in large type that change from frame to frame."""
import numpy as np
from PIL import Image, ImageFilter

from . import phrases
from .answers import encode_json
from .clip import LENGTHS, SIDE, Clip, expose
from .developing import draw_colors, inverse
from .fonts import face, font_paths
from .ink import ink_runs
from .layout import Layout, Run, locate, locate_tilted
from .words import SHOP, Number, distinct, word

# Pixels from the top of a word to the top of its number.
NAME_HEIGHT = 34
EDGE = 7


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


def draw_tracks(rng, length):
    """[(name, values [length])]: one number, with a word above it or none, or two numbers with a word each."""
    groups = 2 if rng.p(0.3) else 1
    if groups == 1 and rng.p(0.5):
        names = [""]
    else:
        names = distinct(rng, lambda rng: word(rng, SHOP)[:5], groups)
    return [(name, count_through(rng, length)) for name in names]


def draw_number(rng):
    """(fields, layouts), one layout per frame, or None where the drawn type is too large. Words stand still, and
    numbers keep their left edge.
    """
    length = rng.c(LENGTHS)
    tracks = draw_tracks(rng, length)
    last = len(font_paths()) - 1
    number_face = face(rng.n(0, last), rng.n(28, 44) if len(tracks) == 2 else rng.n(32, 60))
    name_face = face(rng.n(0, last), rng.n(28, 32))
    room = SIDE - 2 * EDGE
    heights = [(NAME_HEIGHT if name else 0) + number_face.size * 1.2 for name, _ in tracks]
    slack = room - sum(heights)
    y, runs = EDGE + slack * rng.u() / 2, [[] for _ in range(length)]
    for (name, values), height in zip(tracks, heights):
        width, name_width = max(number_face.width(str(value)) for value in values), name_face.width(name)
        if max(width, name_width) > room or slack < 0:
            return None
        x = EDGE + (room - width) * rng.u()
        for frame, value in zip(runs, values):
            if name:
                frame.append(Run(name, min(x, SIDE - EDGE - name_width), y, name_face, 0))
            frame.append(Run(str(value), x, y + (NAME_HEIGHT if name else 0), number_face, 0))
        y += height + slack * 0.5 * rng.u() / len(tracks)
    numbers = [{"name": name, "first": Number(values[0]), "last": Number(values[-1]), "largest": Number(max(values)),
                "all": [Number(value) for value in values]} for name, values in tracks]
    return {"numbers": numbers}, [Layout(SIDE, SIDE, frame) for frame in runs]


def shake(rng, matrix):
    """The matrix moved by up to a pixel, as by an unsteady hand."""
    moved = np.array([[1.0, 0, 0], [0, 1.0, 0]]) if matrix is None else matrix.copy()
    moved[:, 2] += rng.f(-1, 1), rng.f(-1, 1)
    return moved


def make_number(rng, pixels):
    """Clip of one number, or of two that change by themselves."""
    drawn = None
    while drawn is None:
        drawn = draw_number(rng)
    fields, layouts = drawn
    wobble = rng.p(0.3)
    _, matrix = locate_tilted(rng, layouts[0])
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
    return Clip("number clip", fields, len(layouts), frames, characters, [None] * len(layouts),
                ask_number_json, ask_number)


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
    if draw < 0.3:
        return rng.c(phrases.ALL_NUMBERS).format(name=name), ", ".join(number["all"])
    if draw < 0.45:
        frame = rng.n(1, clip.length)
        return rng.c(phrases.NUMBER_IN_FRAME).format(name=name, frame=frame), str(number["all"][frame - 1])
    key, put = rng.c([("first", phrases.FIRST_NUMBER), ("last", phrases.LAST_NUMBER), ("largest", phrases.LARGEST_NUMBER)])
    return rng.c(put).format(name=name), str(number[key])


def ask_number_json(rng, clip):
    number, name = choose_number(rng, clip)
    keys = rng.c([["first", "last"], ["first", "last"], ["first", "last", "largest"]])
    return rng.c(phrases.NUMBER_JSON).format(keys=", ".join(keys), name=name), encode_json({key: number[key] for key in keys})
