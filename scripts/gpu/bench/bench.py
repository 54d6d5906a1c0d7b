#!/usr/bin/env python3
"""One step of the comparison with the published code; bench.sh runs them all, each with a time limit.

    bench.py layers --peers PEERS --library libparallax_torch.so --output FOLDER
"""

import argparse
import pathlib
import sys
import time

START = time.monotonic()

import torch

import accuracy
import layers
import models
import peers
from results import Results, describe_machine

STEPS = {"layers": layers.run, "accuracy": accuracy.run, "nvs": models.run_nvs, "classify": models.run_classify}


def parse_arguments():
    """The command line, with the devices and limits that follow from it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=[*STEPS, "report"], help="report: print the table of what is there")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder of results.json and results.md")
    parser.add_argument("--peers", type=pathlib.Path, help="folder with flame, lact and vittt")
    parser.add_argument("--library", type=pathlib.Path, default="build/cuda/libparallax_torch.so")
    parser.add_argument("--program", type=pathlib.Path, default="build/cuda/parallax")
    parser.add_argument("--device", type=torch.device, default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, nothing compiled: to test the scripts")
    parser.add_argument("--compile", action="store_true", help="compile the published code even with --quick")
    parser.add_argument("--only-compile", metavar="VARIANT", choices=layers.VARIANTS,
                        help="with layers: compile the published forms of this variant and end")
    parser.add_argument("--limit", type=float, default=600, help="seconds that the step may take")
    arguments = parser.parse_args()
    arguments.compile = arguments.compile or not arguments.quick
    arguments.deadline = START + arguments.limit
    return arguments


def main():
    """Runs the step, or prints the table. Returns what failed, or None."""
    arguments = parse_arguments()
    results = Results(arguments.output)
    if arguments.step == "report":
        results.save()
        print((arguments.output / "results.md").read_text())
        return None
    peers.allow_compilation(arguments.compile, any_shape=arguments.step == "accuracy")
    if arguments.only_compile:
        return layers.compile_published(arguments)
    results.data.pop(arguments.step, None)  # of a run before this one
    results.set("machine", describe_machine(arguments.device) | {"quick": arguments.quick})
    results.set("peers", peers.revisions(arguments.peers))
    return STEPS[arguments.step](arguments, results)


if __name__ == "__main__":
    sys.exit(main())
