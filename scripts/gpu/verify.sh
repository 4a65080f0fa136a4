#!/usr/bin/env bash
# bash scripts/gpu/verify.sh [CHECKPOINT...]: what may be trusted on this GPU, and how fast it is. Ten minutes at most; nothing
# is trained. $OUT has gpu_check.json, gpu_speed.json and verify.log.
#
#   SET5=Set5/ bash scripts/gpu/verify.sh       with the PSNR on test images
#   QUICK=1 DEVICE=cpu bash scripts/gpu/verify.sh   to rehearse it on a processor
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
common=(--device "${DEVICE:-cuda}")
if [ -n "${QUICK:-}" ]; then common+=(--quick); fi
options=()
if [ -n "${SET5:-}" ]; then options+=(--validate "$SET5"); fi
if [ $# -gt 0 ]; then options+=(--weights "$@"); fi
{
  if [ -d "$CODE/tests" ] && "$PYTHON" -c "import pytest, pytest_timeout" 2> /dev/null; then
    (cd "$CODE" && timeout 150 "$PYTHON" -m pytest -q -m "not long" -p no:cacheprovider tests/ops/test_triton.py tests/runtime/test_acceleration.py) ||
      echo "verify.sh: tests failed"
  fi
  "$PYTHON" "$CODE/scripts/gpu/check.py" "$OUT" --minutes 2 "${common[@]}" "${options[@]}" || echo "verify.sh: check.py failed"
  "$PYTHON" "$CODE/scripts/gpu/speed.py" "$OUT" --minutes "${MINUTES:-3.5}" "${common[@]}" || echo "verify.sh: speed.py failed"
} 2>&1 | tee "$OUT/verify.log"
