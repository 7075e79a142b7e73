"""Laws of the synthetic documents. Run with: python -m unittest discover -s training/tests"""
import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import documents  # noqa: E402
from documents import alphabet, clips, held_out, pairs, schemas  # noqa: E402
from documents.answers import encode_json  # noqa: E402
from documents.rng import Rng  # noqa: E402

FIRST_CHARACTERS = (" ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:-/#$&'+%*()!?\u20ac\u00a3")


def arrays_of(characters):
    return [characters.classes, characters.x, characters.y, characters.starts, characters.sizes]


class Documents(unittest.TestCase):
    def test_300_of_every_kind_are_whole(self):
        for kind in documents.KINDS:
            for seed in range(300):
                with self.subTest(kind=kind, seed=seed):
                    documents.check(documents.make(Rng(seed), kind, pixels=False), seed)

    def test_the_same_seed_gives_the_same_bytes(self):
        for kind in documents.KINDS:
            first, second = (documents.make(Rng(7), kind) for _ in range(2))
            self.assertEqual(first.image.tobytes(), second.image.tobytes())
            self.assertEqual((first.fields, first.text), (second.fields, second.text))
            for one, other in zip(arrays_of(first.characters), arrays_of(second.characters)):
                self.assertEqual(one.tobytes(), other.tobytes())

    def test_a_page_without_pixels_has_the_same_layout(self):
        for kind in documents.KINDS:
            whole, bare = documents.make(Rng(11), kind), documents.make(Rng(11), kind, pixels=False)
            self.assertEqual((whole.fields, whole.text), (bare.fields, bare.text))
            self.assertTrue(np.array_equal(whole.characters.x, bare.characters.x))
            self.assertIsNone(bare.image)

    def test_an_image_has_the_size_that_the_document_says(self):
        sizes = set()
        for seed in range(40):
            document = documents.make(Rng(seed))
            self.assertEqual(document.image.shape, (document.height, document.width, 3))
            self.assertEqual(document.image.dtype, np.uint8)
            sizes.add((document.width, document.height))
        self.assertTrue({(168, 168), (336, 336)} <= sizes <= {(168, 168), (336, 336), (336, 504), (504, 336)})

    def test_there_is_ink_around_the_centre_of_a_character(self):
        """The pixels around printed characters vary far more than paper does."""
        for kind in documents.KINDS:
            document = documents.make(Rng(3), kind)
            grey = document.image.astype(np.float32).mean(2)
            blank = alphabet.CLASS[" "]
            spreads = []
            for index in np.flatnonzero(document.characters.classes != blank):
                x, y = int(document.characters.x[index]), int(document.characters.y[index])
                reach = int(document.characters.sizes[index] * 0.45)
                spreads.append(np.ptp(grey[max(y - reach, 0):y + reach + 1, max(x - reach, 0):x + reach + 1]))
            self.assertGreater(np.quantile(spreads, 0.05), 35, kind)

    def test_classes_of_trained_models_keep_their_places(self):
        self.assertTrue(alphabet.CHARACTERS.startswith(FIRST_CHARACTERS))
        self.assertEqual(len(set(alphabet.CHARACTERS)), len(alphabet.CHARACTERS))

    def test_check_finds_a_field_that_is_not_printed(self):
        document = documents.make(Rng(1), "invoice", pixels=False)
        document.fields["seller"] = "Nobody at all"
        with self.assertRaisesRegex(ValueError, "Nobody at all"):
            documents.check(document)

    def test_check_finds_a_character_outside(self):
        document = documents.make(Rng(1), "label", pixels=False)
        document.characters.x[0] = -1
        with self.assertRaisesRegex(ValueError, "outside"):
            documents.check(document)


class Questions(unittest.TestCase):
    def test_json_answers_are_compact_and_keep_numbers_as_printed(self):
        self.assertEqual(encode_json({"total": documents.words.Number("12.40"), "id": "0012", "lines": [{"items": 3}]}),
                         '{"total":12.40,"id":"0012","lines":[{"items":3}]}')

    def test_lists_of_items_are_asked_of_receipts_with_four_at_most(self):
        nested = 0
        for seed in range(400):
            rng = Rng(seed)
            document = documents.make(rng, "long receipt", pixels=False)
            for _, answer in documents.sample_questions(rng, document, 0, 2, 0):
                if "lines" in json.loads(answer):
                    nested += 1
                    self.assertLessEqual(len(document.fields["lines"]), 4)
        self.assertGreater(nested, 10)

    def test_counts_of_questions_are_kept(self):
        for kind in documents.KINDS:
            document = documents.make(Rng(5), kind, pixels=False)
            self.assertEqual(len(documents.sample_questions(Rng(1), document, 1.0, 3, 1.0)), 5)
            self.assertEqual(len(documents.sample_questions(Rng(1), document, 0.0, 1, 0.0)), 1)

    def test_every_flat_field_has_a_schema(self):
        for kind in documents.KINDS:
            schema = schemas.schema_of(schemas.FIELDS[kind])
            self.assertEqual(schema["required"], list(schema["properties"]))


class Pairs(unittest.TestCase):
    def test_a_spoiled_answer_differs_and_json_stays_json(self):
        for seed in range(400):
            rng = Rng(seed)
            document = documents.make(rng, pixels=False)
            for question, answer in documents.sample_questions(rng, document):
                spoiled = pairs.spoil(rng, question, answer)
                self.assertNotEqual(spoiled, answer)
                self.assertNotEqual(spoiled, "")
                if answer.startswith("{"):
                    self.assertIsInstance(json.loads(spoiled), dict)

    def test_closed_answers_stay_in_their_set(self):
        self.assertEqual(pairs.spoil(Rng(1), "Is this a receipt?", "yes"), "no")
        self.assertEqual(pairs.spoil(Rng(1), "Which is larger, Oslo or Rome?", "Rome"), "Oslo")
        self.assertIn(pairs.spoil(Rng(1), "Which direction?", "left"), schemas.DIRECTIONS)


class Clips(unittest.TestCase):
    def test_frames_show_what_the_fields_say(self):
        for kind in clips.CLIP_KINDS:
            for seed in range(60):
                with self.subTest(kind=kind, seed=seed):
                    clips.check(clips.make(Rng(seed), kind))

    def test_the_same_seed_gives_the_same_bytes(self):
        for kind in clips.CLIP_KINDS:
            first, second = (clips.make(Rng(9), kind) for _ in range(2))
            self.assertEqual(first.frames.tobytes(), second.frames.tobytes())
            self.assertEqual(first.fields, second.fields)

    def test_answers_come_from_the_fields(self):
        for seed in range(100):
            rng = Rng(seed)
            clip = clips.make(rng, pixels=False)
            values = clip.fields["numbers"] if "numbers" in clip.fields else [clip.fields]
            known = {str(value) for group in values for value in group.values()} | set(schemas.YES_NO)
            for group in values:
                listed = group.get("all") or group["places"]
                known |= set(listed) | {", ".join(listed)}
            for _, answer in clip.questions(rng):
                found = json.loads(answer).values() if answer.startswith("{") else [answer]
                self.assertTrue({str(value) for value in found} <= known)


    def test_a_question_about_a_frame_is_answered_by_what_the_frame_shows(self):
        """Numbers against the printed characters, places against the middle of the painted shape."""
        asked = 0
        for seed in range(60):
            rng = Rng(seed)
            clip = clips.make(rng, pixels=False)
            for question, answer in clip.questions(rng, 0, 12):
                if " in frame " not in question or " at " in question:
                    continue
                asked += 1
                frame = int(question.split(" in frame ")[1].rstrip("?")) - 1
                if clip.kind == "number clip":
                    shown = "".join(alphabet.CHARACTERS[i - 1] for i in clip.characters[frame].classes)
                    self.assertTrue(shown.endswith(answer), (shown, answer))
                    continue
                rows, columns = np.nonzero(clip.figures[frame])
                middle = [(rows.min() + rows.max() + 1) / 2 / clips.SIDE, (columns.min() + columns.max() + 1) / 2 / clips.SIDE]
                for word, place, names in zip(answer.split(), middle, (["top", "middle", "bottom"], ["left", "centre", "right"])):
                    # Within two pixels of a line between thirds the mask's soft edge decides.
                    if min(abs(place - 1 / 3), abs(place - 2 / 3)) > 2 / clips.SIDE:
                        self.assertEqual(word, names[int(place * 3)])
        self.assertGreater(asked, 40)


class HeldOut(unittest.TestCase):
    def test_every_line_agrees_with_its_schema_and_its_images(self):
        for name in held_out.SETS:
            with tempfile.TemporaryDirectory() as folder:
                held_out.write_set(folder, name, 10, held_out.FIRST_SEED)
                lines = (pathlib.Path(folder) / "labels.jsonl").read_text(encoding="utf-8").splitlines()
                self.assertEqual(len(lines), 10)
                for line in map(json.loads, lines):
                    self.assertEqual(list(line["expected"]), line["schema"]["required"])
                    self.assertEqual(json.loads(line["expected_text"]), line["expected"])
                    for image in line.get("frames") or [line["image"]]:
                        self.assertTrue((pathlib.Path(folder) / image).is_file())
                    for asked in line["questions"]:
                        self.assertIn(asked["expected"], asked.get("choices", [asked["expected"]]))

    def test_a_training_seed_is_refused(self):
        with self.assertRaisesRegex(ValueError, "9000000000000"):
            held_out.write_set("unused", "small", 1, 17)


class Pages(unittest.TestCase):
    def test_a_page_is_full_of_characters(self):
        for width, height in [(168, 168), (336, 504)]:
            characters, image = documents.make_page(Rng(2), width, height)
            self.assertEqual(image.shape, (height, width, 3))
            self.assertGreater(len(characters), 60)


if __name__ == "__main__":
    unittest.main()
