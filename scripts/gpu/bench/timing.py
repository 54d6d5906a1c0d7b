"""Timing: callables measured alternately, and the speed of a matrix product as the yardstick."""

import statistics
import time

import torch

WARM_UP_CALLS = 5
LEAST_CALLS = 20  # of each callable, over all rounds and in each
ROUNDS = 5


def synchronise(device):
    """Waits until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of_burst(run, device, calls):
    """Mean seconds of a call, over `calls` calls that are asked for without waiting in between."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(calls):
        run()
    synchronise(device)
    return (time.perf_counter() - start) / calls


def warm_up(callables, device):
    """Calls each a few times, compilation included. Returns those that work, and errors by name."""
    working, errors = {}, {}
    for name, run in callables.items():
        try:
            for _ in range(WARM_UP_CALLS):
                run()
            synchronise(device)
            working[name] = run
        except Exception as error:  # a peer that fails must not stop the others
            errors[name] = first_line(error)
    return working, errors


def first_line(error):
    """The first line of an exception's message, with its type."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def time_alternately(callables, device, rounds=ROUNDS, calls=LEAST_CALLS, least_seconds=0.05):
    """Median seconds of a call of each, and errors by name.

    A round runs all callables one after the other, so that a change of the clock rate affects them
    alike. Fast ones are called until `least_seconds` have passed.
    """
    working, errors = warm_up(callables, device)
    bursts = {}
    for name, run in working.items():
        once = max(seconds_of_burst(run, device, 3), 1e-7)
        bursts[name] = max(calls, int(least_seconds / once))
    times = {name: [] for name in working}
    for _ in range(rounds):
        for name, run in working.items():
            times[name].append(seconds_of_burst(run, device, bursts[name]))
    return {name: statistics.median(values) for name, values in times.items()}, errors


def matmul_peak(device, dtype, size):
    """Operations a second of torch.matmul on random size × size matrices.

    Random, because a product of zeros draws less power and so runs at a higher clock rate.
    """
    a = torch.randn(size, size, device=device, dtype=dtype)
    b = torch.randn(size, size, device=device, dtype=dtype)
    product = torch.empty_like(a)
    with torch.no_grad():
        seconds, errors = time_alternately(
            {"matmul": lambda: torch.matmul(a, b, out=product)}, device)
    if errors:
        raise RuntimeError(errors["matmul"])
    return 2 * size**3 / seconds["matmul"]
