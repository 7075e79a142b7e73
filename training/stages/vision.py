"""Before LLaVA's own stages: the tower learns to read, by dense supervision of every patch."""
import os

import torch

import view_source
from documents.rng import Rng
from model.character_head import CharacterHead, dense_loss, something_shown
from model.place_head import PLACE_WEIGHT, PlaceHead, place_loss
from model.vision import VisionTower
from optimizer import Muon
from stages.stage import Stage
from views import GRID

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
        self.places = PlaceHead(config["vision_config"]["hidden_size"], GRID).to(device)
        self.modules = {"tower": self.tower, "head": self.head, "places": self.places}
        named = self.tower.trained_parameters()
        named += [("head." + n, p) for module in (self.head, self.places) for n, p in module.named_parameters()]
        self.optimizers = [Muon(named, settings["matrix_rate"], settings["rest_rate"])]
        self.held_out = None

    def make_batch(self, rng):
        return view_source.batch(rng, self.settings["micro"], self.settings["page_share"])

    def loss(self, batch):
        features = self.tower(batch["pixels"])
        loss = dense_loss(self.head(features), batch["slots"], batch["figures"])
        places = place_loss(self.places(features), something_shown(batch["slots"], batch["figures"]))
        return loss + PLACE_WEIGHT * places, {"loss": loss.detach(), "places": places.detach()}

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
