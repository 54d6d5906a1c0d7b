#!/usr/bin/env bash
# Formatting (clang-format) and static checks (clang-tidy) of all sources. Files that passed are not
# checked again until they, one of our headers, or the rules change.
#   scripts/check.sh           report
#   scripts/check.sh --format  check only the formatting, which takes a second
#   scripts/check.sh --fix     rewrite the formatting
#   scripts/check.sh --cuda    only compile the CUDA kernels, if there is nvcc
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
if [ "${1:-}" = "--cuda" ]; then
  if ! command -v nvcc >/dev/null; then
    printf 'check: no nvcc, so that the CUDA kernels are not compiled\n' >&2
    exit 0
  fi
  mkdir -p build/cuda-kernels
  nvcc -std=c++20 -O2 -I. -Werror all-warnings -Xcompiler -Wall -gencode arch=compute_80,code=sm_80 \
    -gencode arch=compute_90,code=[sm_90,compute_90] -c core/ops/cuda/launch.cu -o build/cuda-kernels/launch.o
  nvcc -std=c++20 -O2 -I. -Werror all-warnings -Xcompiler -Wall -gencode arch=compute_90a,code=sm_90a \
    -c core/ops/cuda/gated_product.cu -o build/cuda-kernels/gated_product.o
  exit 0
fi
mapfile -t sources < <(git ls-files '*.cpp')
mapfile -t headers < <(git ls-files '*.h' '*.cu')

if [ "${1:-}" = "--fix" ]; then
  clang-format-14 -i "${sources[@]}" "${headers[@]}"
  exit 0
fi
clang-format-14 --dry-run --Werror "${sources[@]}" "${headers[@]}"
[ "${1:-}" = "--format" ] && exit 0

# clang cannot read GCC's precompiled headers, so it gets a build folder without them, and with every
# source by itself.
folder=build/tidy
mkdir -p "$folder/passed"
cmake -S . -B "$folder" -G Ninja -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_CXX_COMPILER=clang++-14 \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DPARALLAX_UNITY=OFF >/dev/null
rules=$(cat .clang-tidy "${headers[@]}" | sha256sum | cut -c1-16)
todo=()
for source in "${sources[@]}"; do
  stamp="$folder/passed/$(sha256sum "$source" | cut -c1-16)-$rules"
  [ -e "$stamp" ] || todo+=("$source")
done
[ ${#todo[@]} -eq 0 ] && exit 0
printf 'check: clang-tidy on %d files, about 20 s each\n' "${#todo[@]}" >&2
check_one() {
  if clang-tidy-14 -p "$2" --quiet "$1" 2>"$2/tidy-$(tr / - <<<"$1").log"; then
    touch "$2/passed/$(sha256sum "$1" | cut -c1-16)-$3"
  else
    exit 255
  fi
}
export -f check_one
printf '%s\n' "${todo[@]}" | xargs -P "$(nproc)" -I{} bash -c 'check_one "$@"' _ {} "$folder" "$rules"
