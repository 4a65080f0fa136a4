"""The same results from another program: exported on the way, or from a file."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.export.conftest import Exports, small

from upframe import Upscaler
from upframe.errors import CheckpointError, DeviceError, InputError, MissingExtra, ShapeError
from upframe.export import Backend
from upframe.export import cache as export_cache
from upframe.export.exporting import export_model
from upframe.export.steps import step_of
from upframe.models.catalog import Model
from upframe.models.frvsr import FRVSR
from upframe.models.rt4ksr import RT4KSR
from upframe.models.stssnet import STSSNet
from upframe.models.ttvsr import TTVSR

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

BACKENDS: list[Backend] = ["onnxruntime", "openvino"]


def ready(network: Any) -> Model:
    return Model(network.eval().requires_grad_(False), network.info)


@pytest.fixture(scope="module")
def image_network() -> Model:
    return small("rt4ksr")


@pytest.fixture(scope="module")
def video_network() -> Model:
    torch.manual_seed(0)
    return ready(FRVSR(2, channels=8, blocks=1, flow_channels=4, degradation="BI"))


@pytest.fixture(scope="module")
def image_file(exported: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of ``image_network``."""
    return shutil.copy(exported("rt4ksr")[1].path, tmp_path_factory.mktemp("image") / "network.onnx")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cache of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "upframe" / "exports"


def random_pixels(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
def test_images_are_the_same_in_every_backend(image_network: Model, cache: Path, backend: Backend) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    upscaler = Upscaler(image_network, backend=backend, tile=32)
    plain = Upscaler(image_network, device="cpu")
    for shape in ((50, 61, 3), (9, 7, 4), (40, 40)):
        image = random_pixels(*shape)
        np.testing.assert_allclose(upscaler.upscale(image), plain.upscale(image), atol=1e-3)
    assert len(list(cache.glob("*.onnx"))) == 1, "exported once, for both"


@pytest.mark.parametrize("source", ["ops/triton/warping.py", "rendered/history.py", "models/rt4ksr.py", "export/steps.py"])
def test_a_change_of_the_code_behind_an_export_makes_another(
    image_network: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    package = importlib.import_module(f"upframe.{source.partition('/')[0]}")
    step = step_of(image_network)
    assert export_cache._key(step) == (before := export_cache._key(step))
    changed = Path(shutil.copytree(package.__path__[0], tmp_path / "package"))
    monkeypatch.setattr(package, "__path__", [str(changed)])
    assert export_cache._key(step) == before, "only what is in the files counts, not where they are"
    (changed / source.partition("/")[2]).write_text("# changed")
    assert export_cache._key(step) != before


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_video_is_the_same_in_every_backend(video_network: Model, backend: Backend) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    frames = list(random_pixels(9, 18, 21, 3))
    ours = Upscaler(video_network, backend=backend).stream(frames, cuts="off")
    theirs = Upscaler(video_network, device="cpu").stream(frames, cuts="off")
    for result, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-3)


def test_other_weights_are_not_taken_from_the_cache(image_network: Model) -> None:
    image = random_pixels(8, 8, 3)
    torch.manual_seed(1)
    for network in (image_network, ready(RT4KSR(2, channels=8, blocks=1).merge())):
        result = Upscaler(network, backend="onnxruntime").upscale(image)
        np.testing.assert_allclose(result, Upscaler(network, device="cpu").upscale(image), atol=1e-3)


def test_an_exported_file_is_a_model_like_others(image_network: Model, image_file: Path) -> None:
    upscaler = Upscaler(image_file)
    assert (upscaler.backend, upscaler.info.name, upscaler.info.scale) == ("onnxruntime", "network", 2)
    image = (255 * random_pixels(30, 17, 3)).astype(np.uint8)
    expected = Upscaler(image_network, device="cpu").upscale(image).astype(int)
    assert abs(upscaler.upscale(image) - expected).max() <= 1
    pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    assert abs(Upscaler(image_file, backend="openvino").upscale(image) - expected).max() <= 1


def test_a_file_of_someone_else_is_refused(image_file: Path, tmp_path: Path) -> None:
    foreign = onnx.load(image_file)
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(CheckpointError, match=r"foreign.onnx: was not exported by Upframe"):
        Upscaler(tmp_path / "foreign.onnx")
    damaged = onnx.load(image_file)
    next(entry for entry in damaged.metadata_props if entry.key == "upframe_contract").value = '{"form": 3}'
    onnx.save(damaged, tmp_path / "damaged.onnx")
    with pytest.raises(CheckpointError, match=r"damaged.onnx: its description is damaged"):
        Upscaler(tmp_path / "damaged.onnx")


@pytest.mark.parametrize("name", ["nothing.onnx", "nothing.pt2", "nothing.xml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    if name.endswith("xml"):
        pytest.importorskip("openvino", reason="the extra `openvino` is not installed")
    with pytest.raises(CheckpointError, match=f"{name}: no such file"):
        Upscaler(tmp_path / name)
    (tmp_path / name).write_bytes(b"nothing of use")
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read as an exported model"):
        Upscaler(tmp_path / name)


def test_a_provider_is_one_of_those_installed(image_file: Path) -> None:
    assert Upscaler(image_file, provider="cpu").card == "cpu"
    with pytest.raises(DeviceError, match=r"provider 'dml' is not in the onnxruntime that is installed: it has .*cpu"):
        Upscaler(image_file, provider="dml")
    with pytest.raises(DeviceError, match="provider 'azure'"):
        Upscaler(image_file, provider="azure")
    with pytest.raises(InputError, match="torch has no providers"):
        Upscaler("bicubic", provider="cpu")


def test_a_backend_that_does_not_fit_is_refused(image_file: Path) -> None:
    with pytest.raises(CheckpointError, match="runs in onnxruntime or openvino, not in torch"):
        Upscaler(image_file, backend="torch")
    with pytest.raises(InputError, match="is not a network"):
        Upscaler("bicubic", backend="onnxruntime")
    for network in (TTVSR(channels=4, blocks=1), STSSNet()):
        with pytest.raises(InputError, match="runs only in torch"):
            Upscaler(ready(network), backend="onnxruntime")
    with pytest.raises(DeviceError, match="compute here on the CPU"):
        Upscaler(image_file, device="meta")
    with pytest.raises(DeviceError):
        Upscaler(image_file, precision="fp16")


def test_a_frame_the_file_does_not_take_is_refused(image_network: Model, tmp_path: Path) -> None:
    path = export_model(image_network, tmp_path / "one.onnx", size=(8, 10)).path
    assert Upscaler(path).upscale(random_pixels(8, 10, 3)).shape == (16, 20, 3)
    with pytest.raises(ShapeError, match=r"one.onnx: was exported for frames of 10x8 alone, not 12x8"):
        Upscaler(path).upscale(random_pixels(8, 12, 3))


def test_a_missing_package_is_named_with_its_remedy(image_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"pip install 'upframe\[export\]'"):
        Upscaler(image_file)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"pip install 'upframe\[openvino\]'"):
        Upscaler(image_file, backend="openvino")
