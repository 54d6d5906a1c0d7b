#!/usr/bin/env bash
# Sets everything up and runs all tests.
#   scripts/test.sh              the release build
#   scripts/test.sh --sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer
#   scripts/test.sh --threads    the code that starts threads, under ThreadSanitizer
#   scripts/test.sh … ARGS       further arguments go to GoogleTest (--gtest_filter=…)
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = "--threads" ]; then
  shift
  scripts/setup.sh tsan parallax_thread_tests
  exec build/tsan/parallax_thread_tests --gtest_brief=1 "$@"
fi
preset=release
if [ "${1:-}" = "--sanitize" ]; then
  preset=asan
  shift
fi
scripts/setup.sh "$preset" parallax parallax_tests

# The tests' matrices are small: a second thread would mostly spin. Each core runs a share of the tests
# at a time instead; there are more shares than cores, as some take longer.
cores=$(env -u OMP_NUM_THREADS nproc)
workers=$((cores < 6 ? cores + cores / 2 : 8))  # some tests wait for others or for time to pass
shares=$((workers == 1 ? 1 : 8 * workers))
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} GTEST_TOTAL_SHARDS=$shares
reports=build/$preset/test_reports
rm -rf "$reports"  # an earlier run's reports must not stand for a run that crashes
mkdir "$reports"
status=0
seq 0 $((shares - 1)) | xargs -P "$workers" -I '{}' bash -c '
  reports=$1 share=$2 tests=$3
  shift 3
  GTEST_SHARD_INDEX=$share "$tests" --gtest_brief=1 --gtest_output=json:"$reports/$share.json" "$@" \
    >"$reports/$share.log" 2>&1' - "$reports" '{}' "build/$preset/parallax_tests" "$@" || status=1
for ((share = 0; share < shares; ++share)); do
  cat "$reports/$share.log"
done
# One line that says how the run went, whatever the verbosity.
python3 - "$reports" "$shares" <<'PY'
import json, os, sys
reports = [f"{sys.argv[1]}/{share}.json" for share in range(int(sys.argv[2]))]
if not all(map(os.path.exists, reports)):
    sys.exit("some tests ended before their report: they crashed, or were stopped")
cases = [c for r in reports for s in json.load(open(r))["testsuites"] for c in s["testsuite"]]
ran = [c for c in cases if c["status"] == "RUN"]
failed = sum("failures" in c for c in ran)
skipped = sum(c["result"] == "SKIPPED" for c in ran)
print(f"{len(ran) - failed - skipped} passed, {failed} failed, {skipped} skipped")
PY
exit $status
