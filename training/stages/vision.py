"""Before LLaVA's own stages: the tower learns to read, by dense supervision of every patch."""
import os

import torch

import view_source
from documents.rng import Rng
from model.character_head import CharacterHead, dense_loss
from model.vision import VisionTower
from optimizer import Muon
from stages.stage import Stage

PROBE_SEED = 8_000_000_000_001


class VisionStage(Stage):
    name = "vision"

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(settings, device, workers)
        torch.manual_seed(0)
        self.tower = VisionTower(config["vision_config"]).to(device)
        start = os.path.join(folder, "vision-start.pt")
        if os.path.exists(start):
            self.tower.load_state_dict(torch.load(start, map_location=device))
        self.head = CharacterHead(config["vision_config"]["hidden_size"]).to(device)
        self.modules = {"tower": self.tower, "head": self.head}
        named = self.tower.trained_parameters() + [("head." + n, p) for n, p in self.head.named_parameters()]
        self.optimizers = [Muon(named, settings["matrix_rate"], settings["rest_rate"])]
        self.held_out = None

    def make_batch(self, rng):
        return view_source.batch(rng, self.settings["micro"], self.settings["page_share"])

    def loss(self, batch):
        loss = dense_loss(self.head(self.tower(batch["pixels"])), batch["slots"], batch["figures"])
        return loss, {"loss": loss.detach()}

    @torch.no_grad()
    def probe(self):
        if self.held_out is None:
            self.held_out = view_source.probes(Rng(PROBE_SEED))
        lines = []
        for name, batch in self.held_out.items():
            with torch.autocast(self.device, dtype=torch.bfloat16):
                characters, figures = self.head(self.tower(batch["pixels"].to(self.device)))
            wanted, found = batch["slots"][..., 1:4].long(), characters.argmax(-1)[..., 1:4].cpu()
            printed = (wanted > 0) & (wanted != 255)
            line = "%s %.4f" % (name, (found == wanted)[printed].float().mean())
            drawn = batch["figures"] > 0
            if drawn.any():
                line += " (figures %.3f)" % (figures.argmax(-1).cpu() == batch["figures"])[drawn].float().mean()
            lines.append(line)
        return " | ".join(lines)
