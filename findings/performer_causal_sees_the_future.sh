#!/usr/bin/env bash
# performer-pytorch 1.1.4: FastAttention(causal=True) is not causal. What comes later changes what was read before: of
# 512 tokens with unit-normal queries and keys of width 64 (and 256 features), the outputs of the first half change by
# 5 % (norm) if the second half's keys are drawn anew, and by 14 % if those are twice as long; with queries and keys
# half as long, nearer to a fresh layer's, by 1 and 32 %. The first half by itself differs by 6 % from the same
# tokens with the second half behind them, so that token-by-token decoding is another function than the one trained.
# With generalized_attention=True (ReLU features) all of these are 0.
# Why: the features are exp(w·k - |k|² / 2 - max) + 1e-4, and the maximum is over all keys of the sequence, later ones
# and padding included. Without the 1e-4 it would cancel in the quotient; with it a long key to come decides how much
# of every earlier key is left above the 1e-4. In PyTorch of this file, before any kernel, so on all devices.
# What it means: a loss in training that looks at its answers, and a gap to decoding that looks like something else. A
# test of a fresh layer at small scale finds little and passes. Replace later tokens and compare, at trained scales.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps performer-pytorch==1.1.4 axial-positional-embedding==0.3.12 local-attention==1.11.2 \
  hyper-connections==0.4.11 einops==0.8.2 packaging==25.0 numpy==2.2.6
python3 - <<'PY'
import torch
from performer_pytorch import FastAttention

HALF, WIDTH = 256, 64

def draw(scale):
    return scale * torch.randn(1, 8, HALF, WIDTH)

def changed(attention, scale):
    """How far the first half's outputs move, of their norm, as the second half changes."""
    q, k, v = (torch.cat([draw(size), draw(size)], dim=2) for size in (scale, scale, 1))
    first, second = k.split(HALF, dim=2)
    base = attention(q, k, v)[:, :, :HALF]
    variants = {"other later keys": (q, torch.cat([first, draw(scale)], dim=2), v),
                "later keys twice as long": (q, torch.cat([first, 2 * second], dim=2), v),
                "no later tokens": (q[:, :, :HALF], first, v[:, :, :HALF])}
    return {name: float((attention(*inputs)[:, :, :HALF] - base).norm() / base.norm())
            for name, inputs in variants.items()}

found = {}
for name, options in (("softmax", {}), ("ReLU", {"generalized_attention": True})):
    for scale in (1, 0.5):
        torch.manual_seed(0)
        attention = FastAttention(dim_heads=WIDTH, nb_features=256, causal=True, **options).eval()
        found[name, scale] = changed(attention, scale)
        print(f"{name} features, scale {scale}: the first half changes by",
              ", ".join(f"{100 * value:.1f} % ({what})" for what, value in found[name, scale].items()))
behaves = (all(value < 1e-5 for scale in (1, 0.5) for value in found["ReLU", scale].values())
           and found["softmax", 1]["other later keys"] > 0.01 and found["softmax", 1]["no later tokens"] > 0.01
           and all(found["softmax", scale]["later keys twice as long"] > 0.05 for scale in (1, 0.5)))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
