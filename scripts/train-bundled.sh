#!/usr/bin/env bash
# Retrains the bundled models nvs-v0 … nvs-v6 and nvs-ascent: every variant from random weights, with the same
# scenes, seeds and number of steps, in two stages. Each run resumes where it was stopped. About three hours on
# two cores.
#   scripts/train-bundled.sh [FOLDER]     default output/bundled; models end in FOLDER/<name>/model.safetensors
#   scripts/train-bundled.sh FOLDER SEED [VARIANT…]   the same with other seeds (2, 3, …; the bundled ones have 1), for
#                                         the spread that differences of variants must be held against
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export PATH=$PWD/build/release:$PATH PARALLAX_ASSETS=$PWD/assets
mkdir -p "${1:-output/bundled}"
cd "${1:-output/bundled}"
seed=${2:-1}
export first_seed=$((2 * seed - 1)) second_seed=$((2 * seed))

train_variant() {  # VARIANT NAME
  # The inner net is a matrix where φ(x) = x, and has a hidden layer elsewhere.
  local inner=1.5
  case $1 in 3 | 4 | 5 | 6) inner=1 ;; esac
  local common=(--variant "$1" --inter-multi "$inner" --dtype bfloat16 --threads 1 --resume)
  parallax train nvs "${common[@]}" --steps 4000 --size 32x32@0,64x64@0.4 --batch-size 16@0,4@0.4 \
    --difficulty 0-0.3 --evaluate-every 1000 --seed "$first_seed" -o "first-v$1"
  parallax train nvs "${common[@]}" --init "first-v$1/model.safetensors" --steps 1500 --size 64x64 --batch-size 4 \
    --copied-targets 0 --difficulty 0-0.5@0,0-0.3@0.7 --learning-rate 1e-3 --muon-learning-rate 2.5e-3 \
    --warmup-steps 20 --ema 0.995 --evaluate-every 500 --seed "$second_seed" -o "$2"
}
export -f train_variant

variants=("${@:3}")
[ ${#variants[@]} -gt 0 ] || variants=(ascent 0 1 2 3 4 5 6)
for variant in "${variants[@]}"; do
  [ "$variant" = ascent ] && echo "$variant nvs-ascent" || echo "$variant nvs-v$variant"
done | xargs -P 2 -I{} bash -c 'train_variant {}'
