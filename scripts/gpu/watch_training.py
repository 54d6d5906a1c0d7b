"""Beside a training run, for train.sh:  watch_training.py RUN OUTPUT

Writes a line on steps, loss, speed and the GPU into OUTPUT/train.log each 10 seconds, and copies the model, the newest
checkpoint (in parts) and the log of steps there whenever they are new. Ends, after a last copy, on SIGTERM.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PART = 15 << 20   # bytes
MOST_PARTS = 5    # with model, two logs: 8 files

run, output = Path(sys.argv[1]), Path(sys.argv[2])
parent = os.getppid()


def gpu():
    query = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used,power.draw", "--format=csv,noheader"]
    try:
        return "GPU " + subprocess.run(query, capture_output=True, text=True, timeout=8).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return "no GPU"


def batch_size():
    words = (run / "arguments").read_text().replace("'", "").split() if (run / "arguments").exists() else []
    size = words[words.index("--batch-size") + 1] if "--batch-size" in words else ""
    return int(size) if size.isdigit() else None


def say(line):
    with open(output / "train.log", "a") as log:
        log.write(line + "\n")
    print(line, flush=True)


def last_records():
    """The last record of each kind."""
    try:
        return {r["kind"]: r for r in map(json.loads, (run / "log.jsonl").read_text().splitlines())}
    except (OSError, ValueError):
        return {}


def report():
    records = last_records()
    line = time.strftime("%H:%M:%S  ", time.gmtime())
    if "step" in records:
        r = records["step"]
        line += f"step {r['step']}: loss {r['loss']:.5f}, {r.get('psnr', 0):.2f} dB, {r['seconds_per_step']:.3f} s a step, "
        if batch_size():
            line += f"{batch_size() / r['seconds_per_step']:.1f} scenes/s, "
    if "evaluation" in records:
        line += f"held-out {records['evaluation']['score']:.3f} dB at {records['evaluation']['step']}, "
    say(line + gpu())


def copy_if_new(source, target):
    if not source.exists() or (target.exists() and target.stat().st_mtime_ns == source.stat().st_mtime_ns):
        return
    partial = target.with_name(target.name + ".partial")
    shutil.copy2(source, partial)
    os.replace(partial, target)


def copy_checkpoint():
    checkpoints = sorted((run / "checkpoints").glob("step-*.safetensors"))
    if not checkpoints or (output / (checkpoints[-1].name + ".part0")).exists():
        return
    newest = checkpoints[-1]
    data = newest.read_bytes()
    parts = [data[i:i + PART] for i in range(0, len(data), PART)]
    if len(parts) > MOST_PARTS:
        say(f"{newest} is larger than {MOST_PARTS} parts: it stays there")
        return
    # Beside the output first: whoever carries it off finds all parts of one checkpoint, but for an instant.
    waiting = run / "parts"
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir()
    for i, part in enumerate(parts):
        (waiting / f"{newest.name}.part{i}").write_bytes(part)
    for old in output.glob("step-*.part?"):
        old.unlink()
    for part in waiting.iterdir():
        shutil.move(part, output / part.name)
    say(f"copied {newest.name}, {len(data)} bytes in {len(parts)} parts")


def copy_all():
    try:
        copy_checkpoint()
        copy_if_new(run / "model.safetensors", output / "model.safetensors")
        copy_if_new(run / "log.jsonl", output / "log.jsonl")
    except OSError as error:  # the program removes old checkpoints while they are read
        say(f"not copied this time: {error}")


ended = False


def end(*_):
    global ended
    ended = True


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.SIG_IGN)
next_report = time.monotonic() + 10
while not ended and os.getppid() == parent:
    time.sleep(0.5)
    if time.monotonic() >= next_report:
        next_report += 10
        report()
        copy_all()
copy_all()
report()
