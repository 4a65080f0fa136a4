"""TIFF in all its kinds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import tifffile
from tests.media.image_samples import assert_same_samples, samples, smooth

from upframe.media import Image, read_image, write_image
from upframe.media.image.image import Samples


def test_a_1_bit_tiff_becomes_8_bit_grey(tmp_path: Path) -> None:
    dots = samples(1, np.uint8)[..., 0] > 127
    PIL.Image.fromarray(dots).save(tmp_path / "dots.tif", compression="group4")
    found = read_image(tmp_path / "dots.tif")
    np.testing.assert_array_equal(found.pixels[..., 0], dots * np.uint8(255))
    assert found.encoding.origin == "bilevel"


def test_a_cmyk_tiff_becomes_rgb(tmp_path: Path) -> None:
    ink = PIL.Image.fromarray(smooth()).convert("CMYK")
    ink.save(tmp_path / "ink.tif")
    found = read_image(tmp_path / "ink.tif")
    np.testing.assert_array_equal(found.pixels, np.asarray(ink.convert("RGB")))


def test_float_display_values_stay_display_values_in_tiff(tmp_path: Path) -> None:
    image = Image(samples(3, np.float32).clip(0, 1), linear=False)
    write_image(tmp_path / "float.tif", image)
    found = read_image(tmp_path / "float.tif")
    assert not found.linear
    assert_same_samples(found, image)


def ffmpeg_tiff(path: Path, pixels: Samples, layout: str, compression: str) -> None:
    frame = av.VideoFrame.from_ndarray(pixels, format=layout)
    codec = av.VideoCodecContext.create("tiff", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = frame.width, frame.height, layout, Fraction(1)
    codec.options = {"compression_algo": compression}
    path.write_bytes(b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)]))


def test_a_16_bit_lzw_tiff_is_read_exactly(tmp_path: Path) -> None:
    pixels = samples(3, np.uint16)
    ffmpeg_tiff(tmp_path / "lzw.tif", pixels, "rgb48le", "lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "lzw.tif").pixels, pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_an_8_bit_tiff_of_any_common_compression_is_read_exactly(tmp_path: Path, compression: str | None) -> None:
    PIL.Image.fromarray(smooth()).save(tmp_path / "in.tif", compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").pixels, smooth())


def test_a_jpeg_compressed_tiff_is_read(tmp_path: Path) -> None:
    PIL.Image.fromarray(smooth()).save(tmp_path / "in.tif", compression="jpeg", quality=95)
    assert np.abs(read_image(tmp_path / "in.tif").pixels.astype(int) - smooth()).mean() < 3


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("layout", [{"planarconfig": "separate"}, {"tile": (16, 16)}, {"byteorder": ">"}, {"bigtiff": True}])
def test_every_layout_of_tiff_is_read_exactly(tmp_path: Path, layout: dict[str, Any], compression: str | None) -> None:
    pixels = samples(3, np.uint16)
    stored = np.moveaxis(pixels, 2, 0) if "planarconfig" in layout else pixels
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", compression=compression, **layout)
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").pixels, pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", None])
def test_a_tiff_whose_zero_is_white_is_inverted(tmp_path: Path, compression: str | None) -> None:
    grey = smooth(1)[..., 0]
    path = tmp_path / "fax.tif"
    if compression:
        PIL.Image.fromarray(255 - grey).save(path, compression=compression, tiffinfo={262: 0})
        grey = np.asarray(PIL.Image.open(path))
    else:
        tifffile.imwrite(path, 255 - grey, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path).pixels[..., 0], grey)


def test_a_tiff_palette_becomes_rgb(tmp_path: Path) -> None:
    image = PIL.Image.fromarray(smooth()).quantize(32)
    image.save(tmp_path / "palette.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.tif").pixels, np.asarray(image.convert("RGB")))


def test_a_preview_page_of_a_tiff_is_not_a_second_image(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(smooth(), photometric="rgb")
        file.write(smooth()[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "two.tif").pixels, smooth())
