#!/usr/bin/env bash
# Makes what users install, in dist/: a tarball and a .deb that run on Debian 12, Ubuntu 24.04 and later,
# and a Python wheel of the operators for PyTorch. scripts/test-package.sh tries them out.
#   scripts/package.sh                 everything; 20 minutes the first time, 6 later
#   PARALLAX_ZSTD_LEVEL=3 scripts/…    a larger tarball, sooner
set -euo pipefail
cd "$(dirname "$0")/.."
readonly build=build/release

say() { printf 'package: %s\n' "$*" >&2; }

start=$SECONDS
scripts/setup.sh release parallax parallax_torch
scripts/package-libraries.sh
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' $build/CMakeCache.txt)
name=parallax-$version-x86_64
stage=$build/packages/$name
readonly version name stage
rm -rf "$stage"
mkdir -p dist $build/packages
rm -f dist/parallax*

say "installing into $stage"
for component in runtime libtorch libraries; do
  cmake --install $build --prefix "$stage" --strip --component "$component" >"$build/packages/$component.log"
done

compgen -G "$stage/share/doc/parallax/copyright/torch-*" >/dev/null || {
  say "LibTorch's licence is missing: remove third_party/torch and run scripts/setup.sh"
  exit 1
}

say "packing the tarball"
# The same input gives the same bytes: order, owner and time are fixed.
tar -C "$build/packages" --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="@$(git log -1 --format=%ct 2>/dev/null || echo 0)" -cf - "$name" \
  | zstd --quiet --force -T0 "-${PARALLAX_ZSTD_LEVEL:-19}" -o "dist/$name.tar.zst"

say "packing the .deb"
(cd $build && CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) cpack --config CPackConfig.cmake >packages/cpack.log) \
  || { tail -n 20 $build/packages/cpack.log >&2; exit 1; }
mv "$build/packages/parallax_${version}_amd64.deb" dist/

say "packing the wheel"
python3 scripts/make_wheel.py "$stage" "$version" dist >/dev/null

say "done in $((SECONDS - start)) s; unpacked: $(du -sh "$stage" | cut -f1)"
(cd dist && du -h --apparent-size parallax* >&2)
