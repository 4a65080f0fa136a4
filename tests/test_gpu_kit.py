"""What ``scripts/gpu`` packs comes out again as it went in, and is small."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import features

from upframe.errors import InputError
from upframe.ops.transfer import decode_linear, encode_linear
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter, RenderedClip
from upframe.rendered.frame import RenderedFrame
from upframe.training.data.layers import LayeredClip

pytest.importorskip("OpenEXR")
pytestmark = pytest.mark.skipif(not features.check("avif"), reason="this Pillow knows no AVIF")

SCRIPTS = Path(__file__).parents[1] / "scripts" / "gpu"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"gpu_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def light(display: Any) -> Any:
    return decode_linear(torch.from_numpy(np.asarray(display, np.float32))).numpy()


def display(array: Any, exposure: float) -> Any:
    return encode_linear(torch.from_numpy(np.asarray(array, np.float32)) * exposure).numpy()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> RenderedClip:
    """Two frames of sliding layers in linear light, with a sky and a lamp of three times white."""
    folder, layers, exposure = tmp_path_factory.mktemp("kit") / "clip", LayeredClip(3, 2), 0.5
    frames = tuple(ClipFrame(jitter=(0.25, -0.125), exposure=exposure, cut=number == 0) for number in range(2))
    height, width = layers[0].size
    info = ClipInfo(render_size=(width, height), display_size=(2 * width, 2 * height), fps=30, frames=frames)
    writer = ClipWriter(folder, info)
    for number in writer.missing():
        frame, target = layers[number], light(layers.target(number)) / exposure
        depth, colour, normal = (np.array(b, np.float32) for b in (frame.depth, light(frame.colour) / exposure, frame.normal))
        depth[:8], normal[:8], colour[40:48, 40:48] = np.inf, 0, 3 / exposure
        shaded = {"albedo": frame.albedo, "roughness": frame.roughness, "metallic": frame.metallic, "normal": normal}
        given: dict[str, Any] = {"colour": colour, "depth": depth, "motion": frame.motion, **shaded}
        given |= {"exposure": exposure, "jitter": (0.25, -0.125), "cut": number == 0}
        writer.write(number, RenderedFrame(**given), target)
    writer.finish()
    return RenderedClip(folder)


def test_a_packed_clip_unfolds_to_nearly_the_same_frames(clip: RenderedClip, tmp_path: Path) -> None:
    compact = script("compact")
    compact.pack_clip(clip.folder, tmp_path / "clip.zip", 2)
    compact.unpack_clip(tmp_path / "clip.zip", tmp_path / "out")
    again = RenderedClip(tmp_path / "out")
    assert again.info == clip.info
    for number in range(2):
        before, after = clip[number], again[number]
        sky = ~np.isfinite(before.depth)
        assert np.array_equal(~np.isfinite(after.depth), sky)
        assert np.abs(after.depth[~sky] / before.depth[~sky] - 1).max() < 2e-3
        assert np.abs(np.asarray(after.motion) - np.asarray(before.motion)).max() <= 0.5 / 64 + 1e-6
        assert not np.asarray(after.normal)[sky].any()
        for name, largest in (("normal", 0.03), ("albedo", 0.03), ("roughness", 0.03), ("metallic", 0.03)):
            difference = np.asarray(getattr(after, name), np.float32) - np.asarray(getattr(before, name), np.float32)
            assert np.abs(difference[~sky]).mean() < largest, name
        colours = display(after.colour, before.exposure), display(before.colour, before.exposure)
        assert np.sqrt(np.mean((colours[0] - colours[1]) ** 2)) < 0.03
        targets = display(again.target(number), before.exposure), display(clip.target(number), before.exposure)
        assert np.sqrt(np.mean((targets[0] - targets[1]) ** 2)) < 0.03
    assert np.median(np.asarray(again[0].colour, np.float32)[42:46, 42:46]) == pytest.approx(6, rel=0.05), "the lamp"
    stored = sum(path.stat().st_size for path in clip.folder.rglob("*.exr"))
    assert (tmp_path / "clip.zip").stat().st_size < stored / 4


def test_a_clip_that_was_half_unfolded_is_finished(clip: RenderedClip, tmp_path: Path) -> None:
    compact = script("compact")
    compact.pack_clip(clip.folder, tmp_path / "clip.zip", 1)
    with zipfile.ZipFile(tmp_path / "clip.zip") as archive:
        assert len([name for name in archive.namelist() if name.endswith("target.avif")]) == 1
    compact.pack_clip(clip.folder, tmp_path / "clip.zip", 2)
    compact.unpack_clip(tmp_path / "clip.zip", tmp_path / "out")
    whole = (tmp_path / "out" / "frames" / "00000.exr").read_bytes()
    (tmp_path / "out" / "clip.json").rename(tmp_path / "out" / "clip.unfinished.json")
    (tmp_path / "out" / "frames" / "00001.exr").unlink()
    compact.unpack_clip(tmp_path / "clip.zip", tmp_path / "out")
    assert len(RenderedClip(tmp_path / "out")) == 2
    assert (tmp_path / "out" / "frames" / "00000.exr").read_bytes() == whole


def test_frames_that_were_not_shaded_are_not_packed(clip: RenderedClip, tmp_path: Path) -> None:
    compact = script("compact")
    without = RenderedFrame(colour=None, depth=clip[0].depth, motion=clip[0].motion)
    with pytest.raises(InputError, match="every buffer"):
        compact._images(without, np.zeros((2, 2, 3), np.float32))


def test_only_wheels_of_packages_that_are_not_there_are_installed(tmp_path: Path) -> None:
    for name in ("numpy-9.9-py3-none-any.whl", "no_such_package-1.0-py3-none-any.whl"):
        (tmp_path / name).touch()
    assert script("missing").missing(tmp_path) == ["no_such_package-1.0-py3-none-any.whl"]


def test_training_can_be_imported_without_pyav() -> None:
    """In a process of its own: PyAV is here."""
    code = (
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'av' else found(name, *more)\n"
        f"sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "import upframe_here\n"
        "sys.meta_path.insert(0, sys.meta_path.pop())\n"
        "import av, upframe.training.loop, upframe.cli.monitor, upframe.evaluation\n"
        "assert av.open is upframe_here.Absent\n"
        "from upframe.training.data.frames import open_images\n"
        "assert len(open_images(['drawn:0-3'])) == 4\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_shell_scripts_can_be_read() -> None:
    for path in sorted(SCRIPTS.glob("*.sh")):
        assert subprocess.run(["bash", "-n", path], check=False).returncode == 0, path.name
