"""Writes the checkpoints in samples.tar.gz with the tools that people save with.

    python tests/weights/make.py OUT && tar -C OUT -czf tests/weights/samples.tar.gz .

OUT gets one file or folder per form, all of the same small ViT3 model (random weights, float32 unless
the name says otherwise), and plain.safetensors, which holds what each must give. Written with torch
2.11, torch-ema 0.3 and safetensors 0.8 on Python 3.11; the names of Lightning's, DeepSpeed's, timm's and yacs's files
are theirs, written without them.
"""

import argparse
import collections
import copy
import json
import os
import pathlib
import sys

import numpy as np
import torch
import torch.distributed
from safetensors.torch import save_file
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch_ema import ExponentialMovingAverage


# A small ViT3 classifier: one block of width 8 with two heads, patches of 4 pixels, 3 classes.
SHAPES = {
    "patch_embed.proj.weight": (8, 3, 4, 4),
    "patch_embed.proj.bias": (8,),
    "blocks.0.cpe.weight": (8, 1, 3, 3),
    "blocks.0.cpe.bias": (8,),
    "blocks.0.norm1.weight": (8,),
    "blocks.0.norm1.bias": (8,),
    "blocks.0.attn.w1": (1, 2, 4, 4),
    "blocks.0.attn.w2": (1, 2, 4, 4),
    "blocks.0.attn.w3": (4, 1, 3, 3),
    "blocks.0.attn.qkv.weight": (36, 8),
    "blocks.0.attn.qkv.bias": (36,),
    "blocks.0.attn.proj.weight": (8, 12),
    "blocks.0.attn.proj.bias": (8,),
    "blocks.0.norm2.weight": (8,),
    "blocks.0.norm2.bias": (8,),
    "blocks.0.mlp.fc1.weight": (16, 8),
    "blocks.0.mlp.fc1.bias": (16,),
    "blocks.0.mlp.fc2.weight": (8, 16),
    "blocks.0.mlp.fc2.bias": (8,),
    "norm.weight": (8,),
    "norm.bias": (8,),
    "head.weight": (3, 8),
    "head.bias": (3,),
}


class Named(torch.nn.Module):
    """A module that has parameters of given names and nothing else."""

    def __init__(self, tensors):
        super().__init__()
        children = collections.defaultdict(dict)
        for name, tensor in tensors.items():
            first, _, rest = name.partition(".")
            if rest:
                children[first][rest] = tensor
            else:
                self.register_parameter(first, torch.nn.Parameter(tensor.clone()))
        for first, inner in children.items():
            self.add_module(first, Named(inner))

    def forward(self, x):
        return x


class CfgNode(dict):
    """As yacs.config.CfgNode, which the ViT3 trainer pickles whole."""

    def __init__(self, items=None):
        super().__init__(items or {})
        self.__dict__["__immutable__"] = False
        self.__dict__["__deprecated_keys__"] = set()


CfgNode.__module__ = "yacs.config"
sys.modules["yacs"] = type(sys)("yacs")
sys.modules["yacs.config"] = type(sys)("yacs.config")
sys.modules["yacs.config"].CfgNode = CfgNode


class LitModel(torch.nn.Module):
    """Names as a LightningModule that keeps the network in `self.model` gives them."""

    def __init__(self, network, attribute="model"):
        super().__init__()
        self.add_module(attribute, network)
        self.criterion = torch.nn.CrossEntropyLoss(weight=torch.ones(3))


def with_tensors(module, tensors):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tensors[name])
    return module


def save_shards(folder, tensors, ending, save):
    """Three shards and their index, named as transformers and accelerate name them."""
    folder.mkdir(parents=True)
    stem = "model" if ending == "safetensors" else "pytorch_model"
    names = list(tensors)
    weight_map = {}
    for i in range(3):
        file = f"{stem}-{i + 1:05d}-of-00003.{ending}"
        part = {name: tensors[name] for name in names[i::3]}
        save(part, folder / file)
        weight_map.update(dict.fromkeys(part, file))
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / f"{stem}.{ending}.index.json").write_text(json.dumps(index, indent=1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    # Values that bfloat16 holds: the archive of the results is half as large.
    plain = {name: (torch.randn(shape) * 0.1).bfloat16().float() for name, shape in SHAPES.items()}
    other = {name: (torch.randn(shape) * 0.1).bfloat16().float() for name, shape in SHAPES.items()}
    save_file(plain, out / "plain.safetensors")
    network = Named(plain)
    raw = Named(other)

    # Prefixes.
    torch.save(torch.compile(network).state_dict(), out / "compiled.pt")
    parallel = torch.nn.DataParallel(torch.compile(network))
    torch.save({"model": parallel.state_dict(), "epoch": 3}, out / "parallel_compiled.pth")
    torch.save(torch.compile(torch.nn.DataParallel(network)).state_dict(), out / "compiled_parallel.bin")
    wrapped = copy.deepcopy(network)
    wrapped.blocks = torch.nn.ModuleList([checkpoint_wrapper(wrapped.blocks.get_submodule("0"))])
    # The wrapper's state_dict() hides it, but not its parameters' names, of which people make averages.
    wrapped = torch.nn.DataParallel(wrapped)
    torch.save({"ema": {k: v.detach() for k, v in wrapped.named_parameters()}},
               out / "activation_checkpoint.pt")
    inner = copy.deepcopy(network)
    inner.blocks = torch.nn.ModuleList([torch.compile(inner.blocks.get_submodule("0"))])
    save_file({k: v.contiguous() for k, v in inner.state_dict().items()}, out / "compiled_blocks.safetensors")
    save_file({"model." + k: v for k, v in plain.items()}, out / "model_prefix.safetensors")

    # Lightning.
    lightning = {"epoch": 1, "global_step": 10, "pytorch-lightning_version": "2.5.0",
                 "loops": {}, "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5)}},
                 "hyper_parameters": {"lr": 0.1}}
    torch.save({**lightning, "state_dict": LitModel(torch.compile(network)).state_dict()}, out / "lightning.ckpt")
    torch.save({**lightning, "state_dict": LitModel(network, "net").state_dict()}, out / "lightning_net.ckpt")

    # Averaged weights beside the others.
    averaged = AveragedModel(raw, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    with_tensors(averaged.module, plain)
    torch.save(averaged.state_dict(), out / "averaged_model.pt")
    torch.save({"model": raw.state_dict(), "swa": averaged.state_dict()}, out / "model_and_averaged.pt")
    for key in ("ema", "model_ema", "ema_model"):
        torch.save({"model": other, key: plain}, out / f"model_and_{key}.pt")
    torch.save({"state_dict": other, "state_dict_ema": plain, "arch": "vittt_t"}, out / "timm.pth.tar")
    torch.save({"model": other, "ema": {"module": plain, "decay": 0.999, "updates": 7}}, out / "ema_module.pt")
    partial = {k: v for k, v in other.items() if "head" not in k}
    torch.save({"model": plain, "ema": partial}, out / "incomplete_ema.pt")
    # As classes of people's own keep them, and other ways to write the key.
    torch.save({"model": other, "ema": {"decay": 0.999, "shadow": plain}}, out / "ema_shadow.pt")
    torch.save({"model": other, "EMA": plain}, out / "model_and_upper_ema.pt")
    torch.save({"model": other, "ema2-0.9999": plain}, out / "model_and_numbered_ema.pt")
    # torch-ema, as diffusers' EMAModel, keeps a list in the order of the parameters; one of another length fits none.
    average = ExponentialMovingAverage(network.parameters(), decay=0.999)
    torch.save({"model": raw.state_dict(), "ema": average.state_dict()}, out / "torch_ema.pt")
    torch.save({"model": plain, "ema": {"shadow_params": average.shadow_params[:-1]}}, out / "partial_torch_ema.pt")
    # Latent diffusion's LitEma: buffers, whose names have lost their dots.
    torch.save({"state_dict": {**{"model." + k: v for k, v in other.items()},
                               **{"model_ema." + k.replace(".", ""): v for k, v in plain.items()},
                               "model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(3)}},
               out / "lit_ema.ckpt")
    # Adam's moments by name, which are averages, too, but none of weights.
    torch.save({"exp_avg": other, "exp_avg_sq": other, "model": plain, "grad_ema": other},
               out / "named_moments.pt")
    save_file({**{"model." + k: v for k, v in other.items()},
               **{"model_ema." + k: v for k, v in plain.items()}}, out / "both.safetensors")

    # Other dictionaries.
    torch.save({"generator": plain, "step": torch.tensor(1)}, out / "unusual_key_beside_step.pt")
    # Older versions of THOP left their counts in every module profiled; written without them.
    counts = {f"{module}total_{what}": torch.zeros(1, dtype=torch.float64)
              for module in ("", "blocks.0.", "head.") for what in ("ops", "params")}
    torch.save({"model": {**plain, **counts}}, out / "profiled.pt")
    torch.save({"epoch": 3, "model_state_dict": plain, "loss": torch.tensor(0.25)}, out / "tutorial_loss.pt")
    torch.save({"module": plain, "ds_version": "0.16", "param_shapes": [collections.OrderedDict()],
                "optimizer": None, "buffer_names": []}, out / "mp_rank_00_model_states.pt")
    optimiser = torch.optim.AdamW(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, 100)
    torch.save({"model": plain, "optimizer": optimiser, "lr_scheduler": scheduler.state_dict(),
                "max_accuracy": 71.25, "epoch": 3,
                "config": CfgNode({"MODEL": CfgNode({"NAME": "vittt_t"})})}, out / "trainer.pth")

    # Dictionaries of people's own, and several that no name tells apart.
    torch.save({"net": plain, "acc": 71.25, "epoch": 3}, out / "net_and_accuracy.pt")
    torch.save({"app": {"model": plain, "optim": optimiser.state_dict()}}, out / "application.pt")
    torch.save({"student": other, "teacher": plain}, out / "student_and_teacher.pt")
    torch.save({**lightning, "state_dict": {**{"teacher." + k: v for k, v in other.items()},
                                            **{"student." + k: v for k, v in plain.items()}}},
               out / "distillation.ckpt")

    # Folders that say which of their folders counts: DeepSpeed's, and the Hub's cache.
    step = out / "deepspeed" / "global_step10"
    step.mkdir(parents=True)
    (step.parent / "latest").write_text("global_step10")
    torch.save({"module": plain, "ds_version": "0.16"}, step / "mp_rank_00_model_states.pt")
    torch.save({"optimizer_state_dict": {}}, step / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    cached = out / "models--someone--vit3"
    snapshot = cached / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    (cached / "blobs").mkdir()
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123abcd")
    save_file(plain, cached / "blobs" / "beef")
    os.symlink("../../blobs/beef", snapshot / "model.safetensors")

    # Archives that are no checkpoints.
    np.savez(out / "arrays.npz", **{k: v.numpy() for k, v in plain.items()})
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),)),
                      out / "exported.pt2")

    # Shards.
    save_shards(out / "shards", plain, "safetensors", save_file)
    save_shards(out / "bin_shards", plain, "bin", torch.save)

    # Tensors of unusual kinds.
    attributes = {k: torch.nn.Parameter(v.clone()) for k, v in plain.items()}
    for i, value in enumerate(attributes.values()):
        if i % 2:
            value.no_weight_decay = True
    values = {k: v.clone() for k, v in plain.items()}
    values["norm.bias"].source = "averaged"
    torch.save(attributes, out / "parameters_with_attributes.pt")
    torch.save(values, out / "tensors_with_attributes.pt")
    torch.save({k: v.to(torch.float8_e4m3fn) for k, v in plain.items()}, out / "float8.pt")
    save_file({k: v.to(torch.float8_e4m3fn) for k, v in plain.items()}, out / "float8.safetensors")
    torch.save({k: v.bfloat16().view(torch.uint16) for k, v in plain.items()}, out / "uint16.pt")
    save_file({k: v.bfloat16().view(torch.uint16) for k, v in plain.items()}, out / "uint16.safetensors")
    torch.save({**plain, "head.weight": plain["head.weight"].to_sparse()}, out / "sparse.pt")
    torch.save({**plain, "head.weight": plain["head.weight"].to("meta")}, out / "meta.pt")
    torch.save({k: v.numpy() for k, v in plain.items()}, out / "numpy.pt")
    torch.save({**plain, "head.weight": torch.empty(0)}, out / "zero3.pt")
    torch.save(network, out / "whole_module.pt")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29613", RANK="0", WORLD_SIZE="1")
    torch.distributed.init_process_group("gloo")
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (1,))
    torch.save({k: distribute_tensor(v, mesh, [Shard(0)]) for k, v in plain.items()}, out / "dtensor.pt")
    part = DTensor.from_local(plain["head.weight"][:1], mesh, [Shard(0)],
                              shape=torch.Size([3, 8]), stride=(8, 1), run_check=False)
    torch.save({**plain, "head.weight": part}, out / "dtensor_shard.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
