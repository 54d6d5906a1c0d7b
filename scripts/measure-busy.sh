#!/usr/bin/env bash
# Whether other work on the machine makes the default threads slower than one: seconds of `classify`,
# quiet and beside a process that never rests, in turns. Fails if the default is more than 1.2 times one
# thread's time.
#   scripts/measure-busy.sh [FOLDER]    images (default: those of the bundled scenes)
#   PARALLAX_ROUNDS=5 scripts/…         rounds (default: 3); the medians are compared
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-assets/scenes}
rounds=${PARALLAX_ROUNDS:-3}
out=$(mktemp -d)
busy=
trap '[ -z "$busy" ] || kill "$busy"; rm -rf "$out"' EXIT

seconds() {  # of one run with these arguments
  local start=$EPOCHREALTIME
  build/release/parallax classify "$folder" --quiet -o "$out/run" "$@" >/dev/null
  rm -rf "$out/run"
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

failed=0
for load in quiet busy; do
  if [ "$load" = busy ]; then
    while :; do :; done &
    busy=$!
  fi
  : >"$out/default" && : >"$out/one"
  for ((i = 0; i < rounds; ++i)); do
    seconds >>"$out/default"
    seconds --threads 1 >>"$out/one"
  done
  default=$(median <"$out/default")
  one=$(median <"$out/one")
  echo "$load: default threads $default s, one thread $one s"
  awk -v a="$default" -v b="$one" 'BEGIN { exit a > 1.2 * b }' || failed=1
done
exit $failed
