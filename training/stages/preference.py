"""Preference optimisation (DPO) after instruction tuning: the right answer over a wrong one, the model's own where it errs."""
import torch
import torch.nn.functional as F

import documents
from documents.rng import Rng
from optimizer import Muon
from packs import on
from stages.joint import PixelStage, project_rows
from stages.language import PICTURES, answers, draw_kinds
from stages.pairs import pair_batch, with_own_mistakes

PAIR_SEED = 8_000_000_000_003
PAIR_BATCHES = 50


def dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta, weights=None):
    """-log sigmoid(beta * ((chosen - rejected) - (reference_chosen - reference_rejected))), (weighted) mean over the pairs.

    All are log-probabilities in nats, summed over an answer's tokens: Rafailov et al. 2023, equation 7.
    """
    each = -F.logsigmoid(beta * ((chosen - rejected) - (reference_chosen - reference_rejected)))
    return each.mean() if weights is None else (each * weights).sum() / weights.sum()


def answer_log_probabilities(logits, wanted, batch):
    """Log-probability of every answer, [answers], in the order of the sequences. logits [n, vocabulary], wanted [n]."""
    each = F.log_softmax(logits, -1).gather(1, wanted[:, None])[:, 0]
    # An answer is a run of wanted tokens within one segment; forked segments are numbered from 1 in every sequence.
    row, column = torch.nonzero(batch["wanted"] >= 0, as_tuple=True)
    key = row * (int(batch["segments"].max()) + 1) + batch["segments"][row, column]
    _, answer = torch.unique_consecutive(key, return_inverse=True)
    return torch.zeros(int(answer.max()) + 1, device=each.device).index_add(0, answer, each)


class PreferenceStage(PixelStage):
    """Projector and language model, and the tower where `tower_rate` is not 0, against a frozen copy of themselves;
    `instruction_share` of the plain loss keeps the right answers likely (DPO alone may lower both)."""

    name = "prefer"

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(config, settings, device, folder, workers)
        self.load_state_dict(self.load_stage(folder, "instruct"))
        self.reference = PixelStage(config, settings, device, folder)
        self.reference.load_state_dict(self.state_dict())
        self.reference.model.requires_grad_(False)
        model = self.model
        adamw = lambda named, rate: Muon([(n.replace("layers.", "").replace("linear_", ""), p) for n, p in named], 0.0, rate)
        read = list(model.language_model.named_parameters()) + list(model.multi_modal_projector.named_parameters())
        self.optimizers = [adamw(read, settings["rest_rate"])]
        self.trains_tower = settings.get("tower_rate", 0) > 0
        if self.trains_tower:
            self.optimizers.append(adamw(model.vision_tower.trained_parameters(), settings["tower_rate"]))
        self.pairs = None

    def make_batch(self, rng):
        clip = rng.p(self.settings["clip_share"])
        return pair_batch(rng, self.settings["micro"], clip, draw_kinds(rng, self.settings["small_share"]))

    def log_probabilities(self, model, batch, rows):
        """(right [pairs], wrong [pairs], wanted ids) under `model`; rows [B, rows, width]: its image tokens."""
        logits, wanted = answers(model.language_model, batch, rows)
        return *answer_log_probabilities(logits, wanted, batch).view(-1, 2).T, wanted

    def loss(self, batch):
        with torch.no_grad():
            seen = self.reference.model.vision_tower(batch["pixels"])
            known = project_rows(self.reference.model, batch, seen)
        features = self.model.vision_tower(batch["pixels"]) if self.trains_tower else seen
        rows = project_rows(self.model, batch, features)
        batch, own = with_own_mistakes(batch, self.model.language_model, rows.detach())
        with torch.no_grad():
            *reference, _ = self.log_probabilities(self.reference.model, batch, known)
        chosen, rejected, wanted = self.log_probabilities(self.model, batch, rows)
        # Most made wrong answers are told from the right ones already; the model's own mistakes are what it has to learn from.
        weights = torch.where(own.to(chosen.device), 1.0, self.settings["made_weight"])
        loss = dpo_loss(chosen, rejected, *reference, self.settings["beta"], weights)
        plain = -chosen.sum() / (len(wanted) / 2)
        parts = {"dpo": loss.detach(), "plain": plain.detach(), "preferred": (chosen > rejected).float().mean(), "own": own.float().mean()}
        return loss + self.settings["instruction_share"] * plain, parts

    @torch.no_grad()
    def probe(self):
        """Share of held-out pairs of which the right answer is the likelier one, before and now: of made wrong answers,
        and of those that the model gave before this stage."""
        if self.pairs is None:
            rng = Rng(PAIR_SEED)
            made = [pair_batch(rng, 8, i % 5 == 4, [documents.SMALL_KINDS, PICTURES][i % 2]) for i in range(PAIR_BATCHES)]
            self.pairs = [on(batch, self.device) for batch in made]
            self.own_pairs = [self.draw_own(batch) for batch in self.pairs]
            self.before = self.judge(self.reference.model)
        now = self.judge(self.model)
        return "; ".join(compared(*each) for each in zip(("made", "own"), self.before, now))

    def draw_own(self, batch):
        model = self.reference.model
        return with_own_mistakes(batch, model.language_model, project_rows(model, batch))

    def judge(self, model):
        """(pairs of which the right answer is the likelier one, sum of the margins in nats, pairs), of made wrong answers
        and of own ones."""
        tally = [[0, 0.0, 0], [0, 0.0, 0]]
        for made, (drawn, own) in zip(self.pairs, self.own_pairs):
            rows = project_rows(model, made)
            for counts, batch, counted in zip(tally, (made, drawn), (torch.ones_like(own), own)):
                chosen, rejected, _ = self.log_probabilities(model, batch, rows)
                margin = (chosen - rejected).cpu()[counted]
                counts[0] += int((margin > 0).sum())
                counts[1] += float(margin.sum())
                counts[2] += len(margin)
        return tally


def compared(name, before, now):
    right, margin, count = now
    if count == 0:
        return name + ": no pairs"
    return "%s: preferred %.4f -> %.4f (%d -> %d of %d), margin %.2f -> %.2f nats" % (
        name, before[0] / count, right / count, before[0], right, count, before[1] / count, margin / count)
