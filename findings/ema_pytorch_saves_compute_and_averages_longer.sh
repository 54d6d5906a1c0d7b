#!/usr/bin/env bash
# ema-pytorch 0.8.3: update_every, "to save on compute" as the readme has it, changes what is averaged. Decays are
# computed for the step, as if applied at each, and are applied at one step in update_every. After 2,000 steps:
#   EMA(beta=0.9999): weights that are 145 steps old in the mean with update_every=1, 926 with the readme's (and
#     default) 10. timm 1.0.31's ModelEmaV3 with the same formula for the warm-up: 145.
#   KarrasEMA(sigma_rel=0.05), whose average is to be 5.0 % of the run wide: 5.0 % with 1; with the default of 100 it
#     is 23.8 % wide, and its middle is at 15 % of the run where it should be at 95.
#   PostHocEMA as in the readme (10), then synthesize_ema_model(sigma_rel=0.15): 31.5 % wide about 24 % of the run;
#     with update_every=1 it is 15.0 % wide about 82.
# What it means: a model is evaluated with weights of its first quarter, worse than the last ones, and EMA is blamed;
# sweeps over sigma_rel after training sweep something else. Averages hold no sign of it: their shares sum to 1.
# Say update_every=1, or give beta to the power of update_every and no warm-up.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps ema-pytorch==0.8.3 timm==1.0.31 torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 pyyaml==6.0.3 \
  safetensors==0.7.0 huggingface_hub==0.36.0 packaging==25.0 tqdm==4.67.1 requests==2.32.5 urllib3==2.5.0 idna==3.10 \
  certifi==2025.10.5 charset-normalizer==3.4.4
python3 - "$folder" <<'PY'
import sys
import tempfile

import torch
from ema_pytorch import EMA, PostHocEMA
from ema_pytorch.post_hoc_ema import KarrasEMA
from timm.utils import ModelEmaV3

STEPS = 2000

def shares(wrap, finish=lambda average: average.ema_model):
    """How much of each step's weights is in the average, from a net whose weights say which step it is."""
    net = torch.nn.Linear(STEPS, 1, bias=False)
    net.weight.data.zero_()
    average = wrap(net)
    for step in range(STEPS):
        net.weight.data.zero_()
        net.weight.data[0, step] = 1
        average.update(*((net, step + 1) if isinstance(average, ModelEmaV3) else ()))
    return finish(average).weight.data[0].double()

def shape(share):
    """The sum, and the middle and width (standard deviation) as shares of the run."""
    when = torch.arange(STEPS, dtype=torch.float64) / STEPS
    total = share.sum()
    middle = (share * when).sum() / total
    return float(total), float(middle), float(((share * (when - middle) ** 2).sum() / total).sqrt())

cases = {"timm": shares(lambda net: ModelEmaV3(net, decay=0.9999, use_warmup=True, warmup_gamma=1.0,
                                               warmup_power=2 / 3, update_after_step=100),
                        finish=lambda average: average.module)}
for every in (1, 10):
    cases["EMA", every] = shares(lambda net: EMA(net, beta=0.9999, update_after_step=100, update_every=every))
    cases["post hoc 0.15", every] = shares(
        lambda net: PostHocEMA(net, sigma_rels=(0.05, 0.28), update_every=every, checkpoint_every_num_steps=100,
                               checkpoint_folder=tempfile.mkdtemp(dir=sys.argv[1]), checkpoint_dtype=torch.float32),
        finish=lambda average: average.synthesize_ema_model(sigma_rel=0.15).ema_model)
for every in (1, 10, 100):
    cases["Karras 0.05", every] = shares(lambda net: KarrasEMA(net, sigma_rel=0.05, update_every=every))
found = {}
for name, share in cases.items():
    total, middle, width = shape(share)
    found[name] = (1 - middle) * STEPS, middle, width
    print(f"{name}: {found[name][0]:.0f} steps old in the mean, middle at {100 * middle:.0f} % of the run, "
          f"{100 * width:.1f} % wide, shares sum to {total:.4f}")
    assert abs(total - 1) < 1e-4
behaves = (abs(found["timm"][0] - found["EMA", 1][0]) < 1 and 140 < found["EMA", 1][0] < 150
           and 900 < found["EMA", 10][0] < 950 and abs(found["Karras 0.05", 1][2] - 0.05) < 0.001
           and abs(found["Karras 0.05", 100][2] - 0.238) < 0.005 and found["Karras 0.05", 100][1] < 0.2
           and abs(found["post hoc 0.15", 1][2] - 0.15) < 0.002 and found["post hoc 0.15", 1][1] > 0.8
           and abs(found["post hoc 0.15", 10][2] - 0.315) < 0.01 and found["post hoc 0.15", 10][1] < 0.3)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
