"""The results file: written again after every measurement, so that a kill loses none."""

import json
import os
import pathlib
import subprocess

import torch

import report


def describe_machine(device):
    """What the numbers depend on besides the programs: card, driver, versions."""
    machine = {"torch": torch.__version__, "cuda": torch.version.cuda, "device": str(device)}
    if device.type == "cuda":
        machine["card"] = torch.cuda.get_device_name(device)
        query = ["nvidia-smi", "--query-gpu=driver_version,power.limit,clocks.max.sm", "--format=csv,noheader"]
        try:
            answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
            machine["driver"], machine["power_limit"], machine["max_clock"] = answer.splitlines()[0].split(", ")
        except (OSError, subprocess.SubprocessError, IndexError, ValueError):
            machine["driver"] = "unknown"
    else:
        machine["threads"] = torch.get_num_threads()
    return machine


class Results:
    """results.json and results.md of a folder; sections are added by name."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "results.json"
        self.data = json.loads(path.read_text()) if path.exists() else {}

    def set(self, section, value):
        """Replaces a section and writes both files."""
        self.data[section] = value
        self.save()

    def save(self):
        """Writes both files, each in one move: whoever reads them never sees half of one."""
        self._write("results.json", json.dumps(self.data, indent=1) + "\n")
        self._write("results.md", report.markdown(self.data))

    def _write(self, name, text):
        temporary = self.folder / f".{name}.new"
        temporary.write_text(text)
        os.replace(temporary, self.folder / name)
