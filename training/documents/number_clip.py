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
from .words import SHOP, Number, word

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


def draw_number(rng):
    """(fields, layouts): one or two numbers; every frame has the same words, and the numbers keep their left edge."""
    length = rng.c(LENGTHS)
    groups = 2 if rng.p(0.3) else 1
    last = len(font_paths()) - 1
    number_face = face(rng.n(0, last), rng.n(28, 44) if groups == 2 else rng.n(32, 60))
    label_face = face(rng.n(0, last), rng.n(28, 32))
    names = [""] * groups
    while groups == 2 and (names[0] == names[1] or not all(names)) or groups == 1 and not names[0] and rng.p(0.5):
        names = [word(rng, SHOP)[:5].strip() for _ in names]
    tracks = [count_through(rng, length) for _ in names]
    spread = [max(number_face.width(str(value)) for value in track) for track in tracks]
    if max(spread) > SIDE - 2 * EDGE or any(label_face.width(name) > SIDE - 2 * EDGE for name in names):
        return None
    heights = [(NAME_HEIGHT if name else 0) + number_face.size * 1.2 for name in names]
    if sum(heights) > SIDE - 2 * EDGE:
        return None
    slack = SIDE - 2 * EDGE - sum(heights)
    y, runs = EDGE + slack * rng.u() / 2, [[] for _ in range(length)]
    for name, track, width, height in zip(names, tracks, spread, heights):
        x = EDGE + (SIDE - 2 * EDGE - width) * rng.u()
        if name:
            name_x = min(x, SIDE - EDGE - label_face.width(name))
        for index, value in enumerate(track):
            if name:
                runs[index].append(Run(name, name_x, y, label_face, 0))
            runs[index].append(Run(str(value), x, y + (NAME_HEIGHT if name else 0), number_face, 0))
        y += height + slack * 0.5 * rng.u() / groups
    numbers = [{"name": name, "first": Number(track[0]), "last": Number(track[-1]), "largest": Number(max(track))}
               for name, track in zip(names, tracks)]
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
    key, put = rng.c([("first", phrases.FIRST_NUMBER), ("last", phrases.LAST_NUMBER), ("largest", phrases.LARGEST_NUMBER)])
    return rng.c(put).format(name=name), str(number[key])


def ask_number_json(rng, clip):
    number, name = choose_number(rng, clip)
    keys = rng.c([["first", "last"], ["first", "last"], ["first", "last", "largest"]])
    return rng.c(phrases.NUMBER_JSON).format(keys=", ".join(keys), name=name), encode_json({key: number[key] for key in keys})
