"""Packs the operators for PyTorch as a Python wheel, from an installed Parallax.

    python3 scripts/make_wheel.py PREFIX VERSION FOLDER

PREFIX/lib/parallax must hold libparallax_torch.so and libfmt. Writes
FOLDER/parallax_ttt-VERSION-py3-none-manylinux_<glibc>_x86_64.whl and prints its path. Nothing but
Python's library is needed, and the same input gives the same bytes.
"""

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
TORCH = "2.11"

METADATA = """Metadata-Version: 2.1
Name: parallax_ttt
Version: {version}
Summary: Test-time-training layers for PyTorch, recurrent and as linear attention
Requires-Python: >=3.10
Requires-Dist: torch=={torch}.*
Description-Content-Type: text/plain

{description}"""

WHEEL = """Wheel-Version: 1.0
Generator: parallax
Root-Is-Purelib: false
Tag: {tag}
"""


def newest_glibc(libraries):
    """The newest version of glibc's symbols that these need, as (2, 34)."""
    newest = (2, 17)
    for library in libraries:
        table = subprocess.run(
            ["objdump", "-T", library], check=True, capture_output=True, text=True
        ).stdout
        for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", table):
            newest = max(newest, (int(major), int(minor)))
    return newest


# What every machine with PyTorch has: PyTorch's own libraries, and the C and C++ runtime.
GIVEN = r"(lib(torch_cpu|c10|gomp|stdc\+\+|gcc_s|c|m|dl|rt|pthread)|ld-linux-x86-64)\.so"


def require_complete(libraries):
    """Ends the program if a library needs one that the wheel would not bring."""
    carried = {library.name for library in libraries}
    for library in libraries:
        table = subprocess.run(
            ["objdump", "-p", library], check=True, capture_output=True, text=True
        ).stdout
        for needed in re.findall(r"NEEDED +(\S+)", table):
            if needed not in carried and not re.match(GIVEN, needed):
                sys.exit(f"{library.name} needs {needed}, which the wheel does not carry")


def main():
    prefix, version, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    libraries = [prefix / "lib/parallax/libparallax_torch.so"]
    libraries += sorted((prefix / "lib/parallax").glob("libfmt.so.*"))
    require_complete(libraries)
    glibc = newest_glibc(libraries)
    tag = f"py3-none-manylinux_{glibc[0]}_{glibc[1]}_x86_64"
    module = (SOURCE / "python/parallax_ttt/__init__.py").read_text().replace("@VERSION@", version)
    description = module.split('"""')[1]

    info = f"parallax_ttt-{version}.dist-info"
    files = {"parallax_ttt/__init__.py": module.encode()}
    for library in libraries:
        files[f"parallax_ttt/{library.name}"] = library.read_bytes()
    for text in ("LICENSE", "docs/THIRD_PARTY.md"):
        if (SOURCE / text).exists():
            files[f"{info}/licenses/{Path(text).name}"] = (SOURCE / text).read_bytes()
    metadata = METADATA.format(version=version, torch=TORCH, description=description)
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag).encode()

    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()

    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"parallax_ttt-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if ".so" in name else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    print(wheel)


main()
