"""Stills of today are images, and what is not supported is said so by its name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pillow_heif
import pytest
import tifffile

from upframe.errors import InputError, MissingExtra
from upframe.media import find_inputs, read_image
from upframe.media.image.contents import format_of_content, unread_format

Y, X = np.mgrid[0:48, 0:64]
RAMP = np.stack([X * 4, Y * 5, (X + Y) * 2], axis=2).astype(np.uint8)


def avif(path: Path) -> None:
    PIL.Image.fromarray(RAMP).save(path, quality=95)


def heic(path: Path) -> None:
    pillow_heif.from_pillow(PIL.Image.fromarray(RAMP)).save(path, quality=95)


def jxl(path: Path) -> None:
    import pillow_jxl.JpegXLImagePlugin  # noqa: F401  # makes Pillow write it

    PIL.Image.fromarray(RAMP).save(path, lossless=True)


@pytest.mark.parametrize("write", [avif, heic, jxl])
def test_a_still_is_a_image(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / f"still.{write.__name__}"
    write(path)
    assert [item.kind for item in find_inputs([path])] == ["image"]
    found = read_image(path, on_note=pytest.fail)
    assert found.format == write.__name__
    assert abs(found.pixels.astype(int) - RAMP).mean() < 4


@pytest.mark.parametrize("write", [avif, heic, jxl])
def test_a_still_is_limited_and_cut_ones_are_refused(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / f"still.{write.__name__}"
    write(path)
    with pytest.raises(InputError, match="more than the limit"):
        read_image(path, max_pixels=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError):
        read_image(path)


def test_a_still_named_as_a_video_is_a_image(tmp_path: Path) -> None:
    avif(tmp_path / "still.avif")
    (tmp_path / "still.avif").rename(tmp_path / "still.mp4")
    assert [item.kind for item in find_inputs([tmp_path / "still.mp4"])] == ["image"]


def test_a_tiled_avif_is_one_image(shared: Path) -> None:
    path = shared / "cases/pictures/photo_tiles_2x2.avif"
    assert [item.kind for item in find_inputs([path])] == ["image"]
    assert read_image(path).pixels.shape == (256, 256, 3)


def test_ten_bit_heic_keeps_its_depth_and_its_white(tmp_path: Path) -> None:
    white = np.full((48, 64, 3), 65535, np.uint16)
    pillow_heif.from_bytes("RGB;16", (64, 48), white.tobytes()).save(tmp_path / "white.heic")
    assert read_image(tmp_path / "white.heic").pixels.min() > 65535 - 200


def test_a_still_without_its_package_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heic(tmp_path / "still.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        MissingExtra,
        match=r"HEIC needs the package 'pillow-heif', which is not installed\nInstall it with: pip install 'upframe\[stills\]'",
    ):
        read_image(tmp_path / "still.heic")


@pytest.mark.parametrize(
    ("suffix", "content", "named"),
    [
        ("psb", b"8BPS\0\2", "PSB"),
        ("dpx", b"SDPX", "DPX"),
        ("svg", b"<?xml version='1.0'?><svg xmlns='x'/>", "SVG"),
        ("cr3", b"\0\0\0\x18ftypcrx \0\0\0\1", "CR3"),
        ("cr2", b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
        ("tga", b"\0\0\7\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x18\0", "Targa"),
    ],
)
def test_a_format_that_is_not_supported_is_named(tmp_path: Path, suffix: str, content: bytes, named: str) -> None:
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(content + bytes(600))
    with pytest.raises(InputError) as refused:
        read_image(path)
    assert named in str(refused.value)
    assert "not supported" in str(refused.value)
    assert "damaged" not in str(refused.value)
    assert format_of_content(path) is None
    assert unread_format(path)


def test_an_avif_sequence_is_not_a_still(tmp_path: Path) -> None:
    path = tmp_path / "moving.avif"
    frames = [PIL.Image.fromarray(RAMP), PIL.Image.fromarray(RAMP[::-1].copy())]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    assert [item.kind for item in find_inputs([path])] == ["animation"]


@pytest.mark.parametrize("code", [50002, 34712, 34887, 50001 + 9])
def test_a_tiff_of_an_unsupported_compression_is_not_called_damaged(tmp_path: Path, code: int) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, RAMP, photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(code)
    with pytest.raises(InputError) as refused:
        read_image(path)
    assert "not supported" in str(refused.value)
    assert "damaged" not in str(refused.value)


@pytest.mark.parametrize("marker", [0xC3, 0xC7, 0xF7, 0xC1])
def test_a_jpeg_of_another_process_is_not_called_damaged(tmp_path: Path, marker: int) -> None:
    path = tmp_path / "in.jpg"
    PIL.Image.fromarray(RAMP).save(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\xc0")
    data[place + 1] = marker
    if marker == 0xC1:
        data[place + 4] = 12  # bits a sample
    path.write_bytes(data)
    with pytest.raises(InputError) as refused:
        read_image(path)
    assert "not supported" in str(refused.value)
    assert "damaged" not in str(refused.value)
