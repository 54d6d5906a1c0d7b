#!/usr/bin/env bash
# Training and classification under torchrun (PyTorch 2.11 on the path), a worker of which is killed:
#   scripts/cluster/torchrun-jobs.sh FOLDER
# torchrun starts the workers anew (--max-restarts), and training goes on from its last checkpoint.
set -eu
cd "$(dirname "$0")/../.."
[ $# -eq 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(realpath "$1")
parallax=$(realpath "${PARALLAX_BUILD:-build/release}/parallax")
steps=3000
run() { torchrun --standalone --nproc-per-node 2 --max-restarts 3 --monitor-interval 0.2 --no-python "$parallax" "$@"; }
# The worker of rank 1: the process whose environment says so and whose command is ours.
worker() { # WORD
  for process in /proc/[0-9]*; do
    if grep -qz '^RANK=1$' "$process/environ" 2>/dev/null && tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "^[^ ]*parallax[^ ]* .*$1"; then
      basename "$process"
      return
    fi
  done
}
echo "--- training; rank 1 is killed after 400 and after 1200 steps"
run train nvs --dim 32 --layers 1 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 --batch-size 4 \
  --input-views 2 --target-views 1 --samples 1 --evaluation-scenes 1 --steps $steps --checkpoint-every 100 \
  --evaluate-every 0 --log-every 1 --threads 1 --resume -o "$out/train" >"$out/train.log" 2>&1 &
launcher=$!
for at in 400 1200; do
  until [ "$(cat "$out/train/log.jsonl" 2>/dev/null | grep -c '"kind":"step"')" -ge $at ]; do
    kill -0 $launcher
    sleep 0.1
  done
  kill -KILL "$(worker "train nvs.*$out")"
done
wait $launcher
echo "torchrun ended with 0"
grep -E 'resuming from|all steps|restart|Restart' "$out/train.log" | cut -c1-160
done_steps=$(grep '"kind":"step"' "$out/train/log.jsonl" | grep -o '"step":[0-9]*' | sort -u | wc -l)
echo "steps in the log, each once: $done_steps of $steps"
[ "$done_steps" -eq $steps ]
[ "$(grep -c '"kind":"step"' "$out/train/log.jsonl")" -eq $steps ]

echo "--- classification by two workers"
run classify assets/scenes/procedural_a/renderings assets/scenes/procedural_b/renderings --threads 1 --quiet --resume -o "$out/classify" \
  >"$out/classify.log" 2>&1
echo "$(wc -l <"$out/classify/results.jsonl") rows of $(find assets/scenes/procedural_[ab]/renderings -name '*.png' | wc -l) images"
