#!/usr/bin/env bash
# Tries out what pack.sh made as a server would: unpacks the parts into an empty folder and runs its check.sh on the
# CPU there, with nothing of this environment and nothing but LibTorch. Two minutes on two cores.
#   test-kit.sh                 packs first if there are no parts
#   test-kit.sh --only STEP…    options go to check.sh
# PARALLAX_TORCH_DIR names another folder `torch` of PyTorch 2.11 than third_party/torch.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'test-kit: %s\n' "$*" >&2; }

readonly work=${PARALLAX_GPU_WORK:-build/gpu-kit}
[ -e "$work/parts/part-1.tar.xz" ] || scripts/gpu/pack.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
readonly kit=$scratch/kit site=$scratch/site-packages

sh "$work/parts/unpack.sh" "$kit"

# LibTorch, and beside it NVIDIA's libraries, as Python's packages have them.
lib=$(realpath "${PARALLAX_TORCH_DIR:-third_party/torch}")/lib
readonly lib
mkdir -p "$site/torch" "$site/nvidia/cu13/lib"
ln -s "$lib" "$site/torch/lib"
for file in third_party/cuda-runtime/lib/*.so* "$lib"/../../nvidia/*/lib/*.so*; do
  [ ! -e "$file" ] || ln -sf "$(realpath "$file")" "$site/nvidia/cu13/lib/"
done

# Some that a program with CUDA loads, and never calls without a GPU, are in no toolkit: empty ones of their names, and
# with the versions that LibTorch asks for.
make_stand_ins() {
  local name versions version
  LD_LIBRARY_PATH=$lib:$site/nvidia/cu13/lib:/usr/local/cuda/lib64 ldd "$kit/bin/parallax-compute" \
    | awk '/not found/ { print $1 }' | sort -u | while read -r name; do
      versions=$(objdump -p "$lib"/*.so | awk -v name="$name:" '
        /required from/ { wanted = $3 == name; next }
        wanted && NF == 4 { print $4; next }
        { wanted = 0 }' | sort -u)
      : >"$scratch/versions"
      for version in $versions; do echo "$version {};" >>"$scratch/versions"; done
      # shellcheck disable=SC2046
      cc -shared -x c /dev/null -o "$site/nvidia/cu13/lib/$name" -Wl,-soname,"$name" \
        $([ ! -s "$scratch/versions" ] || echo "-Wl,--version-script=$scratch/versions")
      say "an empty $name stands in for NVIDIA's"
    done
}
make_stand_ins

start=$SECONDS status=0
(cd "$scratch" && env -i PATH=/usr/bin:/bin HOME="$scratch" LANG=C.UTF-8 PARALLAX_TORCH_DIR="$site/torch" \
  PARALLAX_PYTHON="$(python3 -c 'import sys; print(sys.executable)')" \
  "$kit/scripts/gpu/check.sh" --device cpu -o "$scratch/results" "$@") || status=$?
cp "$scratch/results/check.log" "$work/check.log"
say "$([ $status -eq 0 ] && echo passed || echo failed) in $((SECONDS - start)) s; $work/check.log"
exit $status
