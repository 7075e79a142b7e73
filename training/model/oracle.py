"""What the language model reads while it learns to read: the truth about every patch instead of pixels."""
import torch
import torch.nn as nn

from documents.alphabet import CLASS_COUNT, FIGURE_COUNT
from model.character_head import SLOTS, UNKNOWN


class Oracle(nn.Module):
    """Characters, figure, row and column of a patch, embedded and summed. The projector is later fitted to it."""

    def __init__(self, width, grid):
        super().__init__()
        self.grid = grid
        self.slot = nn.Embedding(SLOTS * CLASS_COUNT, width)
        self.figure = nn.Embedding(FIGURE_COUNT, width)
        self.row, self.column = nn.Embedding(grid, width), nn.Embedding(grid, width)
        for embedding in (self.slot, self.figure, self.row, self.column):
            nn.init.normal_(embedding.weight, std=0.5)

    def forward(self, slots, figures, patches):
        """uint8 slots [.., SLOTS], figures [..], patch numbers in the view [..] -> [.., width].

        Print too small to be read looks like no print.
        """
        slots = slots.long()
        slots = slots * (slots[..., 1:2] != UNKNOWN)
        offset = torch.arange(SLOTS, device=slots.device) * CLASS_COUNT
        return (self.slot(slots + offset).sum(-2) + self.figure(figures.long())
                + self.row(patches // self.grid) + self.column(patches % self.grid))
