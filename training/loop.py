"""The loop that every stage runs in: schedule by the clock, checkpoints, resuming, data-parallel ranks."""
import os
import time
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from packs import on

# A step that took longer than this was suspended or starved: the schedule does not count the gap.
LONGEST_STEP_SECONDS = 20.0


def schedule(done, flat, warm=0.015):
    """Factor of the learning rate after the fraction `done` of a stage: a short rise, flat, then linear to zero."""
    if done < warm:
        return max(done / warm, 0.02)
    return 1.0 if done < flat else max(0.01, 1 - (done - flat) / (1 - flat))


class Ranks:
    """Data-parallel processes of one machine that average gradients through shared memory. One rank: nothing to do."""

    def __init__(self, count, length, context):
        self.count = count
        if count > 1:
            self.gradients = [torch.zeros(length).share_memory_() for _ in range(count)]
            self.done = torch.zeros(1, dtype=torch.float64).share_memory_()
            self.barrier = context.Barrier(count)

    def average(self, rank, done, parameters):
        """Replace the gradients by their mean over all ranks; returns rank 0's `done`, so that all end together."""
        if self.count == 1:
            return done
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters])
        mine = self.gradients[rank]
        if flat.numel() > mine.numel():
            raise ValueError("%d gradients do not fit into %d" % (flat.numel(), mine.numel()))
        mine[:flat.numel()] = flat
        if rank == 0:
            self.done[0] = done
        self.barrier.wait()
        mean = torch.stack([g[:flat.numel()] for g in self.gradients]).mean(0)
        done = float(self.done[0])
        self.barrier.wait()
        for p, g in zip(parameters, mean.split([p.numel() for p in parameters])):
            p.grad = g.view_as(p)
        return done


@dataclass
class Progress:
    seconds: float = 0.0
    step: int = 0
    sums: dict = field(default_factory=dict)

    def add(self, parts):
        for name, value in parts.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + float(value), count + 1)

    def take(self):
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        return means


def run(stage, options, rank, ranks):
    """Train `stage` until its minutes (or steps) are spent. Rerun, it goes on from its last checkpoint."""
    path = os.path.join(options.run, stage.name + ".pt")
    progress = Progress()
    if os.path.exists(path) and not options.restart:
        state = torch.load(path, map_location=stage.device)
        stage.load_state_dict(state["stage"])
        for optimizer, saved in zip(stage.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        progress.seconds, progress.step = state["seconds"], state["step"]
        say(rank, "%s: resumed at step %d, %.0f s" % (stage.name, progress.step, progress.seconds))

    def save():
        if rank:
            return
        torch.save(dict(stage=stage.state_dict(), optimizers=[o.state_dict() for o in stage.optimizers],
                        seconds=progress.seconds, step=progress.step), path + ".part")
        os.replace(path + ".part", path)

    batches = stage.batches(seed_of(options.seed, stage.name, progress.step, rank))
    micro_count = max(1, stage.settings["batch"] // stage.settings["micro"] // ranks.count)
    logged = saved = time.time()
    since = 0
    parameters = [p for o in stage.optimizers for p in o.parameters()]
    while True:
        begun = time.time()
        for optimizer in stage.optimizers:
            optimizer.zero_grad()
        for _ in range(micro_count):
            batch = on(next(batches), stage.device)
            with torch.autocast(stage.device, dtype=torch.bfloat16):
                loss, parts = stage.loss(batch)
            (loss / micro_count).backward()
            progress.add(parts)
        done = progress.step / options.steps if options.steps else progress.seconds / (options.minutes * 60)
        done = ranks.average(rank, done, parameters)
        for optimizer in stage.optimizers:
            optimizer.step(schedule(done, stage.settings.get("flat", 0.45)))
        stage.done.fill_(done)
        progress.step += 1
        since += 1
        progress.seconds += min(time.time() - begun, LONGEST_STEP_SECONDS)
        last = done >= 1
        if progress.step % options.log == 0 or last:
            report = stage.probe() if rank == 0 and (progress.step % (options.log * 5) == 0 or last) else ""
            rate = since * stage.settings["batch"] / (time.time() - logged)
            means = " ".join("%s %.4f" % pair for pair in progress.take().items())
            say(rank, "%s step %d %.0fs done %.3f %s %.1f/s %s" % (
                stage.name, progress.step, progress.seconds, done, means, rate, report))
            logged, since = time.time(), 0
        if last or time.time() - saved > options.save:
            save()
            saved = time.time()
        if last:
            return


def seed_of(seed, name, step, rank):
    """Different for every stage, rank and resumption; training seeds stay far below those of held-out sets."""
    return seed * 1_000_000 + sum(ord(c) for c in name) * 7919 + 97 * step + rank + 1


def say(rank, text):
    if rank == 0:
        print(text, flush=True)


def answer_loss(logits, wanted):
    """Mean negative log-likelihood in nats per answer token: logits [n, vocabulary], wanted [n]."""
    return F.cross_entropy(logits.float(), wanted)
