"""Train one stage; rerun the same command and it goes on from its last checkpoint.

  train.py vision   --run RUN --minutes 60   the tower learns to read (dense supervision of every patch)
  train.py language --run RUN --minutes 45   the language model learns to answer from the truth about every patch
  train.py align    --run RUN --minutes 3    LLaVA stage 1: the projector alone
  train.py instruct --run RUN --minutes 50   LLaVA stage 2: projector and language model on pixels, tower at a low rate
  train.py prefer   --run RUN --minutes 6    preference optimisation (DPO)

The schedule follows the clock (the fraction of --minutes spent), so that every stage ends when it was told to; with
--steps it follows the steps and the same seed gives the same model.
"""
import argparse
import json
import os

import torch
import torch.multiprocessing

from loop import Ranks, run
from stages.joint import AlignmentStage, InstructionStage
from stages.language import LanguageStage
from stages.preference import PreferenceStage
from stages.vision import VisionStage

HERE = os.path.dirname(os.path.abspath(__file__))
STAGES = {stage.name: stage for stage in (VisionStage, LanguageStage, AlignmentStage, InstructionStage, PreferenceStage)}


def work(rank, options, config, ranks, device):
    if device == "cpu":
        torch.set_num_threads(options.threads)
    stage = STAGES[options.stage](config, config[options.stage], device, options.run, options.workers)
    run(stage, options, rank, ranks)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=list(STAGES))
    parser.add_argument("--run", required=True, help="folder of the checkpoints")
    parser.add_argument("--config", default=os.path.join(HERE, "configs", "pocket-v1.json"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=0, help="end after this many steps instead of --minutes")
    parser.add_argument("--ranks", type=int, default=1, help="CPU processes that average their gradients")
    parser.add_argument("--threads", type=int, default=1, help="of each rank, on a CPU")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw documents, for a GPU")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=int, default=10, help="steps between two lines")
    parser.add_argument("--save", type=float, default=120, help="seconds between two checkpoints")
    parser.add_argument("--begin", metavar="FILE", help="instruct: begin from this checkpoint of an earlier run, not from align")
    parser.add_argument("--restart", action="store_true", help="ignore this stage's own checkpoint")
    return parser.parse_args()


def main():
    options = parse()
    os.makedirs(options.run, exist_ok=True)
    with open(options.config, encoding="utf-8") as file:
        config = json.load(file)
    if options.begin:
        config[options.stage]["begin"] = options.begin
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        options.ranks = 1
    if options.ranks == 1:
        work(0, options, config, Ranks(1, 0, None), device)
        return
    # A process that has run torch on several threads must not be forked: its children wait for threads they lack.
    torch.set_num_threads(1)
    context = torch.multiprocessing.get_context("fork")
    stage = STAGES[options.stage](config, config[options.stage], device, options.run)
    length = sum(p.numel() for optimizer in stage.optimizers for p in optimizer.parameters())
    ranks = Ranks(options.ranks, length, context)
    processes = [context.Process(target=work, args=(rank, options, config, ranks, device)) for rank in range(options.ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("a rank ended with an error")


if __name__ == "__main__":
    main()
