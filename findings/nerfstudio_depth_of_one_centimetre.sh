#!/usr/bin/env bash
# nerfstudio 1.1.5, depth-nerfacto: depth_sigma = 0.01, described as "Uncertainty around depth values in meters
# (defaults to 1cm)", is 10 cm by one of its two losses and 3 mm by the other, if a unit of the field is a metre:
#   DS_NERF (the default) pulls at weights with a Gaussian that is 0.100 wide (standard deviation): it is divided by
#     2 sigma, not 2 sigma², so that sigma is a variance. 0.2 to start with (should_decay_sigma) is 45 cm.
#   URF holds a Gaussian of 0.0033 for true (sigma / 3), and compares a weight, which is a share of the ray, with that
#     Gaussian's density, which is one per unit of length: weights within 1 cm of the surface are to be up to 118 each,
#     997 together, where all weights sum to at most 1. The very Gaussian in 1,000ths of a unit has a loss of 84,458,
#     all weight in one sample 84,391, no weight at all 84,627.
# Nor are they metres: depths are multiplied by the data parser's scale, which brings cameras into a box of ±1, sigma is
# not. Where cameras are up to 5 m from their middle, 10 cm are 50.
# What it means: surfaces that are supervised to 1 cm are free within 10 and more, a comparison of the two losses at one
# sigma is of two widths 30 times apart, and URF's value is nearly all a constant. For DS_NERF give the square, in the
# field's units.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps nerfstudio==1.1.5 numpy==2.2.6 jaxtyping==0.3.2 wadler-lindig==0.1.7 rich==14.1.0 pillow==12.0.0 \
  markdown-it-py==4.0.0 mdurl==0.1.2 pygments==2.19.2 opencv-python-headless==4.12.0.88 imageio==2.37.0 viser==1.1.1 \
  msgspec==0.20.0 websockets==15.0.1 zstandard==0.25.0 typing-extensions==4.15.0 nerfacc==0.5.2
python3 - <<'PY'
import torch
from nerfstudio.model_components.losses import ds_nerf_depth_loss, urban_radiance_field_depth_loss

DEPTH, STEP, SIGMA = 1.0, 0.001, 0.01  # in the units of the field, as both losses have them
steps = (torch.arange(2000, dtype=torch.float64) * STEP + STEP / 2)[None, :, None]
truth, sigma = torch.tensor([[DEPTH]], dtype=torch.float64), torch.tensor([SIGMA], dtype=torch.float64)
away = steps[0, :, 0] - DEPTH

def gaussian(width):
    """Weights of a surface that is blurred by so much; they sum to 1."""
    weights = torch.exp(-0.5 * (steps - DEPTH) ** 2 / width**2)
    return weights / weights.sum()

def width(pull):
    return float(((pull * away**2).sum() / pull.sum()).sqrt())

def urban(weights):
    expected = (weights * steps).sum(-2)
    return float(urban_radiance_field_depth_loss(weights, truth, expected, steps, sigma))

# How hard DS-NeRF's loss pulls at a weight of the same size wherever it is: that is the Gaussian it holds for true.
weights = torch.full_like(steps, 0.001).requires_grad_()
ds_nerf_depth_loss(weights, truth, steps, torch.full_like(steps, STEP), sigma).backward()
assumed = width(-weights.grad[0, :, 0])

# What the other loss holds for true: the weight of each sample for which nothing pulls.
weights = torch.zeros_like(steps).requires_grad_()
urban_radiance_field_depth_loss(weights, truth, truth, steps, sigma).backward()
wanted = -weights.grad[0, :, 0] / 2
near = gaussian(SIGMA / 3)
spike = torch.zeros_like(steps)
spike[0, 1000] = 1
print(f"sigma {SIGMA}: DS-NeRF's Gaussian is {assumed:.4f} wide, that of Urban Radiance Fields {width(wanted):.4f}")
print(f"Urban Radiance Fields wants a weight of {wanted.max():.1f} for one sample, {wanted.sum():.0f} for all together")
nothing = urban(0 * spike) - DEPTH**2  # less what is for the mean depth
losses = {"the Gaussian itself": urban(near), "all in one sample": urban(spike), "nothing at all": nothing}
print("its loss (line of sight):", {name: round(loss) for name, loss in losses.items()})
behaves = (abs(assumed - SIGMA**0.5) < 1e-3 and abs(width(wanted) - SIGMA / 3) < 2e-4 and 118 < wanted.max() < 120
           and 980 < wanted.sum() < 1000 and losses["all in one sample"] < losses["the Gaussian itself"])
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
