#!/usr/bin/env bash
# Everything: clips unfolded, each network trained for its minutes, then checked and timed. See README.md beside this file.
#
#   bash scripts/gpu/run.sh [MINUTES]     MINUTES: how long this call may last (default 1000); the next one goes on
#
# FACTOR=0.05 bash scripts/gpu/run.sh     a twentieth of the minutes of each, to try it out
# ONLY="stssnet-x2 nsrr-x2" bash scripts/gpu/run.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
export KIT WORK OUT PYTHON
export UNTIL=${UNTIL:-$(($(date +%s) + 60 * ${1:-1000} - 30))}
mkdir -p "$WORK/runs"
trap 'bash "$CODE/scripts/gpu/collect.sh"' EXIT
"$PYTHON" "$CODE/scripts/gpu/unpack.py" "$KIT" "$WORK/sets"

train() { # NAME RECIPE MINUTES CHANGES...
  local name=$1 recipe=$2 minutes=$3
  shift 3
  case " ${ONLY:-$name} " in *" $name "*) ;; *) return 0 ;; esac
  minutes=$("$PYTHON" -c "print($minutes * ${FACTOR:-1})")
  "$PYTHON" "$CODE/scripts/gpu/train.py" "$name" "$recipe" "$minutes" "$@" | tee -a "$WORK/runs/$name.log"
}

rendered() { # SET: data and validation of rendered clips
  echo "data.scenes=[$WORK/sets/$1/train]" "validation.sources=[$WORK/sets/$1/validation]" validation.protocol=nsrr \
    validation.limit=4 "validation.frames=${FRAMES:-10}"
}

filmed() { # data and validation of photographs before a moving camera, and of drawn images
  local sources="drawn:0-47"
  if [ -d "$KIT/photographs" ]; then sources="$KIT/photographs,$sources"; fi
  echo "data.clips=[]" "data.photographs=[$sources]" "validation.sources=[drawn:1000-1005]" validation.protocol=vid4-y \
    "validation.frames=${FRAMES:-10}" validation.crop=192
}

lpips=$KIT/lpips_squeeze_v0.1.safetensors
if [ -e "$lpips" ]; then
  lpips_loss=("losses.lpips=0.01" "losses.lpips_files=[$lpips]")
  features=("losses.features={network: squeeze, file: $lpips}")
else
  lpips_loss=("losses.lpips=0" "losses.lpips_files=[]")
  features=("losses.feature=0" "losses.features=null")
fi
smooth=(ema=0.998 'schedule={kind: cosine, last: 1.0e-5}' optimiser.clip_norm=1.0)
crop=${CROP:-128} # of rendered clips at render size, and of filmed ones at display size
batch=${BATCH:-16}

# shellcheck disable=SC2046  # words without spaces, on purpose
{
  train stssnet-x2 stssnet 4 $(rendered small) "data.crop=$crop" data.crops=4 "batch=$batch" optimiser.rate=1.0e-3 \
    "${lpips_loss[@]}" "${smooth[@]}"
  train nsrr-x2 nsrr 3 $(rendered small) "data.crop=$crop" data.crops=4 "batch=$batch" model.scale=2 \
    model.initial=interpolating optimiser.rate=7.0e-4 losses.pixel=1.0 losses.structure=0.1 "${features[@]}" "${smooth[@]}"
  if [ -d "$WORK/sets/small-x4" ]; then
    train nsrr-x4 nsrr 4 $(rendered small-x4) "data.crop=$((crop * 3 / 4))" data.crops=4 "batch=$batch" model.scale=4 \
      model.initial=interpolating optimiser.rate=7.0e-4 losses.pixel=1.0 losses.structure=0.1 "${features[@]}" "${smooth[@]}"
  fi
  train ntaau-x2 ntaau 4 $(rendered small) "data.crop=$crop" "batch=$batch"
  if [ -d "$WORK/sets/small-x4" ]; then
    train ntaau-x4 ntaau 4 $(rendered small-x4) "data.crop=$((crop * 3 / 4))" "batch=$batch" model.scale=4
  fi
  train frvsr-x4 frvsr 5 $(filmed) "data.crop=$crop" "batch=$batch" model.widen=frvsr-lite-x4 optimiser.rate=5.0e-4 "${smooth[@]}"
  if [ -e "$WORK/runs/frvsr-x4/done" ]; then
    train tecogan-x4 tecogan 3 $(filmed) "data.crop=$crop" "batch=$((batch / 2))" optimiser.rate=5.0e-5 \
      "model.start=$WORK/runs/frvsr-x4/frvsr-x4.safetensors" "${features[@]}"
  fi
  for scale in 2 4; do
    train "frvsr-lite-x$scale" frvsr-lite 2 $(filmed) "data.crop=$crop" data.frames=8 "batch=$batch" "model.scale=$scale" \
      optimiser.rate=1.0e-3 "${smooth[@]}"
  done
  if [ -d "$KIT/photographs" ]; then
    train rt4ksr-x2 rt4ksr-small 1 "data.images=[$KIT/photographs]" data.crop=128 "batch=$((4 * batch))" "validation.sources=[drawn:1000-1007]"
  fi
}

if [ "$(date +%s)" -lt "$UNTIL" ] && "$PYTHON" -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then
  # shellcheck disable=SC2046  # words without spaces, on purpose
  "$PYTHON" "$CODE/scripts/gpu/check.py" "$WORK/runs" $([ -d "$KIT/set5" ] && echo --validate "$KIT/set5") ||
    echo "check.py: not everything passed"
  "$PYTHON" "$CODE/scripts/gpu/speed.py" "$WORK/runs"
fi
