#!/usr/bin/env bash
# Retrains the bundled models nvs-v0 … nvs-v6 and nvs-ascent: every variant from random weights, with the same
# scenes, seeds and number of steps, in two stages. Each run resumes where it was stopped. About three hours on
# two cores.
#   scripts/train-bundled.sh [FOLDER]     default output/bundled; models end in FOLDER/<name>/model.safetensors
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export PATH=$PWD/build/release:$PATH PARALLAX_ASSETS=$PWD/assets
mkdir -p "${1:-output/bundled}"
cd "${1:-output/bundled}"

train_variant() {  # VARIANT NAME
  # The inner net is a matrix where φ(x) = x, and has a hidden layer elsewhere.
  local inner=1.5
  case $1 in 3 | 4 | 5 | 6) inner=1 ;; esac
  local common=(--variant "$1" --inter-multi "$inner" --dtype bfloat16 --threads 1 --resume)
  parallax train nvs "${common[@]}" --steps 4000 --size 32x32@0,64x64@0.4 --batch-size 16@0,4@0.4 \
    --difficulty 0-0.3 --evaluate-every 1000 --seed 1 -o "first-v$1"
  parallax train nvs "${common[@]}" --init "first-v$1/model.safetensors" --steps 1500 --size 64x64 --batch-size 4 \
    --copied-targets 0 --difficulty 0-0.5@0,0-0.3@0.7 --learning-rate 1e-3 --muon-learning-rate 2.5e-3 \
    --warmup-steps 20 --ema 0.995 --evaluate-every 500 --seed 2 -o "$2"
}
export -f train_variant

printf '%s\n' 'ascent nvs-ascent' '0 nvs-v0' '1 nvs-v1' '2 nvs-v2' '3 nvs-v3' '4 nvs-v4' '5 nvs-v5' '6 nvs-v6' |
  xargs -P 2 -I{} bash -c 'train_variant {}'
