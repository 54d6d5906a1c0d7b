"""Random requests to the viewer (scripts/viewer-steps.sh)."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

SCENES = ["assets/scenes/procedural_a", "assets/scenes/procedural_b"]
MODELS = ["nvs", "nvs-v0", "nvs-v3", "nvs-v5", "nvs-v6"]
FORMS = ["recurrent", "parallel"]
REQUESTS_PER_WINDOW = 100  # under ThreadSanitizer
REPORTED = 66  # what a program ends with of which ThreadSanitizer reported something


class Requests:
    """Steps for the viewer's script, as a seed has them."""

    def __init__(self, seed, folder, scenes=SCENES):
        self.scenes = scenes
        self.choose = random.Random(seed)
        self.broken = folder / "broken.json"
        self.broken.write_text('{"frames": [')
        # Each as often as it is named.
        self.kinds = [self.open, self.drop, self.panes, self.panes, self.model, self.form, self.views, self.probe,
                      self.size, self.window, self.cancel, self.drag, self.drag, self.drag]

    def some(self, count):
        steps = []
        for _ in range(count):
            steps += self.choose.choice(self.kinds)()
            steps += self.choose.choice([[], [{"wait": "frame"}], [{"wait": "frame"}]])
        return steps

    def open(self):
        return [{"open": self.choose.choice(self.scenes)}]

    def drop(self):
        return [{"drop": [self.choose.choice([str(self.broken), "nowhere", self.choose.choice(self.scenes)])]}]

    def pane(self):
        return {"kind": "model", "model": self.choose.choice(MODELS), "form": self.choose.choice(FORMS)}

    def panes(self):
        made = [self.pane()]
        for _ in range(self.choose.randrange(4)):
            made.append(self.choose.choice([
                self.pane(), {"kind": "truth"}, {"kind": "nearest input"},
                {"kind": "difference", "first": 0, "second": len(made) - 1, "false_colour": True}]))
        return [{"set": {"panes": made}}]

    def model(self):
        return [{"set": {"panes": [{"kind": "model", "model": self.choose.choice(MODELS)}]}}]

    def form(self):
        return [{"set": {"panes": [{"kind": "model", "form": self.choose.choice(FORMS)}]}}]

    def views(self):
        return [{"set": {"view": self.choose.randrange(24), "inputs": sorted(self.choose.sample(range(24), 4))}}]

    def probe(self):
        change = {"model": self.choose.choice(MODELS), "inner_steps": self.choose.randrange(1, 4),
                  "ascent": self.choose.random() < 0.5}
        return [{"set": {"screen": "Probe", "probe": change}}, {"wait": "frame"}, {"set": {"screen": "Compare"}}]

    def size(self):
        return [{"set": {"zoom": self.choose.choice([1, 2, 5]), "ui_scale": self.choose.choice([0.75, 1, 1.5]),
                         "pictures_only": False}}]

    def window(self):
        return [{"set": {"split": self.choose.random() < 0.5, "field_of_view": self.choose.randrange(20, 80)}}]

    def cancel(self):
        return [{"key": "esc"}]

    def drag(self):
        by = [self.choose.randrange(-60, 60), self.choose.randrange(-40, 40)]
        return [{"wait": "frame"}, {"drag": {"item": "pane/0", "by": by}}]

    def rest(self):
        """Always the same state, in which nothing is in progress and freed memory was given back."""
        same = {"screen": "Probe", "probe": {"model": "nvs", "inner_steps": 2, "ascent": False}, "split": False,
                "zoom": 1, "ui_scale": 1, "pictures_only": False,
                "panes": [{"kind": "model", "model": "nvs", "form": "recurrent"}]}
        return [{"set": same}, {"open": self.scenes[0]}, {"wait": "idle"}]

    def sizes(self):
        """Options for the sizes of images and window, which a window keeps."""
        return ["--size", self.choose.choice(["32x32", "48x32", "64x64"]),
                "--window", self.choose.choice(["1280x720", "960x540", "640x480"])]

    def close(self, large_scene, note):
        """The end of a script while something is loading, which is in the note."""
        moment = round(self.choose.uniform(0.03, 0.25), 3)
        return [{"open": large_scene}, {"wait": moment}, {"describe": str(note)}, {"quit": True}]


@contextlib.contextmanager
def display():
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x720x24", "-nolisten", "tcp"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        yield ":" + os.read(read, 16).decode().strip()
    finally:
        server.kill()
        server.wait()


def start_viewer(program, steps, folder, options=(), **variables):
    script = folder / "script.json"
    script.write_text(json.dumps(steps))
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), **variables}
    return subprocess.Popen([*program, "view", "--script", str(script), "-o", str(folder / "out"), "--threads", "1",
                             *options], env=environment)


def resident_kib(process):
    """0 once it has ended."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    return 0


def watch_memory(build, count, seed, folder):
    requests = Requests(seed, folder)
    warm = min(1000, count // 2)
    steps = [{"open": SCENES[0]}, {"wait": "idle"}]
    marks = []
    for done in range(100, count + 1, 100):
        marks.append((done, folder / f"{done}.json"))
        steps += requests.some(100) + requests.rest() + [{"describe": str(marks[-1][1])}]
        steps += [{"wait": 1}, {"set": {"screen": "Compare"}}]  # its memory is looked at meanwhile
    steps += requests.some(count % 100) + [{"quit": True}]
    early = late = 0
    with display() as number:
        viewer = start_viewer([f"{build}/parallax"], steps, folder, DISPLAY=number)
        for done, mark in marks:
            while not mark.exists() and viewer.poll() is None:
                time.sleep(0.02)
            resident = resident_kib(viewer)
            if resident == 0:
                break
            print(f"{done} requests: {resident // 1024} MiB", flush=True)
            if done <= warm:
                early = max(early, resident)
            else:
                late = max(late, resident)
        code = viewer.wait()
    if code != 0:
        sys.exit(f"the viewer ended with {code}")
    if late > early * 1.05:
        sys.exit(f"memory grows: {early // 1024} MiB in the first {warm} requests, {late // 1024} MiB after")
    print(f"{count} requests: at most {early // 1024} MiB in the first {warm}, {late // 1024} MiB after")


def make_scenes(program, folder, *options):
    """GDAL's locks, which writing passes, are not looked at."""
    command = [*program, "scenes", str(folder), "--samples", "1", "--threads", "1", "--quiet", *options]
    subprocess.run(command, check=True, env={**os.environ, "TSAN_OPTIONS": "report_bugs=0"})
    return sorted(str(scene) for scene in folder.iterdir() if scene.is_dir())


def watch_races(build, count, seed, folder):
    reports = pathlib.Path(build) / "viewer_races"
    for old in reports.parent.glob(reports.name + ".*"):
        old.unlink()
    # Of what LibTorch, OpenCV and the driver do to memory only calls of the C library are seen, not what orders them.
    sanitizer = f"log_path={reports.resolve()}:ignore_noninstrumented_modules=1:history_size=5:second_deadlock_stack=1"
    # Addresses that are drawn at random may lie where ThreadSanitizer has its own.
    program = ["setarch", "-R", f"{build}/parallax-compute"]
    start = time.monotonic()
    # Reading the bundled scenes would take most of the time; one of many views takes long enough to close meanwhile.
    small = make_scenes(program, folder / "small", "--count", "2", "--views", "24", "--size", "64x64")
    large = make_scenes(program, folder / "large", "--views", "500", "--size", "32x32")[0]
    requests = Requests(seed, folder, small)
    found = []
    closed_loading = 0
    note = folder / "closed.json"
    with display() as number:
        for done in range(0, count, REQUESTS_PER_WINDOW):
            steps = [{"open": small[0]}, {"wait": "frame"}, *requests.some(min(REQUESTS_PER_WINDOW, count - done)),
                     *requests.close(large, note)]
            code = start_viewer(program, steps, folder, requests.sizes(), DISPLAY=number, TSAN_OPTIONS=sanitizer).wait()
            if code not in (0, REPORTED):
                sys.exit(f"the viewer ended with {code} after request {done}; its reports are {reports}.*")
            found = [report for file in reports.parent.glob(reports.name + ".*")
                     for report in re.findall("^SUMMARY: ThreadSanitizer: (.*)", file.read_text(), re.MULTILINE)]
            left = json.loads(note.read_text())
            closed_loading += bool(left["opening"] or left["loading"])
            print(f"{min(done + REQUESTS_PER_WINDOW, count)} requests: {len(found)} reports, "
                  f"{closed_loading} windows closed while loading, {time.monotonic() - start:.0f} s", flush=True)
    if found:
        sys.exit("\n".join(sorted(set(found))) + f"\nThreadSanitizer's reports are {reports}.*")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--races", action="store_true")
    parser.add_argument("build")
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        watch = watch_races if options.races else watch_memory
        watch(options.build, options.count, options.seed, pathlib.Path(name))


if __name__ == "__main__":
    main()
