#!/usr/bin/env bash
# The heavy check of `classify`: many small images in one run, with its memory watched; then the same
# run killed half-way and resumed, after which every image must be there exactly once. Takes minutes.
#   scripts/classify-many.sh MODEL [COUNT] [classify's options…]
# The lines of memory are those at most in the first thousand images, in those up to 20,000, and to the end. With
# ONLY_MEMORY=1 nothing is killed.
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:?a classifier: a bundled name or a checkpoint}
count=${2:-20000}
shift; [ $# -gt 0 ] && shift
program=build/release/parallax
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A hundred different images, each under many names, in a hundred folders.
mkdir -p "$scratch/seeds" "$scratch/images"
"$program" scenes "$scratch/seeds" --count 4 --views 25 --size 64x64 --quiet >/dev/null
python3 - "$scratch" "$count" <<'PY'
import os, pathlib, sys
scratch, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
seeds = sorted((scratch / "seeds").rglob("*.png"))[:100]
for i in range(count):
    folder = scratch / "images" / f"{i % 100}x"
    if i < 100:
        folder.mkdir()
    os.link(seeds[i % len(seeds)], folder / f"{i}.png")
PY

lines() { [ -e "$1" ] && wc -l <"$1" || echo 0; }
# Replaces the shell that calls it, so that its process id is the program's.
classify() { exec "$program" classify "$scratch/images" --model "$model" -o "$scratch/$1" --quiet "${@:2}"; }

classify whole "$@" >/dev/null & pid=$!
early=0; middle=0; late=0
while kill -0 "$pid" 2>/dev/null; do
  memory=$(awk '/VmRSS/ {print $2}' "/proc/$pid/status" 2>/dev/null || true)
  done_now=$(lines "$scratch/whole/results.jsonl")
  if [ -n "$memory" ] && ((done_now > 0 && done_now < count)); then
    ((done_now <= 1000)) && ((memory > early)) && early=$memory
    ((done_now > 1000 && done_now <= 20000)) && ((memory > middle)) && middle=$memory
    ((done_now > 1000)) && ((memory > late)) && late=$memory
  fi
  sleep 0.2
done
wait "$pid"
printf 'memory: at most %d MiB in the first thousand images, %d MiB up to 20,000, %d MiB to the end of %d\n' \
  $((early / 1024)) $((middle / 1024)) $((late / 1024)) "$count"
(($(lines "$scratch/whole/results.jsonl") == count)) || { echo "not every image has a row" >&2; exit 1; }
# The allocator may keep freed memory in fragments: 5 % is no growth.
((late <= early + early / 20 + 8192)) || { echo "memory grows" >&2; exit 1; }
grep -o '"images_per_second": [0-9.]*' "$scratch/whole/summary.json"
[ -z "${ONLY_MEMORY:-}" ] || exit 0

classify killed "$@" >/dev/null & pid=$!
while (($(lines "$scratch/killed/results.jsonl") < count / 2)); do sleep 0.1; done
kill -KILL "$pid"; wait "$pid" 2>/dev/null || true
before=$(lines "$scratch/killed/results.jsonl")
(classify killed --resume "$@" >/dev/null)
all=$(lines "$scratch/killed/results.jsonl")
different=$(grep -o '"path":"[^"]*"' "$scratch/killed/results.jsonl" | sort -u | wc -l)
printf 'killed after %d of %d; after resuming %d rows, %d different images\n' "$before" "$count" "$all" "$different"
((all == count && different == count)) || { echo "not every image exactly once" >&2; exit 1; }
