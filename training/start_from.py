"""Begin a run from the weights of a checkpoint folder instead of from random ones.

  start_from.py --model ../models/pocket-v0 --run RUN [--config ...]

The tower may become deeper (new layers begin as identities); all other shapes must be those of the config. The stages
`vision` and `language` of the run then start from the files written here. From a whole model with an AnyRes newline, as
pocket-v1 is, RUN/whole.pt is written too: `train.py instruct --begin RUN/whole.pt` goes on where that model stopped.
"""
import argparse
import json
import os

import torch
from safetensors.torch import load_file

from model.language import LanguageModel
from model.llava import Llava
from model.vision import grow

HERE = os.path.dirname(os.path.abspath(__file__))


def part(weights, prefix):
    return {name[len(prefix):]: value.float() for name, value in weights.items() if name.startswith(prefix)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--config", default=os.path.join(HERE, "configs", "pocket-v1.json"))
    options = parser.parse_args()
    with open(options.config, encoding="utf-8") as file:
        config = json.load(file)
    weights = load_file(os.path.join(options.model, "model.safetensors"))
    tower = grow(part(weights, "vision_tower."), config["vision_config"])
    language = LanguageModel(config["text_config"])
    language.load_state_dict(part(weights, "language_model."))
    os.makedirs(options.run, exist_ok=True)
    torch.save(tower, os.path.join(options.run, "vision-start.pt"))
    torch.save(language.state_dict(), os.path.join(options.run, "language-start.pt"))
    if "image_newline" in weights:
        model = Llava(config)
        state = {name: weights[name].float() for name in model.state_dict() if not name.startswith("vision_tower.")}
        model.load_state_dict(state | {"vision_tower." + name: value for name, value in tower.items()})
        torch.save({"stage": {"model": model.state_dict()}}, os.path.join(options.run, "whole.pt"))
    print("%s: begins from %s" % (options.run, options.model))


if __name__ == "__main__":
    main()
