#!/usr/bin/env bash
# gsplat 1.5.3: export_splats(format="ply") of 1,000 Gaussians of which one is wholly opaque writes a PLY file with
# "element vertex 0": all are gone, no exception, no warning, and the bytes are returned as if they were the scene.
# Opacities are logits, and an opacity of 1 is +inf, which torch.logit gives for the 255 of a .splat file or for
# points that were set to opaque by hand. Renderers take it for what it is: its sigmoid is 1.
# An infinite mean, scale or colour costs that one Gaussian, as the code says ("Filter out invalid entries"): for the
# opacities, which have one axis, any(dim=0) asks whether there is one among all.
# What it means: a script that saves a PLY per scene and then deletes the checkpoint loses the scene; look at
# the vertex count, and clamp logits (torch.logit(x, eps=1e-6)). The other formats ("splat", "ply_compressed") raise.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps gsplat==1.5.3 numpy==2.2.6 jaxtyping==0.3.2 wadler-lindig==0.1.7 rich==14.1.0 markdown-it-py==4.0.0 \
  mdurl==0.1.2 pygments==2.19.2 typing-extensions==4.15.0
python3 - <<'PY' 2>&1 | grep -v "No CUDA toolkit"
import re

import torch
from gsplat.exporter import export_splats

torch.manual_seed(0)
count = 1000
draws = torch.randn(count, 3)
alpha = 0.01 + 0.98 * torch.rand(count)

def kept(kind="ply", **changed):
    """How many Gaussians the file holds; the name of the exception where there is none."""
    scene = {"means": draws, "scales": torch.full((count, 3), -4.0), "quats": torch.randn(count, 4),
             "opacities": torch.logit(alpha), "sh0": torch.zeros(count, 1, 3), "shN": torch.zeros(count, 15, 3)}
    try:
        data = export_splats(**{**scene, **changed}, format=kind)
    except IndexError as error:
        return type(error).__name__
    return len(data) // 32 if kind == "splat" else int(re.search(rb"element vertex (\d+)", data)[1])

opaque, distant = alpha.clone(), draws.clone()
opaque[7], distant[7, 0] = 1, float("inf")
logits = torch.logit(opaque)
print(f"alpha of the opaque one: logit {float(logits[7])}, back to {float(torch.sigmoid(logits[7]))}")
results = {"opacities below 1": kept(), "one of 1": kept(opacities=logits), "one mean infinite": kept(means=distant),
           "one of 1, clamped": kept(opacities=torch.logit(opaque, eps=1e-6))}
others = {kind: (kept(kind), kept(kind, opacities=logits)) for kind in ("splat", "ply_compressed")}
for name, number in results.items():
    print(f"ply, {name}: {number} of {count}")
print(f"without and with it: {others}")
behaves = (list(results.values()) == [count, 0, count - 1, count] and others["splat"] == (count, "IndexError")
           and others["ply_compressed"][1] == "IndexError")
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
