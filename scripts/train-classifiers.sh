#!/usr/bin/env bash
# Trains the bundled classifiers classify-v0, -v1, -v3 and -v6 again, on folders with a sub-folder a class
# (Tiny-ImageNet's train and val, sorted so). Each run goes on where it was stopped.
#   scripts/train-classifiers.sh TRAIN VALIDATION [FOLDER]     default FOLDER output/classifiers
set -euo pipefail
train=$(realpath "${1:?usage: train-classifiers.sh TRAIN VALIDATION [FOLDER]}")
validation=$(realpath "${2:?usage: train-classifiers.sh TRAIN VALIDATION [FOLDER]}")
folder=$(realpath -m "${3:-$(dirname "$0")/../output/classifiers}")
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export PATH=$PWD/build/release:$PATH
for variant in 0 1 3 6; do
  parallax train classify --data "$train" --validation "$validation" --variant "$variant" \
    --hierarchical --dims 32,64,128,160 --depths 1,1,3,1 --heads 1,2,4,5 --patch-size 4 \
    --steps 6000 --batch-size 64 --train-size 32@0,64@0.7 --distortions 0 --mixup 0 --cutmix 0 --erase 0 \
    --jitter 0.2 --min-crop 0.4 --learning-rate 2e-3 --muon-learning-rate 3e-3 --warmup-steps 100 \
    --ema 0.998 --evaluate-every 0 --checkpoint-every 250 --log-every 50 --threads 1 --resume \
    -o "$folder/classify-v$variant"
done
