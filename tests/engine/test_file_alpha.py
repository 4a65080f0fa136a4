"""One meaning of alpha for each kind of file, from file through a network to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import tifffile
from numpy.typing import NDArray

from upframe import Upscaler
from upframe.engine.cuts import no_cuts
from upframe.engine.images import upscale_image, upscale_images
from upframe.engine.size import Target
from upframe.media import read_image, write_image

Floats = NDArray[np.float32]


def write_exr(path: Path, rgb: Floats, alpha: Floats) -> None:
    planes = {name: np.ascontiguousarray(rgb[..., index], np.float32) for index, name in enumerate("RGB")}
    OpenEXR.File({}, planes | {"A": np.ascontiguousarray(alpha, np.float32)}).write(str(path))


def read_exr(path: Path) -> tuple[Floats, Floats]:
    channels = OpenEXR.File(str(path), separate_channels=True).parts[0].channels
    return np.stack([channels[name].pixels for name in "RGB"], axis=2), channels["A"].pixels


def upscaled(path: Path, out: Path, model: str = "bicubic-x2") -> Path:
    image = read_image(path)
    write_image(out, upscale_image(image, Upscaler(model), Target(), pytest.fail))
    return out


@pytest.mark.parametrize("model", ["bicubic-x2", "rt4ksr-x2", "frvsr-lite-x2"])
def test_an_empty_background_stays_empty(tmp_path: Path, model: str) -> None:
    rgb, alpha = np.zeros((24, 32, 3), np.float32), np.zeros((24, 32), np.float32)
    rgb[8:16, 8:16], alpha[8:16, 8:16] = (0.8, 0.4, 0.2), 1
    write_exr(tmp_path / "in.exr", rgb, alpha)
    colour, cover = read_exr(upscaled(tmp_path / "in.exr", tmp_path / "out.exr", model))
    assert np.all(colour[cover <= 0] == 0)
    assert np.all(colour[:10] == 0)
    assert np.all(cover[:10] == 0)
    np.testing.assert_allclose(colour[24, 24], (0.8, 0.4, 0.2), atol=0.02)
    np.testing.assert_allclose(
        colour[cover > 0.05] / cover[cover > 0.05, None], [(0.8, 0.4, 0.2)] * (cover > 0.05).sum(), atol=0.03
    )


def test_light_without_cover_stays_light(tmp_path: Path) -> None:
    rgb, alpha = np.zeros((24, 32, 3), np.float32), np.zeros((24, 32), np.float32)
    rgb[8:16, 4:12] = (4, 1.5, 0.3)
    rgb[8:16, 20:28], alpha[8:16, 20:28] = 0.5, 1
    write_exr(tmp_path / "in.exr", rgb, alpha)
    colour, cover = read_exr(upscaled(tmp_path / "in.exr", tmp_path / "out.exr"))
    np.testing.assert_allclose(colour[20:28, 12:20], np.broadcast_to((4, 1.5, 0.3), (8, 8, 3)), rtol=1e-3)
    assert np.all(cover[20:28, 12:20] == 0)
    assert np.all(colour[:10] == 0)


def test_a_image_without_any_cover_is_upscaled_as_light(tmp_path: Path) -> None:
    rgb = np.random.default_rng(1).random((16, 16, 3), dtype=np.float32)
    write_exr(tmp_path / "in.exr", rgb, np.zeros((16, 16), np.float32))
    colour, cover = read_exr(upscaled(tmp_path / "in.exr", tmp_path / "out.exr"))
    assert np.all(cover == 0)
    expected, _ = Upscaler("bicubic-x2").upscale_layers(rgb, None, linear=True)
    np.testing.assert_allclose(colour, expected, rtol=1e-5)


def test_alpha_above_one_keeps_its_light(tmp_path: Path) -> None:
    write_exr(tmp_path / "in.exr", np.full((16, 16, 3), 0.6, np.float32), np.full((16, 16), 1.5, np.float32))
    colour, cover = read_exr(upscaled(tmp_path / "in.exr", tmp_path / "out.exr"))
    np.testing.assert_allclose(colour, 0.6, rtol=1e-3)
    np.testing.assert_allclose(cover, 1.5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_associated_alpha_of_a_tiff_stays_associated(tmp_path: Path, dtype: type[np.generic]) -> None:
    full: Any = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    stored = (np.broadcast_to((0.35, 0.1, 0.2, 0.5), (16, 16, 4)) * full).astype(dtype)
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    page = tifffile.TiffFile(upscaled(tmp_path / "in.tif", tmp_path / "out.tif")).pages.first
    assert [int(kind) for kind in page.extrasamples] == [1]
    np.testing.assert_allclose(page.asarray()[8, 8] / full, (0.35, 0.1, 0.2, 0.5), atol=1.5 / 255)
    page.parent.close()


def test_associated_alpha_of_a_compressed_tiff_is_read_as_stored(shared: Path) -> None:
    image = read_image(shared / "cases/pictures/tiff_lzw_associated_alpha_8bit.tif")
    assert image.associated
    assert image.alpha is not None
    straight = image.pixels[3, 3].astype(float) / image.alpha[3, 3]
    np.testing.assert_allclose(straight, (0.703, 0.195, 0.438), atol=0.001)


def test_associated_colour_becomes_straight_in_png_and_lost_light_is_noted(tmp_path: Path) -> None:
    rgb, alpha = np.full((4, 4, 3), 0.1, np.float32), np.full((4, 4), 0.5, np.float32)
    alpha[0, 0] = 0
    write_exr(tmp_path / "in.exr", rgb, alpha)
    notes: list[str] = []
    write_image(tmp_path / "out.png", read_image(tmp_path / "in.exr"), depth=8, on_note=notes.append)
    found = read_image(tmp_path / "out.png")
    assert found.pixels[2, 2].tolist() == [124, 124, 124]  # sRGB of 0.2
    assert found.alpha is not None
    assert found.alpha[2, 2, 0] == 128
    assert any("1 pixels became empty" in note for note in notes)


def test_frames_of_a_clip_keep_cover_and_light(tmp_path: Path) -> None:
    rgb, alpha = np.zeros((24, 24, 3), np.float32), np.zeros((24, 24), np.float32)
    rgb[4:12, 4:12], alpha[4:12, 4:12] = 0.5, 1
    rgb[14:22, 14:22] = (4, 1.5, 0.3)
    write_exr(tmp_path / "in.exr", rgb, alpha)
    frames = [(read_image(tmp_path / "in.exr"), index) for index in range(3)]
    for image, _ in upscale_images(frames, Upscaler("frvsr-lite-x2"), Target(), no_cuts, pytest.fail):
        assert image.alpha is not None
        np.testing.assert_allclose(image.pixels[36, 36], (4, 1.5, 0.3), rtol=0.01)
        assert image.alpha[36, 36, 0] == 0
        assert image.alpha[16, 16, 0] == pytest.approx(1, abs=1e-3)
        assert np.all(image.pixels[30:, :8] == 0)


def test_solid_stays_solid_in_a_png(tmp_path: Path) -> None:
    image = np.full((24, 24, 4), 255, np.uint8)
    image[:8] = 0
    result = Upscaler("rt4ksr-x2").upscale(image)
    assert np.all(result[24:, :, 3] == 255)
    assert np.all(result[:10, :, 3] == 0)
