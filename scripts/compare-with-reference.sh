#!/usr/bin/env bash
# Times any PyTorch callable and `parallax bench` alternately; --help says how. The Python is python3,
# or the one that PARALLAX_PYTHON names; the program itself uses none.
set -euo pipefail
folder=$(dirname "$0")
exec "${PARALLAX_PYTHON:-python3}" "$folder/compare_with_reference.py" "$@"
