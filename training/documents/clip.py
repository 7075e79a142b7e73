"""What every clip has: frames of 168 x 168 pixels, which reach the model as cells of 28 x 28."""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIDE = 168
LENGTHS = [4, 6, 8]


@dataclass
class Clip:
    """fields: of a number clip {"numbers": [{"name", "first", "last", "largest"}]}, of a shape clip shape, color and
    direction. frames: uint8 [length, 168, 168, 3], None without pixels. characters: one Characters per frame.
    figures: one uint8 [168, 168] per frame, alphabet.FIGURE_CLASS of every pixel, or None where there is no shape.
    ask_json, ask_plain: (rng, clip) -> (question, answer).
    """
    kind: str
    fields: dict
    length: int
    frames: np.ndarray | None
    characters: list
    figures: list
    ask_json: Callable
    ask_plain: Callable

    def questions(self, rng, json_count=1, plain=2):
        """[(question, answer)] in random order."""
        asked = [self.ask_json(rng, self) for _ in range(json_count)] + [self.ask_plain(rng, self) for _ in range(plain)]
        return rng.sample(asked, len(asked))


def expose(rng, field_image, alpha, tone, noise):
    """uint8 [168, 168, 3] of one frame. alpha: float32 [168, 168, 1]; noise: standard deviation."""
    frame = field_image + alpha * (tone - field_image)
    if noise:
        frame = frame + np.float32(noise) * rng.r.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
    return np.clip(frame + np.float32(0.5), 0, 255).astype(np.uint8)
