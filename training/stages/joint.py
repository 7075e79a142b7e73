"""LLaVA's two stages: feature alignment (the projector alone), then visual instruction tuning."""
import os

import torch
import torch.nn as nn

import documents
import lessons
from documents.rng import Rng
from loop import answer_loss
from model.character_head import CharacterHead, dense_loss, something_shown
from model.llava import Llava, pool_frames
from model.place_head import PLACE_WEIGHT, PlaceHead, place_loss
from optimizer import Muon
from packs import NEWLINE, on
from stages.language import PICTURES, PROBE_SEED, LanguageStage, answers, draw_kinds, right_answers
from stages.stage import Stage
from views import GRID

# Fraction of the stage after which heads that began untrained teach the tower.
HEADS_READY = 0.03


def project(model, batch, features=None):
    """Projections [views, places, width] from pixels: tower (or its features), pooling of clips, projector."""
    features = model.vision_tower(batch["pixels"]) if features is None else features
    if batch["clip"]:
        features = pool_frames(features, GRID)
    return model.multi_modal_projector(features)


def place_rows(model, batch, projected):
    """Image tokens [B, rows, width]: projections in the rows of the sequence, with the newline token."""
    per_view = projected.shape[1]
    index = (batch["first_view"][:, None] + batch["view"]) * per_view + batch["patch"]
    rows = projected.flatten(0, 1)[index.clamp(min=0)]
    return torch.where((batch["view"] == NEWLINE)[..., None], model.image_newline.to(rows.dtype), rows)


def project_rows(model, batch, features=None):
    """Image tokens [B, rows, width] from pixels (or the tower's features [views, patches, width])."""
    return place_rows(model, batch, project(model, batch, features))


class PixelStage(Stage):
    """A stage over the whole model that reads pixels; it starts from the checkpoints of the stages before it."""

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(settings, device, workers)
        torch.manual_seed(0)
        self.model = Llava(config).to(device)
        self.head = CharacterHead(config["vision_config"]["hidden_size"]).to(device)
        self.modules = {"model": self.model, "head": self.head}
        self.held_out = None
        self.drawn = 0

    def load_stage(self, folder, name):
        return torch.load(os.path.join(folder, name + ".pt"), map_location=self.device)["stage"]

    def make_batch(self, rng):
        # Ranks wait for each other: what a batch costs is drawn alike in all of them. Data workers wait for nobody, and
        # would give many batches of one sort in a row.
        self.drawn += 1
        worker = torch.utils.data.get_worker_info()
        shared = Rng(self.drawn + (1_000_003 * (1 + worker.id) if worker else 0))
        clip = shared.p(self.settings["clip_share"])
        reading = 0.3 if self.done[0] < 0.3 else 0.1
        # Most rows of a page are blank. Left out of some batches, they cost nothing there; the others teach to ignore them.
        drop_blanks = shared.p(self.settings.get("drop_blanks", 0) if self.done[0] < 0.7 else self.settings.get("drop_blanks_last", 0))
        kinds = draw_kinds(shared, self.settings["small_share"])
        batch = lessons.batch(rng, self.settings["micro"], clip, kinds, reading, drop_blanks, True)
        # Clips, of which there are many for their price, teach the tower every other time.
        return batch | {"trains_tower": bool(not clip or shared.p(0.5))}

    @torch.no_grad()
    def probe(self):
        if self.held_out is None:
            rng = Rng(PROBE_SEED)
            draw = lambda clip, kinds: lessons.batch(rng, 8, clip, kinds, 0, False, True)
            self.held_out = {"small": draw(False, documents.SMALL_KINDS), "small 2": draw(False, documents.SMALL_KINDS),
                             "clip": draw(True, None)} | {kind: draw(False, [kind]) for kind in PICTURES}
        lines = []
        for name, batch in self.held_out.items():
            batch = on(batch, self.device)
            with torch.autocast(self.device, dtype=torch.bfloat16):
                logits, wanted = answers(self.model.language_model, batch, project_rows(self.model, batch))
            lines.append("%s %.3f %.2f" % (name, answer_loss(logits, wanted), right_answers(logits, wanted, batch)))
        return " | ".join(lines)


class AlignmentStage(PixelStage):
    """Stage 1: tower and language model frozen, the projector fitted to the truth that the language model reads."""

    name = "align"

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(config, settings, device, folder, workers)
        vision, language = self.load_stage(folder, "vision"), self.load_stage(folder, "language")
        self.model.vision_tower.load_state_dict(vision["tower"])
        self.head.load_state_dict(vision["head"])
        self.model.language_model.load_state_dict(language["language"])
        self.teacher = LanguageStage(config, config["language"], device, folder)
        self.teacher.load_state_dict(language)
        with torch.no_grad():
            self.model.image_newline.copy_(self.teacher.newline["weight"])
        named = list(self.model.multi_modal_projector.named_parameters())
        # Fitted by AdamW alone: the target is a regression, not a block among blocks.
        self.optimizers = [Muon([(n.replace("linear_", "fit_"), p) for n, p in named], 0.0, settings["rest_rate"])]

    def loss(self, batch):
        with torch.no_grad():
            features = self.model.vision_tower(batch["pixels"])
            told, weight = self.truth(batch)
        if batch["clip"]:
            features = pool_frames(features, GRID)
        difference = self.model.multi_modal_projector(features).float() - told.float()
        loss = (weight[..., None] * difference.pow(2)).mean() / told.float().var()
        return loss, {"loss": loss.detach()}

    def truth(self, batch):
        """(wanted projections [views, rows, width], their weights): blank patches count little."""
        patches = torch.arange(GRID * GRID, device=self.device).expand(len(batch["slots"]), -1)
        told = self.teacher.oracle(batch["slots"], batch["figures"], patches)
        shown = something_shown(batch["slots"], batch["figures"]).float()
        if batch["clip"]:
            told, shown = pool_frames(told, GRID), pool_frames(shown[..., None], GRID)[..., 0].ceil()
        return told, 0.15 + 0.85 * shown


class InstructionStage(PixelStage):
    """Stage 2: projector and language model on real pixels, loss on answers; the tower goes on at a low rate with its
    own dense loss besides."""

    name = "instruct"

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(config, settings, device, folder, workers)
        width = config["text_config"]["hidden_size"]
        self.places = nn.ModuleDict({"picture": PlaceHead(width, GRID), "clip": PlaceHead(width, GRID // 2)}).to(device)
        self.modules["places"] = self.places
        begin = settings.get("begin")
        start = torch.load(begin, map_location=device)["stage"] if begin else self.load_stage(folder, "align")
        # A published model has no heads: they begin untrained, and must not teach the tower before they know something.
        self.heads_ready = 0.0 if "head" in start else HEADS_READY
        self.load_state_dict({"head": self.head.state_dict(), "places": self.places.state_dict()} | start)
        model = self.model
        named = list(model.language_model.named_parameters()) + list(model.multi_modal_projector.named_parameters())
        named.append(("image_newline", model.image_newline))
        heads = [("head." + n, p) for module in (self.head, self.places) for n, p in module.named_parameters()]
        tower = model.vision_tower.trained_parameters() + heads
        self.optimizers = [Muon(named, settings["matrix_rate"], settings["rest_rate"]),
                           Muon(tower, settings["tower_matrix_rate"], settings["tower_rest_rate"])]

    def loss(self, batch):
        trains_tower = batch.get("trains_tower", True)
        with torch.set_grad_enabled(trains_tower):
            features = self.model.vision_tower(batch["pixels"])
        projected = project(self.model, batch, features)
        answer = answer_loss(*answers(self.model.language_model, batch, place_rows(self.model, batch, projected)))
        kind = "clip" if batch["clip"] else "picture"
        shown = something_shown(batch["slots"], batch["figures"])
        if batch["clip"]:
            shown = pool_frames(shown[..., None].float(), GRID)[..., 0] > 0
        places = place_loss(self.places[kind](projected), shown)
        parts = {kind: answer.detach(), "places": places.detach()}
        loss = answer + PLACE_WEIGHT * places
        if trains_tower:
            read = features if self.done[0] >= self.heads_ready else features.detach()
            dense = dense_loss(self.head(read), batch["slots"], batch["figures"])
            loss, parts = loss + dense, parts | {"dense": dense.detach()}
        return loss, parts
