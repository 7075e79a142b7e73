"""Training sequences: one picture or clip and several questions about it.

    [<s>USER: ][image rows][segment 1][segment 2] ...

Forked, every segment sees only the picture, as when a program forks several questions off it; as turns, they are one
conversation. Loss falls on the answers alone.
"""
from dataclasses import dataclass

import numpy as np
import torch

from tokens import ASK, END, FORKED, IMAGE, NEXT_TURN, PAD, PREFIX, encode
from views import GRID

IGNORED = -100
NEWLINE = -1
PREFIX_LENGTH = len(PREFIX)
# Segment numbers of what is not a question: the prefix, which all see, and padding, which none sees.
SHARED, PADDING_ROW, PADDING_TEXT = 0, -1, -2


@dataclass
class Rows:
    """Image rows in the order of the sequence. view, patch: int arrays; view NEWLINE is the newline token. position:
    their places in the whole sequence of rows; length: of that whole sequence (blank rows may have been dropped)."""

    view: np.ndarray
    patch: np.ndarray
    position: np.ndarray
    length: int


def picture_rows(plan):
    """The base view, then the unpadded grid of all tiles row by row, each row with a newline behind it."""
    top, bottom, left, right = plan.kept()
    base = np.arange(GRID * GRID)
    row, column = np.mgrid[top:bottom, left:right]
    view = 1 + (row // GRID) * plan.columns + column // GRID
    patch = (row % GRID) * GRID + column % GRID
    newline = np.full((bottom - top, 1), NEWLINE)
    view = np.concatenate([np.zeros_like(base), np.concatenate([view, newline], 1).reshape(-1)])
    patch = np.concatenate([base, np.concatenate([patch, np.zeros_like(newline)], 1).reshape(-1)])
    return Rows(view, patch, np.arange(len(view)), len(view))


def clip_rows(frames):
    """The pooled cells of all frames, without newlines."""
    cells = (GRID // 2) ** 2
    view, patch = np.divmod(np.arange(frames * cells), cells)
    return Rows(view, patch, np.arange(frames * cells), frames * cells)


def without_blanks(rng, rows, shown, kept_share=0.08):
    """Rows with something on them, all newlines, and a few blank ones. shown: bool [views, patches]."""
    keep = (rows.view == NEWLINE) | shown[np.maximum(rows.view, 0), rows.patch] | (rng.r.random(len(rows.view)) < kept_share)
    return Rows(rows.view[keep], rows.patch[keep], rows.position[keep], rows.length)


@dataclass
class Text:
    """Token ids behind the rows, their positions, segments, and the wanted next token of each (IGNORED: no loss)."""

    ids: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    wanted: np.ndarray


def text_of(rng, questions, row_count, forked, bare=0.15):
    """bare: share of the questions without the last space of the prompt, which those typed by hand often lack."""
    ids, positions, segments, wanted = [], [], [], []
    start = position = PREFIX_LENGTH + row_count
    for index, (question, answer) in enumerate(questions):
        ask = ASK if not rng.p(bare) else ASK.rstrip()
        head = encode((FORKED if forked or index == 0 else NEXT_TURN) + question + ask)
        segment = head + encode(answer) + [END]
        if forked:
            position = start
        ids += segment
        positions += range(position, position + len(segment))
        segments += [index + 1 if forked else 1] * len(segment)
        wanted += [IGNORED] * (len(head) - 1) + segment[len(head):] + [IGNORED]
        position += len(segment)
    return Text(*(np.array(part) for part in (ids, positions, segments, wanted)))


def prompt_of(rng, question, row_count):
    """The text of one forked question up to where its answer begins."""
    whole = text_of(rng, [(question, "")], row_count, True, 0)
    return Text(whole.ids[:-1], whole.positions[:-1], whole.segments[:-1], np.full(len(whole.ids) - 1, IGNORED))


def round_up(value, step):
    return -(-value // step) * step


def collate(rows, texts):
    """Tensors of a batch: ids, positions, segments, wanted [B, T]; view, patch [B, rows]; row_count."""
    batch = len(rows)
    # Few distinct shapes: the CPU kernels are built per shape.
    row_count = round_up(max(len(r.view) for r in rows), 16)
    length = round_up(PREFIX_LENGTH + row_count + max(len(t.ids) for t in texts), 32)
    new = lambda fill, *shape: np.full((batch, *shape), fill, np.int64)
    ids, positions, segments, wanted = new(PAD, length), new(0, length), new(PADDING_TEXT, length), new(IGNORED, length)
    view, patch = new(NEWLINE, row_count), new(0, row_count)
    ids[:, :PREFIX_LENGTH] = PREFIX
    positions[:, :PREFIX_LENGTH] = np.arange(PREFIX_LENGTH)
    segments[:, :PREFIX_LENGTH] = SHARED
    text_start = PREFIX_LENGTH + row_count
    ids[:, PREFIX_LENGTH:text_start] = IMAGE
    segments[:, PREFIX_LENGTH:text_start] = PADDING_ROW
    for b, (r, t) in enumerate(zip(rows, texts)):
        count, end = len(r.view), text_start + len(t.ids)
        view[b, :count], patch[b, :count] = r.view, r.patch
        positions[b, PREFIX_LENGTH:PREFIX_LENGTH + count] = PREFIX_LENGTH + r.position
        segments[b, PREFIX_LENGTH:PREFIX_LENGTH + count] = SHARED
        ids[b, text_start:end], positions[b, text_start:end] = t.ids, t.positions
        segments[b, text_start:end], wanted[b, text_start:end] = t.segments, t.wanted
    tensors = dict(ids=ids, positions=positions, segments=segments, wanted=wanted, view=view, patch=patch)
    return {name: torch.from_numpy(value) for name, value in tensors.items()} | {"row_count": row_count}


def on(batch, device):
    """The batch with its tensors on the device."""
    return {name: value.to(device) if torch.is_tensor(value) else value for name, value in batch.items()}


def attention_mask(segments):
    """Additive float mask [B, 1, T, T]: causal, and a segment sees the shared prefix and itself."""
    length = segments.shape[1]
    key = segments[:, None, :]
    seen = ((key == SHARED) | (key == segments[:, :, None])).tril()
    seen |= torch.eye(length, dtype=torch.bool, device=segments.device)
    return torch.zeros(seen.shape, device=segments.device).masked_fill_(~seen, -1e4)[:, None]
