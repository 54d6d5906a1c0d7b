"""Error of the layer in bfloat16 against the recurrence in float64, over many chunks."""

import torch

import layers
import peers
import timing

# (a, b, c) of a step X ← aX + (bA + cAA)X with A = XXᵀ.
LANGUAGE_MODEL_COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
MUON_COEFFICIENTS = ((3.4445, -4.7750, 2.0315),) * 5

WIDTH = 64
CHUNK = 64
BATCH = 2
CHUNKS = (16, 64, 256)
QUICK_CHUNKS = (4, 16)


def orthogonalise(gradient, coefficients):
    """Newton–Schulz iteration on square matrices [batch, d, d]."""
    x = gradient / (gradient.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in coefficients:
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def recurrence(variant, data, chunk, language_model):
    """Variants 2 and 3 in float64, one chunk after the other: [batch, tokens, width].

    `language_model`: apply, then update, with that model's coefficients; else update, then apply.
    """
    q, k, v, rate, gate, w0, w1, w2 = (
        t.double() for t in (data.q, data.k, data.v, data.lr1, data.momentum, data.w0, data.w1, data.w2))

    def features(x):
        return torch.nn.functional.silu(x @ w0) * (x @ w2) if variant == "2" else x

    coefficients = LANGUAGE_MODEL_COEFFICIENTS if language_model else MUON_COEFFICIENTS
    velocity = torch.zeros_like(w1)
    outputs = []
    for start in range(0, q.shape[1], chunk):
        tokens = slice(start, start + chunk)
        before = w1
        gradient = features(k[:, tokens]).transpose(1, 2) @ (rate[:, tokens] * v[:, tokens])
        velocity = gradient + gate[:, tokens].mean(dim=1, keepdim=True) * velocity
        w1 = w1 + orthogonalise(velocity, coefficients)
        outputs.append(features(q[:, tokens]) @ (before if language_model else w1))
    return torch.cat(outputs, dim=1)


def measure_case(variant, momentum, chunks, operator, modules, device):
    """One row: the error of every form of both sides."""
    size = layers.LayerSize(BATCH, chunks * CHUNK, WIDTH, CHUNK)
    data = layers.make_data(size, device, torch.bfloat16, momentum)
    row = {"variant": variant, "momentum": momentum, "chunks": chunks, "errors": {}}
    sides = [("ours", operator.callables(variant, data, CHUNK), operator.language_model)]
    if modules:
        sides.append(("theirs", peers.layer_callables(modules, variant, data, CHUNK), True))
    expected = {rule: recurrence(variant, data, CHUNK, rule) for rule in {rule for _, _, rule in sides}}
    for side, callables, rule in sides:
        for form, run in callables.items():
            try:
                row["errors"][f"{side} {form}"] = layers.relative_difference(run(), expected[rule])
            except Exception as error:  # the other forms are still worth measuring
                row["errors"][f"{side} {form}"] = None
                print(timing.first_line(error), flush=True)
    return row


def run(arguments, results):
    """The step: variants 2 and 3, momenta 0.5 and 0.9, 16 to 256 chunks. Returns what failed, or None."""
    operator = layers.Operator(arguments.library)
    section = {"width": WIDTH, "chunk": CHUNK, "batch": BATCH, "same_rule": operator.language_model, "rows": []}
    modules = None
    try:
        modules = peers.load_layer_modules(arguments.peers)
    except (peers.PeerMissing, ImportError) as error:
        section["theirs_missing"] = timing.first_line(error)
    with torch.no_grad():
        for variant in ("2", "3"):
            for momentum in (0.5, 0.9):
                for chunks in QUICK_CHUNKS if arguments.quick else CHUNKS:
                    row = measure_case(variant, momentum, chunks, operator, modules, arguments.device)
                    section["rows"].append(row)
                    results.set("accuracy", section)
                    print(row, flush=True)
    if any(error is None for row in section["rows"] for error in row["errors"].values()):
        return "a form failed, see above"
    return layers.missing(arguments, section)
