#!/usr/bin/env bash
# flash-linear-attention 0.6.0 (fla-core): the chunk form of the delta rule with momentum, as the library's own
# PyTorch reference has it (chunk_momentum_delta_rule_ref), equals the recurrent reference to 1e-5 at a momentum
# of 0.9. At 0.5 it is off by more than half of the result, and at 0.1 it is not a number. Inputs are ordinary: unit
# keys, rates below one, 64 tokens, which is one chunk.
# Why: the weight of an earlier token is a difference of two running sums times the reciprocal of the running
# product of the momenta. The sums agree in all digits of float32 once that product is small (0.5^24 is below
# float32's last digit), and the reciprocal (0.5^-64 = 1.8e19) multiplies what rounding has left of their difference.
# The sums are in logarithms, which keeps them from overflowing, not from cancelling.
# What it means: a parallel form of momentum that divides by the product of the momenta is right for as many tokens as
# that product has digits; tests near 0.9 do not tell. A scan over (factor, step) pairs has no such limit.
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
from fla.ops.momentum_delta_rule import chunk_momentum_delta_rule_ref, recurrent_momentum_delta_rule_ref

torch.manual_seed(0)
batch, tokens, heads, width = 2, 64, 3, 16

def unit():
    return torch.nn.functional.normalize(torch.randn(batch, tokens, heads, width), dim=-1)

def gate(value):
    return torch.full((batch, tokens, heads), value)

q, k, v = unit(), unit(), torch.randn(batch, tokens, heads, width)
rates = {name: 0.2 + 0.5 * torch.rand(batch, tokens, heads) for name in ("beta", "eta")}
errors = {}
for momentum in (0.9, 0.5, 0.1):
    inputs = dict(q=q, k=k, v=v, p=k, log_alpha=gate(0.98).log(), log_mu=gate(momentum).log(), **rates)
    exact, _ = recurrent_momentum_delta_rule_ref(**inputs)
    chunked, _ = chunk_momentum_delta_rule_ref(**inputs)
    errors[momentum] = float((chunked - exact).norm() / exact.norm())
    print(f"momentum {momentum}: the chunk form is off by {errors[momentum]:.1e} of the recurrent one's norm")
behaves = errors[0.9] < 1e-4 and errors[0.5] > 0.1 and errors[0.1] != errors[0.1]
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
