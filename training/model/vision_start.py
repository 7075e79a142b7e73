"""Where the tower starts from when it has no weights yet."""
import math

import torch
import torch.nn as nn

SHIFTS = [(-1, 0), (1, 0), (0, -1), (0, 1), (-2, 0), (2, 0), (0, 0), (-1, 1), (1, -1), (-1, -1), (1, 1), (3, 0)]


def start_vision(model, config):
    """Attention heads start as shifts on the patch grid (left, right, up, down, ...), filters as smooth waves.

    A head that starts by looking at its neighbour learns to read within minutes; random heads take hours to find out
    that patches have neighbours.
    """
    start_filters(model.embeddings, config)
    for layer in model.encoder.layers:
        attention, mlp = layer.self_attn, layer.mlp
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj, mlp.fc1, mlp.fc2):
            nn.init.normal_(linear.weight, std=1 / math.sqrt(linear.weight.shape[1]))
            nn.init.zeros_(linear.bias)
        with torch.no_grad():
            attention.out_proj.weight.mul_(0.5)
            mlp.fc2.weight.mul_(0.5)
    last = model.encoder.layers[-1]
    for linear in (last.self_attn.out_proj, last.mlp.fc2):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    start_positions(model, config)


def start_filters(embeddings, config):
    """Random mixtures of low-frequency cosine patterns of the grey image, almost without the constant one."""
    width, patch = config["hidden_size"], config["patch_size"]
    t = (torch.arange(patch).float() + 0.5) * math.pi / patch
    count = min(patch, 10)
    waves = torch.stack([torch.cos(t * i) for i in range(count)])
    waves = waves / waves.norm(dim=1, keepdim=True)
    weights = torch.randn(width, count, count) / (1 + 0.15 * (torch.arange(count)[:, None] + torch.arange(count)).float())
    weights[:, 0, 0] *= 0.05
    filters = torch.einsum("duv,uy,vx->dyx", weights, waves, waves)
    filters = filters / filters.flatten(1).norm(dim=1)[:, None, None] / math.sqrt(3)
    with torch.no_grad():
        embeddings.patch_embedding.weight.copy_(filters[:, None].expand(-1, 3, -1, -1))


def start_positions(model, config):
    """The position table holds, in its first dimensions, two orthogonal codes for column and row, made of odd harmonics:
    different columns are orthogonal and a shift is a rotation. W_q applies the rotation, W_k is the identity there.
    """
    width, heads = config["hidden_size"], config["num_attention_heads"]
    n = config["image_size"] // config["patch_size"]
    head_width = width // heads
    table = model.embeddings.position_embedding.weight
    if 2 * n > head_width or 2 * n > width:
        nn.init.normal_(table, std=0.3)
        return
    harmonics = n // 2 if n % 2 == 0 else (n + 1) // 2
    frequency = torch.tensor([2 * math.pi * k / (2 * n) for k in range(1, 2 * harmonics, 2)])
    size = 2 * harmonics

    def code(t):
        return torch.stack([torch.cos(frequency * t), torch.sin(frequency * t)], 1).reshape(-1) * math.sqrt(2)

    def rotation(t):                               # code(x + t) = rotation(t) code(x)
        matrix = torch.zeros(size, size)
        for i, f in enumerate(frequency.tolist()):
            a, b = math.cos(f * t), math.sin(f * t)
            matrix[2 * i:2 * i + 2, 2 * i:2 * i + 2] = torch.tensor([[a, -b], [b, a]])
        return matrix

    with torch.no_grad():
        table.normal_(std=0.02)
        for y in range(n):
            for x in range(n):
                table[1 + y * n + x, :size] = code(x)
                table[1 + y * n + x, size:2 * size] = code(y)
        model.embeddings.patch_embedding.weight[:2 * size] *= 0.05
        if 2 * size > head_width:
            return
        gain = 5.0 * math.sqrt(head_width) / size
        for layer in model.encoder.layers[:-1]:
            attention = layer.self_attn
            for head in range(heads):
                dx, dy = SHIFTS[head % len(SHIFTS)]
                rows = slice(head * head_width, head * head_width + 2 * size)
                whole = slice(head * head_width, (head + 1) * head_width)
                attention.q_proj.weight[whole] *= 0.1
                attention.k_proj.weight[whole] *= 0.1
                shift = torch.zeros(2 * size, 2 * size)
                shift[:size, :size], shift[size:, size:] = rotation(dx), rotation(dy)
                attention.q_proj.weight[rows, :2 * size] += shift * gain
                attention.k_proj.weight[rows, :2 * size] += torch.eye(2 * size)
