#!/usr/bin/env bash
# PyTorch 2.11.0, torch.distributed with gloo: broadcast, scatter and all_reduce of a transposed tensor go by memory's
# order, and nothing is said. Rank 0 hands out checkpoint["weight"].t(), the others receive into torch.empty(shape):
#   broadcast and scatter of a 256 × 64 weight: shape and sum are right, 99.98 % of the others' values are wrong.
#   broadcast of pictures that rank 0 has in channels_last and the others have not: 99.7 % of the values are wrong.
#   all_reduce of a matrix that one rank holds transposed: 99.98 % of the sums are of elements with other indices.
#   all_gather, all_gather_into_tensor and broadcast_object_list are right, and send refuses ("has to be
#     contiguous"), so that one takes strides for something that is looked after.
# Why: tensors that fill their memory without holes are passed as their memory; each rank puts it into its own strides.
# With the same strides on all ranks it is right, as it is for parameters of one model built alike.
# What it means: weights that rank 0 converts (a transpose per linear layer) or moves to channels_last, and then hands
# out, are noise on all other ranks. Call .contiguous() on all ranks before.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0 numpy==2.2.6
cat > "$folder/ranks.py" <<'PY'
import sys

import torch
import torch.distributed as dist

def wrong(got, right):
    return float((got != right).float().mean())

def work(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    first = rank == 0
    weight = torch.randn(256, 64, generator=torch.Generator().manual_seed(0))
    picture = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    transposed = weight.t().contiguous().t()  # the same values, with a checkpoint's memory
    found = {}

    got = transposed.clone() if first else torch.empty(256, 64)
    dist.broadcast(got, 0)
    found["broadcast"] = wrong(got, weight)
    found["sum"] = float((got.double().sum() - weight.double().sum()).abs())
    got = picture.to(memory_format=torch.channels_last) if first else torch.empty(2, 3, 16, 16)
    dist.broadcast(got, 0)
    found["broadcast of channels_last"] = wrong(got, picture)
    got = transposed.clone() if first else weight.clone()
    dist.all_reduce(got)
    found["all_reduce"] = wrong(got, 2 * weight)
    mine = transposed if first else weight
    both = [torch.empty(256, 64) for _ in range(2)]
    dist.all_gather(both, mine)
    found["all_gather"] = max(wrong(got, weight) for got in both)
    both = torch.empty(512, 64)
    dist.all_gather_into_tensor(both, mine)
    found["all_gather_into_tensor"] = wrong(both, torch.cat([weight, weight]))
    try:
        dist.send(transposed, 1 - rank)
    except RuntimeError as error:
        found["refused"] = str(error)
    got = torch.empty(256, 64)
    dist.scatter(got, [transposed, transposed] if first else None, 0)
    found["scatter"] = wrong(got, weight)
    box = [transposed if first else None]
    dist.broadcast_object_list(box, 0)
    found["broadcast_object_list"] = wrong(box[0], weight)
    if rank == 1:
        torch.save(found, folder + "/found")
    dist.destroy_process_group()

if __name__ == "__main__":
    torch.multiprocessing.spawn(work, (sys.argv[1],), nprocs=2)
    found = torch.load(sys.argv[1] + "/found")
    print(f"send: {found.pop('refused')}")
    for name, value in found.items():
        print(f"{name}: {value:.2e} off" if name == "sum" else f"{name}: {100 * value:.2f} % of rank 1's values wrong")
    behaves = (found["broadcast"] > 0.999 and found["sum"] < 1e-3 and found["broadcast of channels_last"] > 0.9
               and min(found["all_reduce"], found["scatter"]) > 0.99
               and not any(found[name] for name in ("all_gather", "all_gather_into_tensor",
                                                    "broadcast_object_list")))
    print("as described" if behaves else "NOT as described")
    raise SystemExit(not behaves)
PY
GLOO_SOCKET_IFNAME=lo timeout 150 python3 "$folder/ranks.py" "$folder"
