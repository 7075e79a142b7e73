"""All five stages on a tiny model, by the commands of the README: checkpoints, resuming, the same weights from the same
seed, and the exported folder."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import torch

TRAINING = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TINY = os.path.join(TRAINING, "tests", "tiny.json")
STAGES = ["vision", "language", "align", "instruct", "prefer"]


def run(script, *arguments, config=TINY):
    command = [sys.executable, os.path.join(TRAINING, script), "--config", config, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError("%s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


def train(stage, folder, steps=2, *more, config=TINY):
    return run("train.py", stage, "--run", folder, "--steps", str(steps), "--log", "100", *more, config=config)


def weights(folder, stage):
    state = torch.load(os.path.join(folder, stage + ".pt"))["stage"]
    return {"%s.%s" % (module, name): value for module, values in state.items() for name, value in values.items()}


class TinyRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.held = tempfile.TemporaryDirectory()
        cls.folder = cls.held.name
        cls.said = {stage: train(stage, cls.folder) for stage in STAGES}

    @classmethod
    def tearDownClass(cls):
        cls.held.cleanup()

    def test_every_stage_ends_and_the_model_is_exported(self):
        for stage in STAGES:
            self.assertIn("done 1.000", self.said[stage])
        self.assertIn("parameters", run("export.py", "--run", self.folder, "--out", os.path.join(self.folder, "out")))
        with open(os.path.join(self.folder, "out", "config.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["model_type"], "llava_next_video")

    def test_the_same_seed_gives_the_same_weights_and_a_rerun_resumes(self):
        with tempfile.TemporaryDirectory() as again:
            train("vision", again)
            first, second = weights(self.folder, "vision"), weights(again, "vision")
            self.assertTrue(all(torch.equal(first[name], second[name]) for name in first))
            self.assertIn("resumed at step 3", train("vision", again, 4))
            third = weights(again, "vision")
            self.assertFalse(all(torch.equal(first[name], third[name]) for name in first))

    def test_an_exported_folder_is_where_another_run_begins(self):
        out = os.path.join(self.folder, "published")
        run("export.py", "--run", self.folder, "--out", out)
        with tempfile.TemporaryDirectory() as again:
            run("start_from.py", "--model", out, "--run", again)
            whole = weights(again, "whole")
            preferred = weights(self.folder, "prefer")
            for name, value in whole.items():
                if ".encoder.layers.2." in name:      # the last layer, which is never run, begins anew
                    continue
                # The published file is float16.
                self.assertTrue(torch.allclose(value, preferred[name], atol=2e-3, rtol=2e-3), name)
            train("instruct", again, 1, "--begin", os.path.join(again, "whole.pt"))
            moved = weights(again, "instruct")
            self.assertFalse(torch.equal(moved["model.image_newline"], whole["model.image_newline"]))

    def test_alignment_moves_the_projector_alone_and_preferences_leave_the_tower(self):
        vision, language = weights(self.folder, "vision"), weights(self.folder, "language")
        aligned, instructed, preferred = (weights(self.folder, stage) for stage in STAGES[2:])
        for name, value in aligned.items():
            if name.startswith("model.vision_tower."):
                self.assertTrue(torch.equal(value, vision["tower." + name[len("model.vision_tower."):]]), name)
            if name.startswith("model.language_model."):
                self.assertTrue(torch.equal(value, language["language." + name[len("model.language_model."):]]), name)
        moved = [name for name in preferred if not torch.equal(preferred[name], instructed[name])]
        self.assertTrue(any(name.startswith("model.language_model.") for name in moved))
        self.assertFalse([name for name in moved if name.startswith("model.vision_tower.")])
        self.assertRegex(self.said["prefer"], r"made: preferred .* of 400\), margin .* nats; own: ")

    def test_preferences_teach_the_tower_where_it_has_a_rate(self):
        with open(TINY, encoding="utf-8") as file:
            config = json.load(file)
        config["prefer"]["tower_rate"] = 0.001
        with tempfile.TemporaryDirectory() as again:
            shutil.copy(os.path.join(self.folder, "instruct.pt"), again)
            changed = os.path.join(again, "config.json")
            with open(changed, "w", encoding="utf-8") as file:
                json.dump(config, file)
            train("prefer", again, 1, config=changed)
            before, after = weights(again, "instruct"), weights(again, "prefer")
            moved = [name for name in after if not torch.equal(before[name], after[name])]
            self.assertTrue(any(name.startswith("model.vision_tower.") for name in moved))


if __name__ == "__main__":
    unittest.main()
