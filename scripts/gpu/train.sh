#!/usr/bin/env bash
# Trains the bundled model `nvs` further on a GPU, for as many minutes as there are, and copies model, checkpoint and
# logs each minute into one folder that can be carried off at any moment: at most 8 files of at most 15 MiB.
#   train.sh --minutes 8                   from the bundled weights; as many steps as fit into the time
#   train.sh --minutes 8 --init FILE       from another model's; `--init none` from nothing
#   train.sh --minutes 8 --resume          goes on in the run folder, its schedule included
#   train.sh --minutes 8 --resume --from FOLDER   the same from a folder that an earlier run brought back
#   train.sh … --batch-size 16 --seed 4    other options go to `parallax train nvs`, in place of the recipe's
#   -o FOLDER    the folder that comes back      default $OUT, or gpu-training
#   --run FOLDER the run itself, whose checkpoints are larger      default ./gpu-run
#   --device cpu, --steps N: without `--steps`, a trial of half a minute measures how many fit
# Files that come back: model.safetensors; step-N.safetensors.partK, the checkpoint (to join:
# cat step-N.safetensors.part* >step-N.safetensors); log.jsonl; train.log.
set -euo pipefail
# shellcheck source=scripts/gpu/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

minutes=8 init=nvs output=${OUT:-gpu-training} run=gpu-run device='' resume='' from=''
own=()
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --init) init=$2; shift 2 ;;
    -o | --output) output=$2; shift 2 ;;
    --run) run=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --resume) resume=yes; shift ;;
    --from) from=$2; shift 2 ;;
    *) own+=("$1"); shift ;;
  esac
done
device=${device:-$(default_device)}
mkdir -p "$output" "$run"
log=$output/train.log
readonly program=$programs/parallax
"$program" --version >/dev/null || fail "the program does not start; check.sh --only start says more"

# The recipe of the bundled model; what the user gives stands in for an option of the same name. The architecture is the
# initial model's. A bundled name rather than a path: a run goes on only with the same options, and may be moved.
rates=(--batch-size 4 --learning-rate 1.5e-3 --muon-learning-rate 4e-3 --warmup-steps 50)
[ "$device" = cpu ] || rates=(--batch-size 32 --learning-rate 2e-3 --muon-learning-rate 6e-3 --warmup-steps 100)
# shellcheck disable=SC2054  # the commas are the program's
recipe=(--size 64x64 --input-views 4-8 --target-views 8 --difficulty 0-1@0,0-0.4@0.75
  --copied-targets 0 --dtype bfloat16 --seed 3 "${rates[@]}")
if [ "$init" = none ]; then
  arguments=(--use-qk-norm)
  recipe+=(--patch-size 4 --dim 192 --layers 6 --attention-head-dim 64 --ttt-head-dim 64 --inter-multi 2
    --mlp-inter-multi 4 --variant 2)
else
  arguments=(--init "$init")
fi
for ((i = 0; i < ${#recipe[@]}; i += 2)); do
  [[ " ${own[*]} " == *" ${recipe[i]} "* ]] || arguments+=("${recipe[i]}" "${recipe[i + 1]}")
done
arguments+=("${own[@]}")
has() { [[ " ${arguments[*]} " == *" $1 "* ]]; }

# Seconds per step of a folder's log, the first records left out: they include starting up.
seconds_per_step() { # FOLDER
  "$python" - "$1/log.jsonl" <<'PY'
import json, statistics, sys
steps = [r["seconds_per_step"] for r in map(json.loads, open(sys.argv[1])) if r["kind"] == "step"]
print(statistics.median(steps[len(steps) // 2:]))
PY
}
whole() { awk "BEGIN { value = int($1); print value < 1 ? 1 : value }"; }

began=$SECONDS
earlier=0  # seconds of the run before this command, which the program counts in --max-minutes
if [ -n "$resume" ]; then
  if [ -n "$from" ]; then
    mkdir -p "$run/checkpoints"
    cp "$from/log.jsonl" "$run/"
    name=$(basename "$(ls "$from"/step-*.part0)" .part0)
    cat "$from/$name".part? >"$run/checkpoints/$name"
    [ "$from" -ef "$output" ] || cp "$from/train.log" "$log"
  fi
  line=$(cat "$run/arguments" "$log" 2>/dev/null | sed -n 's/^arguments: //p' | head -n 1) || true
  [ -n "$line" ] || fail "nothing to resume in $run; --from names a folder that came back"
  eval "arguments=($line)"
  printf 'arguments: %s\n' "$line" >"$run/arguments"
  earlier=$("$python" -c '
import json, sys
print(max(json.loads(line).get("seconds", 0) for line in open(sys.argv[1])))' "$run/log.jsonl")
else
  [ ! -e "$run/checkpoints" ] || fail "$run holds a run already: --resume goes on with it, --run names another folder"
  : >"$log"
  if ! has --steps; then
    say "trial of half a minute"
    rm -rf "$run/trial"
    timeout --kill-after=5 120 "$program" train nvs "${arguments[@]}" --device "$device" --steps 1000000 \
      --max-minutes "$(awk "BEGIN { print ($minutes < 4 ? $minutes / 8 : 0.5) }")" --log-every 1 --evaluate-every 0 \
      --evaluation-scenes 1 --checkpoint-every 1000000 --quiet -o "$run/trial" >>"$log" 2>&1 || fail "the trial failed: $(tail -n 3 "$log")"
    pace=$(seconds_per_step "$run/trial")
    rm -rf "$run/trial"
    # A tenth is for starting, evaluations and checkpoints.
    steps=$(whole "0.9 * ($minutes * 60 - ($SECONDS - $began)) / $pace")
    arguments+=(--steps "$steps")
    a_minute=$(whole "60 / $pace")
    say "$pace s a step: $steps steps"
  else
    a_minute=$(whole 250)
  fi
  has --evaluate-every || arguments+=(--evaluate-every "$a_minute")
  has --checkpoint-every || arguments+=(--checkpoint-every "$a_minute")
  has --log-every || arguments+=(--log-every "$(whole "$a_minute / 6")")
  # In the log as well: it comes back, the run folder does not.
  printf 'arguments: %s\n' "${arguments[*]@Q}" | tee "$run/arguments" >>"$log"
fi
{
  date -u +%FT%TZ
  describe_machine
} >>"$log"

# Pauses before the time is up, evaluates and exports; the last resort is a signal, on which the program saves.
left=$(awk "BEGIN { left = $minutes * 60 - ($SECONDS - $began); print left - (left < 150 ? left / 10 : 15) }")
"$python" "$root/scripts/gpu/watch_training.py" "$run" "$output" &
watcher=$!
timeout --kill-after=30 "$(whole "$left + 45")" "$program" train nvs "${arguments[@]}" --device "$device" --resume \
  --max-minutes "$(awk "BEGIN { print ($earlier + $left) / 60 }")" --quiet -o "$run" >>"$log" 2>&1 &
training=$!
# A signal to this script is one to the program, which then saves.
trap 'kill -TERM $training 2>/dev/null || true' TERM INT
status=0
wait $training || status=$?
if kill -0 $training 2>/dev/null; then  # a signal to this script ended the waiting
  status=0
  wait $training || status=$?
fi
kill -TERM $watcher 2>/dev/null || true  # copies once more and ends
wait $watcher || true
tail -n 5 "$log"
ls -l "$output"
exit $status
