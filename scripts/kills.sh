#!/usr/bin/env bash
# Kills training and classify at counted write-like calls, over and over, and looks for what was lost.
#   scripts/kills.sh [TRAINING-KILLS [CLASSIFY-KILLS [IMAGES]]]    (100, 50 and 20,000)
# Training runs in one process and is killed at call 1, 2, 3 … of a run that goes on with --resume; its weights must be
# those of a run without kills, to the bit. classify runs in two processes, one of which, in turns, is killed after so
# many rows; every image must be in the results once.
set -euo pipefail
cd "$(dirname "$0")/.."
training_kills=${1:-100} classify_kills=${2:-50} images=${3:-20000}
scripts/setup.sh release parallax parallax_faults
parallax=$PWD/build/release/parallax
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

train() { # FOLDER ARGS…
  local folder=$1
  shift
  "$@" "$parallax" train nvs --dim 32 --layers 1 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 --batch-size 2 \
    --input-views 2 --target-views 1 --samples 1 --evaluation-scenes 1 --steps 400 --checkpoint-every 1 --evaluate-every 7 \
    --log-every 1 --threads 1 --quiet --resume -o "$folder" >/dev/null 2>&1
}
killed=0 at=4
while [ $killed -lt "$training_kills" ]; do
  # A later call each time, so that a checkpoint, a log line, a model, a rename and a flush have their turns.
  status=0
  train "$work/killed" env LD_PRELOAD="$PWD/build/release/libparallax_faults.so" PARALLAX_FAULT_FOLDER="$work/killed" \
    PARALLAX_FAULT_KIND=kill PARALLAX_FAULT_AT=$at || status=$?
  [ $status -eq 137 ] || break  # all steps are done
  killed=$((killed + 1)) at=$((4 + (at - 3) % 23))
done
train "$work/killed" env
train "$work/whole" env
python3 - "$work" <<'PY'
import glob, json, struct, sys
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]] for name, entry in header.items()}
one, other = (tensors(f"{sys.argv[1]}/{run}/model.safetensors") for run in ("killed", "whole"))
assert one == other, "the weights differ"
steps = [json.loads(line)["step"] for line in open(f"{sys.argv[1]}/killed/log.jsonl") if '"step"' in line and '"kind":"step"' in line]
assert steps == list(range(1, 401)), "the log has gaps or doubles"
PY
echo "training: $killed kills, weights equal to the bit, every step logged once"

mkdir "$work/images"
mapfile -t seeds < <(find "$PWD/assets/scenes" -name '*.png' | sort)
for ((i = 0; i < images; ++i)); do
  ln -s "${seeds[i % ${#seeds[@]}]}" "$work/images/$(printf %06d $i).png"
done
port=$((20000 + $$ % 20000))
rank() { # RANK
  RANK=$1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port "$parallax" classify "$work/images" --threads 1 --workers 1 \
    --thumbnails 0 --quiet --resume --rank-timeout 3 -o "$work/out" >/dev/null 2>&1
}
rows() { cat "$work/out/results.jsonl" 2>/dev/null | wc -l; }
killed=0
while [ $killed -lt "$classify_kills" ]; do
  port=$((port + 1))
  rank 0 &
  first=$!
  rank 1 &
  second=$!
  target=$((images * (killed + 1) / (classify_kills + 1)))
  while [ "$(rows)" -lt $target ] && kill -0 $first 2>/dev/null; do sleep 0.05; done
  # A subshell runs the program: its child is what dies.
  victim=$([ $((killed % 2)) -eq 0 ] && echo $first || echo $second)
  pkill -KILL -P "$victim" || true
  killed=$((killed + 1))
  if [ "$victim" = $first ]; then
    pkill -KILL -P $second || true  # without rank 0 it would wait for its return
    wait $first $second 2>/dev/null || true
  else
    while [ "$(rows)" -lt $((target + images / (2 * classify_kills))) ] && kill -0 $first 2>/dev/null; do sleep 0.05; done
    pkill -KILL -P $first || true
    wait $first $second 2>/dev/null || true
  fi
done
"$parallax" classify "$work/images" --thumbnails 0 --quiet --resume -o "$work/out" >/dev/null
python3 - "$work" "$images" <<'PY'
import json, sys
paths = [json.loads(line)["path"] for line in open(f"{sys.argv[1]}/out/results.jsonl")]
assert len(paths) == len(set(paths)) == int(sys.argv[2]), (len(paths), len(set(paths)))
PY
echo "classify: $killed kills, each of $images images once"
