"""Muon for the matrices inside blocks, AdamW for everything else."""
import torch


def newton_schulz(matrices, steps=5):
    """Orthogonalise a stack of matrices [k, rows, columns] by Muon's quintic iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        gram = torch.bmm(x, x.transpose(1, 2))
        x = a * x + torch.bmm(b * gram + c * torch.bmm(gram, gram), x)
    return (x.transpose(1, 2) if tall else x).to(matrices.dtype)


def split_parameters(named):
    """(matrices inside transformer blocks and the projector, everything else) of (name, parameter) pairs."""
    matrices, rest = [], []
    for name, parameter in named:
        inside = parameter.ndim == 2 and ("layers." in name or "linear_" in name)
        (matrices if inside else rest).append(parameter)
    return matrices, rest


class Muon:
    """One optimiser over both groups; `scale` of a step multiplies both learning rates."""

    def __init__(self, named, matrix_rate, rest_rate, decay=0.01, momentum=0.95, betas=(0.9, 0.95)):
        self.matrices, self.rest = split_parameters(named)
        self.matrix_rate, self.rest_rate = matrix_rate, rest_rate
        self.decay, self.momentum, self.betas = decay, momentum, betas
        groups = {}
        for p in self.matrices:
            groups.setdefault(tuple(p.shape), []).append(p)
        self.groups = list(groups.values())
        self.velocity = [torch.zeros(len(g), *g[0].shape, device=g[0].device) for g in self.groups]
        self.mean = [torch.zeros_like(p) for p in self.rest]
        self.square = [torch.zeros_like(p) for p in self.rest]
        self.steps = 0

    def parameters(self):
        return self.matrices + self.rest

    def zero_grad(self):
        for p in self.parameters():
            p.grad = None

    @torch.no_grad()
    def step(self, scale):
        self.steps += 1
        torch.nn.utils.clip_grad_norm_([p for p in self.rest if p.grad is not None], 1.0)
        momentum = min(self.momentum, 0.85 + 0.1 * self.steps / 300)
        for group, velocity in zip(self.groups, self.velocity):
            gradient = torch.stack([torch.zeros_like(p) if p.grad is None else p.grad.float() for p in group])
            velocity.mul_(momentum).add_(gradient)
            update = newton_schulz(gradient + momentum * velocity)
            rows, columns = group[0].shape
            rate = self.matrix_rate * scale * max(1.0, rows / columns) ** 0.5
            for p, u in zip(group, update):
                p.mul_(1 - self.matrix_rate * scale * self.decay).add_(u, alpha=-rate)
        first, second = self.betas
        for p, mean, square in zip(self.rest, self.mean, self.square):
            if p.grad is None:
                continue
            g = p.grad.float()
            mean.mul_(first).add_(g, alpha=1 - first)
            square.mul_(second).addcmul_(g, g, value=1 - second)
            change = (mean / (1 - first ** self.steps)) / ((square / (1 - second ** self.steps)).sqrt() + 1e-8)
            p.add_(change, alpha=-self.rest_rate * scale)

    def state_dict(self):
        return dict(velocity=self.velocity, mean=self.mean, square=self.square, steps=self.steps)

    def load_state_dict(self, state):
        for key in ("velocity", "mean", "square"):
            for mine, theirs in zip(getattr(self, key), state[key], strict=True):
                mine.copy_(theirs)
        self.steps = state["steps"]
