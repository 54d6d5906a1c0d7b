#!/usr/bin/env bash
# Tries out what scripts/package.sh made, where nothing of this machine can help it: the tarball and the
# .deb in a bare Debian 12 (a chroot; debootstrap and root are needed), the wheel in a virtual environment
# of PyTorch. Both are kept in the user's cache: 3 minutes and 3 GB of downloads the first time.
#   scripts/test-package.sh          everything
#   scripts/test-package.sh --view   the window, too: installs a virtual display and Mesa in the chroot
set -euo pipefail
cd "$(dirname "$0")/.."
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/parallax
readonly torch_version=2.11.0
readonly newest_glibc=2.36 newest_glibcxx=3.4.30  # Debian 12's; Ubuntu 24.04 has 2.39 and 3.4.33

say() { printf 'test-package: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

tarball=$(echo dist/parallax-*-x86_64.tar.zst)
deb=$(echo dist/parallax_*_amd64.deb)
wheel=$(echo dist/parallax_ttt-*.whl)
readonly tarball deb wheel
[ -e "$tarball" ] && [ -e "$deb" ] && [ -e "$wheel" ] || fail "scripts/package.sh first"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
readonly root=$scratch/root
unpacked=/opt/$(basename "$tarball" .tar.zst)  # in there
readonly unpacked

# A bare system, from the cache where it was made before.
prepare_root() {
  local image=$cache/bookworm-minbase.tar.zst
  if [ ! -e "$image" ]; then
    command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
    say "downloading a bare Debian 12"
    mkdir -p "$cache"
    debootstrap --variant=minbase bookworm "$scratch/new" >"$scratch/debootstrap.log"
    tar -C "$scratch/new" -cf - . | zstd --quiet -T0 -o "$image.part"
    mv "$image.part" "$image"
    rm -rf "$scratch/new"
  fi
  mkdir "$root"
  tar -C "$root" -xf "$image" --use-compress-program=unzstd
}

# A command in the bare system, with its own processes and nothing of this environment.
inside() {
  unshare --mount --pid --fork --mount-proc="$root/proc" \
    env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root chroot "$root" "$@"
}

# Version, a model, a scene rendered in both forms with its videos.
try_program() { # PROGRAM ASSETS
  local out=/root/out
  rm -rf "$root$out"
  inside "$1" --version
  inside "$1" info nvs >"$scratch/info.txt"
  grep -q 'LaCT-NVS model, variant 2' "$scratch/info.txt" || fail "info: $(cat "$scratch/info.txt")"
  inside "$1" render "$2/scenes/procedural_a" --target-views 2 --turntable 8 -o $out 2>"$scratch/render.txt" \
    || fail "render: $(cat "$scratch/render.txt")"
  for file in contact_sheet.png turntable_parallel.mp4; do
    [ -s "$root$out/$file" ] || fail "render wrote no $file: $(cat "$scratch/render.txt")"
  done
  [ "$(find "$root$out/views" -name '*.png' | wc -l)" -eq 6 ] || fail "render wrote other than 6 views"
  ! grep -qi error "$scratch/render.txt" || fail "render: $(cat "$scratch/render.txt")"
  local status=0
  inside "$1" view 2>"$scratch/view.txt" || status=$?
  [ $status -eq 1 ] && grep -q 'no display' "$scratch/view.txt" || fail "view: $(cat "$scratch/view.txt")"
}

# In a virtual display, with OpenGL in software.
try_window() { # PROGRAM ASSETS
  say "the window"
  inside apt-get update -qq
  inside env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    xvfb xauth libgl1 libgl1-mesa-dri >"$scratch/apt.log" 2>&1 || fail "$(tail -n 5 "$scratch/apt.log")"
  # As the first process of its system, xvfb-run would wait for ever for the display's signal.
  # shellcheck disable=SC2016
  inside sh -c 'xvfb-run -a -s "-screen 0 1280x800x24" "$@"; exit $?' sh \
    "$1" view "$2/scenes/procedural_a" --screenshot /root/window.png
  [ "$(stat -c %s "$root/root/window.png")" -gt 20000 ] || fail "view wrote no screenshot"
}

# No library may want a newer C or C++ runtime than the oldest system that is promised.
check_symbols() { # FOLDER
  local needed
  needed=$(find "$1" -type f \( -name '*.so*' -o -name parallax-compute -o -name parallax -path '*/bin/*' \) -exec objdump -T {} + \
    | grep -oE '\((GLIBC|GLIBCXX)_[0-9.]+\)' | tr -d '()' | sort -u)
  local glibc glibcxx
  glibc=$(sed -n 's/^GLIBC_//p' <<<"$needed" | sort -V | tail -n 1)
  glibcxx=$(sed -n 's/^GLIBCXX_//p' <<<"$needed" | sort -V | tail -n 1)
  printf '%s\n' "$glibc" "$newest_glibc" | sort -V -C || fail "GLIBC_$glibc is needed"
  printf '%s\n' "$glibcxx" "$newest_glibcxx" | sort -V -C || fail "GLIBCXX_$glibcxx is needed"
  say "the newest symbols needed: GLIBC_$glibc, GLIBCXX_$glibcxx (Ubuntu 24.04 has 2.39, 3.4.33)"
}

test_tarball() {
  say "the tarball"
  mkdir -p "$root/opt"
  tar -C "$root/opt" -xf "$tarball" --use-compress-program=unzstd
  check_symbols "$root$unpacked"
  try_program "$unpacked/bin/parallax" "$unpacked/share/parallax/assets"
}

test_deb() {
  say "the .deb"
  cp "$deb" "$root/root/parallax.deb"
  inside dpkg -i /root/parallax.deb >/dev/null
  try_program parallax /usr/share/parallax/assets
  inside dpkg --purge parallax >/dev/null
  local left
  left=$(find "$root/usr" -name '*parallax*')
  [ -z "$left" ] || fail "left behind: $left"
}

test_wheel() {
  say "the wheel"
  local python=$cache/torch-$torch_version/bin/python
  if ! "$python" -c 'import torch' 2>/dev/null; then
    say "downloading PyTorch $torch_version (3 GB)"
    python3 -m venv --clear "$cache/torch-$torch_version"
    "$python" -m pip install --quiet --disable-pip-version-check "torch==$torch_version"
  fi
  "$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
  "$python" -m pip check
  (cd "$scratch" && "$python" "$OLDPWD/tests/python/wheel_test.py")
}

[ "$(id -u)" -eq 0 ] || fail "a chroot needs root"
prepare_root
test_tarball
test_deb
test_wheel
# Last, as it brings much into the system.
if [ "${1:-}" = --view ]; then
  try_window "$unpacked/bin/parallax" "$unpacked/share/parallax/assets"
fi
say "passed"
