"""What docs/integration.md and examples/onnxruntime_cpp tell hosts to do, done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.export.conftest import Exports

from upframe.models.catalog import Model

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def frvsr(exported: Exports) -> tuple[Model, Path]:
    model, result = exported("frvsr")
    return model, result.path


def expected_frames(model: Model, frames: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    state, results = None, []
    for frame in frames:
        rgb = torch.from_numpy(frame).permute(2, 0, 1)[None] / 255
        output, state = model.network.step(rgb, state)  # type: ignore[operator]
        results.append((output[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy())
    return results


def test_the_python_example_upscales_a_clip(frvsr: tuple[Model, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model, path = frvsr
    text = (ROOT / "docs" / "integration.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(path.parent)
    names: dict[str, Any] = {}
    exec(compile(code, "integration.md", "exec"), names)
    frames = np.random.default_rng(0).integers(0, 256, (3, 12, 17, 3), dtype=np.uint8)
    state = names["begin"](12, 17)
    for frame, expected in zip(frames, expected_frames(model, frames), strict=True):
        large, state = names["step"](frame, state)
        assert abs(large.astype(int) - expected).max() <= 1


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/onnxruntime_cpp, compiled; skipped where there is no compiler or no ONNX Runtime to compile with."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler on PATH")
    folder = os.environ.get("ONNXRUNTIME_DIR")
    if not folder:
        pytest.skip("set ONNXRUNTIME_DIR to an unpacked release of ONNX Runtime, with include/ and lib/")
    header = next(Path(folder, "include").rglob("onnxruntime_c_api.h"), None)
    if header is None:
        pytest.skip(f"no onnxruntime_c_api.h in {folder}/include")
    program, libraries = tmp_path_factory.mktemp("host") / "upscale", str(Path(folder, "lib"))
    source = str(ROOT / "examples" / "onnxruntime_cpp" / "upscale.cpp")
    options = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-isystem", str(header.parent)]
    linked = [f"-L{libraries}", "-lonnxruntime", f"-Wl,-rpath,{libraries}"]
    subprocess.run([compiler, *options, source, *linked, "-o", str(program)], check=True)
    return program


def test_the_cpp_example_upscales_a_image(frvsr: tuple[Model, Path], host: Path, tmp_path: Path) -> None:
    model, path = frvsr
    frame = np.random.default_rng(1).integers(0, 256, (11, 15, 3), dtype=np.uint8)
    (tmp_path / "small.ppm").write_bytes(b"P6\n# a comment\n15 11\n255\n" + frame.tobytes())
    subprocess.run([host, path, tmp_path / "small.ppm", tmp_path / "large.ppm"], check=True)
    written = (tmp_path / "large.ppm").read_bytes()
    assert written.startswith(b"P6\n30 22\n255\n")
    large = np.frombuffer(written.removeprefix(b"P6\n30 22\n255\n"), np.uint8).reshape(22, 30, 3)
    assert abs(large.astype(int) - expected_frames(model, frame[None])[0]).max() <= 1


def test_the_cpp_example_says_what_is_wrong(frvsr: tuple[Model, Path], host: Path, tmp_path: Path) -> None:
    (tmp_path / "text.ppm").write_text("P6 is what this is not")
    for model, image, words in ((frvsr[1], "text.ppm", "is no binary PPM"), ("nothing.onnx", "text.ppm", "nothing.onnx")):
        done = subprocess.run([host, model, image, "large.ppm"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
