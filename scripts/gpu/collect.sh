#!/usr/bin/env bash
# Put what the trainings gave into $OUT, in parts of at most $PART MiB, $RETURN MiB in all: weights, curves and logs; then the
# checkpoints to go on from, the newest first. Back home: cat results.tar.* | tar x
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
part=${PART:-15}
cd "$WORK/runs"
rm -f "$OUT"/results.tar.* "$OUT"/checkpoints.tar.*
"$PYTHON" "$CODE/scripts/gpu/upframe_here.py" monitor . --output curves.html --overwrite > /dev/null 2>&1 ||
  echo "no curves.html: nothing has been logged yet"
find . -name '*.safetensors' -o -name '*.csv' -o -name 'recipe.yaml' -o -name '*.json' -o -name '*.log' -o -name done \
  -o -name curves.html | tar c -T - | split -b "${part}M" -d - "$OUT/results.tar."
room=$((${RETURN:-60} * 1048576 - $(cat "$OUT"/results.tar.* | wc -c)))
chosen=()
while IFS= read -r path; do
  size=$(wc -c < "$path")
  if [ "$size" -lt "$room" ]; then
    chosen+=("$path")
    room=$((room - size))
  else
    echo "$path: $size bytes are too large to come back"
  fi
done < <(find . -name last.ckpt -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2)
if [ ${#chosen[@]} -gt 0 ]; then
  tar c "${chosen[@]}" | split -b "${part}M" -d - "$OUT/checkpoints.tar."
fi
ls -l "$OUT"
