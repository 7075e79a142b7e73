"""A LLaMA decoder."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class RmsNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (y * self.weight).to(x.dtype)


def rope(positions, head_width, theta):
    """[B, T] -> cosines and sines [B, 1, T, head_width]."""
    inverse = 1.0 / (theta ** (torch.arange(0, head_width, 2, device=positions.device).float() / head_width))
    angle = positions.float()[..., None] * inverse
    angle = torch.cat([angle, angle], -1)
    return angle.cos()[:, None], angle.sin()[:, None]


def rotate(x, cosine, sine):
    half = x.shape[-1] // 2
    return x * cosine + torch.cat([-x[..., half:], x[..., :half]], -1) * sine


class LlamaAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.kv_heads = config["num_key_value_heads"]
        self.head_width = config.get("head_dim") or width // self.heads
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.q_proj = linear(width, self.heads * self.head_width)
        self.k_proj, self.v_proj = (linear(width, self.kv_heads * self.head_width) for _ in range(2))
        self.o_proj = linear(self.heads * self.head_width, width)

    def forward(self, x, cosine, sine, mask, cache=None):
        batch, length, _ = x.shape
        split = lambda y, heads: y.view(batch, length, heads, self.head_width).transpose(1, 2)
        q, k, v = split(self.q_proj(x), self.heads), split(self.k_proj(x), self.kv_heads), split(self.v_proj(x), self.kv_heads)
        q, k = rotate(q, cosine, sine).to(v.dtype), rotate(k, cosine, sine).to(v.dtype)
        if cache is not None:
            if cache:
                k, v = torch.cat([cache["k"], k], 2), torch.cat([cache["v"], v], 2)
            cache["k"], cache["v"] = k, v
        if self.kv_heads != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
        if x.is_cuda:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype))
        else:
            # All in one type: float32 scores take 2.7 times as long under bf16 autocast.
            scores = torch.matmul(q * self.head_width ** -0.5, k.transpose(-1, -2)) + mask.to(q.dtype)
            y = torch.matmul(scores.softmax(-1), v)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, self.heads * self.head_width))


class LlamaMlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class LlamaLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.self_attn = LlamaAttention(config)
        self.mlp = LlamaMlp(width, config["intermediate_size"])
        self.input_layernorm = RmsNorm(width, config["rms_norm_eps"])
        self.post_attention_layernorm = RmsNorm(width, config["rms_norm_eps"])

    def forward(self, x, cosine, sine, mask, cache=None):
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class LlamaModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(LlamaLayer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = RmsNorm(config["hidden_size"], config["rms_norm_eps"])


class LanguageModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = LlamaModel(config)
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        nn.init.normal_(self.model.embed_tokens.weight, std=1.0)
        nn.init.normal_(self.lm_head.weight, std=0.02)
        for layer in self.model.layers:
            for p in layer.parameters():
                if p.ndim == 2:
                    nn.init.normal_(p, std=1 / math.sqrt(p.shape[1]))
            with torch.no_grad():
                layer.self_attn.o_proj.weight.mul_(0.3)
                layer.mlp.down_proj.weight.mul_(0.3)

    def hidden(self, x, positions, mask, caches=None):
        """Embeddings [B, T, width], positions [B, T], additive mask [.., T, S] -> last hidden states [B, T, width]."""
        head_width = self.model.layers[0].self_attn.head_width
        cosine, sine = rope(positions, head_width, self.config["rope_theta"])
        for i, layer in enumerate(self.model.layers):
            x = layer(x, cosine, sine, mask, None if caches is None else caches[i])
        return self.model.norm(x)
