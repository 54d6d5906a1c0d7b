#!/usr/bin/env bash
# Runs tests over and over, to find those that fail at times. Prints what failed, then one line of counts.
#   scripts/repeat-tests.sh COUNT [--busy|--nice] [ARGS for GoogleTest, such as --gtest_filter=…]
#     --busy   on one core, beside two processes that never rest
#     --nice   with the lowest priority, behind whatever else runs
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:?how many times}
shift
wrapper=()
busy=()
end_busy() { [ ${#busy[@]} -eq 0 ] || kill "${busy[@]}"; }
trap end_busy EXIT
case "${1:-}" in
  --busy)
    shift
    wrapper=(taskset -c 0)
    for _ in 1 2; do
      taskset -c 0 bash -c 'while :; do :; done' &
      busy+=($!)
    done
    ;;
  --nice)
    shift
    wrapper=(nice -n 19)
    ;;
esac
scripts/setup.sh release parallax parallax_tests
log=$(mktemp)
failed=0
for ((i = 1; i <= count; ++i)); do
  if ! "${wrapper[@]}" scripts/test.sh "$@" >"$log" 2>&1; then
    failed=$((failed + 1))
    printf 'time %d of %d:\n' "$i" "$count"
    cat "$log"
  fi
done
rm -f "$log"
printf '%d times: %d passed, %d failed\n' "$count" "$((count - failed))" "$failed"
[ "$failed" -eq 0 ]
