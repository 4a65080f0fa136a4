#!/usr/bin/env bash
# Train, check and time RT4KSR on a GPU. See README.md beside this file.
set -euo pipefail
photographs=${1:?folder of photographs}
set5=${2:-}
out=${3:-build/gpu}
iterations=${ITERATIONS:-200000}
batch=${BATCH:-64}
export PYTHONPATH="$PWD/src:$PWD/scripts/train" PYTHONUNBUFFERED=1
mkdir -p "$out"
validate=()
if [ -n "$set5" ]; then validate=(--validate "$set5"); fi

train() { # NAME SCALE ARGUMENTS...
  local name=$1 scale=$2
  shift 2
  if [ -e "$out/$name.done" ]; then return; fi
  python3 scripts/train/rt4ksr.py "$photographs" "$out/$name.pt" --scale "$scale" --resume --batch "$batch" --every 2000 \
    "${validate[@]}" "$@" | tee -a "$out/$name.log"
  touch "$out/$name.done"
}

python3 scripts/gpu/check.py "$out" ${set5:+--validate "$set5"}
python3 scripts/gpu/speed.py "$out"
train narrow-x2 2 --unshuffle 1 --channels 6 --stop-after 10000
train rt4ksr-x2 2 --unfold-from "$out/narrow-x2.pt" --rate 1e-3 --iterations "$iterations"
for scale in 3 4; do
  train "narrow-x$scale" "$scale" --unshuffle 1 --channels 6 --start-from "$out/narrow-x2.pt" --stop-after 6000
  train "rt4ksr-x$scale" "$scale" --unfold-from "$out/narrow-x$scale.pt" --rate 1e-3 --iterations "$iterations"
done
