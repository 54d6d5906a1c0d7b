"""Compares what two runs of the program wrote, for check.sh. Needs nothing but Python's own library.

    check_results.py pictures WANTED GOT LEAST_PSNR    rendered views of two folders, pixel by pixel
    check_results.py models WANTED GOT TOLERANCE       PSNR (dB) of two compare.json, per model and form
    check_results.py labels WANTED GOT SHARE           results.jsonl of two `classify` folders
    check_results.py training RUN [FIRST_STEP]         losses of a run: finite, and the last below the first
    check_results.py losses WANTED GOT TOLERANCE       losses of two runs, step by step, relative

Ends with 1 and a sentence if they differ by more.
"""

import json
import math
import struct
import sys
import zlib
from pathlib import Path


def fail(sentence):
    print(f"differs: {sentence}")
    sys.exit(1)


def read_png(path):
    """Width, height, channels and bytes of an 8-bit PNG without interlacing, which is what the program writes."""
    data = path.read_bytes()
    position, compressed, header = 8, b"", None
    while position < len(data):
        size, kind = struct.unpack(">I4s", data[position:position + 8])
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", data[position + 8:position + 21])
        elif kind == b"IDAT":
            compressed += data[position + 8:position + 8 + size]
        position += size + 12
    width, height, depth, colours, _, _, interlaced = header
    if depth != 8 or interlaced:
        fail(f"{path} is not an 8-bit PNG")
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colours]
    raw, stride = zlib.decompress(compressed), width * channels
    rows, above = bytearray(), bytearray(stride)
    for y in range(height):
        kind = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left = row[x - channels] if x >= channels else 0
            corner = above[x - channels] if x >= channels else 0
            up = above[x]
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = up
            elif kind == 3:
                guess = (left + up) // 2
            elif kind == 4:
                nearest = left + up - corner
                guess = min((left, up, corner), key=lambda value: abs(nearest - value))
            else:
                guess = 0
            row[x] = (row[x] + guess) & 255
        rows += row
        above = row
    return width, height, channels, rows


def pictures(wanted, got, least):
    names = sorted(p.name for p in Path(wanted, "views").glob("*.png") if "truth" not in p.name)
    if not names:
        fail(f"no views in {wanted}")
    worst, largest = math.inf, 0
    for name in names:
        a, b = read_png(Path(wanted, "views", name)), read_png(Path(got, "views", name))
        if a[:3] != b[:3]:
            fail(f"{name} is {b[:3]} instead of {a[:3]}")
        differences = [abs(x - y) for x, y in zip(a[3], b[3])]
        error = sum(d * d for d in differences) / len(differences)
        psnr = 10 * math.log10(255 * 255 / error) if error else math.inf
        worst, largest = min(worst, psnr), max(largest, max(differences))
    print(f"{len(names)} views: PSNR of the two at least {worst:.1f} dB, largest difference {largest} of 255")
    if worst < float(least):
        fail(f"less than {least} dB")


def scores(file):
    return {(scene["scene"]["name"], model["model"], form): values["psnr"]
            for scene in json.loads(Path(file).read_text())["scenes"]
            for model in scene["models"] for form, values in model["forms"].items()}


def models(wanted, got, tolerance):
    a, b = scores(wanted), scores(got)
    if a.keys() != b.keys():
        fail(f"{sorted(b)} instead of {sorted(a)}")
    bad = []
    for key in a:
        off = b[key] - a[key]
        is_bad = not abs(off) <= float(tolerance)
        bad += [key] * is_bad
        print(f"{' '.join(key)}: {b[key]:.4f} dB, {off:+.4f}{'  <- too far' if is_bad else ''}")
    if bad:
        fail(f"{len(bad)} of {len(a)} by more than {tolerance} dB")


def labels(wanted, got, share):
    def read(folder):
        lines = Path(folder, "results.jsonl").read_text().splitlines()
        return {(item["path"], run): result["top"] for item in map(json.loads, lines)
                for run, result in item["results"].items()}
    a, b = read(wanted), read(got)
    if not a or a.keys() != b.keys():
        fail("other images")
    # Where two classes are as likely to a hundredth, the order is chance.
    same = sum(b[key][0]["name"] in [top["name"] for top in a[key]
                                     if top["probability"] > a[key][0]["probability"] - 0.01] for key in a)
    first = max(abs(a[key][0]["probability"] - next((top["probability"] for top in b[key]
                if top["name"] == a[key][0]["name"]), 0)) for key in a)
    print(f"{same} of {len(a)} labels are the same; probabilities differ by {first:.4f} at most")
    if same < float(share) * len(a):
        fail(f"fewer than {share} of all")


def steps_of(run):
    records = [json.loads(line) for line in Path(run, "log.jsonl").read_text().splitlines()]
    return {r["step"]: r["loss"] for r in records if r["kind"] == "step"}


def training(run, first="0"):
    losses = {step: loss for step, loss in steps_of(run).items() if step > int(first)}
    print(", ".join(f"step {step}: {loss if loss is None else round(loss, 5)}" for step, loss in losses.items()))
    if not losses or any(loss is None or not math.isfinite(loss) for loss in losses.values()):
        fail("a loss is missing or not finite")
    values = list(losses.values())
    if first == "0" and not values[-1] < values[0]:
        fail("the loss does not fall")


def losses(wanted, got, tolerance):
    a, b = steps_of(wanted), steps_of(got)
    if not a or a.keys() != b.keys():
        fail("other steps")
    worst = max(abs(b[step] - a[step]) / a[step] for step in a)
    print(f"losses of {len(a)} records differ by {100 * worst:.3f} % at most")
    if not worst <= float(tolerance):
        fail(f"more than {100 * float(tolerance)} %")


if __name__ == "__main__":
    {f.__name__: f for f in (pictures, models, labels, training, losses)}[sys.argv[1]](*sys.argv[2:])
