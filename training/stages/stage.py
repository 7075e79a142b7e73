"""What all stages have in common."""
import torch

from documents.rng import Rng


class Stage:
    """name, settings ({"batch", "micro", ...}), device, optimizers, modules (saved and loaded by name), done (the
    fraction of the stage that is over; data workers look at it)."""

    name = ""

    def __init__(self, settings, device, workers=0):
        self.settings, self.device, self.workers = settings, device, workers
        self.done = torch.zeros(1, dtype=torch.float64).share_memory_()
        self.optimizers, self.modules = [], {}

    def make_batch(self, rng):
        raise NotImplementedError

    def loss(self, batch):
        """(loss to go back through, {name: value} for the log)."""
        raise NotImplementedError

    def probe(self):
        """One line of figures on documents that training never draws."""
        raise NotImplementedError

    def batches(self, seed):
        source = Endless(self.make_batch, seed)
        if not self.workers:
            return iter(source)
        return iter(torch.utils.data.DataLoader(source, batch_size=None, num_workers=self.workers, prefetch_factor=4,
                                                pin_memory=self.device == "cuda"))

    def state_dict(self):
        return {name: module.state_dict() for name, module in self.modules.items()}

    def load_state_dict(self, state):
        for name, module in self.modules.items():
            module.load_state_dict(state[name])


class Endless(torch.utils.data.IterableDataset):
    """Batches without end; every data worker has a seed of its own."""

    def __init__(self, make, seed):
        self.make, self.seed = make, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        rng = Rng(self.seed * 1000 + (worker.id if worker else 0))
        while True:
            yield self.make(rng)
