#!/usr/bin/env bash
# Kills training and classify over and over, and looks for what was lost. Where is counted in calls, steps and rows.
#   scripts/kills.sh [TRAINING-KILLS [CLASSIFY-KILLS [IMAGES]]]    (100, 50 and 20,000)
# Training in one process is killed at a write-like call of a run that goes on with --resume: a later one each time, so
# that a checkpoint, a log line, a model, a rename and a flush have their turns. In two processes the first is killed so
# in every other run, else the second after three steps; the other one ends by itself. The weights must be those of runs
# without kills, to the bit, and each step in the log once. classify runs in two processes, one of which, in turns, is
# killed after so many rows; every image must be in the results once.
set -euo pipefail
cd "$(dirname "$0")/.."
training_kills=${1:-100} classify_kills=${2:-50} images=${3:-20000}
scripts/setup.sh release parallax parallax_faults
parallax=$PWD/build/release/parallax
faults=$PWD/build/release/libparallax_faults.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
port=$((20000 + $$ % 20000))

train() { # FOLDER STEPS VARIABLE=VALUE…; replaces its shell
  local folder=$1 steps=$2
  shift 2
  exec env "$@" "$parallax" train nvs --dim 32 --layers 1 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 --batch-size 2 \
    --input-views 2 --target-views 1 --samples 1 --evaluation-scenes 1 --steps "$steps" --checkpoint-every 1 --evaluate-every 7 \
    --log-every 1 --threads 1 --quiet --resume --rank-timeout 60 -o "$folder" >>"$folder.out" 2>&1
}
deadly() { # FOLDER CALL
  printf '%s\n' LD_PRELOAD="$faults" PARALLAX_FAULT_FOLDER="$1" PARALLAX_FAULT_KIND=kill PARALLAX_FAULT_AT="$2"
}
as_rank() { printf '%s\n' RANK="$1" WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT="$port"; }
steps_logged() { grep -c '"kind":"step"' "$1/log.jsonl" 2>/dev/null || true; }
compare() { # RUN OTHER STEPS
  python3 - "$@" <<'PY'
import json, struct, sys
run, other, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]] for name, entry in header.items()}
assert tensors(f"{run}/model.safetensors") == tensors(f"{other}/model.safetensors"), "the weights differ"
rows = [json.loads(line) for line in open(f"{run}/log.jsonl")]
steps = [row["step"] for row in rows if row["kind"] == "step"]
assert steps == list(range(1, count + 1)), "the log has gaps or doubles"
PY
}

killed=0 at=4
while [ $killed -lt "$training_kills" ]; do
  status=0
  mapfile -t variables < <(deadly "$work/killed" $at)
  (train "$work/killed" 400 "${variables[@]}") || status=$?
  [ $status -eq 137 ] || break  # all steps are done
  killed=$((killed + 1)) at=$((4 + (at - 3) % 23))
done
(train "$work/killed" 400 KILLS=none)
(train "$work/whole" 400 KILLS=none)
compare "$work/killed" "$work/whole" 400
echo "training in one process: $killed kills, weights equal to the bit, every step logged once"

# Two processes, to the end unless one is killed; succeeds if both did.
pair() { # FOLDER STEPS KILLED-RANK|none CALL
  local folder=$1 steps=$2 victim=$3 first second before failed=0
  local zero one
  port=$((port + 1))
  mapfile -t zero < <(as_rank 0; if [ "$victim" = 0 ]; then deadly "$folder" "$4"; fi)
  mapfile -t one < <(as_rank 1)
  before=$(steps_logged "$folder")
  train "$folder" "$steps" "${zero[@]}" &
  first=$!
  train "$folder" "$steps" "${one[@]}" &
  second=$!
  if [ "$victim" = 1 ]; then
    while [ "$(steps_logged "$folder")" -lt $((${before:-0} + 3)) ] && kill -0 $first 2>/dev/null; do sleep 0.05; done
    kill -KILL $second 2>/dev/null || true
  fi
  wait $first || failed=1
  wait $second || failed=1
  return $failed
}
steps=2000 killed=0 at=4
while [ $killed -lt "$training_kills" ]; do
  if pair "$work/killed-two" $steps $((killed % 2)) $at; then break; fi
  killed=$((killed + 1)) at=$((4 + (at - 3) % 23))
done
pair "$work/killed-two" $steps none 0
pair "$work/whole-two" $steps none 0
compare "$work/killed-two" "$work/whole-two" $steps
echo "training in two processes: $killed kills, weights equal to the bit, every step logged once"

mkdir "$work/images"
mapfile -t seeds < <(find "$PWD/assets/scenes" -name '*.png' | sort)
for ((i = 0; i < images; ++i)); do
  ln -s "${seeds[i % ${#seeds[@]}]}" "$work/images/$(printf %06d $i).png"
done
rank() { # RANK; replaces its shell
  mapfile -t variables < <(as_rank "$1")
  exec env "${variables[@]}" "$parallax" classify "$work/images" --threads 1 --workers 1 --thumbnails 0 --quiet --resume \
    --rank-timeout 3 -o "$work/out" >>"$work/classify.out" 2>&1
}
rows() { if [ -e "$work/out/results.jsonl" ]; then wc -l <"$work/out/results.jsonl"; else echo 0; fi; }
wait_for_rows() { # COUNT PROCESS
  while [ "$(rows)" -lt "$1" ] && kill -0 "$2" 2>/dev/null; do sleep 0.05; done
}
killed=0
while [ $killed -lt "$classify_kills" ]; do
  port=$((port + 1))
  rank 0 &
  first=$!
  rank 1 &
  second=$!
  target=$((images * (killed + 1) / (classify_kills + 1)))
  wait_for_rows $target $first
  if [ $((killed % 2)) -eq 0 ]; then
    kill -KILL $first $second 2>/dev/null || true  # the second would wait for the first's return
  else
    kill -KILL $second 2>/dev/null || true
    wait_for_rows $((target + images / (2 * classify_kills))) $first  # the first goes on
    kill -KILL $first 2>/dev/null || true
  fi
  wait $first $second 2>/dev/null || true
  killed=$((killed + 1))
done
echo "before the last run: $(rows) rows of $images"
"$parallax" classify "$work/images" --thumbnails 0 --quiet --resume -o "$work/out" >/dev/null
python3 - "$work" "$images" <<'PY'
import json, sys
paths = [json.loads(line)["path"] for line in open(f"{sys.argv[1]}/out/results.jsonl")]
assert len(paths) == len(set(paths)) == int(sys.argv[2]), (len(paths), len(set(paths)))
PY
echo "classify in two processes: $killed kills, each of $images images once"
