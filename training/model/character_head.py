"""Throw-away head of the vision pretraining: what is printed and drawn in each patch."""
import torch.nn as nn
import torch.nn.functional as F

from documents.alphabet import CLASS_COUNT, FIGURE_COUNT

# The character before the patch, up to three whose centres lie in it, the character after it.
SLOTS = 5
UNKNOWN = 255
SLOT_WEIGHT = (0.5, 1.0, 1.0, 1.0, 0.5)


class CharacterHead(nn.Module):
    """[B, patches, width] -> (characters [B, patches, SLOTS, CLASS_COUNT], figures [B, patches, FIGURE_COUNT])."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, SLOTS * CLASS_COUNT)
        self.figure = nn.Linear(width, FIGURE_COUNT)
        for linear in (self.out, self.figure):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    def forward(self, x):
        x = self.norm(x)
        return self.out(x).view(*x.shape[:-1], SLOTS, CLASS_COUNT), self.figure(x)


def something_shown(slots, figures):
    """Bool [views, patches]: legible print or a figure."""
    return (slots[..., 1] % UNKNOWN > 0) | (figures > 0)


def dense_loss(predicted, slots, figures):
    """Cross entropy over the patches; uint8 slots [B, patches, SLOTS], figures [B, patches].

    A patch without a character counts a fifth. UNKNOWN in the first slot marks print too small to be read: no loss.
    """
    characters, shapes = predicted
    weight = (0.2 + 0.8 * (slots[..., 1] > 0).float()) * (slots[..., 1] != UNKNOWN).float()
    weight = weight[..., None] * weight.new_tensor(SLOT_WEIGHT)
    wanted = slots.long().masked_fill(slots == UNKNOWN, 0)
    loss = F.cross_entropy(characters.float().flatten(0, -2), wanted.flatten(), reduction="none")
    printed = (loss * weight.flatten()).sum() / weight.sum().clamp(min=1)
    importance = 0.1 + 0.9 * (figures > 0).float().flatten()
    drawn = F.cross_entropy(shapes.float().flatten(0, -2), figures.long().flatten(), reduction="none")
    return printed + 0.5 * (drawn * importance).sum() / importance.sum()
