"""The whole model, its projector and the token sequence of a picture or a clip."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from model.language import LanguageModel
from model.vision import VisionTower


class Projector(nn.Module):
    def __init__(self, vision_width, text_width):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(vision_width, text_width), nn.Linear(text_width, text_width)

    def forward(self, x):
        return self.linear_2(F.gelu(self.linear_1(x)))


class Llava(nn.Module):
    """`image_newline` is the learned token behind every row of an AnyRes grid."""

    def __init__(self, config):
        super().__init__()
        vision, text = config["vision_config"], config["text_config"]
        self.vision_tower = VisionTower(vision)
        self.multi_modal_projector = Projector(vision["hidden_size"], text["hidden_size"])
        self.language_model = LanguageModel(text)
        self.image_newline = nn.Parameter(torch.randn(text["hidden_size"]) / text["hidden_size"] ** 0.5)


def pool_frames(features, grid):
    """Average pooling with stride 2 over the patch grid: [frames, grid * grid, width] -> [frames, (grid // 2) ** 2, width]."""
    frames, _, width = features.shape
    x = features.view(frames, grid // 2, 2, grid // 2, 2, width)
    return x.mean(dim=(2, 4)).reshape(frames, -1, width)
