"""Views for the pretraining of the tower: dense pages, documents at both scales, frames of clips."""
import numpy as np
import torch

import documents
from documents import clips
from views import GRID, cut_views, plan_views, slots_of, view_figures, view_slots

# Tiles with fewer characters or figures than this teach little.
LEAST_SHOWN = 4


def page_views(rng):
    characters, image = documents.make_page(rng)
    return [(image, slots_of(characters, 1, 1, 0, 0), np.zeros(GRID * GRID, np.uint8))]


def document_views(rng, kinds, tiles, base):
    """Up to `tiles` tiles of a document with something on them, and the base view with probability `base`."""
    document = documents.make(rng, rng.c(kinds))
    plan = plan_views(document.width, document.height)
    pixels = cut_views(document.image, plan)
    slots = view_slots(document.characters, plan, document.width, document.height)
    figures = view_figures(document.figures, plan)
    shown = [i for i in range(1, len(pixels)) if (slots[i, :, 1] > 0).sum() + (figures[i] > 0).sum() >= LEAST_SHOWN]
    chosen = ([0] if rng.p(base) else []) + rng.sample(shown, min(tiles, len(shown)))
    return [(pixels[i], slots[i], figures[i]) for i in chosen]


def clip_views(rng, kind=None):
    """Two different frames of a clip."""
    clip = clips.make(rng, kind)
    out = []
    for i in rng.sample(range(clip.length), 2):
        figures = np.zeros((GRID, GRID), np.uint8) if clip.figures[i] is None else clip.figures[i][7::14, 7::14]
        out.append((clip.frames[i], slots_of(clip.characters[i], 1, 1, 0, 0), figures.reshape(-1)))
    return out


def draw_views(rng, page_share):
    draw = rng.u()
    if draw < page_share:
        return page_views(rng)
    draw = (draw - page_share) / (1 - page_share)
    if draw < 0.35:
        return document_views(rng, documents.SMALL_KINDS, 1, 0.9)
    if draw < 0.85:
        return document_views(rng, documents.LARGE_KINDS + ["chart"], 3, 0.25)
    return clip_views(rng)


def collate(shown):
    pixels, slots, figures = (torch.from_numpy(np.stack(part)) for part in zip(*shown))
    return dict(pixels=pixels, slots=slots, figures=figures)


def batch(rng, count, page_share):
    shown = []
    while len(shown) < count:
        shown += draw_views(rng, page_share)
    return collate(shown[:count])


def probes(rng):
    """{name: batch} that training never draws."""
    sources = {
        "small": lambda: document_views(rng, documents.SMALL_KINDS, 0, 1), "page": lambda: page_views(rng),
        "small tiles": lambda: document_views(rng, documents.SMALL_KINDS, 2, 0),
        "large tiles": lambda: document_views(rng, documents.LARGE_KINDS, 2, 0),
        "charts": lambda: document_views(rng, ["chart"], 2, 0), "clips": lambda: clip_views(rng),
    }
    return {name: collate([view for _ in range(16) for view in draw()]) for name, draw in sources.items()}
