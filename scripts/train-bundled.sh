#!/usr/bin/env bash
# Trains the bundled NVS models again, from nothing: the default model, and the seven variants for
# equal steps from its weights half-way. Each run goes on where it was stopped; two cores need about
# two and a half hours.
#   scripts/train-bundled.sh [FOLDER]     default output/bundled; models end in FOLDER/<name>/model.safetensors
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export PATH=$PWD/build/release:$PATH PARALLAX_ASSETS=$PWD/assets
mkdir -p "${1:-output/bundled}"
cd "${1:-output/bundled}"

# The default model, by two processes of one thread each. The evaluation at step 3000 writes the
# weights that the variants begin with.
train_default() {
  for rank in 0 1; do
    RANK=$rank WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29611 \
      parallax train nvs --variant 2 --steps 5500 --batch-size 16@0,8@0.3 --size 32x32@0,64x64@0.3 \
      --log-every 20 --evaluate-every 500 --checkpoint-every 250 --threads 1 --rank-timeout 600 \
      --resume -o nvs "$@" &
  done
  wait
}

train_variant() {
  parallax train nvs --variant "$1" --init nvs-base.safetensors --steps 1000 --batch-size 4 \
    --copied-targets 0 --learning-rate 1.2e-3 --muon-learning-rate 3e-3 --ema 0.995 \
    --evaluate-every 0 --threads 1 --resume -o "nvs-v$1"
}
export -f train_variant

if [ ! -e nvs-base.safetensors ]; then
  train_default --stop-after 3000
  cp nvs/model.safetensors nvs-base.safetensors
fi
train_default
printf '%s\n' 0 1 2 3 4 5 6 | xargs -P 2 -I{} bash -c 'train_variant {}'
