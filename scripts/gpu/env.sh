# shellcheck shell=bash
# Sourced by the scripts beside it, in the unpacked kit and in a checkout alike: where the program, its
# models and LibTorch are. Sets root, programs and python, and exports what the program needs.
#   PARALLAX_GPU_BUILD   folder of the program      default bin/ of the kit, build/cuda of a checkout
#   PARALLAX_GPU_KIT     an unpacked kit, for the scripts of a checkout that has no build of its own
#   PARALLAX_TORCH_DIR   the folder `torch` of PyTorch 2.11      default: Python's own
#   PARALLAX_PYTHON      default python3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
python=${PARALLAX_PYTHON:-python3}
readonly python

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() { say "$*"; exit 1; }

find_programs() {
  local folder
  for folder in "${PARALLAX_GPU_BUILD:-}" "${PARALLAX_GPU_KIT:+$PARALLAX_GPU_KIT/bin}" "$root/bin" "$root/build/cuda"; do
    if [ -n "$folder" ] && [ -x "$folder/parallax" ]; then
      (cd "$folder" && pwd)
      return
    fi
  done
  fail "no program: unpack the kit and use its scripts, or build the preset cuda"
}

# Without importing it, which takes seconds.
find_torch() {
  local folder=${PARALLAX_TORCH_DIR:-}
  [ -n "$folder" ] || folder=$("$python" -c '
import importlib.util
found = importlib.util.find_spec("torch")
print(found.submodule_search_locations[0] if found and found.origin else "")' 2>/dev/null) || folder=
  [ -n "$folder" ] || folder=$root/third_party/torch
  [ -e "$folder/lib/libtorch_cpu.so" ] || fail "no PyTorch 2.11 in $folder: PARALLAX_TORCH_DIR names its folder 'torch'"
  (cd "$folder" && pwd)
}

programs=$(find_programs)
torch=$(find_torch)
readonly programs torch

# The program's own libraries are found beside it (bin/../lib). Only LibTorch's are to come from here, and
# NVIDIA's, which Python's packages have beside torch and the toolkit has besides. Python sees this path
# as well, so that nothing else may be in it.
for folder in "$torch/lib" "$torch"/../nvidia/*/lib /usr/local/cuda/lib64 /usr/local/nvidia/lib64; do
  [ -d "$folder" ] && libraries=${libraries:+$libraries:}$folder
done
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
unset libraries folder

for folder in "$root" "${PARALLAX_GPU_KIT:-$root}"; do
  [ -d "$folder/assets/models" ] && export PARALLAX_ASSETS=${PARALLAX_ASSETS:-$folder/assets}
  [ -d "$folder/tests/golden/data" ] && export PARALLAX_GOLDEN=${PARALLAX_GOLDEN:-$folder/tests/golden/data}
done
unset folder
[ -n "${PARALLAX_ASSETS:-}" ] || fail "the kit's models are not unpacked: there is no $root/assets"

has_gpu() { nvidia-smi -L 2>/dev/null | grep -q GPU || "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; }
default_device() { if has_gpu; then echo cuda; else echo cpu; fi; }

# One paragraph for the head of each log.
describe_machine() {
  local built
  built=$(cat "$programs/../VERSION" 2>/dev/null || git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
  printf 'parallax %s, built from %s\n' "$("$programs/parallax" --version 2>&1 | sed -n 's/^parallax //p')" "$built"
  printf 'LibTorch %s in %s\n' "$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py" 2>/dev/null)" "$torch"
  printf '%s cores, %s\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "no GPU"
}
