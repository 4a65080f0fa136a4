#!/usr/bin/env bash
# bash scripts/gpu/train.sh NAME RECIPE MINUTES [KEY=VALUE...]: train, go on with it, and put the results into $OUT.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
mkdir -p "$WORK/runs"
"$PYTHON" "$CODE/scripts/gpu/train.py" "$@" | tee -a "$WORK/runs/$1.log"
bash "$CODE/scripts/gpu/collect.sh"
