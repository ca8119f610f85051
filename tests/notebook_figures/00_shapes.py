"""The shapes of what a row of tokens becomes on its way through the network of size tiny."""
import re

from svg import Picture

with open("core/nn/config.h") as file:
    config = file.read()
C, L, H, K, F = map(int, re.search(r'"tiny"\) return config\((\d+), (\d+), (\d+), (\d+), (\d+)\)', config).groups())
D = int(re.search(r"head_dim=\*/(\d+)", config)[1])
with open("core/method/recipe.h") as file:
    V = int(re.search(r"int vocab_size = (\d+);", file.read())[1])

rows = [  # step of core/nn/model.h, name, shape, width, what it is; steps of a layer stand in its box
    ("", "tokens", "(N)", 0, "ids"),
    ("0", "x", f"(N,{C})", C, "a row of the embedding table for each token: the residual stream"),
    ("1", "attention_in", f"(N,{C})", C, "RMSNorm (chapter 2)"),
    ("2, 3", "qkv", f"(N,{(H + 2 * K) * D})", (H + 2 * K) * D, f"{H} queries, {K} keys and {K} values of width {D}; rotated"),
    ("4", "attention", f"(N,{H * D})", H * D, "looks at the tokens before it (chapter 4)"),
    ("5, 6", "mid", f"(N,{C})", C, "x + attention · o_projᵀ"),
    ("7", "ff_in", f"(N,{C})", C, "RMSNorm"),
    ("8", "gate_up", f"(N,{2 * F})", 2 * F, "two matrices at once"),
    ("9", "swiglu", f"(N,{F})", F, "silu(gate) · up"),
    ("10", "out", f"(N,{C})", C, "mid + swiglu · down_projᵀ, the next layer's x"),
    ("11", "normed", f"(R,{C})", C, "RMSNorm; only the R rows that have a target"),
    ("12", "logits", f"(R,{V})", V, "a number for each token of the vocabulary"),
]
HEIGHT, BARS, SCALE = 26, 250, 0.25
picture = Picture(width=1010, height=HEIGHT * len(rows) + 30)
picture.box(4, 10 + 2 * HEIGHT, 1000, 8 * HEIGHT + 8, fill="grey")
picture.text(1000, 28 + 2 * HEIGHT, f"{L} times", anchor="end", bold=True)
for i, (step, name, shape, width, what) in enumerate(rows):
    y = 12 + HEIGHT * i + (2 if i > 1 else 0) + (6 if i > 9 else 0)
    picture.text(40, y + 16, step, anchor="end", colour="grey")
    picture.text(56, y + 16, name, code=True)
    picture.text(170, y + 16, shape, code=True)
    picture.box(BARS, y + 4, max(width * SCALE, 4), 16, fill="blue", stroke="blue")
    picture.text(BARS + max(width * SCALE, 4) + 10 if width < V else BARS + 10, y + 16, what)
print(picture.svg(), end="")
