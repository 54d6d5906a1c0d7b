#!/bin/sh
# A stand-in for COLMAP's program in tests: writes what it is called with to $FAKE_LOG, and gives two
# models, one of two photographs and one of all whose names begin with "p".
# $FAKE_OPTIONS: the options of its help; $FAKE_FAILS: the command that fails; $FAKE_HANGS: the one
# that does not end; $FAKE_EMPTY: the mapper finds nothing.
command=$1
case $command in help) echo "COLMAP 9.9 (Commit x on y without CUDA)"; exit 0;; esac
case $2 in -h) echo "$FAKE_OPTIONS" | tr ' ' '\n'; exit 0;; esac
echo "$*" >>"$FAKE_LOG"
shift
while [ $# -gt 0 ]; do
  case $1 in
    --image_path) images=$2;;
    --image_list_path) list=$2;;
    --output_path) output=$2;;
    --input_path) input=$2;;
  esac
  shift 2
done
if [ "$FAKE_FAILS" = "$command" ]; then echo "first"; echo "the reason" >&2; exit 3; fi
if [ "$FAKE_HANGS" = "$command" ]; then exec sleep 1000; fi

model() { # FOLDER MOST
  mkdir -p "$1"
  echo "1 PINHOLE 32 24 40 40 16 12" >"$1/cameras.txt"
  : >"$1/points3D.txt"
  i=0
  for name in $(cd "$images" && ls | grep '^p'); do
    i=$((i + 1))
    [ $i -le "$2" ] && printf '%d 1 0 0 0 %d 0 2 1 %s\n\n' $i $i "$name"
  done >"$1/images.txt"
}

case $command in
  feature_extractor) cat "$list" >>"$FAKE_LOG"; echo "Processed file [2/4]";;
  exhaustive_matcher) echo "Matching block [1/1, 1/1] in 0.1s";;
  mapper) [ -n "$FAKE_EMPTY" ] || { model "$output/0" 2; model "$output/1" 100; };;
  image_undistorter)
    mkdir -p "$output/images"
    cp "$images"/p* "$output/images"
    cp -r "$input" "$output/sparse";;
esac
