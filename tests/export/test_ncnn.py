"""Networks in ncnn, on the processor and on a card with Vulkan, which may be one in software."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.export.conftest import small

from upframe import Upscaler
from upframe.errors import CheckpointError, DeviceError, InputError
from upframe.export.check import HALF_LIMIT
from upframe.export.exporting import export_model
from upframe.models.catalog import Model, load
from upframe.models.rt4ksr import RT4KSR

ncnn = pytest.importorskip("ncnn", reason="the extra `vulkan` is not installed")
pytest.importorskip("pnnx", reason="the extra `vulkan` is not installed")

CLOSE = 1e-3  # in single precision


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    network = (
        RT4KSR(2, channels=8, blocks=1, layernorm=False, residual=True, skip=True, merged=True).eval().requires_grad_(False)
    )
    return Model(network, network.info)


@pytest.fixture(scope="module")
def file(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = export_model(model, tmp_path_factory.mktemp("ncnn") / "network.param")
    assert len(result.checked) == 3, "compared at several sizes"
    assert sorted(path.name for path in result.path.parent.iterdir()) == ["network.bin", "network.param"]
    return result.path


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).random((19, 26, 3), dtype=np.float32)


def test_an_image_is_the_same_on_the_processor(model: Model, file: Path, image: np.ndarray) -> None:
    upscaler = Upscaler(file, device="cpu")
    assert (upscaler.backend, upscaler.card, upscaler.info.scale) == ("ncnn", "", 2)
    np.testing.assert_allclose(upscaler.upscale(image), Upscaler(model, device="cpu").upscale(image), atol=CLOSE)


@pytest.fixture(scope="module")
def video_model() -> Model:
    return small("frvsr")


@pytest.fixture(scope="module")
def video_file(video_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_model(video_model, tmp_path_factory.mktemp("ncnn") / "video.param").path


def assert_same_video(upscaler: Upscaler, model: Model, *, frames: int) -> None:
    video = list(np.random.default_rng(0).random((frames, 18, 21, 3), dtype=np.float32))
    ours, theirs = (up.stream(video, cuts="off") for up in (upscaler, Upscaler(model, device="cpu")))
    for result, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(result, expected, atol=CLOSE)


def test_a_video_is_the_same_on_the_processor(video_model: Model, video_file: Path) -> None:
    assert_same_video(Upscaler(video_file, device="cpu"), video_model, frames=9)


@pytest.mark.long
def test_a_video_is_the_same_on_a_card(video_model: Model, video_file: Path) -> None:
    if not ncnn.get_gpu_count():
        pytest.skip("no Vulkan device: Debian's mesa-vulkan-drivers is one in software")
    assert_same_video(Upscaler(video_file, device="vulkan:0"), video_model, frames=3)


@pytest.mark.long
def test_an_image_is_the_same_on_a_card(
    model: Model, image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ncnn.get_gpu_count():
        pytest.skip("no Vulkan device: Debian's mesa-vulkan-drivers is one in software")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    upscaler = Upscaler(model, backend="ncnn", device="vulkan:0")
    assert upscaler.card.startswith("vulkan:0 (")
    assert upscaler.info == model.info, "and not what its file in the cache is called"
    np.testing.assert_allclose(upscaler.upscale(image), Upscaler(model, device="cpu").upscale(image), atol=CLOSE)
    assert sorted(path.suffix for path in tmp_path.rglob("exports/*")) == [".bin", ".param"]


@pytest.mark.long
def test_half_precision_on_a_card_loses_little(model: Model, file: Path, image: np.ndarray) -> None:
    if not ncnn.get_gpu_count():
        pytest.skip("no Vulkan device: Debian's mesa-vulkan-drivers is one in software")
    upscaler = Upscaler(file, device="vulkan:0", precision="fp16")
    assert upscaler.dtype == torch.float16
    difference = upscaler.upscale(image) - Upscaler(model, device="cpu").upscale(image)
    assert 0 < np.sqrt(np.square(difference).mean()) < HALF_LIMIT


def test_half_precision_is_refused_where_it_costs_more_than_it_saves(file: Path, video_file: Path) -> None:
    with pytest.raises(DeviceError, match="in half precision on graphics cards alone"):
        Upscaler(file, device="cpu", precision="fp16")
    with pytest.raises(DeviceError, match="as precisely as it was exported"):
        Upscaler(file, device="cpu", precision="bf16")
    if ncnn.get_gpu_count():
        with pytest.raises(DeviceError, match="cannot hold the positions"):
            Upscaler(video_file, device="vulkan:0", precision="fp16")


def test_what_ncnn_cannot_do_is_one_line(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="networks for images, and for video frame by frame"):
        export_model(load("nsrr-x2"), tmp_path / "rendered.param")
    with pytest.raises(InputError, match="single precision"):
        export_model(load("rt4ksr-x2"), tmp_path / "half.param", float16=True)
    with pytest.raises(DeviceError, match="'vulkan:99' cannot be used by ncnn: there is"):
        Upscaler(file, device="vulkan:99")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("GELU", "Python", 1), "its layer 'Python' is not of those"),
        (lambda text: text.replace("7767517", "1", 1), "does not begin as ncnn's files do"),
        (lambda text: text[: len(text) // 3], "cannot be read|ends early"),
        (lambda text: text.partition("upframe_metadata")[0], "was not exported by Upframe"),
    ],
)
def test_files_of_others_are_refused(file: Path, tmp_path: Path, change: object, words: str) -> None:
    (tmp_path / "network.param").write_text(change(file.read_text()))  # type: ignore[operator]
    (tmp_path / "network.bin").write_bytes(file.with_suffix(".bin").read_bytes())
    with pytest.raises(CheckpointError, match=words):
        Upscaler(tmp_path / "network.param", device="cpu")
    (tmp_path / "network.bin").unlink()
    with pytest.raises(CheckpointError):
        Upscaler(tmp_path / "network.param", device="cpu")
