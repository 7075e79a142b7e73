"""Batches for the stages with a language model: documents and clips, their rows and questions."""
import numpy as np
import torch

import documents
from documents import clips
from documents.questions import ask_plain, ask_whether, sample_questions
from packs import clip_rows, collate, picture_rows, text_of, without_blanks
from views import GRID, cut_views, plan_views, slots_of, view_figures, view_slots

FORKED_SHARE = 0.75
PLAIN_QUESTIONS = 2.5
CLIP_QUESTIONS = 4
SHAPE_SHARE = 0.75
# Reading all of a large page is a long answer; it is asked less often.
LARGE_READING = 0.5


def pool_cells(values):
    """[frames, GRID * GRID, ..] -> [frames, cells, 4, ..]: the four patches of every 2 x 2 cell."""
    half = GRID // 2
    x = values.reshape(len(values), half, 2, half, 2, *values.shape[2:])
    return np.moveaxis(x, 2, 3).reshape(len(values), half * half, 4, *values.shape[2:])


def picture_lesson(rng, kinds, reading, pixels):
    document = documents.make(rng, rng.c(kinds), pixels)
    small = document.kind in documents.SMALL_KINDS
    plan = plan_views(document.width, document.height)
    slots = view_slots(document.characters, plan, document.width, document.height)
    figures = view_figures(document.figures, plan)
    # Plain questions are short: more of them cost little beside the picture.
    questions = sample_questions(rng, document, reading if small else reading * LARGE_READING, 2, PLAIN_QUESTIONS)
    # Yes and no, which need a comparison, are learned late.
    questions.append(ask_whether(rng, document) if rng.p(0.4) else ask_plain(rng, document))
    views = cut_views(document.image, plan) if pixels else None
    return picture_rows(plan), slots, figures, questions, views


def clip_lesson(rng, pixels):
    # Where a shape moves is harder to learn than what a number says.
    clip = clips.make(rng, "shape clip" if rng.p(SHAPE_SHARE) else "number clip", pixels)
    slots = np.stack([slots_of(characters, 1, 1, 0, 0) for characters in clip.characters])
    blank = np.zeros((GRID, GRID), np.uint8)
    figures = np.stack([blank if f is None else f[7::14, 7::14] for f in clip.figures]).reshape(clip.length, -1)
    return clip_rows(clip.length), slots, figures, clip.questions(rng, 1, CLIP_QUESTIONS), clip.frames


def batch(rng, count, clip, kinds, reading, drop_blanks, pixels, choose=None):
    """A batch of clips, or of documents of the given kinds. choose: makes of the questions those to ask, each forked off
    the picture. `slots` and `figures` are given per row where pixels are
    not (uint8 [B, rows, SLOTS] and [B, rows]; of clips [B, rows, 4, ..]), per view where they are."""
    lessons = [clip_lesson(rng, pixels) if clip else picture_lesson(rng, kinds, reading, pixels) for _ in range(count)]
    rows = [lesson[0] for lesson in lessons]
    if clip:
        shown = [pool_cells(slots)[..., 1].any(-1) | pool_cells(figures).any(-1) for _, slots, figures, _, _ in lessons]
    else:
        shown = [(slots[..., 1] % 255 > 0) | (figures > 0) for _, slots, figures, _, _ in lessons]
    if drop_blanks:
        rows = [without_blanks(rng, r, s) for r, s in zip(rows, shown)]
    if choose is None:
        texts = [text_of(rng, lesson[3], r.length, rng.p(FORKED_SHARE)) for lesson, r in zip(lessons, rows)]
    else:
        texts = [text_of(rng, choose(lesson[3]), r.length, True) for lesson, r in zip(lessons, rows)]
    out = collate(rows, texts) | {"clip": clip, "rows": rows}
    if pixels:
        out["pixels"] = torch.from_numpy(np.concatenate([lesson[4] for lesson in lessons]))
        out["slots"] = torch.from_numpy(np.concatenate([lesson[1] for lesson in lessons]))
        out["figures"] = torch.from_numpy(np.concatenate([lesson[2] for lesson in lessons]))
        out["first_view"] = torch.tensor(np.cumsum([0] + [len(lesson[1]) for lesson in lessons[:-1]]))
        return out
    return out | per_row(out["view"].numpy(), out["patch"].numpy(), lessons, clip)


def per_row(view, patch, lessons, clip):
    """What is printed and drawn on each row."""
    slots, figures = [], []
    for b, lesson in enumerate(lessons):
        known = pool_cells(lesson[1]) if clip else lesson[1]
        drawn = pool_cells(lesson[2]) if clip else lesson[2]
        index = np.maximum(view[b], 0)
        slots.append(known[index, patch[b]])
        figures.append(drawn[index, patch[b]])
    return {"slots": torch.from_numpy(np.stack(slots)), "figures": torch.from_numpy(np.stack(figures))}
