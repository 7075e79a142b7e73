"""Pairs of a right and a wrong answer to one question about one picture, as training sequences."""
import torch

import lessons
from documents.pairs import spoil
from documents.rng import Rng
from model.sampling import sample_answers
from packs import collate, on, prompt_of, text_of
from tokens import decode, encode

# Longer answers are drawn seldom and make every other sequence of the batch wait for them.
MOST_DRAWN = 96


def pair_batch(rng, count, clip, kinds):
    """As lessons.batch with pixels, but every pack holds one question twice: with the right answer, then with a wrong
    one made from it, forked off the same picture. `asked`: (question, right, wrong) of every pack."""
    asked = []

    def pair(questions):
        question, right = rng.c(questions)
        asked.append((question, right, spoil(rng, question, right)))
        return [(question, right), (question, asked[-1][2])]
    return lessons.batch(rng, count, clip, kinds, 0, False, True, choose=pair) | {"asked": asked, "seed": rng.n(0, 2 ** 31)}


def with_own_mistakes(batch, language, rows, temperature=1.0):
    """(batch, own): the wrong answer is what `language` answers itself wherever that is wrong; own: bool [pairs].

    rows [B, rows, width]: image tokens of the model that draws. Where it draws the right answer, or none that ends, the
    made one stays.
    """
    rng = Rng(batch["seed"])
    prompts = [prompt_of(rng, question, r.length) for (question, _, _), r in zip(batch["asked"], batch["rows"])]
    opened = on(collate(batch["rows"], prompts), rows.device)
    drawn = sample_answers(language, opened, rows, MOST_DRAWN, batch["seed"], temperature)
    own, texts = [], []
    for (question, right, made), ids, r in zip(batch["asked"], drawn, batch["rows"]):
        own.append(ids is not None and ids != encode(right) and encode(decode(ids)) == ids)
        wrong = decode(ids) if own[-1] else made
        texts.append(text_of(rng, [(question, right), (question, wrong)], r.length, True, 0))
    return batch | on(collate(batch["rows"], texts), rows.device), torch.tensor(own)
