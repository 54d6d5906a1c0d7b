#!/usr/bin/env bash
# Any PyTorch module of yours and `parallax bench` side by side, in turns; --help says how.
# The Python is python3, or what PARALLAX_PYTHON names; nothing of it is used by the program.
set -euo pipefail
folder=$(dirname "$0")
exec "${PARALLAX_PYTHON:-python3}" "$folder/compare_with_reference.py" "$@"
