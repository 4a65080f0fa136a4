"""Images in, images of the same kind out, larger."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from upframe import Upscaler
from upframe.engine.size import Target, parse_target
from upframe.errors import DeviceError, InputError, UpframeError


@pytest.fixture(scope="module")
def bicubic() -> Upscaler:
    return Upscaler("bicubic-x2")


@pytest.fixture(scope="module")
def rt4ksr() -> Upscaler:
    return Upscaler("rt4ksr-x2")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4), (1, 1, 3)], ids=str)
def test_an_array_comes_back_larger_and_of_the_same_kind(rt4ksr: Upscaler, dtype: Any, shape: tuple[int, ...]) -> None:
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    image = (np.random.default_rng(1).random(shape) * top).astype(dtype)
    result = rt4ksr.upscale(image)
    assert result.shape == (2 * shape[0], 2 * shape[1], *shape[2:])
    assert result.dtype == dtype


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_pil_image_comes_back_as_one(rt4ksr: Upscaler, mode: str) -> None:
    image = PIL.Image.fromarray(np.random.default_rng(1).integers(0, 256, (10, 12, 4), dtype=np.uint8)).convert(mode)
    result = rt4ksr.upscale(image)
    assert (result.size, result.mode) == ((24, 20), mode)


@pytest.mark.parametrize("value", [0, 1, 100, 254, 255])
def test_a_flat_image_stays_flat_under_bicubic(bicubic: Upscaler, value: int) -> None:
    assert (bicubic.upscale(np.full((8, 8, 3), value, np.uint8)) == value).all()


def test_sixteen_bits_are_kept_to_the_last(bicubic: Upscaler) -> None:
    image = np.full((6, 6, 3), 40_001, np.uint16)
    assert (bicubic.upscale(image) == 40_001).all()


def test_scale_one_changes_nothing(bicubic: Upscaler) -> None:
    image = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(bicubic.upscale(image, Target(scale=1)), image)


@pytest.mark.parametrize("model", ["rt4ksr-x2", "bicubic", "lanczos"])
@pytest.mark.parametrize(
    ("target", "expected"),
    [(Target(), (20, 14)), (Target(scale=1.5), (15, 10)), (Target(scale=5), (50, 35)), (Target(size=(11, 40)), (11, 40))],
    ids=["model's", "x1.5", "x5", "exact"],
)
def test_any_size_can_be_asked_for(model: str, target: Target, expected: tuple[int, int]) -> None:
    assert Upscaler(model).upscale(np.zeros((10, 7, 3), np.uint8), target).shape == (*expected, 3)


def test_a_grey_image_and_its_rgb_copy_agree(rt4ksr: Upscaler) -> None:
    grey = np.random.default_rng(1).integers(110, 140, (16, 16, 1), dtype=np.uint8)
    from_rgb = rt4ksr.upscale(np.repeat(grey, 3, axis=2)).astype(int).mean(axis=2, keepdims=True)
    assert abs(rt4ksr.upscale(grey).astype(int) - from_rgb).max() <= 1


def test_transparent_pixels_do_not_darken_their_neighbours(bicubic: Upscaler) -> None:
    image = np.zeros((16, 16, 4), np.uint8)  # black, unseen
    image[4:12, 4:12] = (250, 240, 230, 255)
    result = bicubic.upscale(image)
    seen = result[..., 3] > 0
    assert abs(result[seen][:, :3].astype(int) - (250, 240, 230)).max() <= 1


def test_light_above_one_is_kept(rt4ksr: Upscaler) -> None:
    light = np.full((64, 64, 3), 0.18, np.float32)
    light[16:48, 16:48] = 40.0
    result, _ = rt4ksr.upscale_layers(light, None, linear=True)
    assert 38 < result[60:68, 60:68].mean() < 42
    assert 0.17 < result[:4, :4].mean() < 0.19
    assert result.max() <= 40.001, "no light is invented"
    assert result.min() >= 0


@pytest.mark.parametrize("model", ["rt4ksr-x2", "bicubic"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(61, 40, 3), (64, 33, 1), (50, 41, 4)], ids=str)
def test_a_image_upscaled_in_bands_is_the_same(
    monkeypatch: pytest.MonkeyPatch, model: str, dtype: Any, shape: tuple[int, int, int]
) -> None:
    upscaler = Upscaler(model)
    image = (np.random.default_rng(2).random(shape) * (255 if dtype is np.uint8 else 1)).astype(dtype)
    whole = upscaler.upscale(image)
    monkeypatch.setattr("upframe.engine.upscaler.BAND_PIXELS", 15 * shape[1])
    banded = upscaler.upscale(image)
    np.testing.assert_allclose(banded.astype(float), whole.astype(float), atol=0 if dtype is np.uint8 else 1e-5)


def test_frames_are_upscaled_as_they_come(rt4ksr: Upscaler) -> None:
    frames = [np.full((8, 8, 3), value, np.uint8) for value in (10, 200)]
    stream = rt4ksr.stream(iter(frames))
    for frame in frames:
        np.testing.assert_array_equal(next(stream), rt4ksr.upscale(frame))


@pytest.mark.parametrize("image", [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4, 3), np.int64)])
def test_what_is_no_image_is_refused(bicubic: Upscaler, image: Any) -> None:
    with pytest.raises(InputError):
        bicubic.upscale(image)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="quantum"):
        Upscaler("bicubic", device="quantum")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="cuda:7"):
            Upscaler("bicubic", device="cuda:7")


def test_half_precision_is_refused_on_a_cpu() -> None:
    with pytest.raises(DeviceError, match="slower"):
        Upscaler("rt4ksr-x2", device="cpu", precision="fp16")


@pytest.mark.parametrize(("scale", "size"), [(0, None), (-2, None), (65, None), (None, "big"), (None, "0x4"), (None, "12")])
def test_sizes_that_make_no_sense_are_refused(scale: float | None, size: str | None) -> None:
    with pytest.raises(UpframeError):
        parse_target(scale, size)


def test_a_size_is_written_width_first() -> None:
    assert parse_target(None, "1920x1080").of(5, 5, 2) == (1080, 1920)
    assert parse_target(3, "same").of(7, 5, 2) == (7, 5)
