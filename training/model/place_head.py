"""Throw-away head that keeps places alive: the row and the column of every patch or cell, from its features.

What is printed in a patch says nothing of where it lies, and a tower trained on print alone forgets it: of the cells
that show a moving shape, a linear probe then finds the column of one in four after the projector (one in six is chance).
Directions, columns of tables and bars cannot be learned from that.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

# Blank patches have places too, but it is those with something on them that are asked about.
BLANK_WEIGHT = 0.15
# Of this loss beside the others: it falls fast and is wanted for what it keeps, not for itself.
PLACE_WEIGHT = 0.3


class PlaceHead(nn.Module):
    """[B, places, width] -> (rows, columns), logits [B, places, grid] each."""

    def __init__(self, width, grid):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.row, self.column = nn.Linear(width, grid), nn.Linear(width, grid)
        for linear in (self.row, self.column):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    def forward(self, x):
        x = self.norm(x)
        return self.row(x), self.column(x)


def place_loss(predicted, shown):
    """Cross entropy of rows plus that of columns; shown: bool [B, places], places row by row."""
    weight = (BLANK_WEIGHT + (1 - BLANK_WEIGHT) * shown.float()).flatten()
    batch, places, grid = predicted[0].shape
    index = torch.arange(places, device=shown.device)
    loss = 0.0
    for logits, place in zip(predicted, (index // grid, index % grid)):
        each = F.cross_entropy(logits.float().flatten(0, 1), place.expand(batch, places).flatten(), reduction="none")
        loss = loss + (each * weight).sum() / weight.sum()
    return loss
