#!/usr/bin/env bash
# Drives the viewer on a virtual display (Xvfb) through random requests: scenes opened and dropped, broken files,
# models, forms, sizes, cameras, probes, work cancelled, all with and without waiting for the one before.
#   scripts/viewer-steps.sh [REQUESTS [SEED]]             its memory is watched (3,000 and 1)
#   scripts/viewer-steps.sh --threads [REQUESTS [SEED]]   under ThreadSanitizer (2,000 and 1)
# Memory, looked at every 100 requests in one resting state, must not grow by more than 5 % after the first 1,000. Under
# ThreadSanitizer the window closes every 100 requests, while a scene is loading, and opens again; a race in our code
# fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."
export LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1
if [ "${1:-}" = "--threads" ]; then
  shift
  scripts/setup.sh tsan parallax-compute
  exec python3 scripts/viewer_steps.py --races "${PARALLAX_BUILD:-build/tsan}" "${1:-2000}" "${2:-1}"
fi
scripts/setup.sh release parallax
exec python3 scripts/viewer_steps.py "${PARALLAX_BUILD:-build/release}" "${1:-3000}" "${2:-1}"
