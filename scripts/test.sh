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

# The tests' matrices are small: a second thread would mostly spin.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
report=build/$preset/tests.json
rm -f "$report"  # an earlier run's report must not stand for a run that crashes
status=0
build/"$preset"/parallax_tests --gtest_brief=1 --gtest_output=json:"$report" "$@" || status=$?
# One line that says how the run went, whatever the verbosity.
python3 - "$report" <<'PY'
import json, os, sys
if not os.path.exists(sys.argv[1]):
    sys.exit("the tests ended before their report: they crashed, or were stopped")
cases = [c for s in json.load(open(sys.argv[1]))["testsuites"] for c in s["testsuite"]]
ran = [c for c in cases if c["status"] == "RUN"]
failed = sum("failures" in c for c in ran)
skipped = sum(c["result"] == "SKIPPED" for c in ran)
print(f"{len(ran) - failed - skipped} passed, {failed} failed, {skipped} skipped")
PY
exit $status
