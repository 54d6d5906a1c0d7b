"""Whole models, ours through `parallax bench` and the published ones: views, and images a second.

The published code is timed as its users run it (its own compiled functions, autocast), then compiled
further; every way is saved as soon as it is measured, and the fastest counts.
"""

import math
import time
import traceback

import torch

import peers
import program
import timing

NVS = {"patch_size": 8, "dim": 768, "layers": 24, "attention_head_dim": 64, "ttt_head_dim": 768, "inter_multi": 2}
QUICK_NVS = NVS | {"dim": 64, "layers": 2, "attention_head_dim": 32, "ttt_head_dim": 64}
RESERVE = 2.0  # seconds that a step keeps for its end
OUR_LIMIT = 35.0  # seconds of one run of the program


def autocast(device):
    """Mixed precision as the published training uses it. Not on a CPU: the model switches only CUDA's
    off where it needs float32."""
    return torch.autocast(device_type="cuda", dtype=torch.bfloat16, enabled=device.type == "cuda")


def compile_blocks(model, compiled):
    """Compiles each block, or takes that back. All blocks share one compilation for each shape, which
    takes a fraction of the whole model's time."""
    for block in model.blocks:
        block._compiled_call_impl = None
        if compiled:
            block.compile()


class Section:
    """A part of the results: what each side took, by way of running it."""

    def __init__(self, results, name, head, deadline):
        self.results, self.name, self.deadline = results, name, deadline
        self.data = head | {"ours": [], "theirs": {}, "errors": {}, "left_out": []}
        self.took = {}  # seconds of every attempt

    def left(self):
        """Seconds until the step should be over."""
        return self.deadline - time.monotonic() - RESERVE

    def attempt(self, way, run):
        """Runs a measurement and saves it, or what stopped it."""
        start = time.monotonic()
        try:
            run()
        except Exception as error:
            self.data["errors"][way] = timing.first_line(error)
            traceback.print_exc()
        self.took[way] = time.monotonic() - start
        print(f"{self.name}: {way}: {self.took[way]:.0f} s {self.data['errors'].get(way, '')}", flush=True)
        self.results.set(self.name, self.data)

    def attempt_if_time(self, way, seconds, run):
        """The same, unless less than `seconds` are left."""
        if self.left() < seconds:
            self.data["left_out"].append(way)
            self.results.set(self.name, self.data)
            return
        self.attempt(way, run)

    def failures(self):
        """What failed, as one line; None if nothing did."""
        return "; ".join(f"{way}: {text}" for way, text in self.data["errors"].items()) or None


def median_seconds(run, device, quick):
    """Seconds of a call, the median of bursts."""
    seconds, errors = timing.time_alternately(
        {"run": run}, device, rounds=2 if quick else 3, calls=2 if quick else 20, least_seconds=0.05)
    if errors:
        raise RuntimeError(errors["run"])
    return seconds["run"]


# Novel views.

def camera_batch(views, size, device):
    """Cameras on a circle that look at its centre: intrinsics [1, views, 4], poses [1, views, 4, 4]."""
    intrinsics = torch.tensor([size, size, size / 2, size / 2], device=device, dtype=torch.float32)
    poses = torch.eye(4, device=device).repeat(views, 1, 1)
    for i in range(views):
        angle = 2 * math.pi * i / views
        cos, sin = math.cos(angle), math.sin(angle)
        poses[i, :3, :3] = torch.tensor([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]], device=device)
        poses[i, :3, 3] = torch.tensor([2.7 * sin, 0.0, -2.7 * cos], device=device)
    return {"fxfycxcy": intrinsics.expand(1, views, 4).contiguous(), "c2w": poses[None]}


class PublishedNvs:
    """The published model, with inputs to read and a view to render."""

    def __init__(self, arguments, architecture, views, size):
        torch.set_float32_matmul_precision("high")  # for what mixed precision leaves in float32
        self.device, self.size, self.quick = arguments.device, size, arguments.quick
        with torch.device(self.device):
            self.model = peers.load_nvs_model(arguments.peers, architecture).eval().requires_grad_(False)
        self.inputs = camera_batch(views, size, self.device)
        self.inputs["image"] = torch.rand(1, views, 3, size, size, device=self.device)
        self.target = camera_batch(1, size, self.device)

    def use_bfloat16_weights(self):
        """Casts the weights once, in place of in every call. The rates' layer computes in float32."""
        self.model.bfloat16()
        for name, module in self.model.named_modules():
            if name.endswith("lr_fc"):
                module.float()

    def time(self, section, way, render=None, read=None):
        """Times rendering and reading with these two functions, if given, and adds them to the section."""
        row = section.data["theirs"].get(way, {})
        with torch.no_grad(), autocast(self.device):
            # New dictionaries, as the model adds to those that it is given.
            if render:
                states = self.model.reconstruct(dict(self.inputs))
                row["view"] = median_seconds(
                    lambda: render(dict(self.target), states, self.size, self.size), self.device, self.quick)
                section.data["theirs"][way] = row
            if read:
                row["reconstruct"] = median_seconds(lambda: read(dict(self.inputs)), self.device, self.quick)
                section.data["theirs"][way] = row


def time_published_nvs(arguments, section, architecture, views, size):
    """With each block compiled, compiled whole, and as published, as long as time is left."""
    peer = PublishedNvs(arguments, architecture, views, size)
    model = peer.model

    def blocks():
        compile_blocks(model, True)
        peer.time(section, "blocks compiled", model.rendering, model.reconstruct)

    def whole():
        # Reading keeps a GPU so busy that what the blocks' calls cost beside it does not show.
        peer.time(section, "compiled", torch.compile(model.rendering))

    def eager():
        compile_blocks(model, False)
        peer.time(section, "eager", model.rendering, model.reconstruct)

    def bfloat16_weights():
        torch._dynamo.reset()  # compiled code does not notice that its weights have another type now
        peer.use_bfloat16_weights()
        compile_blocks(model, True)
        peer.time(section, "blocks compiled, bfloat16 weights", model.rendering, model.reconstruct)

    if arguments.compile:
        section.attempt("blocks compiled", blocks)
        section.attempt_if_time("compiled", 25, whole)
    section.attempt_if_time("eager", 12, eager)
    if arguments.compile:
        section.attempt_if_time("blocks compiled, bfloat16 weights", 20, bfloat16_weights)


def time_our_nvs(arguments, section, architecture, views, size):
    """Ours, from `parallax bench render`."""
    options = ["--model", "random", "--size", f"{size}x{size}", "--input-views", views, "--dtype", "bfloat16",
               "--form", "both", "--use-qk-norm", "--repeats", 1 if arguments.quick else 5]
    for name, value in architecture.items():
        options += ["--" + name.replace("_", "-"), value]
    rows = program.bench(arguments.program, "render", options, arguments.device, min(section.left(), OUR_LIMIT))
    times = {}
    for row in rows:
        times[row["what"]] = min(row["seconds"], times.get(row["what"], math.inf))
    section.data["ours"].append({"reconstruct": times["reconstruct"], "view": times["view"], "rows": rows})


def run_nvs(arguments, results):
    """The step: LaCT-NVS, 4 input views at 256 × 256."""
    architecture, size = (QUICK_NVS, 64) if arguments.quick else (NVS, 256)
    views = 4
    head = {"architecture": architecture, "input_views": views, "size": size}
    section = Section(results, "nvs", head, arguments.deadline)
    ours = lambda: time_our_nvs(arguments, section, architecture, views, size)
    section.attempt("ours", ours)
    if arguments.peers:
        section.attempt("theirs", lambda: time_published_nvs(arguments, section, architecture, views, size))
    section.attempt_if_time("ours again", 1.2 * section.took["ours"] + 1, ours)
    return section.failures()


# Classifiers.

def time_published_classifier(arguments, section, batch, size):
    """The published ViT³-T in bfloat16: as it is, with each block compiled, then compiled whole."""
    device = arguments.device
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # as its own main program sets it
    model = peers.load_classifier(arguments.peers, width=192, depth=12, heads=6, image_size=size)
    model = model.to(device).eval().requires_grad_(False).bfloat16()
    images = torch.randn(batch, 3, size, size, device=device, dtype=torch.bfloat16)

    def measure(way, run):
        with torch.no_grad():
            seconds = median_seconds(lambda: run(images), device, arguments.quick)
        section.data["theirs"][way] = {"seconds": seconds, "images_per_second": batch / seconds}

    def blocks():
        compile_blocks(model, True)
        measure("blocks compiled", model)

    section.attempt("eager", lambda: measure("eager", model))
    if arguments.compile:
        section.attempt("blocks compiled", blocks)
        section.attempt_if_time("compiled", 15, lambda: measure("compiled", torch.compile(model)))


def time_our_classifier(arguments, section, batch, size):
    """Ours, from `parallax bench classify`."""
    options = ["--model", "vit3-t", "--batch-size", batch, "--size", size, "--dtype", "bfloat16",
               "--form", "parallel", "--repeats", 1 if arguments.quick else 5]
    rows = program.bench(arguments.program, "classify", options, arguments.device, min(section.left(), OUR_LIMIT))
    seconds = min(row["seconds"] for row in rows)
    section.data["ours"].append({"seconds": seconds, "images_per_second": batch / seconds, "rows": rows})


def run_classify(arguments, results):
    """The step: ViT³-T, 256 images of 224 × 224."""
    batch, size = (2, 224) if arguments.quick else (256, 224)
    section = Section(results, "classify", {"batch": batch, "size": size}, arguments.deadline)
    ours = lambda: time_our_classifier(arguments, section, batch, size)
    section.attempt("ours", ours)
    if arguments.peers:
        section.attempt("theirs", lambda: time_published_classifier(arguments, section, batch, size))
    section.attempt_if_time("ours again", 1.2 * section.took["ours"] + 1, ours)
    return section.failures()
