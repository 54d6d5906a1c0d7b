#!/usr/bin/env bash
# Packs what a GPU server needs besides Python 3.12, PyTorch 2.11 and NVIDIA's driver: the program and its tests
# built with CUDA, their libraries, models, scenes, these scripts. Into build/gpu-kit/parts/part-N.tar.xz, each of
# which unpacks by itself into the same folder. The first parts hold what changes least, so that a second
# visit needs the last one alone.
#   pack.sh                 builds the preset cuda where something is missing
#   pack.sh --part-size 40  MiB that no part exceeds
#   pack.sh --no-assets     without models, scenes and golden cases: for a server that has the checkout besides
# PARALLAX_GPU_NO_BUILD=1 takes what is built; PARALLAX_GPU_BUILD names another build folder and builds nothing;
# PARALLAX_GPU_WORK names another folder than build/gpu-kit. PARALLAX_GPU_QUICK=1 takes Debian's large libraries and hardly
# compresses, to test these scripts.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'pack: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

readonly build=${PARALLAX_GPU_BUILD:-build/cuda}
readonly work=${PARALLAX_GPU_WORK:-build/gpu-kit}
readonly kit=$work/kit parts=$work/parts
preferred=$PWD/build/package-libraries/prefix/lib
[ -z "${PARALLAX_GPU_QUICK:-}" ] || preferred=/nonexistent
readonly preferred
part_size=40 with_assets=yes
while [ $# -gt 0 ]; do
  case $1 in
    --part-size) part_size=$2; shift 2 ;;
    --no-assets) with_assets=no; shift ;;
    *) fail "unknown option $1; the head of $0 lists all" ;;
  esac
done
readonly part_size with_assets

# The tests came later than the program; an older build has no such target.
build_if_missing() {
  local targets=(parallax parallax_torch)
  if [ "$build" = build/cuda ] && [ -z "${PARALLAX_GPU_NO_BUILD:-}" ]; then
    command -v nvcc >/dev/null || fail "the preset cuda needs nvcc; PARALLAX_GPU_BUILD=build/release packs what runs on a CPU"
    [ -e "$build/build.ninja" ] || { say "configuring"; cmake --preset cuda >/dev/null; }
    ! ninja -C "$build" -t targets all | grep -q '^parallax_gpu_tests:' || targets+=(parallax_gpu_tests)
    say "building ${targets[*]}; the first time takes half an hour on two cores"
    cmake --build "$build" --target "${targets[@]}" >"$work"/build.log 2>&1 || {
      tail -n 30 "$work"/build.log >&2
      fail "the build failed; the whole log is $work/build.log"
    }
  fi
  [ -x "$build/parallax" ] || fail "there is no $build/parallax"
  [ -x "$build/parallax-compute" ] || fail "there is no $build/parallax-compute"
  [ -e "$build/libparallax_torch.so" ] || fail "there is no $build/libparallax_torch.so"
  [ -x "$build/parallax_gpu_tests" ] || say "there is no $build/parallax_gpu_tests: the kit goes without"
}

# Stripped, and with a path to the kit's libraries instead of this machine's folders. Theirs is inherited by the
# libraries they load, so that the environment, which Python sees as well, need not name that folder.
add_program() { # FILE DESTINATION PATH
  strip --strip-unneeded -o "$2" "$1"
  chmod +x "$2"
  echo "file(RPATH_SET FILE \"$2\" NEW_RPATH \"$3\")" >"$work"/rpath.cmake
  cmake -P "$work"/rpath.cmake >/dev/null
}

# What the server has: the C and C++ runtime; LibTorch; NVIDIA's libraries, in Python's packages and the driver.
readonly runtime='^(linux-vdso|ld-linux.*|lib(c|m|dl|rt|util|pthread|resolv|gcc_s|stdc\+\+|mvec))\.so'
readonly of_torch='^lib(torch.*|c10.*|gomp)\.so'
readonly of_nvidia='^lib(cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|cufile|cupti|nv|nccl|caffe2_nvrtc).*\.so'
is_on_server() { [[ $1 =~ $runtime || $1 =~ $of_torch || $1 =~ $of_nvidia ]]; }

# Names and files of all that a program loads, one of each a line.
loaded_by() { # LIBRARY-PATH FILE
  LD_LIBRARY_PATH=$1 ldd "$2" | awk '$2 == "=>" { print $1, ($3 == "not" ? "missing" : $3) }'
}

copy_libraries() { # FILE…
  local file name path
  for file in "$@"; do
    while read -r name path; do
      is_on_server "$name" && continue
      [ "$path" != missing ] || fail "$file needs $name, which is missing here"
      [ -e "$kit/lib/$name" ] || strip --strip-unneeded -o "$kit/lib/$name" "$path"
    done < <(loaded_by "$preferred" "$file")
  done
}

# With nothing but the kit and LibTorch: whatever comes from elsewhere, the server may lack.
check_libraries() { # FILE…
  local file name path missing=0
  for file in "$@"; do
    while read -r name path; do
      is_on_server "$name" && continue
      case $path in
        "$(realpath "$kit")"/*) ;;
        *) say "$file would load $name from $path"; missing=1 ;;
      esac
    done < <(loaded_by "$PWD/third_party/torch/lib" "$file" | sed "s|$PWD/$kit/bin/../lib|$PWD/$kit/lib|")
  done
  [ $missing -eq 0 ] || fail "the kit would not run elsewhere"
}

level=9
[ -z "${PARALLAX_GPU_QUICK:-}" ] || level=0
readonly level

# Packs a list of the kit's files; in two halves where they are too many for one part.
next_part=1
pack_files() { # WHAT FILE…
  local what=$1 part
  shift
  part=$parts/part-$next_part.tar.xz
  # The same content gives the same bytes: order, owner and time are fixed.
  tar -C "$kit" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - "$@" | xz -T0 -$level >"$part"
  if [ "$(stat -c %s "$part")" -le $((part_size * 1048576)) ]; then
    printf '%-28s %6.1f MiB  %s\n' "$part" "$(awk "BEGIN { print $(stat -c %s "$part") / 1048576 }")" "$what"
    next_part=$((next_part + 1))
    return
  fi
  [ $# -gt 1 ] || fail "$1 alone is larger than $part_size MiB"
  # The first of the sorted files until they make half of all bytes.
  local sum=0 half count=0 file
  half=$(($(cd "$kit" && du -cb "$@" | tail -n 1 | cut -f1) / 2))
  for file in "$@"; do
    sum=$((sum + $(stat -c %s "$kit/$file")))
    [ $count -eq 0 ] || [ $sum -le "$half" ] || break
    count=$((count + 1))
  done
  [ $count -lt $# ] || count=$(($# - 1))
  pack_files "$what" "${@:1:count}"
  pack_files "$what" "${@:count+1}"
}

files_of() { (cd "$kit" && find "$@" -type f | LC_ALL=C sort); }

mkdir -p "$work"
build_if_missing
[ -e "$preferred/libopencv_core.so" ] || [ -n "${PARALLAX_GPU_QUICK:-}" ] || {
  say "small libraries in place of Debian's: scripts/package-libraries.sh, 10 minutes, once"
  scripts/package-libraries.sh >&2
}
rm -rf "$kit" "$parts"
mkdir -p "$kit"/bin "$kit"/lib "$kit"/scripts "$kit"/tests "$parts"

for program in parallax parallax-compute parallax_gpu_tests; do
  # shellcheck disable=SC2016
  [ ! -x "$build/$program" ] || add_program "$build/$program" "$kit"/bin/$program '$ORIGIN/../lib'
done
# shellcheck disable=SC2016
add_program "$build/libparallax_torch.so" "$kit"/lib/libparallax_torch.so '$ORIGIN'
# shellcheck disable=SC2016
add_program "$build/libparallax_video.so" "$kit"/bin/libparallax_video.so '$ORIGIN/../lib'
copy_libraries "$build"/parallax-compute "$build"/libparallax_video.so "$build"/libparallax_torch.so "$kit"/bin/*
check_libraries "$kit"/bin/* "$kit"/lib/libparallax_torch.so

# As they lie in the checkout, so that the scripts run in both.
cp -r scripts/gpu scripts/compare-with-reference.sh scripts/compare_with_reference.py "$kit"/scripts/
cp -r tests/python "$kit"/tests/
find "$kit"/scripts "$kit"/tests -name __pycache__ -prune -exec rm -r {} +
cp LICENSE "$kit"/
git describe --always --dirty >"$kit"/VERSION 2>/dev/null || echo unknown >"$kit"/VERSION
if [ $with_assets = yes ]; then
  mkdir -p "$kit"/assets/models "$kit"/tests/golden
  cp -r assets/scenes assets/*.txt assets/*.md "$kit"/assets/
  cp assets/models/nvs*.safetensors assets/models/classify.safetensors "$kit"/assets/models/
  cp -r "${PARALLAX_GOLDEN:-tests/golden/data}" "$kit"/tests/golden/data
fi

say "packing $(du -sh "$kit" | cut -f1)"
mapfile -t files < <(files_of lib | grep -v libparallax)
pack_files "libraries" "${files[@]}"
if [ $with_assets = yes ]; then
  mapfile -t files < <(files_of assets tests/golden)
  pack_files "models, scenes, golden cases" "${files[@]}"
fi
mapfile -t files < <(files_of bin scripts tests/python LICENSE VERSION lib/libparallax_torch.so)
pack_files "program, tests, scripts" "${files[@]}"

# Python unpacks what a bare server's tar, without xz, cannot.
cat >"$parts"/unpack.sh <<'UNPACK'
#!/bin/sh
# Unpacks the parts beside this script:  sh unpack.sh [FOLDER]     default gpu-kit
set -eu
folder=${1:-gpu-kit}
mkdir -p "$folder"
for part in "$(dirname "$0")"/part-*.tar.xz; do
  tar -C "$folder" -xJf "$part" 2>/dev/null || python3 -m tarfile -e "$part" "$folder"
done
echo "unpacked into $folder"
UNPACK
du -b "$parts"/part-* | awk '{ sum += $1 } END { printf "%.1f MiB in %d parts; unpack with sh unpack.sh FOLDER\n", sum / 1048576, NR }'
