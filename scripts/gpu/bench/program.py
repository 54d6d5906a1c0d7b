"""Runs `parallax bench` and reads what it measured."""

import json
import subprocess


class ProgramFailed(Exception):
    """The program is not there, or its bench stopped with an error."""


def takes_device(program, command):
    """Whether `parallax bench COMMAND` has the option --device."""
    answer = subprocess.run([program, "bench", command, "--help"], capture_output=True, text=True)
    return "--device" in answer.stdout


def bench(program, command, arguments, device, limit):
    """The results of `parallax bench COMMAND ARGUMENTS` on the device, within `limit` seconds."""
    words = [str(program), "bench", command, *map(str, arguments), "--quiet", "--json", "-"]
    try:
        if takes_device(program, command):
            words += ["--device", str(device)]
        elif device.type != "cpu":
            raise ProgramFailed(f"this program's `bench {command}` has no --device")
        answer = subprocess.run(words, capture_output=True, text=True, timeout=limit)
    except OSError as error:
        raise ProgramFailed(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise ProgramFailed(f"took more than {limit:.0f} s") from error
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or [f"exit status {answer.returncode}"]
        raise ProgramFailed(lines[0][:300])
    return json.loads(answer.stdout)["results"]
