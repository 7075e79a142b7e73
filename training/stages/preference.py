"""Preference optimisation (DPO) after instruction tuning: the right answer over a plausible wrong one."""
import torch
import torch.nn.functional as F

import documents
import lessons
from documents.pairs import spoil
from documents.rng import Rng
from optimizer import Muon
from stages.joint import PixelStage, project_rows
from stages.language import PICTURES, answers, draw_kinds

PAIR_SEED = 8_000_000_000_003
PAIR_BATCHES = 50


def dpo_loss(chosen, rejected, reference_chosen, reference_rejected, beta):
    """-log sigmoid(beta * ((chosen - rejected) - (reference_chosen - reference_rejected))), mean over the pairs.

    All are log-probabilities in nats, summed over an answer's tokens: Rafailov et al. 2023, equation 7.
    """
    return -F.logsigmoid(beta * ((chosen - rejected) - (reference_chosen - reference_rejected))).mean()


def answer_log_probabilities(logits, wanted, batch):
    """Log-probability of every answer, [answers], in the order of the sequences. logits [n, vocabulary], wanted [n]."""
    each = F.log_softmax(logits, -1).gather(1, wanted[:, None])[:, 0]
    # An answer is a run of wanted tokens within one segment; forked segments are numbered from 1 in every sequence.
    row, column = torch.nonzero(batch["wanted"] >= 0, as_tuple=True)
    key = row * (int(batch["segments"].max()) + 1) + batch["segments"][row, column]
    _, answer = torch.unique_consecutive(key, return_inverse=True)
    return torch.zeros(int(answer.max()) + 1, device=each.device).index_add(0, answer, each)


class PreferenceStage(PixelStage):
    """Projector and language model against a frozen copy of themselves; `instruction_share` of the plain loss keeps the
    right answers likely (DPO alone may lower both). Tower frozen."""

    name = "prefer"

    def __init__(self, config, settings, device, folder, workers=0):
        super().__init__(config, settings, device, folder, workers)
        self.load_state_dict(self.load_stage(folder, "instruct"))
        self.reference = PixelStage(config, settings, device, folder)
        self.reference.load_state_dict(self.state_dict())
        self.reference.model.requires_grad_(False)
        model = self.model
        named = list(model.language_model.named_parameters()) + list(model.multi_modal_projector.named_parameters())
        self.optimizers = [Muon([(n.replace("layers.", "").replace("linear_", ""), p) for n, p in named], 0.0, settings["rest_rate"])]
        self.pairs = None

    def make_batch(self, rng):
        clip = rng.p(self.settings["clip_share"])
        return pair_batch(rng, self.settings["micro"], clip, draw_kinds(rng, self.settings["small_share"]))

    def log_probabilities(self, model, batch, features):
        logits, wanted = answers(model.language_model, batch, project_rows(model, batch, features))
        return answer_log_probabilities(logits, wanted, batch).view(-1, 2).T, wanted

    def loss(self, batch):
        with torch.no_grad():
            features = self.model.vision_tower(batch["pixels"])
            reference, _ = self.log_probabilities(self.reference.model, batch, features)
        (chosen, rejected), wanted = self.log_probabilities(self.model, batch, features)
        loss = dpo_loss(chosen, rejected, *reference, self.settings["beta"])
        plain = -chosen.sum() / (len(wanted) / 2)
        accuracy = (chosen > rejected).float().mean()
        return loss + self.settings["instruction_share"] * plain, {"dpo": loss.detach(), "plain": plain.detach(), "preferred": accuracy}

    @torch.no_grad()
    def probe(self):
        """Share of held-out pairs of which the right answer is the likelier one, before and now."""
        if self.pairs is None:
            rng = Rng(PAIR_SEED)
            self.pairs = [pair_batch(rng, 8, i % 5 == 4, [documents.SMALL_KINDS, PICTURES][i % 2]) for i in range(PAIR_BATCHES)]
            self.before = self.judge(self.reference.model)
        right, margin, count = zip(self.before, self.judge(self.model))
        count = count[0]
        return "preferred %.4f -> %.4f (%d -> %d), margin %.2f -> %.2f nats (%d pairs)" % (
            right[0] / count, right[1] / count, *right, margin[0] / count, margin[1] / count, count)

    def judge(self, model):
        """(pairs of which the right answer is the likelier one, sum of the margins in nats, pairs)."""
        right, margin, count = 0, 0.0, 0
        for batch in self.pairs:
            batch = {k: v.to(self.device) if torch.is_tensor(v) else v for k, v in batch.items()}
            (chosen, rejected), _ = self.log_probabilities(model, batch, self.model.vision_tower(batch["pixels"]))
            right += int((chosen > rejected).sum())
            margin += float((chosen - rejected).sum())
            count += len(chosen)
        return right, margin, count


def pair_batch(rng, count, clip, kinds):
    """As lessons.batch with pixels, but every pack holds one question twice: with the right answer, then with a wrong
    one, forked off the same picture."""
    def pair(questions):
        question, answer = rng.c(questions)
        return [(question, answer), (question, spoil(rng, question, answer))]
    return lessons.batch(rng, count, clip, kinds, 0, False, True, choose=pair)
