"""Throughput of the TTT layer at the size of the authors' benchmark, ours and theirs in alternation."""

import dataclasses
import time

import torch

import peers
import timing


@dataclasses.dataclass
class LayerSize:
    """batch, tokens, width and chunk; the hidden width equals the width."""

    batch: int = 4
    tokens: int = 32768
    width: int = 384
    chunk: int = 2048


QUICK_SIZE = LayerSize(batch=1, tokens=256, width=32, chunk=64)
VARIANTS = ("0", "1", "2", "3", "4", "5", "6")
PARALLEL_VARIANTS = ("2", "3", "4", "5", "6")

# Million tokens a second on an A100, as the paper prints them.
PUBLISHED = {
    "0": {"recurrent": 4.30},
    "1": {"recurrent": 10.60},
    "2": {"recurrent": 11.02, "parallel": 30.18},
    "3": {"recurrent": 12.95, "parallel": 49.69},
    "4": {"recurrent": 13.31, "parallel": 53.99},
    "5": {"recurrent": 14.40, "parallel": 57.28},
    "6": {"recurrent": 89.67, "parallel": 124.6},
}


@dataclasses.dataclass
class LayerData:
    """The layer's inputs: [batch, tokens, width], rates and momentum [batch, tokens, 1]; weights
    [batch, width, width] for products x W."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    lr0: torch.Tensor
    lr1: torch.Tensor
    lr2: torch.Tensor
    momentum: torch.Tensor
    w0: torch.Tensor
    w1: torch.Tensor
    w2: torch.Tensor


def make_data(size, device, dtype, momentum=None):
    """Random inputs as a layer sees them: unit queries and keys, rates of 0.01 … 0.1, a momentum of
    0.8 … 1 (mean 0.9) or the given constant."""
    generator = torch.Generator(device=device).manual_seed(1)

    def normal(*shape):
        return torch.randn(*shape, device=device, generator=generator)

    def uniform(low, high):
        numbers = torch.rand(size.batch, size.tokens, 1, device=device, generator=generator)
        return (low + (high - low) * numbers).to(dtype)

    def weight():
        return (normal(size.batch, size.width, size.width) / size.width**0.5).to(dtype)

    def unit(rows):
        return torch.nn.functional.normalize(rows, dim=-1).to(dtype)

    tokens = (size.batch, size.tokens, size.width)
    low, high = (0.8, 1.0) if momentum is None else (momentum, momentum)
    return LayerData(
        q=unit(normal(*tokens)), k=unit(normal(*tokens)), v=normal(*tokens).to(dtype),
        lr0=uniform(0.01, 0.1), lr1=uniform(0.01, 0.1), lr2=uniform(0.01, 0.1),
        momentum=uniform(low, high), w0=weight(), w1=weight(), w2=weight())


class Operator:
    """Parallax's layer as a PyTorch operator."""

    def __init__(self, library):
        torch.ops.load_library(str(library))
        self.run = torch.ops.parallax.ttt_layer
        names = {argument.name for argument in self.run.default._schema.arguments}
        # Libraries from before these arguments: update, then apply, and one triple of coefficients.
        self.language_model = {"order", "coefficients"} <= names

    def callables(self, variant, data, chunk):
        """Our forms on `data`, by name of the form. The weights are float32, as layers hold them."""
        w0, w1, w2 = (w.float() for w in (data.w0, data.w1, data.w2))
        options = {"variant": variant, "chunk": chunk}
        if variant in ("0", "1", "2", "3"):
            options.update(lr0=data.lr0, lr1=data.lr1, lr2=data.lr2)
        if variant in ("0", "1", "2", "3", "4"):
            options.update(momentum=data.momentum)
        if self.language_model:
            options.update(order="language-model", coefficients="language-model")
        gated = variant in ("0", "1", "2")

        def call(form):
            return self.run(data.q, data.k, data.v, w0 if gated else None, w1, w2 if gated else None,
                            form=form, **options)

        forms = ["recurrent"] + (["parallel"] if variant in PARALLEL_VARIANTS else [])
        return {form: (lambda form=form: call(form)) for form in forms}


def needed_operations(variant, size):
    """Operations that the rule needs, a multiply-add as two: the last chunk updates nothing, and of
    Newton–Schulz the products of five steps count, 6 d³ each."""
    area = size.width**2
    queries = size.batch * size.tokens
    keys = size.batch * (size.tokens - size.chunk)
    updates = size.batch * (size.tokens // size.chunk - 1)
    orthogonalisation = 30 * size.width**3 * updates
    if variant == "0":
        return 6 * area * queries + 12 * area * keys + 3 * orthogonalisation
    if variant in ("1", "2"):
        return 6 * area * queries + 6 * area * keys + orthogonalisation
    products = 2 * area * queries + 2 * area * keys
    return products if variant == "6" else products + orthogonalisation


def relative_difference(a, b):
    """‖a − b‖ / ‖b‖ in float64."""
    b = b.double()
    return float((a.double() - b).norm() / b.norm())


def measure_variant(variant, operator, modules, size, device, dtype):
    """One row: seconds of every form of both sides, and how far their outputs are apart."""
    data = make_data(size, device, dtype)
    runs = {("ours", form): run for form, run in operator.callables(variant, data, size.chunk).items()}
    if modules:
        theirs = peers.layer_callables(modules, variant, data, size.chunk)
        runs.update({("theirs", form): run for form, run in theirs.items()})
    with torch.no_grad():
        seconds, errors = timing.time_alternately(runs, device)
        row = {"variant": variant, "operations": needed_operations(variant, size), "ours": {}, "theirs": {},
               "difference": {}, "published_a100_mtokens": PUBLISHED[variant]}
        for (side, form), value in seconds.items():
            row[side][form] = {"seconds": value, "tokens_per_second": size.batch * size.tokens / value}
        for form in ("recurrent", "parallel"):
            if form in row["ours"] and form in row["theirs"] and operator.language_model:
                row["difference"][form] = relative_difference(runs["ours", form](), runs["theirs", form]())
    if errors:
        row["errors"] = {f"{side} {form}": text for (side, form), text in errors.items()}
    return row


def compile_published(arguments):
    """Calls the published forms of one variant once, which fills the compiler's cache. Compiling takes
    one core minutes, so that bench.sh does this for all variants side by side before anything is timed."""
    size = QUICK_SIZE if arguments.quick else LayerSize()
    variant = arguments.only_compile
    data = make_data(size, arguments.device, torch.bfloat16)
    modules = peers.load_layer_modules(arguments.peers)
    with torch.no_grad():
        for form, call in peers.layer_callables(modules, variant, data, size.chunk).items():
            start = time.perf_counter()
            call()
            timing.synchronise(arguments.device)
            print(f"variant {variant}, {form}: compiled in {time.perf_counter() - start:.1f} s", flush=True)


def run(arguments, results):
    """The step: a row for each variant, saved as it comes. Returns what failed, or None."""
    device, dtype = arguments.device, torch.bfloat16
    size = QUICK_SIZE if arguments.quick else LayerSize()
    section = {"size": dataclasses.asdict(size), "rows": []}
    section["matmul_size"] = 256 if arguments.quick else 8192
    section["matmul_peak"] = timing.matmul_peak(device, dtype, section["matmul_size"])
    operator = Operator(arguments.library)
    section["same_rule"] = operator.language_model
    modules = None
    try:
        modules = peers.load_layer_modules(arguments.peers)
    except (peers.PeerMissing, ImportError) as error:
        section["theirs_missing"] = timing.first_line(error)
    # The rows that a target speaks of come first, lest time runs out.
    for variant in ("2", "3", "5", "6", "0", "4", "1"):
        row = measure_variant(variant, operator, modules, size, device, dtype)
        section["rows"] = sorted(section["rows"] + [row], key=lambda r: r["variant"])
        results.set("layers", section)
        print(f"variant {variant}: " + ", ".join(
            f"{side} {form} {case['tokens_per_second'] / 1e6:.2f} M tokens/s"
            for side in ("ours", "theirs") for form, case in row[side].items()), flush=True)
    failed = [f"variant {row['variant']}, {name}: {text}"
              for row in section["rows"] for name, text in row.get("errors", {}).items()]
    return "; ".join(failed) or missing(arguments, section)


def missing(arguments, section):
    """Why theirs could not be loaded although the user named a folder; else None."""
    return section.get("theirs_missing") if arguments.peers else None
