# Sourced: a Python that runs the code of this kit. Of the kit's wheels those are installed, into $WORK, that are not there.
KIT=${KIT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)}
CODE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=${WORK:-$PWD/build/gpu}   # data, runs, what is installed; kept between calls
OUT=${OUT:-$WORK/out}          # what is to come back
PYTHON=${PYTHON:-python3}
mkdir -p "$WORK/site" "$OUT"
export PYTHONPATH="$CODE/src:$CODE/scripts/gpu:$CODE/scripts/train:$WORK/site" PYTHONUNBUFFERED=1 TORCHINDUCTOR_CACHE_DIR="$WORK/compiled"
missing=$("$PYTHON" "$CODE/scripts/gpu/missing.py" "$KIT/wheels")
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086  # paths without spaces: names of wheels
  (cd "$KIT/wheels" && "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$WORK/site" $missing)
fi
