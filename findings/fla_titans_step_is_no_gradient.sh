#!/usr/bin/env bash
# flash-linear-attention 0.6.0 (fla-core): the Titans layer (chunk_titans_linear_ref, the only implementation there is)
# says that its inner step follows the gradient of the loss. It does not: the step of one token, momentum and
# forgetting off, has a cosine of 0.86 with the descent step that autograd gives and is 18 times as long (with these
# random numbers; 0.58 and 29 with others).
# Why: the backward pass of layer norm, (D g - sum g - x sum(g x)) / (D r), is written without the first pair of
# brackets, so that D g is not divided by anything; the TTT layer beside it (fla.ops.ttt.naive) has them. With them the
# step is the gradient's, as the last line of the output shows.
# What it means: rates tuned with it (theta) are about D r times too small for an implementation that is right, and the
# directions differ, so that weights do not carry over. Its recurrent and chunk forms agree with one another, which
# is what tests compare; only autograd, or another's code, tells.
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
from fla.ops.titans.naive import chunk_titans_linear_ref

torch.manual_seed(0)
width, rate = 16, 0.01
q, v = torch.randn(1, 1, 1, width), torch.randn(1, 1, 1, width)
k = torch.nn.functional.normalize(torch.randn(1, 1, 1, width), dim=-1)
weight, bias = torch.ones(1, width), torch.zeros(1, width)
start = torch.randn(1, 1, width, width)
gate = torch.zeros(1, 1, 1, 1)  # neither forgetting nor momentum
steps = {}
for form in (True, False):
    _, state = chunk_titans_linear_ref(q, k, v, weight, bias, theta=gate + rate, alpha=gate, eta=gate, chunk_size=1,
                                       initial_state=start.clone(), output_final_state=True, use_chunk=form)
    steps["chunk" if form else "recurrent"] = state - start
matrix = start.clone().requires_grad_()
output = torch.nn.functional.layer_norm(k @ matrix, (width,), weight[0], bias[0], 1e-6)
(gradient,) = torch.autograd.grad((output - (v - k)).square().sum(), matrix)
expected = -rate * gradient
behaves = True
for form, step in steps.items():
    cosine = float(torch.nn.functional.cosine_similarity(step.flatten(), expected.flatten(), dim=0))
    length = float(step.norm() / expected.norm())
    print(f"{form}: cosine with the descent step {cosine:.2f}, {length:.0f} times its length")
    behaves = behaves and cosine < 0.9 and length > 5
inner = k @ start
r = (inner.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()
x = (inner - inner.mean(-1, keepdim=True)) / r
g = x - (v - k)
bracketed = (width * g - g.sum(-1, keepdim=True) - x * (g * x).sum(-1, keepdim=True)) / (width * r)
error = float((-2 * rate * k.transpose(-2, -1) @ bracketed - expected).norm() / expected.norm())
print(f"with the brackets: {error:.0e} from the descent step")
behaves = behaves and error < 1e-4
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
