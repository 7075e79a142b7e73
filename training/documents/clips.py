"""Clips of 4, 6 or 8 frames: a number in large type that changes, or one shape that moves.

Digits and shapes are at least as large as the cells of 28 x 28 pixels in which a frame reaches the model.
"""
import numpy as np

from .alphabet import CHARACTERS, FIGURE_CLASS
from .clip import SIDE, Clip
from .number_clip import make_number
from .shape_clip import STEPS, make_shape

__all__ = ["CLIP_KINDS", "SIDE", "Clip", "check", "make"]

MAKERS = {"number clip": make_number, "shape clip": make_shape}
CLIP_KINDS = list(MAKERS)


def make(rng, kind=None, pixels=True):
    """A Clip; of either kind where none is named."""
    return MAKERS[kind or rng.c(CLIP_KINDS)](rng, pixels)


def check_numbers(clip):
    """Throws ValueError where the first or the last frame does not show the first or last numbers."""
    for frame, key in ((0, "first"), (-1, "last")):
        characters = clip.characters[frame]
        shown = "".join(CHARACTERS[index - 1] for index in characters.classes)
        wanted = "".join(number["name"] + number[key] for number in clip.fields["numbers"])
        if shown != wanted:
            raise ValueError("number clip: %r is shown, %r is the %s" % (shown, wanted, key))
        if not ((characters.x >= 0) & (characters.x < SIDE) & (characters.y >= 0) & (characters.y < SIDE)).all():
            raise ValueError("number clip: a character's centre is outside the frame")


def check_shape(clip):
    """Throws ValueError where the shape is another one or does not move as the fields say."""
    index = FIGURE_CLASS[clip.fields["color"] + " " + clip.fields["shape"]]
    centres = []
    for figure_map in clip.figures:
        if set(np.unique(figure_map).tolist()) != {0, index}:
            raise ValueError("shape clip: the map does not show just %s" % index)
        centres.append(np.argwhere(figure_map).mean(0)[::-1])
    way = np.diff(np.array(centres), axis=0) @ np.array(STEPS[clip.fields["direction"]])
    if not (way > 0).all():
        raise ValueError("shape clip: steps of %s pixels to the %s" % (way.tolist(), clip.fields["direction"]))


def check(clip):
    """Throws ValueError where frames and fields of a clip contradict each other."""
    lengths = {clip.length, len(clip.characters), len(clip.figures)} | ({len(clip.frames)} if clip.frames is not None else set())
    if len(lengths) > 1:
        raise ValueError("%s: lengths %s of one clip" % (clip.kind, sorted(lengths)))
    (check_numbers if clip.kind == "number clip" else check_shape)(clip)
