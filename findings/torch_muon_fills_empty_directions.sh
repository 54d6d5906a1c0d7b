#!/usr/bin/env bash
# PyTorch 2.11.0's torch.optim.Muon orthogonalises in bfloat16 whatever the parameter's type is, and Newton–Schulz
# multiplies roundings where the gradient has nothing: a float64 weight of 256 × 256 whose gradient has rank 8 (a
# batch of 8 tokens) gets an update of rank above 200, 42 % of whose norm is noise that no gradient asked for. The same
# five steps in float64 leave rank 8. For a gradient of full rank the two differ by 1.2 %, so that a test on random
# matrices does not show it.
# Why: the iteration multiplies small singular values by 3.4 a step, 485 in five; bfloat16's roundings of 2^-9 of the
# large ones are such small values, in all directions.
# What it means: gradients of few tokens, or of layers that few tokens reach, are to be orthogonalised in more bits
# (float16 has three more and is enough in range), or on the factors that they are a product of.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
python3 - <<'PY'
import torch

torch.manual_seed(0)

def muon_update(gradient):
    weight = torch.nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient.clone()
    torch.optim.Muon([weight], lr=1.0, weight_decay=0.0).step()
    return -weight.detach()

def iterated(gradient):  # with Muon's default coefficients, in the gradient's own type
    x = gradient / gradient.norm()
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x

def rank(x):
    return int((torch.linalg.svdvals(x) > 0.01).sum())

def outcome(name, gradient):
    update, exact = muon_update(gradient), iterated(gradient)
    apart = float((update - exact).norm() / exact.norm())
    is_bfloat16 = torch.equal(update.bfloat16().double(), update)
    print(f"{name}: {update.dtype} update of rank {rank(update)}, in float64 {rank(exact)}; {apart:.1%} apart"
          f"{', every number a bfloat16' if is_bfloat16 else ''}")
    return rank(update), rank(exact), apart, is_bfloat16

thin = outcome("gradient of rank 8", torch.randn(256, 8).double() @ torch.randn(8, 256).double())
full = outcome("gradient of full rank", torch.randn(256, 256).double())
behaves = (thin[0] > 150 and thin[1] == 8 and thin[2] > 0.2 and thin[3] and full[3] and full[2] < 0.05)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
