"""The CLIP vision tower, up to the layer that LLaVA reads."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from model.vision_start import start_vision

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class QuickGelu(torch.autograd.Function):
    """x * sigmoid(1.702 x), keeping two tensors for the backward pass where autograd would keep four."""

    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(1.702 * x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, gradient):
        x, s = ctx.saved_tensors
        return gradient * (s * (1 + 1.702 * x * (1 - s)))


class ClipAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        batch, length, width = x.shape
        split = lambda projection: projection(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        q, k, v = split(self.q_proj), split(self.k_proj), split(self.v_proj)
        if x.is_cuda:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            # On a CPU the two products are 1.7 times as fast as torch's fused kernel at 145 tokens.
            y = torch.matmul(torch.matmul(q * (width // self.heads) ** -0.5, k.transpose(-1, -2)).softmax(-1), v)
        return self.out_proj(y.transpose(1, 2).reshape(batch, length, width))


class ClipMlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.fc2(QuickGelu.apply(self.fc1(x)))


class ClipLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.self_attn = ClipAttention(width, config["num_attention_heads"])
        self.layer_norm1 = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.mlp = ClipMlp(width, config["intermediate_size"])
        self.layer_norm2 = nn.LayerNorm(width, eps=config["layer_norm_eps"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class ClipEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, patch = config["hidden_size"], config["patch_size"]
        self.patch, self.grid = patch, config["image_size"] // patch
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.5)
        self.patch_embedding = nn.Conv2d(3, width, patch, patch, bias=False)
        self.position_embedding = nn.Embedding(self.grid * self.grid + 1, width)

    def forward(self, pixels):
        """uint8 [B, H, W, 3] -> [B, 1 + grid * grid, width]; (x / 255 - mean) / std happens here, per channel."""
        batch, n, p = pixels.shape[0], self.grid, self.patch
        weight = self.patch_embedding.weight
        x = pixels.view(batch, n, p, n, p, 3).permute(0, 1, 3, 5, 2, 4).reshape(batch, n * n, 3 * p * p).to(weight.dtype)
        scale = torch.tensor([1 / (255 * s) for s in STD], device=x.device).repeat_interleave(p * p)
        shift = torch.tensor([-m / s for m, s in zip(MEAN, STD)], device=x.device).repeat_interleave(p * p)
        x = F.linear(x * scale + shift, weight.reshape(weight.shape[0], -1))
        x = torch.cat([self.class_embedding.expand(batch, 1, -1).to(x.dtype), x], 1)
        return x + self.position_embedding.weight


class VisionModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.embeddings = ClipEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(ClipLayer(config) for _ in range(config["num_hidden_layers"]))
        self.post_layernorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])


class VisionTower(nn.Module):
    """forward() stops at hidden_states[-2] without the class token: what LLaVA reads.

    The last encoder layer is therefore never run in training; it is an exact identity (zero output projections), so
    that any later choice of the feature layer sees the same features.
    """

    def __init__(self, config):
        super().__init__()
        self.vision_model = VisionModel(config)
        start_vision(self.vision_model, config)

    def forward(self, pixels):
        """uint8 [B, H, W, 3] -> [B, grid * grid, width]."""
        x = self.vision_model.pre_layrnorm(self.vision_model.embeddings(pixels))
        for layer in self.vision_model.encoder.layers[:-1]:
            x = layer(x)
        return x[:, 1:]

    def trained_parameters(self):
        """(name, parameter) of all that forward() runs."""
        last = "encoder.layers.%d." % (len(self.vision_model.encoder.layers) - 1)
        return [(n, p) for n, p in self.named_parameters() if last not in n and "post_layernorm" not in n]


def grow(state, config):
    """The weights of a shallower tower as those of a deeper one that computes the same.

    New layers go in before the last one, which is never run, and begin as identities: their output projections are 0.
    """
    tower = VisionTower(config)
    grown = tower.state_dict()
    layer_of = lambda name: int(name.split("encoder.layers.")[1].split(".")[0]) if "encoder.layers." in name else None
    old_last = max(layer_of(n) for n in state if layer_of(n) is not None)
    new_last = config["num_hidden_layers"] - 1
    if new_last < old_last:
        raise ValueError("a tower of %d layers cannot become one of %d" % (old_last + 1, new_last + 1))
    for name, value in grown.items():
        layer = layer_of(name)
        if layer is None or layer < old_last:
            value.copy_(state[name])
        elif layer < new_last and (".out_proj." in name or ".fc2." in name):
            value.zero_()
    return grown
