#!/usr/bin/env bash
# Feeds a reader with damaged files under libFuzzer (clang), AddressSanitizer and UndefinedBehaviorSanitizer.
#   scripts/fuzz.sh TARGET MINUTES    one reader for so long; further inputs are kept in build/fuzz/found/TARGET
#   scripts/fuzz.sh all MINUTES       every reader for so long each
#   scripts/fuzz.sh TARGET|all runs=N as many inputs in place of a time, corpora included
#   scripts/fuzz.sh list              the readers' names
# What a reader fails on is written to build/fuzz/findings/TARGET-…; copy it to tests/fuzz/corpus/TARGET once it is fixed.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || { sed -n '2,7s/^# //p' "$0" >&2; exit 2; }
scripts/setup.sh fuzz parallax_fuzz
fuzz=build/fuzz/parallax_fuzz
mapfile -t names < <("$fuzz" --target=list)
if [ "$1" = list ]; then
  printf '%s\n' "${names[@]}"
  exit 0
fi
[ $# -eq 2 ] || { sed -n '2,7s/^# //p' "$0" >&2; exit 2; }
case $2 in
  runs=*) limit=(-runs="${2#runs=}") ;;
  *) limit=(-max_total_time=$(($2 * 60))) ;;
esac
[ "$1" = all ] || names=("$1")
# LibTorch and OpenCV are not built with the sanitizers, so that annotations of containers contradict.
options=detect_container_overflow=0:detect_leaks=0:allocator_may_return_null=0
# Walking 30 frames at each allocation, filling it, and keeping 256 MB of what was freed takes half of the time: a
# finding is run again with them.
export ASAN_OPTIONS=$options:malloc_context_size=1:max_malloc_fill_size=64:quarantine_size_mb=4:thread_local_quarantine_size_kb=64
mkdir -p build/fuzz/findings
status=0
for name in "${names[@]}"; do
  mkdir -p "build/fuzz/found/$name"
  log=build/fuzz/$name.log
  dictionary=tests/fuzz/text.dict
  case $name in
    *json* | transforms | openmvg | opensfm | polycam | record3d | sdfstudio | model_card | safetensors | shards | gltf | glb | \
      evaluation_index | labels | truth | camera_track | settings | script) dictionary=tests/fuzz/json.dict ;;
  esac
  # Inputs of twice the longest sample's length have all that a format has, and longer ones take longer.
  longest=$(find "tests/fuzz/corpus/$name" -type f -printf '%s\n' | sort -n | tail -n 1)
  max_len=$((longest > 2048 ? 2 * longest : 4096))
  if "$fuzz" "--target=$name" -dict=$dictionary -max_len=$max_len -malloc_limit_mb=66 -rss_limit_mb=3000 -timeout=20 \
    -use_value_profile=0 -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name-" "${limit[@]}" \
    "build/fuzz/found/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    printf '%s: %s inputs\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  else
    status=1
    printf '%s: a finding; see %s\n' "$name" "$log"
    grep -m 1 -E 'FINDING|ERROR:|runtime error' "$log" || true
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    [ -z "$input" ] || ASAN_OPTIONS=$options "$fuzz" "--target=$name" -malloc_limit_mb=66 -timeout=20 "$input" >>"$log" 2>&1 || true
  fi
done
exit $status
