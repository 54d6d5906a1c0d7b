"""The published code, loaded at run time from checkouts that the user names. None of it is here.

    PEERS/flame   github.com/JunchenLiu77/flame      the TTT layer of the language model
    PEERS/lact    github.com/a1600012888/LaCT        the model for novel views
    PEERS/vittt   github.com/LeapLabTHU/ViTTT        the classifiers
"""

import contextlib
import importlib
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import types

import torch


class PeerMissing(Exception):
    """The checkout was not given, or lacks a file."""


def allow_compilation(allowed, any_shape=False):
    """Whether torch.compile, which the published code asks for, compiles.

    Each shape by itself: a kernel for any shape would be slower, and how many shapes came before is an
    accident of the order here. `any_shape` saves the time of compiling where nothing is timed.
    """
    import torch._dynamo

    torch._dynamo.config.disable = not allowed
    torch._dynamo.config.automatic_dynamic_shapes = any_shape
    torch._dynamo.config.recompile_limit = 64


def checkout(peers, name, needed):
    """The folder of a checkout, after a look whether `needed` is there."""
    if peers is None:
        raise PeerMissing("no --peers")
    folder = pathlib.Path(peers).resolve() / name
    if not (folder / needed).exists():
        raise PeerMissing(f"{folder} has no {needed}")
    return folder


def revisions(peers):
    """The commit of every checkout, from Git or from a file COMMIT beside the files."""
    found = {}
    for name in ("flame", "lact", "vittt") if peers else ():
        folder = pathlib.Path(peers) / name
        if (folder / ".git").exists():
            command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
            found[name] = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        elif (folder / "COMMIT").exists():
            found[name] = (folder / "COMMIT").read_text().strip()
    return found


def add_package(name, folder):
    """Registers an empty package whose modules come from `folder`: its own __init__.py, which may
    import what is not installed, does not run."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    package.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    sys.modules[name] = package


@contextlib.contextmanager
def unused_imports():
    """Stands in, for a while, for modules that files import but that no function called here uses.

    Only for a while: PyTorch looks for Triton too, and must not find this.
    """
    added = []
    for name in ("triton", "triton.language", "tqdm"):
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = types.ModuleType(name)
            added.append(name)
    if "triton" in added:
        sys.modules["triton"].language = sys.modules["triton.language"]
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


LAYER_MODULES = {
    "0": "original",
    "1": "only_w1",
    "2": "parallel.only_w1_no_wn",
    "3": "parallel.only_w1_straight_qk_no_wn",
    "4": "parallel.only_w1_straight_qk_no_lr1_no_wn",
    "5": "parallel.only_w1_straight_qk_no_lr1_no_wn_momen",
    "6": "parallel.only_w1_straight_qk_no_lr1_no_wn_momen",
}


def load_layer_modules(peers):
    """The published layer's modules by variant."""
    folder = checkout(peers, "flame", "custom_models/lact_swiglu/ttt_operation.py")
    package = "custom_models"
    add_package(package, folder / "custom_models")
    for part in ("lact_swiglu", "_ttt_operation_impl"):
        add_package(f"{package}.{part}", pathlib.Path(sys.modules[package].__path__[0]) / part)
        package = f"{package}.{part}"
    importlib.import_module("custom_models.lact_swiglu.ttt_operation")  # asks for compilation
    with unused_imports():
        return {variant: importlib.import_module(f"{package}.{name}") for variant, name in LAYER_MODULES.items()}


def layer_callables(modules, variant, data, chunk):
    """The published layer's forms on `data` (layers.LayerData), by name of the form."""
    module = modules[variant]
    w0, w1, w2 = (w.transpose(1, 2).contiguous() for w in (data.w0, data.w1, data.w2))
    qkv = (data.q, data.k, data.v)
    muon = variant != "6"
    if variant in ("0", "1"):
        run = module.block_causal_lact_swiglu
        return {"recurrent": lambda: run(w0, w1, w2, *qkv, data.lr0, data.lr1, data.lr2, chunk, muon, data.momentum)}
    arguments = (w0, w1, w2, *qkv) if variant == "2" else (w1, *qkv)
    if variant in ("2", "3"):
        arguments += (data.lr1,)
    arguments += (chunk, muon)
    if variant in ("2", "3", "4"):
        arguments += (data.momentum,)
    recurrent = module.block_prefix_causal_linear_attention_recurrent
    parallel = module.block_prefix_causal_linear_attention_parallel
    return {"recurrent": lambda: recurrent(*arguments), "parallel": lambda: parallel(*arguments)}


def load_nvs_model(peers, architecture):
    """The published model for novel views, with random weights."""
    folder = checkout(peers, "lact", "lact_nvs/model.py") / "lact_nvs"
    sys.path.insert(0, str(folder))
    # Blocks name their parts as "module.Class", in modules that lie beside the model's.
    module = importlib.import_module("model")
    parts = [
        {"type": "model.SelfAttention", "length_dim": "l",
         "params": {"head_dim": architecture["attention_head_dim"], "use_qk_norm": True}},
        {"type": "lact_ttt.FastWeightGluMLPMultihead", "length_dim": "vl",
         "params": {"head_dim": architecture["ttt_head_dim"], "inter_multi": architecture["inter_multi"],
                    "base_lr": 0.01, "muon_update_steps": 5}},
        {"type": "model.MLP", "length_dim": "vl", "params": {"inter_multi": 4}},
    ]
    return module.LaCTLVSM(architecture["patch_size"], architecture["dim"], architecture["layers"], parts)


def load_classifier(peers, width, depth, heads, image_size):
    """The published ViT³ of that size, with random weights."""
    folder = checkout(peers, "vittt", "vittt/models/vittt.py") / "vittt/models"
    add_package("published_vittt", folder)
    module = importlib.import_module("published_vittt.vittt")
    return module.VisionTransformer(
        img_size=image_size, patch_size=16, embed_dim=width, depth=depth, num_heads=heads)
