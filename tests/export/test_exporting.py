"""Every family as a file: what it says of itself, and that it computes what the network does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.export.conftest import SMALL, Exports, small
from torch import Tensor

from upframe.errors import InputError, MissingExtra, OutputError, ShapeError
from upframe.export import open_exported
from upframe.export.exporting import export_model
from upframe.models.catalog import load
from upframe.models.nsrr import disparity
from upframe.rendered.frame import RenderedFrame

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


def run(path: Path, **inputs: Tensor) -> dict[str, Tensor]:
    """The file in ONNX Runtime alone, as a host without Upframe runs it."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = session.run(names, {name: value.numpy() for name, value in inputs.items()})
    return {name: torch.from_numpy(result) for name, result in zip(names, results, strict=True)}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "family",
    ["rt4ksr", "frvsr", "stssnet", *(pytest.param(family, marks=pytest.mark.long) for family in ("nsrr", "ttvsr", "ntaau"))],
)
def test_an_exported_file_was_compared_with_pytorch_at_several_sizes(exported: Exports, family: str) -> None:
    model, result = exported(family)
    assert len({(checked.width, checked.height) for checked in result.checked}) == 3
    assert all(checked.largest < 1e-4 for checked in result.checked)
    file = open_exported(result.path)
    assert (file.info.family, file.info.scale, file.info.kind) == (family, model.info.scale, model.info.kind)
    assert file.contract == result.contract
    assert [path.name for path in result.path.parent.iterdir()] == [result.path.name], "nothing else is left behind"


def test_a_image_network_takes_images_of_any_size(exported: Exports) -> None:
    model, result = exported("rt4ksr")
    image = random(1, 3, 66, 100)
    torch.testing.assert_close(run(result.path, rgb=image)["output"], model(image), atol=1e-4, rtol=0)


def test_the_names_of_the_sizes_are_those_of_the_contract(exported: Exports) -> None:
    _, result = exported("frvsr")
    session = onnxruntime.InferenceSession(result.path, providers=["CPUExecutionProvider"])
    shapes = {tensor.name: tensor.shape for tensor in (*session.get_inputs(), *session.get_outputs())}
    assert shapes == {
        "rgb": [1, 3, "h", "w"],
        "previous_rgb": [1, 3, "h", "w"],
        "previous_output": [1, 3, "2*h", "2*w"],
        "output": [1, 3, "2*h", "2*w"],
    }


def test_a_recurrent_network_is_carried_on_by_its_host(exported: Exports) -> None:
    model, result = exported("frvsr")
    state, rgb, output = None, torch.zeros(1, 3, 19, 26), torch.zeros(1, 3, 38, 52)
    for number in range(4):
        frame = random(1, 3, 19, 26, seed=number)
        expected, state = model.network.step(frame, state)  # type: ignore[operator]
        output = run(result.path, rgb=frame, previous_rgb=rgb, previous_output=output)["output"]
        rgb = frame
        torch.testing.assert_close(output, expected, atol=1e-4, rtol=0)


@pytest.mark.long
def test_the_history_of_rendered_frames_is_carried_on_by_its_host(exported: Exports) -> None:
    from upframe import Supersampler

    model, result = exported("nsrr")
    supersampler = Supersampler(model, device="cpu")
    state: dict[str, Tensor] = {}
    for number in range(5):
        colour, motion = random(1, 3, 14, 18, seed=number), 3 * random(1, 2, 14, 18, seed=10 + number) - 1.5
        depth = 1 + 9 * random(1, 1, 14, 18, seed=20 + number)
        depth[..., :2] = torch.inf
        frame = RenderedFrame(
            colour=colour[0].permute(1, 2, 0).numpy(),
            depth=depth[0, 0].numpy(),
            motion=motion[0].permute(1, 2, 0).numpy(),
            linear=False,
            cut=number == 0,
        )
        if not state:
            motion = torch.zeros_like(motion)
            state = {
                "past_colour": colour[:, None].repeat(1, 2, 1, 1, 1),
                "past_disparity": disparity(depth)[:, None].repeat(1, 2, 1, 1, 1),
                "past_motion": torch.zeros(1, 2, 2, 14, 18),
            }
        found = run(result.path, colour=colour, disparity=disparity(depth), motion=motion, **state)
        state = {into: found[source] for into, source in result.contract.state.items()}
        expected = supersampler.step(frame)
        np.testing.assert_allclose(found["output"][0].permute(1, 2, 0), expected, atol=1e-4)


@pytest.mark.long
def test_a_clip_network_takes_a_clip_of_its_length(exported: Exports) -> None:
    model, result = exported("ttvsr")
    clip = random(1, 2, 3, 76, 64)
    torch.testing.assert_close(run(result.path, frames=clip)["output"], model(clip), atol=1e-3, rtol=0)
    with pytest.raises(InputError, match="exactly 2 frames"):
        open_exported(result.path).network()


def test_a_file_for_one_size_refuses_others(tmp_path: Path) -> None:
    result = export_model(small("rt4ksr"), tmp_path / "one.pt2", size=(10, 14))
    assert [(checked.width, checked.height) for checked in result.checked] == [(14, 10)]
    network = open_exported(result.path).network()
    with pytest.raises(ShapeError, match="frames of 14x10 alone, not 16x10"):
        network(random(1, 3, 10, 16))  # type: ignore[operator]


ONE_SIZE = dict.fromkeys(("ttvsr", "nsrr", "stssnet"), (64, 64))  # of the others the archive takes any


@pytest.mark.parametrize("family", SMALL)
def test_an_archive_of_torch_computes_the_same(tmp_path: Path, family: str) -> None:
    result = export_model(small(family), tmp_path / "network.pt2", frames=2, size=ONE_SIZE.get(family))
    file = open_exported(result.path)
    assert (file.backend, file.contract) == ("torch", result.contract)
    assert all(checked.largest < 1e-4 for checked in result.checked)


@pytest.mark.long
def test_half_precision_is_close_and_keeps_positions_in_single(tmp_path: Path) -> None:
    result = export_model(small("frvsr"), tmp_path / "half.onnx", float16=True, size=(16, 24))
    assert {spec.dtype for spec in (*result.contract.inputs, *result.contract.outputs)} == {"float16"}
    assert all(0 < checked.rms < 1e-3 for checked in result.checked)


@pytest.mark.long
def test_openvino_gets_a_pair_of_files(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    result = export_model(small("frvsr"), tmp_path / "network.xml", size=(16, 24))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.bin", "network.xml"]
    assert open_exported(result.path).contract == result.contract
    assert all(checked.largest < 1e-3 for checked in result.checked)


def test_tensorrt_gets_a_folder_that_explains_itself(tmp_path: Path) -> None:
    result = export_model(small("rt4ksr"), tmp_path / "engine", to="tensorrt")
    assert {path.name for path in result.files} >= {"model.onnx", "contract.json", "build_engine.py", "README.md"}
    assert all(path.is_file() for path in result.files)
    assert json.loads((tmp_path / "engine" / "contract.json").read_text())["inputs"][0]["name"] == "rgb"
    compile((tmp_path / "engine" / "build_engine.py").read_text(), "build_engine.py", "exec")
    image = random(1, 3, 8, 8)
    torch.testing.assert_close(
        run(tmp_path / "engine" / "model.onnx", rgb=image)["output"], small("rt4ksr")(image), atol=1e-4, rtol=0
    )


def test_a_file_that_differs_from_pytorch_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upframe.export.check.LIMIT", 0.0)
    with pytest.raises(OutputError, match="differs from PyTorch at"):
        export_model(small("rt4ksr"), tmp_path / "network.onnx", size=(8, 8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "to", "words"),
    [
        ("network", None, "Name it .onnx, .pt2, .xml, .param or .glsl"),
        ("network.onnx", "pt2", "Name it .*network.pt2"),
        ("network.onnx", "caffe", "onnx, pt2, openvino, tensorrt"),
        ("network.engine", "tensorrt", "a folder"),
    ],
)
def test_names_that_do_not_fit_the_target_are_refused(tmp_path: Path, name: str, to: str | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        export_model(small("rt4ksr"), tmp_path / name, to=to)


def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no network"):
        export_model(load("bicubic-x2"), tmp_path / "bicubic.onnx")
    with pytest.raises(ShapeError, match="multiples of 2"):
        export_model(small("rt4ksr"), tmp_path / "network.onnx", size=(9, 8))
    (tmp_path / "there.onnx").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        export_model(small("rt4ksr"), tmp_path / "there.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtra, match=rf"(?s)'{package}'.*pip install 'upframe\[export\]'"):
        export_model(small("rt4ksr"), tmp_path / "network.onnx", size=(8, 8))
    assert list(tmp_path.iterdir()) == []
