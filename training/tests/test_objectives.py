"""Every stage's objective against numbers worked out by hand, and the sequences that carry them."""
import math
import os
import sys
import unittest
from unittest import mock

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from documents.alphabet import CLASS_COUNT, FIGURE_COUNT
from documents.rng import Rng
from loop import answer_loss, schedule
from model import sampling
from model.character_head import SLOTS, UNKNOWN, dense_loss
from model.language import LanguageModel
from model.llava import pool_frames
from model.place_head import place_loss
from model.vision import VisionTower, grow
from packs import IGNORED, NEWLINE, PREFIX_LENGTH, attention_mask, clip_rows, collate, picture_rows, prompt_of, text_of
from stages import pairs
from stages.preference import answer_log_probabilities, dpo_loss
from tokens import END, decode, encode
from views import cut_views, plan_views

TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
        "image_size": 168, "patch_size": 14, "layer_norm_eps": 1e-5}

TINY_TEXT = {"vocab_size": 264, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
             "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0}


class Preference(unittest.TestCase):
    def test_loss_of_equal_policies_is_log_2(self):
        same = torch.tensor([-3.0, -5.0])
        self.assertAlmostEqual(float(dpo_loss(same, same - 1, same, same - 1, 0.1)), math.log(2), places=6)

    def test_loss_by_hand(self):
        # Margins over the reference: (-2 - -5) - (-3 - -4) = 2 and (-4 - -4) - (-4 - -6) = -2; beta 0.5.
        loss = dpo_loss(torch.tensor([-2.0, -4.0]), torch.tensor([-5.0, -4.0]), torch.tensor([-3.0, -4.0]), torch.tensor([-4.0, -6.0]), 0.5)
        self.assertAlmostEqual(float(loss), (0.3132617 + 1.3132617) / 2, places=6)

    def test_weights_by_hand(self):
        zero, two = torch.zeros(2), torch.tensor([2.0, 0.0])
        # Margins 2 and 0, weights 1 and 0.25, beta 1.
        self.assertAlmostEqual(float(dpo_loss(two, zero, zero, zero, 1, torch.tensor([1.0, 0.25]))), (0.1269280 + 0.25 * math.log(2)) / 1.25, places=6)

    def test_gradient_raises_the_chosen_and_lowers_the_rejected(self):
        chosen, rejected = torch.tensor([-2.0], requires_grad=True), torch.tensor([-2.0], requires_grad=True)
        dpo_loss(chosen, rejected, torch.tensor([-2.0]), torch.tensor([-2.0]), 0.1).backward()
        self.assertAlmostEqual(float(chosen.grad), -0.05, places=6)
        self.assertAlmostEqual(float(rejected.grad), 0.05, places=6)

    def test_log_probabilities_are_summed_over_each_answer(self):
        batch = {"wanted": torch.tensor([[IGNORED, 1, 0, IGNORED, 1], [IGNORED, IGNORED, 0, IGNORED, IGNORED]]),
                 "segments": torch.tensor([[1, 1, 1, 2, 2], [1, 1, 1, 1, 1]])}
        # Probabilities 0.8 and 0.2 of tokens 0 and 1 at every place.
        logits = torch.log(torch.tensor([[0.8, 0.2]])).expand(4, 2)
        found = answer_log_probabilities(logits, torch.tensor([1, 0, 1, 0]), batch)
        for value, wanted in zip(found.tolist(), [math.log(0.2 * 0.8), math.log(0.2), math.log(0.8)], strict=True):
            self.assertAlmostEqual(value, wanted, places=6)


class OwnMistakes(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(3)
        self.language = LanguageModel(TINY_TEXT)
        questions = ["What?", "Which one?"]
        self.rows = [clip_rows(1), clip_rows(1)]
        prompts = [prompt_of(Rng(1), question, 36) for question in questions]
        self.opened = collate(self.rows, prompts)
        self.image = torch.randn(2, self.opened["row_count"], 16)
        self.batch = {"rows": self.rows, "asked": [(q, "ab", "ac") for q in questions], "seed": 5}

    def by_hand(self, sequence, most):
        """The likeliest tokens of one sequence, each from a whole forward pass without a cache."""
        kept = torch.nonzero(self.opened["segments"][sequence] >= 0)[:, 0]
        ids, positions = self.opened["ids"][sequence][kept], self.opened["positions"][sequence][kept]
        x = self.language.model.embed_tokens(ids)
        x[PREFIX_LENGTH:PREFIX_LENGTH + 36] = self.image[sequence, :36]
        found = []
        for _ in range(most):
            mask = attention_mask(torch.zeros(1, len(x), dtype=torch.int64))
            hidden = self.language.hidden(x[None], positions[None], mask)
            found.append(int(self.language.lm_head(hidden[0, -1]).argmax()))
            x = torch.cat([x, self.language.model.embed_tokens(torch.tensor(found[-1:]))])
            positions = torch.cat([positions, positions[-1:] + 1])
        return found

    @torch.no_grad()
    def test_answers_drawn_with_a_cache_are_those_of_whole_passes(self):
        drawn = []
        for logits in self.logits_seen(5):
            drawn.append(logits.argmax(-1).tolist())
        self.assertEqual([list(answer) for answer in zip(*drawn)], [self.by_hand(0, 5), self.by_hand(1, 5)])

    def logits_seen(self, most):
        seen, plain = [], sampling.draw

        def draw(logits, *rest):
            seen.append(logits)
            return plain(logits, *rest)
        with mock.patch.object(sampling, "draw", draw):
            sampling.sample_answers(self.language, self.opened, self.image, most, 1, 0)
        return seen

    def test_an_answer_without_an_end_is_none(self):
        self.assertEqual(sampling.cut([7, 8, END, 9]), [7, 8])
        self.assertIsNone(sampling.cut([7, 8]))

    def pair_of(self, drawn):
        with mock.patch.object(pairs, "sample_answers", lambda *_: drawn):
            batch, own = pairs.with_own_mistakes(self.batch, self.language, self.image)
        answers = [[decode(batch["ids"][b][batch["segments"][b] == segment].tolist()).split(" ASSISTANT: ")[1] for segment in (1, 2)]
                   for b in range(2)]
        return answers, own.tolist()

    def test_a_wrong_answer_of_its_own_takes_the_place_of_the_made_one(self):
        answers, own = self.pair_of([encode("ax"), encode("ab")])
        self.assertEqual((answers, own), ([["ab", "ax"], ["ab", "ac"]], [True, False]))

    def test_what_is_no_text_or_has_no_end_is_left_out(self):
        answers, own = self.pair_of([None, [5 + 0xC3]])
        self.assertEqual((answers, own), ([["ab", "ac"], ["ab", "ac"]], [False, False]))


class Places(unittest.TestCase):
    def test_loss_by_hand(self):
        # Two by two places. Row logits say row 0 with probability 0.8 everywhere, column logits nothing.
        rows = torch.log(torch.tensor([0.8, 0.2])).expand(1, 4, 2)
        columns = torch.zeros(1, 4, 2)
        shown = torch.tensor([[True, False, False, True]])
        # Places 0 and 1 lie in row 0, 2 and 3 in row 1; blank ones count 0.15.
        by_hand = (-math.log(0.8) * 1.15 - math.log(0.2) * 1.15) / 2.3 + math.log(2)
        self.assertAlmostEqual(float(place_loss((rows, columns), shown)), by_hand, places=6)


class Instruction(unittest.TestCase):
    def test_loss_is_the_mean_nats_of_the_wanted_tokens(self):
        logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
        self.assertAlmostEqual(float(answer_loss(logits, torch.tensor([0, 2]))), -(math.log(0.5) + math.log(0.8)) / 2, places=6)

    def test_loss_falls_on_answers_alone_and_each_place_wants_the_next_token(self):
        text = text_of(Rng(1), [("What?", "ab"), ("Why?", "c")], 10, True)
        wanted = [i for i in text.wanted if i != IGNORED]
        self.assertEqual(wanted, encode("ab") + [END] + encode("c") + [END])
        for place in np.flatnonzero(text.wanted != IGNORED):
            self.assertEqual(text.wanted[place], text.ids[place + 1])

    def test_forked_questions_see_the_picture_and_themselves(self):
        rows = clip_rows(1)
        texts = [text_of(Rng(1), [("What?", "ab"), ("Why?", "c")], rows.length, True)]
        batch = collate([rows], texts)
        seen = attention_mask(batch["segments"])[0, 0] == 0
        first, second = (int(np.flatnonzero(batch["segments"][0] == number)[-1]) for number in (1, 2))
        shared = batch["segments"][0] == 0
        self.assertTrue(bool(seen[second][shared].all()))
        self.assertFalse(bool(seen[second][first]))
        # Both begin right behind the picture.
        positions = batch["positions"][0]
        self.assertEqual(int(positions[batch["segments"][0] == 1][0]), int(positions[batch["segments"][0] == 2][0]))


class Dense(unittest.TestCase):
    def predicted(self):
        return torch.zeros(1, 2, SLOTS, CLASS_COUNT), torch.zeros(1, 2, FIGURE_COUNT)

    def test_even_guesses_cost_the_logarithm_of_the_classes(self):
        slots, figures = torch.ones(1, 2, SLOTS, dtype=torch.uint8), torch.zeros(1, 2, dtype=torch.uint8)
        wanted = math.log(CLASS_COUNT) + 0.5 * math.log(FIGURE_COUNT)
        self.assertAlmostEqual(float(dense_loss(self.predicted(), slots, figures)), wanted, places=5)

    def test_print_too_small_to_be_read_costs_nothing(self):
        slots, figures = torch.ones(1, 2, SLOTS, dtype=torch.uint8), torch.zeros(1, 2, dtype=torch.uint8)
        slots[0, 1] = 0
        slots[0, 1, 1] = UNKNOWN
        characters, shapes = self.predicted()
        characters[0, 1, :, 5] = 50.0
        unread = dense_loss((characters, shapes), slots, figures)
        self.assertAlmostEqual(float(unread), math.log(CLASS_COUNT) + 0.5 * math.log(FIGURE_COUNT), places=5)


class Sequences(unittest.TestCase):
    def test_a_small_square_is_looked_at_twice_as_large(self):
        plan = plan_views(168, 168)
        self.assertEqual((plan.rows, plan.columns, plan.width, plan.height), (2, 2, 336, 336))
        rows = picture_rows(plan)
        self.assertEqual(rows.length, 144 + 24 * 25)
        self.assertEqual(int((rows.view == NEWLINE).sum()), 24)

    def test_borders_are_unpadded(self):
        # 336 x 168 goes into the upper and lower middle of 336 x 336: 12 of 24 patch rows remain.
        rows = picture_rows(plan_views(336, 168))
        self.assertEqual(rows.length, 144 + 12 * 25)

    def test_tiles_of_a_wide_page_lie_in_reading_order(self):
        image = np.zeros((336, 504, 3), np.uint8)
        for index, (y, x) in enumerate((y, x) for y in (0, 168) for x in (0, 168, 336)):
            image[y:y + 168, x:x + 168] = 10 * (index + 1)
        views = cut_views(image, plan_views(504, 336))
        self.assertEqual([int(view.mean()) for view in views[1:]], [10, 20, 30, 40, 50, 60])

    def test_frames_are_pooled_two_by_two(self):
        features = torch.arange(16.0).view(1, 16, 1)
        self.assertEqual(pool_frames(features, 4)[0, :, 0].tolist(), [2.5, 4.5, 10.5, 12.5])

    def test_text_survives_the_tokens(self):
        self.assertEqual(decode(encode("Caf\u00e9 12.40 \u20ac")), "Caf\u00e9 12.40 \u20ac")


class Growing(unittest.TestCase):
    def test_a_grown_tower_computes_the_same(self):
        torch.manual_seed(1)
        small = VisionTower(TINY)
        deep = VisionTower(TINY | {"num_hidden_layers": 5})
        deep.load_state_dict(grow(small.state_dict(), TINY | {"num_hidden_layers": 5}))
        pixels = torch.randint(0, 255, (2, 168, 168, 3), dtype=torch.uint8)
        self.assertEqual(float((small(pixels) - deep(pixels)).abs().max()), 0.0)


class Schedule(unittest.TestCase):
    def test_rises_stays_and_falls(self):
        self.assertEqual(schedule(0.2, 0.5), 1.0)
        self.assertAlmostEqual(schedule(0.75, 0.5), 0.5)
        self.assertEqual(schedule(1.0, 0.5), 0.01)


if __name__ == "__main__":
    unittest.main()
