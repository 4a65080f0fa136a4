"""Formats of graphics programs and renderers: Targa, JPEG 2000, Photoshop, QOI, Radiance and PFM; stills that are written."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.media.files import find_inputs
from upframe.media.image.file import read_image, write_image
from upframe.media.image.image import Image
from upframe.media.naming import output_path

Y, X = np.mgrid[:20, :30]
RAMP = np.stack([X * 8, Y * 12, (X + Y) * 5], axis=2).astype(np.uint8)
ALPHA = (X * 8).astype(np.uint8)[..., None]
LIGHT = (np.exp(Y[..., None] / 3 - 4) * np.array([1, 0.5, 0.02]) * (1 + X[..., None] % 7)).astype(np.float32)


def decoded_by_ffmpeg(path: Path) -> NDArray[np.float32]:
    """(h, w, 3), from planes of green, blue and red."""
    with av.open(path) as container:
        planes = next(container.decode(video=0)).to_ndarray()
    return planes if planes.ndim == 3 else np.repeat(planes[..., None], 3, axis=2)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("suffix", [".tga", ".jp2", ".png"])
def test_what_others_wrote_is_read_and_what_we_write_is_read_by_others(tmp_path: Path, suffix: str, transparent: bool) -> None:
    pixels = np.concatenate([RAMP, ALPHA], axis=2) if transparent else RAMP
    PIL.Image.fromarray(pixels).save(tmp_path / f"theirs{suffix}")
    found = read_image(tmp_path / f"theirs{suffix}", on_note=pytest.fail)
    write_image(tmp_path / f"ours{suffix}", found, on_note=pytest.fail)
    with PIL.Image.open(tmp_path / f"ours{suffix}") as ours:
        np.testing.assert_array_equal(np.asarray(ours), pixels)


@pytest.mark.parametrize("suffix", [".avif", ".heic", ".jxl"])
def test_a_still_is_written_in_its_own_format(tmp_path: Path, suffix: str) -> None:
    image = Image(RAMP, ALPHA)
    write_image(tmp_path / f"a{suffix}", image, quality=95, lossless=False)
    found = read_image(tmp_path / f"a{suffix}")
    assert found.alpha is not None
    assert np.abs(found.pixels.astype(int) - RAMP)[ALPHA[..., 0] > 60].mean() < 6
    (item,) = find_inputs([tmp_path / f"a{suffix}"])
    assert output_path(item, None, label="x2") == tmp_path / f"a-x2{suffix}"


def test_heic_keeps_more_than_8_bits(tmp_path: Path) -> None:
    fine = (np.broadcast_to(X[..., None], (20, 30, 3)) * 40 + 20000).astype(np.uint16)
    write_image(tmp_path / "a.heic", Image(fine), quality=100)
    found = read_image(tmp_path / "a.heic").pixels
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - fine).mean() < 60


def test_a_quality_of_jpeg_2000_makes_it_smaller(tmp_path: Path) -> None:
    noise = Image(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    sizes = []
    for quality in (100, 80, 50):
        write_image(tmp_path / f"{quality}.jp2", noise, quality=quality, lossless=False)
        sizes.append((tmp_path / f"{quality}.jp2").stat().st_size)
    assert sizes == sorted(sizes, reverse=True)


def test_qoi_and_photoshop_are_read_and_become_png(tmp_path: Path) -> None:
    PIL.Image.fromarray(RAMP).save(tmp_path / "a.qoi")
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, *RAMP.shape[:2], 8, 3) + bytes(12)
    (tmp_path / "b.psd").write_bytes(header + bytes(2) + RAMP.transpose(2, 0, 1).tobytes())
    for item in find_inputs([tmp_path]):
        np.testing.assert_array_equal(read_image(item.path, on_note=pytest.fail).pixels, RAMP)
        assert output_path(item, None, label="x2") == item.path.with_name(f"{item.path.stem}-x2.png")


def test_a_palette_and_grey_are_read_from_targa(tmp_path: Path) -> None:
    PIL.Image.fromarray(RAMP[..., 0]).save(tmp_path / "grey.tga")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.tga").pixels[..., 0], RAMP[..., 0])
    few = PIL.Image.fromarray(RAMP).quantize(16)
    few.save(tmp_path / "few.tga")
    notes: list[str] = []
    np.testing.assert_array_equal(read_image(tmp_path / "few.tga", on_note=notes.append).pixels, np.asarray(few.convert("RGB")))
    assert notes == ["palette image: read as RGB"]


@pytest.mark.parametrize(("suffix", "close"), [(".hdr", 1 / 128), (".pfm", 0)])
def test_light_is_kept_and_read_alike_by_others(tmp_path: Path, suffix: str, close: float) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, Image(LIGHT, linear=True), on_note=pytest.fail)
    found = read_image(path, on_note=pytest.fail)
    assert found.linear
    largest = LIGHT.max(axis=2, keepdims=True)
    assert np.abs(found.pixels - LIGHT).max() <= (close * largest).max()
    assert (np.abs(found.pixels - LIGHT) <= close * largest).all()
    theirs = decoded_by_ffmpeg(path)
    assert (np.abs(theirs - LIGHT) <= max(close, 1e-6) * largest).all()


def test_run_length_coded_radiance_is_read(tmp_path: Path) -> None:
    """Each component of a line: a run, then single values."""
    line = np.array([[128, 64, 32, 129]] * 20 + [[i, 2 * i, 3 * i, 128] for i in range(1, 11)], np.uint8)
    coded = bytes([2, 2, 0, 30])
    for component in range(4):
        coded += bytes([128 + 20, line[0, component], 10]) + line[20:, component].tobytes()
    (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 3 +X 30\n" + 3 * coded)
    found = read_image(tmp_path / "a.hdr").pixels
    np.testing.assert_allclose(found[1, 0], (line[0, :3] + 0.5) / 128)
    np.testing.assert_allclose(found[2, 29], (line[29, :3] + 0.5) / 256)
    assert np.abs(decoded_by_ffmpeg(tmp_path / "a.hdr") - found).max() < 0.01
    (tmp_path / "cut.hdr").write_bytes((tmp_path / "a.hdr").read_bytes()[:-50])
    with pytest.raises(InputError, match="cut short or damaged after row 2 of 3"):
        read_image(tmp_path / "cut.hdr")
    assert (read_image(tmp_path / "cut.hdr", allow_truncated=True).pixels[:2] == found[:2]).all()


def test_a_big_endian_pfm_and_its_scale_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.pfm").write_bytes(b"Pf\n30 20\n2.0\n" + LIGHT[::-1, :, 0].astype(">f4").tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "a.pfm").pixels[..., 0], 2 * LIGHT[..., 0])


@pytest.mark.parametrize("suffix", [".tga", ".jp2", ".hdr", ".pfm", ".avif"])
def test_the_limit_holds_before_memory_is_taken(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", Image(RAMP))
    with pytest.raises(InputError, match="pixels, more than the limit of 100"):
        read_image(tmp_path / f"a{suffix}", max_pixels=100)
