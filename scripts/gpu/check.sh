#!/usr/bin/env bash
# Checks the program on a GPU against the CPU: starts it, runs the tests of the CUDA path, renders,
# classifies, trains and benchmarks, and has the kernels watched by compute-sanitizer. At most 4 minutes on an
# H100. Runs in the unpacked kit and in a checkout. Each step has a time limit and a line in the table that
# is printed last; one that fails never stops the next.
#   check.sh                 on the GPU if there is one, else on the CPU
#   check.sh --device cpu    the same steps with the CPU in the GPU's place
#   check.sh --limit 240     seconds for all steps together; what no time is left for fails
#   check.sh --only STEP…    some of the steps, by the names of the table
#   check.sh -o FOLDER       for check.log       default $OUT, or gpu-results
# The exit status is 1 if a step failed. PARALLAX_GPU_BUILD and others: see env.sh.
set -euo pipefail
# shellcheck source=scripts/gpu/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
here=$root/scripts/gpu

device='' output=${OUT:-gpu-results} limit='' only=()
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=$2; shift 2 ;;
    --limit) limit=$2; shift 2 ;;
    --only) shift; while [ $# -gt 0 ] && [[ $1 != -* ]]; do only+=("$1"); shift; done ;;
    -o | --output) output=$2; shift 2 ;;
    *) fail "unknown option $1; the head of $0 lists all" ;;
  esac
done
device=${device:-$(default_device)}
limit=${limit:-$([ "$device" = cpu ] && echo 1200 || echo 240)}
mkdir -p "$output"
output=$(cd "$output" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readonly here device output limit work
scene=$PARALLAX_ASSETS/scenes/procedural_a
models=$PARALLAX_ASSETS/models
compare() { "$python" "$here/check_results.py" "$@"; }
parallax() { "$programs/parallax" "$@"; }
export here device work scene models programs python torch root
export -f compare parallax

# ---- the steps: each runs in a shell of its own, in $work; 77 means skipped, the last line says why ----

# The program loads, all its libraries are found, and models can be read.
start() {
  ! ldd "$programs/parallax-compute" | grep 'not found' || return 1
  parallax --version
  parallax info "$models/nvs.safetensors"
  parallax info | head -n 20
  if [ "$device" != cpu ]; then
    parallax render "$scene" --device "$device" --target-views 1 --turntable 0 -o first
  fi
}

# Every variant and form, both types, forward and backward, and the kernels, against the CPU and float64.
tests() {
  local program=$programs/parallax_gpu_tests
  [ -x "$program" ] || { echo "there is no $program"; return 77; }
  PARALLAX_TEST_DEVICE=$device "$program" --gtest_brief=1
}

# The CPU's results, which the next steps are held against.
reference() {
  parallax render "$scene" --target-views 4 --turntable 0 -o cpu-render --quiet
  parallax compare "$scene" --target-views 2 --repeats 1 -o cpu-models --quiet
  parallax classify "$scene/renderings" --form both --thumbnails 0 -o cpu-labels --quiet >cpu-labels.txt
}

# Pictures of both forms. A unit of 255 is a PSNR of 48 dB; TensorFloat-32 stays above that.
render_float32() {
  parallax render "$scene" --target-views 4 --turntable 0 --device "$device" -o render32 --quiet
  compare pictures cpu-render render32 45
}
render_bfloat16() {
  parallax render "$scene" --target-views 4 --turntable 0 --device "$device" --dtype bfloat16 -o render16 --quiet
  compare pictures cpu-render render16 30
}

# All bundled models, which are one of each variant, in both forms.
models_float32() {
  parallax compare "$scene" --target-views 2 --repeats 1 --device "$device" -o models32 --quiet
  compare models cpu-models/compare.json models32/compare.json 0.02
}
models_bfloat16() {
  parallax compare "$scene" --target-views 2 --repeats 1 --device "$device" --dtype bfloat16 -o models16 --quiet
  compare models cpu-models/compare.json models16/compare.json 0.1
}

classify_float32() {
  parallax classify "$scene/renderings" --form both --thumbnails 0 --device "$device" -o labels32 --quiet >labels32.txt
  compare labels cpu-labels labels32 1
}
classify_bfloat16() {
  parallax classify "$scene/renderings" --form both --thumbnails 0 --device "$device" --dtype bfloat16 -o labels16 --quiet \
    >labels16.txt
  compare labels cpu-labels labels16 0.9
}

train_small() {
  parallax train nvs --dim 64 --layers 2 --ttt-head-dim 64 --size 32x32 --target-views 2 --batch-size 2 \
    --evaluation-scenes 2 --evaluate-every 0 "$@"
}
export -f train_small

# The same data and weights on both: float32 losses go the same way until rounding adds up.
train_like_cpu() {
  train_small --steps 20 --log-every 1 -o train-cpu --quiet
  train_small --steps 20 --log-every 1 --device "$device" -o train-device --quiet
  compare losses train-cpu train-device 0.02
}
# From nothing, in mixed precision, with a pause in the middle.
train_and_resume() {
  local run=(--dtype bfloat16 --device "$device" --log-every 10 --checkpoint-every 20 -o train)
  train_small "${run[@]}" --steps 50 --stop-after 30
  compare training train
  train_small "${run[@]}" --steps 50 --resume
  compare training train 30
  compare training train
  parallax render "$scene" --model train/model.safetensors --size 32x32 --target-views 1 --turntable 0 \
    --device "$device" -o trained
}
# What train.sh does: the bundled model's architecture and weights.
train_bundled() {
  parallax train nvs --init nvs --batch-size 2 --target-views 4 --copied-targets 0 --dtype bfloat16 --device "$device" \
    --steps 6 --log-every 1 --evaluation-scenes 1 --learning-rate 1e-4 --muon-learning-rate 1e-4 -o bundled
  compare training bundled 1
}
# Two classes: the renderings of two scenes.
train_classify() {
  local class
  for class in procedural_a procedural_b; do
    mkdir -p "images/train/$class" "images/held-back/$class"
    cp "$scene/../$class"/renderings/*[0-7]_rgba.png "images/train/$class"
    cp "$scene/../$class"/renderings/*[89]_rgba.png "images/held-back/$class"
  done
  local run=(--data images/train --validation images/held-back --cache image-cache --dims 32 --depths 2 --heads 2
    --image-size 32 --num-classes 2 --batch-size 16 --steps 40 --log-every 10 --evaluate-every 0 --warmup-steps 5)
  parallax train classify "${run[@]}" --device "$device" -o classify32
  compare training classify32
  parallax train classify "${run[@]}" --device "$device" --dtype bfloat16 -o classify16
  compare training classify16
}

# `--device` where the command has it; elsewhere only the CPU is measured, which says nothing here.
bench() { # COMMAND OPTION...
  local command=$1 on=()
  shift
  if parallax bench "$command" --help | grep -q -- --device; then
    on=(--device "$device")
  elif [ "$device" != cpu ]; then
    echo "bench $command has no --device"
    return 77
  fi
  parallax bench "$command" "${on[@]}" "$@" --repeats 1 --min-ms 1
}
bench_layer() {
  bench layer --tokens 2048 --chunk 256 --dtype float32
  bench layer --tokens 2048 --chunk 256 --dtype bfloat16 --backward
}
bench_render() {
  bench render --size 64x64
  bench render --size 64x64 --train-step --batch-size 1 --dtype bfloat16
}
export -f bench

# The operators for PyTorch, their tensors on the device. ${torch} has to be that Python's own.
python_library() {
  local library=$programs/libparallax_torch.so
  [ -e "$library" ] || library=$programs/../lib/libparallax_torch.so
  local test=$root/tests/python/torch_library_test.py
  if [ ! -e "$library" ] || [ ! -e "$test" ]; then
    echo "there is no $library or no $test"
    return 77
  fi
  "$python" - "$device" "$test" "$library" 2.11.0 <<'PY'
import runpy, sys
try:
    import torch
except ImportError as error:
    print(f"no PyTorch can be imported: {error}")
    sys.exit(77)
torch.set_default_device(sys.argv.pop(1))
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
PY
}

# The kernels alone: everything under it is twenty times slower.
sanitizer() { # TOOL
  [ "$device" != cpu ] || { echo "for a GPU only"; return 77; }
  local tool
  tool=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null) \
    || { echo "there is no compute-sanitizer"; return 77; }
  [ -x "$programs/parallax_gpu_tests" ] || { echo "there is no $programs/parallax_gpu_tests"; return 77; }
  PARALLAX_TEST_DEVICE=$device "$tool" --tool "$1" --error-exitcode 1 --print-limit 20 \
    "$programs/parallax_gpu_tests" --gtest_brief=1 --gtest_filter="${PARALLAX_SANITIZER_FILTER:-*Kernel*}"
}
memcheck() { sanitizer memcheck; }
racecheck() { sanitizer racecheck; }
export -f sanitizer

# What matters most comes first, as time may run out. Name and seconds; the CPU is given more.
readonly steps=(start:60 tests:120 reference:60 render_float32:30 render_bfloat16:30 models_float32:40
  models_bfloat16:40 classify_float32:30 classify_bfloat16:30 train_like_cpu:40 train_and_resume:60 train_bundled:40
  train_classify:60 bench_layer:40 bench_render:40 python_library:40 memcheck:60 racecheck:60)
failed=0 table=''
log=$output/check.log
{
  date -u +%FT%TZ
  describe_machine
  printf 'device %s, %s s for all steps\n' "$device" "$limit"
} | tee "$log"

for step in "${steps[@]}"; do
  name=${step%:*} seconds=${step#*:}
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $name "* ]] || continue
  [ "$device" != cpu ] || seconds=$((seconds * 5))
  left=$((limit - SECONDS))
  began=$SECONDS status=0
  if [ $left -lt 5 ]; then
    echo "no time left" >"$work/log"
    status=1
  else
    export -f "${name?}"
    { timeout --kill-after=5 $((seconds < left ? seconds : left)) bash -c "
        cd \"\$work\"
        set -euo pipefail
        $name" </dev/null >"$work/log" 2>&1; } || status=$?
  fi
  case $status in
    0) word=PASS note= ;;
    77) word=SKIP note=$(tail -n 1 "$work/log") ;;
    124 | 137) word=FAIL note="ran out of time" ;;
    *) word=FAIL note=$({ grep -E '^differs:|^parallax:|FAILED|ERROR SUMMARY' "$work/log" || grep -v '^ *$' "$work/log" || true; } \
      | tail -n 1 | cut -c1-100) ;;
  esac
  [ $word != FAIL ] || failed=$((failed + 1))
  line=$(printf '%s %4d s  %-18s %s' $word $((SECONDS - began)) "$name" "$note")
  table+=$line$'\n'
  printf '%s\n' "$line"
  # Progress lines overwrite themselves with carriage returns; no log may crowd out the others.
  { printf '\n==== %s\n' "$line"; sed 's/.*\r\(.\)/\1/' "$work/log" | tail -c 500000; } >>"$log"
done

summary=$(printf '%s\n%sdevice %s, %d s, %d failed' "---- summary" "$table" "$device" $SECONDS $failed)
printf '\n%s\n' "$summary" | tee -a "$log"
[ $failed -eq 0 ]
