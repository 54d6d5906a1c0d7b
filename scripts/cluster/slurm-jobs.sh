#!/usr/bin/env bash
# Training and classification as Slurm jobs on the cluster of slurm-cluster.sh:
#   scripts/cluster/slurm-cluster.sh scripts/cluster/slurm-jobs.sh FOLDER
# 1. a job of two nodes trains; a SIGTERM, as before its time limit, makes it save, and the job puts itself back into
#    the queue until it is done. 2. an array of four jobs classifies a shard each; merged, their rows are those of one run.
set -eu
cd "$(dirname "$0")/../.."
[ $# -eq 1 ] && [ -n "${SLURM_CONF:-}" ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(realpath "$1")
parallax=$(realpath "${PARALLAX_BUILD:-build/release}/parallax")
cat >"$out/train.sh" <<'JOB'
#!/bin/bash
#SBATCH --job-name=train --nodes=2 --ntasks=2 --requeue --open-mode=append
#SBATCH --signal=TERM@120
srun "$PARALLAX" train nvs --dim 32 --layers 1 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 --batch-size 4 \
  --input-views 2 --target-views 1 --samples 1 --evaluation-scenes 1 --steps "$STEPS" --checkpoint-every 1000 \
  --evaluate-every 0 --log-every 1 --threads 1 --resume -o "$OUT/train"
status=$?
echo "srun ended with $status (restart ${SLURM_RESTART_COUNT:-0})"
[ $status -eq 75 ] && scontrol requeue "$SLURM_JOB_ID"
exit $status
JOB
export PARALLAX=$parallax OUT=$out STEPS=${STEPS:-60}
echo "--- a training over two nodes that is told to end twice"
job=$(sbatch --parsable --output="$out/train.log" "$out/train.sh")
for at in 5 25; do
  for _ in $(seq 1200); do
    [ "$(cat "$out/train/log.jsonl" 2>/dev/null | grep -c '"kind":"step"')" -ge $at ] && break
    sleep 0.1
  done
  scancel --signal=TERM "$job.0"  # what --signal does before the time limit: the step's tasks alone
  for _ in $(seq 600); do
    grep -q "srun ended with 75 (restart $((at == 5 ? 0 : 1)))" "$out/train.log" 2>/dev/null && break
    sleep 0.1
  done
done
for _ in $(seq 1800); do
  case $(squeue -h -j "$job" -o %T 2>/dev/null) in COMPLETED | '') break ;; esac
  sleep 0.2
done
scontrol show job "$job" | grep -E 'JobState|Restarts|ExitCode|NodeList='
grep -v '^$' "$out/train.log" | tail -n 20
steps=$(grep '"kind":"step"' "$out/train/log.jsonl" | grep -o '"step":[0-9]*' | sort -u | wc -l)
echo "steps in the log, each once: $steps of $STEPS"
[ "$steps" -eq "$STEPS" ]
[ "$(grep -c '"kind":"step"' "$out/train/log.jsonl")" -eq "$STEPS" ]

echo "--- an array of four jobs, a shard each"
sbatch --parsable --wait --array=1-4 --output="$out/shard-%a.log" --wrap \
  "srun $parallax classify assets/scenes/procedural_a/renderings assets/scenes/procedural_b/renderings --shard \$SLURM_ARRAY_TASK_ID/4 --threads 1 --quiet --resume -o $out/shard-\$SLURM_ARRAY_TASK_ID" >/dev/null
"$parallax" classify --merge "$out"/shard-[1-4] --quiet -o "$out/merged" >/dev/null
"$parallax" classify assets/scenes/procedural_a/renderings assets/scenes/procedural_b/renderings --threads 1 --quiet -o "$out/whole" >/dev/null
cmp "$out/merged/results.csv" "$out/whole/results.csv"
echo "merged: $(wc -l <"$out/merged/results.jsonl") rows, equal to one run's"
