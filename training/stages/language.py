"""Before LLaVA's own stages: the language model learns to read and to answer from the truth about every patch."""
import os

import torch

import documents
import lessons
from documents.rng import Rng
from loop import answer_loss
from model.llava import pool_frames
from model.language import LanguageModel
from model.oracle import Oracle
from optimizer import Muon
from packs import NEWLINE, PREFIX_LENGTH, attention_mask
from stages.stage import Stage
from views import GRID

PROBE_SEED = 8_000_000_000_002
PICTURES = documents.LARGE_KINDS + ["chart"]


def answers(language, batch, rows):
    """(logits of all answer tokens [n, vocabulary], wanted ids [n]) with `rows` [B, rows, width] as the image tokens."""
    embedded = language.model.embed_tokens(batch["ids"])
    end = PREFIX_LENGTH + batch["row_count"]
    x = torch.cat([embedded[:, :PREFIX_LENGTH], rows.to(embedded.dtype), embedded[:, end:]], 1)
    hidden = language.hidden(x, batch["positions"], attention_mask(batch["segments"]))
    wanted = batch["wanted"].reshape(-1)
    index = torch.nonzero(wanted >= 0)[:, 0]
    # Rows of the last product in steps of 128: few distinct shapes.
    padded = torch.nn.functional.pad(index, (0, -len(index) % 128))
    logits = language.lm_head(hidden.reshape(-1, hidden.shape[-1])[padded]).float()[:len(index)]
    return logits, wanted[index]


def right_answers(logits, wanted, batch):
    """Share of packs of which every answer token is the likeliest one."""
    right = torch.ones(batch["wanted"].shape, dtype=torch.bool, device=wanted.device)
    right[batch["wanted"] >= 0] = logits.argmax(-1) == wanted
    return right.all(1).float().mean()


def draw_kinds(rng, small_share):
    """Rows and bars, which must be looked up across a page, are learned last and drawn twice as often."""
    return documents.SMALL_KINDS if rng.p(small_share) else PICTURES + ["table", "chart"]


class LanguageStage(Stage):
    name = "language"

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(settings, device, workers)
        torch.manual_seed(0)
        width = config["text_config"]["hidden_size"]
        self.language = LanguageModel(config["text_config"]).to(device)
        start = os.path.join(folder, "language-start.pt")
        if os.path.exists(start):
            self.language.load_state_dict(torch.load(start, map_location=device))
        self.oracle = Oracle(width, GRID).to(device)
        self.newline = torch.nn.ParameterDict({"weight": torch.randn(width) * 0.5}).to(device)
        self.modules = {"language": self.language, "oracle": self.oracle, "newline": self.newline}
        named = [pair for module in self.modules.values() for pair in module.named_parameters()]
        self.optimizers = [Muon(named, settings["matrix_rate"], settings["rest_rate"])]
        self.held_out = None

    def make_batch(self, rng):
        clip = rng.p(self.settings["clip_share"])
        reading = 0.7 if self.done[0] < 0.4 else 0.3
        return lessons.batch(rng, self.settings["micro"], clip, draw_kinds(rng, self.settings["small_share"]), reading, True, False)

    def rows(self, batch):
        """Image tokens [B, rows, width] from the truth; cells of clips are the mean of their four patches."""
        if batch["clip"]:
            cell = batch["patch"]
            half = GRID // 2
            first = (cell // half) * 2 * GRID + (cell % half) * 2
            patches = first[..., None] + torch.tensor([0, 1, GRID, GRID + 1], device=cell.device)
            told = self.oracle(batch["slots"], batch["figures"], patches).mean(-2)
        else:
            told = self.oracle(batch["slots"], batch["figures"], batch["patch"])
        return torch.where((batch["view"] == NEWLINE)[..., None], self.newline["weight"].to(told.dtype), told)

    def loss(self, batch):
        loss = answer_loss(*answers(self.language, batch, self.rows(batch)))
        return loss, {"clip" if batch["clip"] else "picture": loss.detach()}

    @torch.no_grad()
    def probe(self):
        if self.held_out is None:
            rng = Rng(PROBE_SEED)
            draw = lambda clip, kinds: lessons.batch(rng, 12, clip, kinds, 0, True, False)
            self.held_out = {"small": draw(False, documents.SMALL_KINDS), "clip": draw(True, None)}
            self.held_out |= {kind: draw(False, [kind]) for kind in PICTURES}
        lines = []
        for name, batch in self.held_out.items():
            with torch.autocast(self.device, dtype=torch.bfloat16):
                logits, wanted = answers(self.language, batch, self.rows(batch))
            lines.append("%s %.3f %.2f" % (name, answer_loss(logits, wanted), right_answers(logits, wanted, batch)))
        return " | ".join(lines)
