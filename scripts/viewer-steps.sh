#!/usr/bin/env bash
# Drives the viewer on a virtual display (Xvfb) through random requests: scenes opened and dropped, broken files,
# models, forms, sizes, cameras, probes, all with and without waiting for the one before. Its memory after the first
# 1,000 must not grow by more than 5 % to the end; the last scene is still loading when the window closes.
#   scripts/viewer-steps.sh [REQUESTS [SEED]]    (3,000 and 1)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1
exec python3 - "${1:-3000}" "${2:-1}" <<'PY'
import json, os, pathlib, random, subprocess, sys, tempfile, time

count, seed = int(sys.argv[1]), int(sys.argv[2])
choose = random.Random(seed)
warm = min(1000, count // 2)
scenes = ["assets/scenes/procedural_a", "assets/scenes/procedural_b"]
models = ["nvs", "nvs-v0", "nvs-v3", "nvs-v5", "nvs-v6"]

def panes():
    made = [{"kind": "model", "model": choose.choice(models), "form": choose.choice(["recurrent", "parallel"])}]
    for _ in range(choose.randrange(4)):
        made.append(choose.choice([
            {"kind": "model", "model": choose.choice(models), "form": choose.choice(["recurrent", "parallel"])},
            {"kind": "truth"}, {"kind": "nearest input"},
            {"kind": "difference", "first": 0, "second": len(made) - 1, "false_colour": True}]))
    return made

def request(broken):
    kind = choose.randrange(12)
    if kind == 0:
        return [{"open": choose.choice(scenes)}]
    if kind == 1:
        return [{"drop": [choose.choice([broken, "nowhere", choose.choice(scenes)])]}]
    if kind in (2, 3):
        return [{"set": {"panes": panes()}}]
    if kind == 4:
        return [{"set": {"view": choose.randrange(24), "inputs": sorted(choose.sample(range(24), 4))}}]
    if kind == 5:
        return [{"set": {"screen": "Probe", "probe": {"model": choose.choice(models), "inner_steps": choose.randrange(1, 4),
                                                      "ascent": choose.random() < 0.5}}}, {"wait": "frame"},
                {"set": {"screen": "Compare"}}]
    if kind == 6:
        return [{"set": {"zoom": choose.choice([1, 2, 5]), "ui_scale": choose.choice([0.75, 1, 1.5]), "pictures_only": False}}]
    if kind == 7:
        return [{"set": {"split": choose.random() < 0.5, "field_of_view": choose.randrange(20, 80)}}]
    if kind == 8:
        return [{"key": "esc"}]
    return [{"wait": "frame"}, {"drag": {"item": "pane/0", "by": [choose.randrange(-60, 60), choose.randrange(-40, 40)]}}]

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    broken = folder / "broken.json"
    broken.write_text('{"frames": [')
    steps = [{"open": scenes[0]}, {"wait": "idle"}]
    marks = []
    for i in range(1, count + 1):
        steps += request(str(broken))
        steps += choose.choice([[], [{"wait": "frame"}], [{"wait": "frame"}]])
        if i % 100 == 0:
            marks.append((i, folder / f"{i}.json"))
            steps += [{"wait": "frame"}, {"describe": str(marks[-1][1])}]
    steps += [{"open": scenes[1]}, {"quit": True}]
    script = folder / "script.json"
    script.write_text(json.dumps(steps))
    read, write = os.pipe()
    display = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x720x24", "-nolisten", "tcp"],
                               pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        number = os.read(read, 16).decode().strip()
        environment = {**os.environ, "DISPLAY": ":" + number, "XDG_CONFIG_HOME": name, "XDG_DATA_HOME": name}
        program = [os.environ.get("PARALLAX_BUILD", "build/release") + "/parallax"]
        viewer = subprocess.Popen(program + ["view", "--script", str(script), "-o", str(folder / "out")], env=environment)
        early = late = 0
        for i, mark in marks:
            while not mark.exists() and viewer.poll() is None:
                time.sleep(0.02)
            try:
                status = pathlib.Path(f"/proc/{viewer.pid}/status").read_text()
            except OSError:
                break
            resident = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
            print(f"{i} requests: {resident // 1024} MiB", flush=True)
            if i <= warm:
                early = max(early, resident)
            else:
                late = max(late, resident)
        code = viewer.wait()
    finally:
        display.kill()
        display.wait()
    if code != 0:
        sys.exit(f"the viewer ended with {code}")
    if late > early * 1.05:
        sys.exit(f"memory grows: {early // 1024} MiB in the first {warm} requests, {late // 1024} MiB after")
    print(f"{count} requests: at most {early // 1024} MiB in the first {warm}, {late // 1024} MiB after")
PY
