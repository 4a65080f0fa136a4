"""examples/openvino_cpp, built with CMake and the wheel of OpenVINO: it makes of a stream what Supersampler makes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.export.conftest import Exports
from tests.rendered import planes

from upframe import Supersampler
from upframe.media.image.file import read_image
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter, RenderedClip

pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
pytest.importorskip("OpenEXR", reason="the extra `render` is not installed")
pytestmark = pytest.mark.long  # a compiler takes seconds to read OpenVINO's headers

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "openvino_cpp"
EXPOSURES = (1.0, 1.0, 1.6, 2.5, 2.5, 0.7)  # colours to 1.76: with these, beyond white
CLOSE = 1e-3
FAR = 20.0  # of the scene, scene units


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from openvino.utils import get_cmake_path

    for program in ("cmake", "c++"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on PATH")
    build = tmp_path_factory.mktemp("host")
    settings = [f"-DOpenVINO_DIR={get_cmake_path()}", "-DCMAKE_CXX_FLAGS=-Werror"]
    subprocess.run(["cmake", "-S", EXAMPLE, "-B", build, *settings], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    return build / "supersample"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six jittered frames under changing exposure, with a cut before the last two."""
    folder = tmp_path_factory.mktemp("clip")
    frames = [
        replace(frame, exposure=exposure, cut=number in (0, 4))
        for number, (frame, exposure) in enumerate(zip(planes.clip(6), EXPOSURES, strict=True))
    ]
    shots = tuple(ClipFrame(jitter=frame.jitter, exposure=frame.exposure, cut=frame.cut) for frame in frames)
    writer = ClipWriter(folder, ClipInfo(render_size=(planes.WIDTH, planes.HEIGHT), fps=30, frames=shots))
    for number in writer.missing():
        writer.write(number, frames[number])
    writer.finish()
    return folder


def captured(clip: Path, out: Path, *options: str) -> Path:
    subprocess.run([sys.executable, EXAMPLE / "capture.py", clip, out, *options], check=True)
    return out


@pytest.mark.parametrize(("family", "options"), [("nsrr", ()), ("stssnet", ()), ("stssnet", ("--every-other",))])
def test_a_stream_is_what_the_supersampler_makes(
    family: str, options: tuple[str, ...], exported: Exports, host: Path, clip: Path, tmp_path: Path
) -> None:
    model, file = exported(family)
    capture = captured(clip, tmp_path / "capture", *options)
    subprocess.run([host, file.path, capture, tmp_path / "out", str(FAR)], check=True, capture_output=True)
    supersampler = Supersampler(model, device="cpu", far=FAR if family == "stssnet" else None)
    for number, frame in enumerate(RenderedClip(clip)):
        expected = supersampler.step(replace(frame, colour=None) if options and number % 2 else frame)
        found = read_image(tmp_path / "out" / f"{number:05}.pfm").pixels
        np.testing.assert_allclose(found, expected, atol=CLOSE, err_msg=f"frame {number}")
        assert np.std(expected) > 0.05, "an image that is not flat"


def test_what_is_wrong_is_one_line(exported: Exports, host: Path, clip: Path, tmp_path: Path) -> None:
    capture = captured(clip, tmp_path / "capture")
    for model, folder, words in (
        (exported("nsrr")[1].path, tmp_path / "nothing", "clip.txt: is no capture"),
        (exported("rt4ksr")[1].path, capture, "is no NSRR and no STSSNet"),
    ):
        done = subprocess.run([host, model, folder, tmp_path / "out"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("supersample: ")
        assert words in done.stderr
    (capture / "00001.motion.f32").write_bytes(b"cut")
    done = subprocess.run(
        [host, exported("nsrr")[1].path, capture, tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "00001.motion.f32: is cut short" in done.stderr
