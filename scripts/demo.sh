#!/usr/bin/env bash
# Sets everything up and renders novel views of the bundled scene with the bundled model, in the
# recurrent and in the parallel form. Images go to output/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
exec build/release/parallax render assets/scenes/procedural_a --input-views 8 --form both \
  --output output/demo "$@"
