#!/usr/bin/env python3
"""Times a PyTorch callable and `parallax bench` alternately, and prints medians and ratios.

    scripts/compare-with-reference.sh REFERENCE.py [--rounds 5] [--threads 1] [--json FILE] -- \
        classify --model vit3-t --batch-size 8

REFERENCE.py defines build(), which returns a callable without arguments: one pass of the work that
the bench's cases do. It may return several, as a dictionary from name to callable. The arguments
after `--` go to `parallax bench` unchanged; a round measures each of its cases once.

Only one of them runs at a time, and they alternate, so that a machine's slow minutes affect both.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time


def parse_arguments():
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("reference", type=pathlib.Path, help="a Python file with build()")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of both sides")
    parser.add_argument("--seconds", type=float, default=1.0, help="a case runs at least so long in a round")
    parser.add_argument("--json", type=pathlib.Path, help="write the results here")
    parser.add_argument("--program", default=os.environ.get("PARALLAX_PROGRAM", "build/release/parallax"))
    arguments = parser.parse_args(words[:split])
    arguments.bench = words[split + 1 :]
    if not arguments.bench:
        parser.error("nothing follows --: the arguments of `parallax bench`")
    return arguments


def load_callables(path):
    spec = importlib.util.spec_from_file_location("reference", path)
    if spec is None or not path.exists():
        sys.exit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "build"):
        sys.exit(f"{path} defines no build()")
    built = module.build()
    return built if isinstance(built, dict) else {"reference": built}


def seconds_of_pass(run, at_least):
    """The median time of single passes, repeated for `at_least` seconds in total."""
    times = []
    end = time.perf_counter() + at_least
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def case_name(result):
    words = [value for value in result.values() if isinstance(value, str) and value]
    numbers = [f"{key} {value}" for key, value in result.items() if isinstance(value, int)]
    return ", ".join(words + numbers)


def seconds_of_bench(arguments):
    """The seconds of each case by its name."""
    command = [
        arguments.program, "bench", *arguments.bench, "--threads", str(arguments.threads),
        "--repeats", "1", "--min-ms", str(arguments.seconds * 1000), "--quiet", "--json", "-",
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stderr}")
    return {case_name(r): r["seconds"] for r in json.loads(result.stdout)["results"]}


def measure(arguments, callables):
    ours, theirs = {}, {name: [] for name in callables}
    for run in callables.values():
        run()  # compilation, caches
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        for name, run in callables.items():
            theirs[name].append(seconds_of_pass(run, arguments.seconds))
        for name, seconds in seconds_of_bench(arguments).items():
            ours.setdefault(name, []).append(seconds)
    return ours, theirs


def print_table(ours, theirs):
    rows = [["case", "ms"] + [f"{name}: ms" for name in theirs] + [f"{name}: times as fast" for name in theirs]]
    references = {name: statistics.median(times) for name, times in theirs.items()}
    for name, times in ours.items():
        seconds = statistics.median(times)
        rows.append(
            [name, f"{seconds * 1e3:.1f}"]
            + [f"{r * 1e3:.1f}" for r in references.values()]
            + [f"{r / seconds:.2f}" for r in references.values()]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


def main():
    arguments = parse_arguments()
    import torch

    torch.set_num_threads(arguments.threads)
    with torch.no_grad():
        ours, theirs = measure(arguments, load_callables(arguments.reference))
    print_table(ours, theirs)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"torch": torch.__version__, "bench": arguments.bench, "threads": arguments.threads,
                        "parallax_seconds": ours, "reference_seconds": theirs}, indent=1)
        )


if __name__ == "__main__":
    main()
