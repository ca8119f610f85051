"""PyTorch as a contender (contender.h, ours.cpp): the same model from the same files, written as a careful user writes
it. Query, key and value are one matmul, as are gate and up; AdamW updates all tensors at once.
python pytorch.py THREADS SETTING; SETTING is
  eager      attention and RMSNorm spelled out; the heads that share a key are one batch of rows, so no key is copied
  fused      scaled_dot_product_attention, rms_norm and the fused AdamW
  compiled   the same, and torch.compile of the forward and backward passes; only for training"""
import json
import math
import struct
import sys
import time

import torch
from torch.nn import functional as F

SETTING = sys.argv[2]
torch.set_num_threads(int(sys.argv[1]))


def read_safetensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data[first:last], dtype=torch.float32).reshape(entry["shape"]).clone()
    return tensors


class Model:
    def __init__(self, directory):
        with open(directory + "/config.json") as file:
            c = json.load(file)
        self.H, self.K, self.D = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        self.L, self.V, self.F = c["num_hidden_layers"], c["vocab_size"], c["intermediate_size"]
        self.eps, self.context = c["rms_norm_eps"], c["max_position_embeddings"]
        t = read_safetensors(directory + "/model.safetensors")
        self.table = t["model.embed_tokens.weight"]
        self.norm = t["model.norm.weight"]
        self.layers = []
        for l in range(self.L):
            name = f"model.layers.{l}."
            qkv = torch.cat([t[name + f"self_attn.{part}_proj.weight"] for part in "qkv"])
            gate_up = torch.cat([t[name + f"mlp.{part}_proj.weight"] for part in ("gate", "up")])
            self.layers.append((t[name + "input_layernorm.weight"], qkv, t[name + "self_attn.o_proj.weight"],
                                t[name + "post_attention_layernorm.weight"], gate_up, t[name + "mlp.down_proj.weight"]))
        frequencies = torch.tensor([c["rope_theta"] ** (-2 * i / self.D) for i in range(self.D // 2)])
        angles = torch.outer(torch.arange(self.context, dtype=torch.float32), frequencies)
        self.cos, self.sin = angles.cos(), angles.sin()

    def parameters(self):
        return [self.table, self.norm] + [weight for layer in self.layers for weight in layer]

    def rms_norm(self, x, weight):
        if SETTING != "eager":
            return F.rms_norm(x, weight.shape, weight, self.eps)
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * weight

    def turn(self, x, cos, sin):  # (..., heads, D), half-split
        a, b = x[..., : self.D // 2], x[..., self.D // 2 :]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(self, x, attention, cos, sin):
        """x: embedded rows (..., C). attention(layer, q, k, v) -> (..., H D)."""
        H, K, D = self.H, self.K, self.D
        for l, (norm, qkv, o, ff_norm, gate_up, down) in enumerate(self.layers):
            heads = F.linear(self.rms_norm(x, norm), qkv).unflatten(-1, (H + 2 * K, D))
            turned, v = self.turn(heads[..., : H + K, :], cos, sin), heads[..., H + K :, :]
            x = x + F.linear(attention(l, turned[..., :H, :], turned[..., H:, :], v), o)
            gate, up = F.linear(self.rms_norm(x, ff_norm), gate_up).split(self.F, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        return F.linear(self.rms_norm(x, self.norm), self.table)

    def causal_attention(self, B, T):
        H, K, D, G = self.H, self.K, self.D, self.H // self.K

        def fused(l, q, k, v):  # (B,T,heads,D)
            q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            return out.transpose(1, 2).reshape(B, T, H * D)

        if SETTING != "eager":
            return fused
        mask = torch.full((T, T), float("-inf")).triu(1).repeat(G, 1)

        def attention(l, q, k, v):  # (B,T,heads,D)
            q = q.reshape(B, T, K, G, D).permute(0, 2, 3, 1, 4).reshape(B * K, G * T, D)
            k, v = k.transpose(1, 2).reshape(B * K, T, D), v.transpose(1, 2).reshape(B * K, T, D)
            p = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(D)).softmax(-1)
            return torch.bmm(p, v).reshape(B, K, G, T, D).permute(0, 3, 1, 2, 4).reshape(B, T, H * D)

        return attention


class Training:
    def __init__(self, directory):
        self.model = Model(directory)
        with open(directory + "/batch.json") as file:
            batch = torch.tensor(json.load(file))
        self.tokens, self.targets = batch[:, :-1].contiguous(), batch[:, 1:].reshape(-1)
        B, T = self.tokens.shape
        self.attention = self.model.causal_attention(B, T)
        self.cos, self.sin = self.model.cos[:T, None], self.model.sin[:T, None]
        self.parameters = self.model.parameters()
        for parameter in self.parameters:
            parameter.requires_grad_()
        matrices, norms = [[p for p in self.parameters if p.dim() == d] for d in (2, 1)]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-6,
                                           **{"foreach" if SETTING == "eager" else "fused": True})
        self.loss = torch.compile(self.cross_entropy) if SETTING == "compiled" else self.cross_entropy

    def cross_entropy(self):
        m = self.model
        logits = m.forward(F.embedding(self.tokens, m.table), self.attention, self.cos, self.sin)
        return F.cross_entropy(logits.reshape(-1, m.V), self.targets)

    def step(self):
        loss = self.loss()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return loss.item()


@torch.inference_mode()
def decode(model, batch):
    H, K, D, G, T = model.H, model.K, model.D, model.H // model.K, model.context - 1
    keys, values = torch.zeros(model.L, batch, K, D, T), torch.zeros(model.L, batch, K, T, D)
    token = torch.zeros(batch, dtype=torch.long)
    for t in range(T):

        def fused(l, q, k, v):  # (batch,heads,D); keys lie as values do
            by_position = keys.view(values.shape)
            by_position[l, :, :, t], values[l, :, :, t] = k, v
            k, v = by_position[l, :, :, : t + 1], values[l, :, :, : t + 1]
            return F.scaled_dot_product_attention(q.unsqueeze(2), k, v, enable_gqa=True).reshape(batch, H * D)

        def attention(l, q, k, v):
            keys[l, :, :, :, t], values[l, :, :, t] = k, v
            scores = torch.matmul(q.reshape(batch, K, G, D), keys[l, :, :, :, : t + 1]) * (1 / math.sqrt(D))
            return torch.matmul(scores.softmax(-1), values[l, :, :, : t + 1]).reshape(batch, H * D)

        attend = attention if SETTING == "eager" else fused
        logits = model.forward(F.embedding(token, model.table), attend, model.cos[t], model.sin[t])
        token = torch.multinomial(logits.softmax(-1), 1).squeeze(1)
    return batch * T


def main():
    training = None
    for line in sys.stdin:
        words = line.split()
        if words[0] == "version":
            answer = f"PyTorch {torch.__version__}" + (" with MKL" if torch.backends.mkl.is_available() else "")
        elif words[0] == "model":
            training = Training(words[2])
            answer = sum(parameter.numel() for parameter in training.parameters)
        else:
            start = time.perf_counter()
            result = training.step() if words[0] == "step" else decode(training.model, int(words[1]))
            answer = f"{time.perf_counter() - start} {result}"
        print(answer, flush=True)


main()
