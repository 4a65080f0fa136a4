"""``upframe export``, and ``upframe upscale`` with what it wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from tests.cli.conftest import Command, is_one_error

from upframe.models.rt4ksr import RT4KSR

pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(RT4KSR(2, channels=4, blocks=1).state_dict(), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


def test_a_model_is_exported_and_runs(upframe: Command, tmp_path: Path, weights: Path) -> None:
    outcome = upframe("export", weights, "mine.onnx", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    (result,) = outcome.events
    assert (result["target"], result["path"], result["bytes"]) == (
        "onnx",
        "mine.onnx",
        (tmp_path / "mine.onnx").stat().st_size,
    )
    assert all(checked["largest"] < 1e-3 for checked in result["checked"])

    pixels = np.random.default_rng(0).integers(0, 256, (14, 19, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(tmp_path / "photo.png")
    for model, output in ((weights, "torch.png"), ("mine.onnx", "onnx.png")):
        outcome = upframe("upscale", "photo.png", "-o", output, "--model", model, "--device", "cpu", "--json")
        assert outcome.code == 0, outcome.err
    assert outcome.events_of("started")[0]["device"] == "cpu, onnxruntime"
    plain, exported = (np.asarray(PIL.Image.open(tmp_path / name)).astype(int) for name in ("torch.png", "onnx.png"))
    assert abs(plain - exported).max() <= 1


def test_export_says_in_one_line_what_is_wrong(upframe: Command, tmp_path: Path, weights: Path) -> None:
    for arguments, words in (
        (("no-such-model", "x.onnx"), "no-such-model"),
        ((weights, "x.tflite"), "Name it .onnx, .pt2, .xml, .param or .glsl"),
        ((weights, "x.onnx", "--size", "7x8"), "multiples of 2"),
        ((weights, "x.onnx", "--size", "big"), "WIDTHxHEIGHT"),
    ):
        outcome = upframe("export", *arguments)
        assert (outcome.code, outcome.out) == (1, "")
        assert words in outcome.err
        assert is_one_error(outcome.err)
    assert upframe("export", weights, "x.onnx", "--to", "caffe").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.pth"]
