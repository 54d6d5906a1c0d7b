"""Writes lpips.json: distances by the package lpips 0.1.4 (PyPI) with weights that a formula gives, so
that no file of weights travels; lpips_test.cpp computes the same weights.

    python3 make_lpips.py > lpips.json
"""
import json
import sys

import lpips
import numpy as np
import torch


def numbers(seed, count):
    """`count` numbers in [-1, 1), by a linear congruential generator from each one's position."""
    i = np.arange(count, dtype=np.uint64)
    state = (i * np.uint64(2654435761) + np.uint64(seed) * np.uint64(40503)) % np.uint64(2**32)
    state = (state * np.uint64(1664525) + np.uint64(1013904223)) % np.uint64(2**32)
    return state.astype(np.float64) / 2**31 - 1


def fill(parameter, seed, scale, positive=False):
    values = numbers(seed, parameter.numel()) * scale
    values = np.abs(values) if positive else values
    parameter.data = torch.from_numpy(values).to(torch.float32).reshape(parameter.shape)


model = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False)
for name, parameter in sorted(model.net.named_parameters()):
    position = int(name.split(".")[1])
    if name.endswith("weight"):
        fill(parameter, position, (6 / (parameter[0].numel())) ** 0.5)  # He's uniform
    else:
        fill(parameter, position + 100, 0.1)
for i in range(5):
    fill(model.lins[i].model[1].weight, 200 + i, 1, positive=True)
model = model.eval()

cases = []
for seed, (height, width) in enumerate([(16, 16), (37, 22), (64, 48)]):
    images = [
        torch.from_numpy(numbers(300 + 2 * seed + i, 3 * height * width) * 0.5 + 0.5)
        .to(torch.float32).reshape(1, 3, height, width) for i in range(2)]
    images[1] = 0.75 * images[0] + 0.25 * images[1]
    with torch.no_grad():
        distance = model(images[0], images[1], normalize=True).item()
        double = model.double()(images[0].double(), images[1].double(), normalize=True).item()
        model.float()
    cases.append({"seed": 300 + 2 * seed, "height": height, "width": width, "lpips": distance,
                  "lpips_float64": double})
json.dump({"writer": "lpips 0.1.4, torch " + torch.__version__, "cases": cases}, sys.stdout, indent=1)
