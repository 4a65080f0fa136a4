"""The plug-in for VapourSynth where there is none, as with Python 3.11, for which no wheel of it is made."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PLUGIN = Path(__file__).parents[2] / "plugins" / "vapoursynth"


def test_it_says_in_a_line_what_it_needs() -> None:
    code = f"import sys; sys.path.insert(0, {str(PLUGIN)!r}); sys.modules['vapoursynth'] = None; import upframe_vs"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: upframe_vs needs VapourSynth, which this Python does not have")
    assert "3.12" in last


def test_it_installs_where_there_is_no_wheel_of_it() -> None:
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    (host,) = [needed for needed in map(Requirement, project["dependencies"]) if needed.name == "VapourSynth"]
    assert host.marker is not None
    assert [host.marker.evaluate({"python_version": version}) for version in ("3.11", "3.12", "3.14")] == [False, True, True]
