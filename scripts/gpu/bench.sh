#!/usr/bin/env bash
# Parallax beside the published code on one GPU, in at most four minutes: throughput of the layer, its
# accuracy, novel views, classifiers. Every step has a time limit and a line of its own; one that fails
# stops no other. Results are written as they come.
#   scripts/gpu/bench.sh --peers PEERS --output FOLDER
#     --peers    folder with checkouts of JunchenLiu77/flame, a1600012888/LaCT and LeapLabTHU/ViTTT, named
#                flame, lact and vittt; without it only ours is timed
#     --program, --library    parallax and libparallax_torch.so elsewhere than env.sh finds them
#     --steps    which of "compile layers accuracy nvs classify" (default: all)
#     --device   default cuda;  --quick: tiny sizes, to test the scripts
# The Python is python3, or the one that PARALLAX_PYTHON names; it needs PyTorch, einops and timm.
set -uo pipefail
scripts=$(dirname "$0")/bench
python=${PARALLAX_PYTHON:-python3}
steps="compile layers accuracy nvs classify"
output=output/gpu-bench
common=()
while [ $# -gt 0 ]; do
  case $1 in
    -o | --output) output=$2; shift 2 ;;
    --steps) steps=$2; shift 2 ;;
    --quick | --compile) common+=("$1"); shift ;;
    --peers | --library | --program | --device) common+=("$1" "$2"); shift 2 ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
  esac
done
if [[ " ${common[*]} " != *" --program "* ]]; then
  # shellcheck source=scripts/gpu/env.sh
  . "$(dirname "${BASH_SOURCE[0]}")/env.sh"
  library=$programs/libparallax_torch.so
  [ -e "$library" ] || library=$programs/../lib/libparallax_torch.so
  common+=(--program "$programs/parallax" --library "$library")
fi
mkdir -p "$output"
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-/tmp/parallax-bench-inductor}
export TRITON_CACHE_DIR=${TRITON_CACHE_DIR:-/tmp/parallax-bench-triton}

failed=0
run_step() {  # name, seconds
  local log=$output/$1.log start=$SECONDS status=0
  timeout -k 2 "$2" "$python" -u "$scripts/bench.py" "$1" --limit "$2" --output "$output" "${common[@]}" \
    >"$log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    printf 'bench: %-9s done, %d of %d s\n' "$1" $((SECONDS - start)) "$2"
  else
    failed=1
    [ $status -eq 124 ] && status="time is up"
    printf 'bench: %-9s FAILED (%s), %d of %d s: %s\n' "$1" "$status" $((SECONDS - start)) "$2" "$(tail -n 1 "$log")"
  fi
}

# Compiles the published layers, each variant in a process of its own.
compile_layers() {  # seconds
  local variant start=$SECONDS
  for variant in 0 1 2 3 4 5 6; do
    timeout -k 2 "$1" "$python" -u "$scripts/bench.py" layers --only-compile $variant --output "$output" "${common[@]}" \
      >"$output/compile-$variant.log" 2>&1 &
  done
  wait
  printf 'bench: compiling the published layers took %d of %d s\n' $((SECONDS - start)) "$1"
}

for step in $steps; do
  case $step in
    compile) [[ " ${common[*]} " != *" --peers "* ]] || compile_layers 100 ;;
    layers) run_step layers 80 ;;
    accuracy) run_step accuracy 35 ;;
    nvs) run_step nvs 75 ;;
    classify) run_step classify 42 ;;
    *) printf 'bench: there is no step %s\n' "$step" >&2; failed=1 ;;
  esac
done 2>&1 | tee "$output/steps.txt"
grep -q FAILED "$output/steps.txt" && failed=1
timeout -k 2 8 "$python" "$scripts/bench.py" report --output "$output"
exit $failed
