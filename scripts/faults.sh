#!/usr/bin/env bash
# Makes every write-like call of the commands of tests/apps/faults_test.cpp, and of downloads, fail once in each way (an hour on
# two cores).
#   scripts/faults.sh ARGS    further arguments go to GoogleTest
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release parallax parallax_tests
PARALLAX_ALL_FAULTS=1 OMP_NUM_THREADS=1 exec build/release/parallax_tests --gtest_filter='Faults.*:HubFetch.FailingWrites*' "$@"
