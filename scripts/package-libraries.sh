#!/usr/bin/env bash
# Builds the libraries that the packages carry in place of Debian's: OpenCV, FFmpeg and libtiff, cut
# down to what Parallax calls. Debian's OpenCV brings 250 libraries with it (GDAL, GStreamer, libGL),
# its FFmpeg is under the GPL (x264, x265) and its libtiff needs jbigkit, which is, too. The sources are
# Debian's, of the versions whose headers Parallax is compiled with, so that the results stand in for
# the system's libraries without compiling Parallax again.
#   scripts/package-libraries.sh     into build/package-libraries; about 15 minutes on two cores, once
set -euo pipefail
cd "$(dirname "$0")/.."
readonly work=$PWD/build/package-libraries
readonly prefix=$work/prefix
jobs=${PARALLAX_JOBS:-$(nproc)}

say() { printf 'package-libraries: %s\n' "$*" >&2; }

require_tools() {
  local missing=()
  command -v dpkg-source >/dev/null || missing+=(dpkg-dev)
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  for header in jpeglib.h:libjpeg-dev png.h:libpng-dev webp/decode.h:libwebp-dev zlib.h:zlib1g-dev; do
    [ -e "/usr/include/${header%%:*}" ] || missing+=("${header##*:}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "these Debian packages are missing; as root run: apt-get install ${missing[*]}"
  exit 1
}

# Lists of source packages of the archives that this machine is set up with, kept in the build folder:
# no root is needed, and the system's settings stay as they are.
apt_options=()
prepare_apt() {
  mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/sources"
  apt-get indextargets --format '$(LABEL) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
    | awk '$1 ~ /^Debian/ { print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $2, $3, $4 }' \
    | sort -u >"$work/apt/sources.list"
  apt_options=(-qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
               -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt"
               -o "APT::Sandbox::User=$(id -un)")
  apt-get "${apt_options[@]}" update
}

# Downloads, checks and unpacks the source of a package, patched as Debian patches it.
unpack() { # NAME [VERSION]
  local folder=$work/sources/$1
  [ -e "$folder/.complete" ] && return
  say "downloading the source of $1 ${2:-}"
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$folder" && apt-get "${apt_options[@]}" source "$1${2:+=$2}" >/dev/null)
  mv "$folder/$1"-*/ "$folder/source"
  touch "$folder/.complete"
}

# Configures, builds and installs with CMake.
build_with_cmake() { # NAME OPTION...
  local name=$1
  shift
  say "building $name"
  cmake -S "$work/sources/$name/source" -B "$work/build/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_SKIP_RPATH=ON "$@"
  ninja -C "$work/build/$name" -j "$jobs"
  ninja -C "$work/build/$name" install
}

build_tiff() {
  build_with_cmake tiff -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -Djbig=OFF -Dlerc=OFF -Dlzma=OFF -Dzstd=OFF -Dwebp=OFF -Dlibdeflate=OFF -Djpeg=ON -Dzlib=ON \
    -Dtiff-tools=OFF -Dtiff-tests=OFF -Dtiff-contrib=OFF -Dtiff-docs=OFF -Dcxx=OFF
}

# LGPL alone: FFmpeg's own MPEG-4 encoder, written into MP4 files.
build_ffmpeg() {
  say "building ffmpeg"
  local assembler=()
  command -v nasm >/dev/null || assembler=(--disable-x86asm)
  mkdir -p "$work/build/ffmpeg"
  (cd "$work/build/ffmpeg" && ../../sources/ffmpeg/source/configure --prefix="$prefix" \
    --enable-shared --disable-static --disable-autodetect --disable-everything --disable-programs \
    --disable-doc --disable-avdevice --disable-avfilter --disable-postproc --disable-swresample \
    --disable-network --disable-debug --enable-encoder=mpeg4 --enable-decoder=mpeg4 \
    --enable-muxer=mov,mp4 --enable-demuxer=mov --enable-protocol=file --enable-pic "${assembler[@]}" \
    && make -j "$jobs" && make install)
}

build_opencv() {
  PKG_CONFIG_PATH=$prefix/lib/pkgconfig build_with_cmake opencv \
    -DBUILD_LIST=core,imgproc,imgcodecs,videoio,flann,features2d,calib3d \
    -DBUILD_TESTS=OFF -DBUILD_PERF_TESTS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOCS=OFF -DBUILD_JAVA=OFF \
    -DBUILD_opencv_apps=OFF -DBUILD_opencv_python3=OFF -DOPENCV_GENERATE_PKGCONFIG=OFF \
    -DCPU_BASELINE=SSE3 -DCPU_DISPATCH='SSE4_1;AVX2' -DBUILD_ZLIB=OFF -DBUILD_JPEG=OFF -DBUILD_PNG=OFF \
    -DBUILD_WEBP=OFF -DBUILD_TIFF=OFF -DTIFF_INCLUDE_DIR="$prefix/include" \
    -DTIFF_LIBRARY="$prefix/lib/libtiff.a" -DWITH_FFMPEG=ON -DOPENCV_FFMPEG_USE_FIND_PACKAGE=OFF \
    -DWITH_GSTREAMER=OFF -DWITH_V4L=OFF -DWITH_1394=OFF -DWITH_GPHOTO2=OFF -DWITH_VA=OFF \
    -DWITH_VA_INTEL=OFF -DWITH_MFX=OFF -DWITH_OPENGL=OFF -DWITH_GTK=OFF -DWITH_QT=OFF -DWITH_OPENCL=OFF \
    -DWITH_OPENEXR=OFF -DWITH_OPENJPEG=OFF -DWITH_JASPER=OFF -DWITH_GDAL=OFF -DWITH_GDCM=OFF \
    -DWITH_LAPACK=OFF -DWITH_EIGEN=OFF -DWITH_ITT=OFF -DWITH_IPP=OFF -DWITH_TBB=OFF -DWITH_OPENMP=OFF \
    -DWITH_PROTOBUF=OFF -DWITH_QUIRC=OFF -DWITH_ADE=OFF
}

# What is called for afterwards: the soname that Parallax was linked with.
check() {
  local soname
  for library in core imgproc imgcodecs videoio calib3d; do
    soname=$(objdump -p "$prefix/lib/libopencv_$library.so" | awk '/SONAME/ { print $2 }')
    [ -e "/usr/lib/x86_64-linux-gnu/$soname" ] || {
      say "libopencv_$library is $soname, which is not the system's: update libopencv-dev"
      exit 1
    }
  done
}

opencv_version=$(dpkg-query -W -f='${source:Version}' libopencv-dev)
readonly opencv_version
[ "$(cat "$work/.complete" 2>/dev/null)" = "$opencv_version" ] && exit 0
require_tools
prepare_apt
unpack opencv "$opencv_version"
unpack ffmpeg
unpack tiff
log=$work/build.log
{ build_tiff && build_ffmpeg && build_opencv; } >"$log" || {
  tail -n 30 "$log" >&2
  say "the build failed; the whole log is $log"
  exit 1
}
check
printf '%s' "$opencv_version" >"$work/.complete"
