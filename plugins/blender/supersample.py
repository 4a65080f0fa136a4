"""The add-on as a script: blender -b FILE.blend --python plugins/blender/supersample.py -- [MODEL [SAMPLES]]."""

import sys
from pathlib import Path

import bpy  # type: ignore[import-not-found, import-untyped, unused-ignore]

sys.path.insert(0, str(Path(__file__).parent))
import upframe_blender

given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
upframe_blender.register()
choices = dict(zip(("model", "samples"), (given[0], int(given[1])) if len(given) > 1 else given, strict=False))
try:
    bpy.ops.upframe.supersample(**choices)
except (RuntimeError, TypeError) as error:  # what an operator reports, and a model that is none of them
    sys.exit(str(error).strip())
finally:
    upframe_blender.unregister()  # bpy as a module does not end before
