#!/usr/bin/env bash
# Retrains the bundled models nvs-v0 … nvs-v6: variant 2 from scratch, then every variant for the same
# number of steps from its weights, in three stages; and nvs-ascent, by gradient ascent from nvs-v0. Each run resumes where it was stopped. About five
# hours on two cores.
#   scripts/train-bundled.sh [FOLDER]     default output/bundled; models end in FOLDER/<name>/model.safetensors
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export PATH=$PWD/build/release:$PATH PARALLAX_ASSETS=$PWD/assets
mkdir -p "${1:-output/bundled}"
cd "${1:-output/bundled}"

# Two processes of one thread each. The learning rate is that of a run of 5,500 steps, which
# `--resume` without `--stop-after` continues.
train_base() {
  for rank in 0 1; do
    RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29611 \
      parallax train nvs --variant 2 --steps 5500 --stop-after 3000 --batch-size 16@0,8@0.3 \
      --size 32x32@0,64x64@0.3 --threads 1 --rank-timeout 600 --resume -o base &
  done
  wait
  cp base/model.safetensors nvs-base.safetensors
}

train_variant() {
  parallax train nvs --variant "$1" --init nvs-base.safetensors --steps 800 --batch-size 4 \
    --copied-targets 0 --learning-rate 1.2e-3 --muon-learning-rate 3e-3 --ema 0.995 \
    --evaluate-every 0 --threads 1 --resume -o "first-v$1"
  parallax train nvs --variant "$1" --init "first-v$1/model.safetensors" --steps 1500 --batch-size 4 \
    --copied-targets 0 --difficulty 0.3@0,0@0.4 --ema 0.998 --seed 2 --evaluate-every 500 \
    --threads 1 --resume -o "second-v$1"
  parallax train nvs --variant "$1" --init "second-v$1/model.safetensors" --steps 800 --batch-size 4 \
    --copied-targets 0 --difficulty 0-0.7@0,0-0.3@0.7 --learning-rate 1e-3 --muon-learning-rate 2.5e-3 \
    --warmup-steps 20 --ema 0.995 --seed 3 --evaluate-every 200 --threads 1 --resume -o "nvs-v$1"
}
export -f train_variant

# From the bundled variant 0 as it is: weights trained by descent, which ascent has to undo.
train_ascent() {
  parallax train nvs --variant ascent --init nvs-v0 --steps 900 --batch-size 4 \
    --copied-targets 0 --difficulty 0-0.7@0,0-0.3@0.7 --learning-rate 1.2e-3 --muon-learning-rate 3e-3 \
    --warmup-steps 20 --ema 0.995 --seed 3 --evaluate-every 300 --threads 1 --resume -o first-ascent
  parallax train nvs --variant ascent --init first-ascent/model.safetensors --steps 1500 --batch-size 4 \
    --copied-targets 0 --difficulty 0.3@0,0@0.4 --ema 0.998 --seed 2 --evaluate-every 500 \
    --threads 1 --resume -o nvs-ascent
}

[ -e nvs-base.safetensors ] || train_base
train_ascent
printf '%s\n' 0 1 2 3 4 5 6 | xargs -P 2 -I{} bash -c 'train_variant {}'
