#!/usr/bin/env bash
# flash-linear-attention 0.6.0 (fla-core): the PyTorch reference of the TTT-Linear layer (chunk_ttt_linear_ref in
# fla.ops.ttt.naive) multiplies its caller's queries by the scale, in place. Called twice with the same tensors it gives
# two results (7 % apart here, at width 16); whoever compares it with another implementation, one after the
# other, gives that one queries that are too short. Only for float32 and a number of tokens that is a multiple of
# the mini batch (16): another type or length is copied first, and then nothing is changed.
# Why: the tensors are transposed and cast, which are views where nothing has to change, then `q *= scale`.
# What it means: a reference's inputs are to be cloned, and a test that passes at 24 tokens says nothing of 32.
# Needs python3 with pip, and PyPI; no GPU (the library says so in a warning and goes on). PyTorch 2.11.0 is taken
# from python3 where it is, else installed, with its 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps fla-core==0.6.0 einops==0.8.2 triton==3.6.0
python3 - <<'PY'
import torch
from fla.ops.ttt.naive import chunk_ttt_linear_ref

torch.manual_seed(0)

def outcome(tokens, dtype):
    """Whether the queries were changed by a call, and how far a second call's output is from the first's."""
    shape = (2, tokens, 3, 16)
    q, v = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
    k = torch.nn.functional.normalize(torch.randn(shape), dim=-1).to(dtype)
    rest = dict(w=torch.randn(3, 16), b=torch.randn(3, 16), eta=0.1 * torch.rand(2, tokens, 3, 1).to(dtype))
    before = q.clone()
    first, _, _ = chunk_ttt_linear_ref(q, k, v, **rest)
    second, _, _ = chunk_ttt_linear_ref(q, k, v, **rest)
    changed = not torch.equal(q, before)
    apart = float((second - first).norm() / first.norm())
    print(f"{tokens} tokens, {dtype}: queries {'CHANGED' if changed else 'as before'}, second call {apart:.1e} away")
    return changed, apart

whole, ragged, halves = outcome(32, torch.float32), outcome(24, torch.float32), outcome(32, torch.bfloat16)
behaves = whole[0] and whole[1] > 1e-2 and ragged == (False, 0.0) and halves == (False, 0.0)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
