#!/usr/bin/env bash
# PEFT 0.21.2: add_weighted_adapter(combination_type="linear") of two LoRA adapters is not the weighted sum of what they
# add to the weights. Factors are summed, not products: with weights of one half the result is
#   of an adapter and a copy of it: twice the adapter, where half and half should be the adapter itself;
#   of an adapter and the same one with both its factors' signs turned (which adds the very same to the weights): 0;
#   of two unrelated ones: off by 100 % of the right sum's norm, and 1.4 times as long.
# A single adapter with weight 1 (and another with 0) is right, and a first test passes. "cat" is right to 1e-6 in all
# cases, at twice the rank. "dare_linear" and "magnitude_prune" at density 1 give the same as "linear".
# What it means: averages of fine-tuned models, and task vectors by their difference, are something else for LoRA, and
# which depends on signs and rotations inside the factors that training leaves to chance. Use "cat", or add
# get_delta_weight() of each.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps peft==0.21.2 accelerate==1.12.0 transformers==4.57.1 tokenizers==0.22.1 huggingface_hub==0.36.0 \
  numpy==2.2.6 packaging==25.0 psutil==7.1.3 pyyaml==6.0.3 tqdm==4.67.1 safetensors==0.7.0 regex==2025.11.3 \
  requests==2.32.5 urllib3==2.5.0 idna==3.10 certifi==2025.10.5 charset-normalizer==3.4.4
python3 - <<'PY'
import torch
from peft import LoraConfig, get_peft_model

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 64, bias=False)

torch.manual_seed(0)
factors = {"a": (torch.randn(8, 64), torch.randn(64, 8)), "b": (torch.randn(8, 64), torch.randn(64, 8))}
factors["copy of a"] = factors["a"]
factors["a, signs turned"] = tuple(-factor for factor in factors["a"])
config = LoraConfig(r=8, lora_alpha=8, target_modules=["layer"])
model = get_peft_model(Net(), config, adapter_name="a")
layer = model.base_model.model.layer
for name, (first, second) in factors.items():
    if name != "a":
        model.add_adapter(name, config)
    layer.lora_A[name].weight.data, layer.lora_B[name].weight.data = first.clone(), second.clone()
assert torch.equal(layer.get_delta_weight("a"), layer.get_delta_weight("a, signs turned"))

found = {}
for other, weights in (("b", (1, 0)), ("b", (0.5, 0.5)), ("copy of a", (0.5, 0.5)), ("a, signs turned", (0.5, 0.5)),
                       ("b", (1, -1))):
    true = weights[0] * layer.get_delta_weight("a") + weights[1] * layer.get_delta_weight(other)
    for way in ("linear", "cat", "dare_linear", "magnitude_prune"):
        options = {"density": 1.0} if way in ("dare_linear", "magnitude_prune") else {}
        model.add_weighted_adapter(["a", other], list(weights), "sum", combination_type=way, **options)
        result = layer.get_delta_weight("sum")
        model.delete_adapter("sum")
        found[other, weights, way] = float((result - true).norm() / true.norm()), float(result.norm() / true.norm())
        off, long = found[other, weights, way]
        print(f"{weights[0]} a + {weights[1]} ({other}), {way}: off by {off:.3f} of the norm, {long:.3f} times as long")
half = (0.5, 0.5)
behaves = (all(off < 1e-5 for (_, _, way), (off, _) in found.items() if way == "cat")
           and found["b", (1, 0), "linear"][0] < 1e-5 and found["b", half, "linear"][0] > 0.8
           and abs(found["copy of a", half, "linear"][1] - 2) < 1e-4
           and found["a, signs turned", half, "linear"][1] < 1e-4 and found["b", (1, -1), "linear"][0] > 0.8)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
