#!/usr/bin/env bash
# torchmetrics 1.8.2: MetricCollection decides after its first batch which of its metrics "compute the same", and from
# then on gives them one state, that of the first of them. Metrics that differ in threshold or ignore_index, and agree
# in the first batch, as they do where nothing is uncertain or nothing is to be ignored, get one value for good:
#   IoU of opacities against masks above 10, 50 and 90 %, of 20 views: 0.686, 1.000 and 0.632. With one sharp view
#     before them 0.697, three times over (0.697, 1.000 and 0.649 are right then).
#   Accuracy with and without ignore_index=0, where half of the pixels are of class 0 and all of those are right:
#     0.800 and 0.600. With one picture before them that has no pixel of class 0: 0.790 twice (0.790 and 0.600).
# The same metrics with compute_groups=False, or outside a collection, are right. Which value all get depends on their
# names, as the first of the collection's order is asked. No warning; .compute_groups shows the groups.
# What it means: a table in which two columns are equal to the last digit, depending on which image came first. The
# option is on by default, to save time; say compute_groups=False where metrics of one class differ in an argument.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchmetrics==1.8.2 lightning-utilities==0.15.3 numpy==2.2.6 packaging==25.0 typing-extensions==4.15.0
python3 - <<'PY'
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryJaccardIndex, MulticlassAccuracy

def view(blur):
    """The opacities of a disc somewhere in a view, and its mask."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    centre = 24 + 16 * torch.rand(2)
    distance = torch.hypot(x - centre[0], y - centre[1]) - 16
    mask = distance < 0
    return torch.sigmoid(-distance / blur) if blur else mask.float(), mask.int()

def picture(first_class):
    """Guesses and classes of 4,096 pixels: class 0 is always seen rightly, the others in three cases of five."""
    truth = torch.randint(1, 5, (4096,))
    if first_class:
        truth = torch.where(torch.rand(4096) < 0.5, 0, truth)
    wrong = (truth > 0) & (torch.rand(4096) > 0.6)
    return torch.where(wrong, truth % 4 + 1, truth), truth

def thresholds():
    return {f"above {t} %": BinaryJaccardIndex(threshold=t / 100) for t in (10, 50, 90)}

def accuracies():
    return {"all": MulticlassAccuracy(num_classes=5, average="micro"),
            "foreground": MulticlassAccuracy(num_classes=5, average="micro", ignore_index=0)}

def run(metrics, batches, **options):
    together = MetricCollection(metrics(), **options)
    for guess, truth in batches:
        together.update(guess, truth)
    return {name: round(float(value), 3) for name, value in together.compute().items()}

torch.manual_seed(0)
found = {}
for name, metrics, make, first in (("IoU", thresholds, lambda: view(1.5), view(0)),
                                   ("accuracy", accuracies, lambda: picture(True), picture(False))):
    batches = [make() for _ in range(20)]
    for order, these in (("as they are", batches), ("after an easy one", [first] + batches)):
        alone = run(metrics, these, compute_groups=False)
        found[name, order] = alone, run(metrics, these)
        print(f"{name}, {order}: apart {list(alone.values())}, in a collection {list(found[name, order][1].values())}")
behaves = all(alone == together for (_, order), (alone, together) in found.items() if order == "as they are") and all(
    len(set(together.values())) == 1 and max(alone.values()) - min(alone.values()) > 0.15
    for (_, order), (alone, together) in found.items() if order != "as they are")
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
