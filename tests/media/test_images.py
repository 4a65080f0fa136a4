"""Images: what is read is what the file holds, and what is written is what was read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms
from tests.media.image_samples import HEIGHT, WIDTH, assert_same_samples, image_of, samples, smooth

from upframe.errors import OutputError, ShapeError
from upframe.media import IMAGE_SUFFIXES, Image, ImageEncoding, read_image, write_image
from upframe.media.image.image import FORMAT_OF_SUFFIX, Samples, Subsampling


def found_alpha(image: Image) -> Samples:
    assert image.alpha is not None
    return image.alpha


LOSSLESS = [
    (suffix, channels, dtype)
    for suffix, kinds, dtypes in [
        (".png", (1, 2, 3, 4), (np.uint8, np.uint16)),
        (".tif", (1, 2, 3, 4), (np.uint8, np.uint16, np.float32)),
        (".webp", (3, 4), (np.uint8,)),
        (".bmp", (1, 3), (np.uint8,)),
        (".ppm", (1, 3), (np.uint8, np.uint16)),
    ]
    for channels in kinds
    for dtype in dtypes
]


@pytest.mark.parametrize(("suffix", "channels", "dtype"), LOSSLESS)
def test_a_lossless_format_gives_every_sample_back(tmp_path: Path, suffix: str, channels: int, dtype: type[np.generic]) -> None:
    written = image_of(channels, dtype, linear=dtype == np.float32)
    path = tmp_path / f"image{suffix}"
    write_image(path, written, on_note=pytest.fail)
    found = read_image(path, on_note=pytest.fail)
    assert_same_samples(found, written)
    assert found.linear == written.linear
    assert found.pixels.flags.writeable
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1)])
def test_a_image_of_one_pixel_or_row_works_in_every_format(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"tiny{suffix}"
    write_image(path, Image(np.full((*size, 3), 128, np.uint8)))
    found = read_image(path)
    assert found.pixels.shape == (*size, 3)
    assert found.format == FORMAT_OF_SUFFIX[suffix]


def decoded_by_ffmpeg(path: Path, layout: str) -> Samples:
    with av.open(path) as container:
        return next(container.decode(video=0)).to_ndarray(format=layout)


def test_other_programs_read_our_16_bit_png_alike(tmp_path: Path) -> None:
    written = image_of(3, np.uint16)
    write_image(tmp_path / "deep.png", written)
    np.testing.assert_array_equal(decoded_by_ffmpeg(tmp_path / "deep.png", "rgb48le"), written.pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_other_programs_read_our_8_bit_png_alike(tmp_path: Path, channels: int) -> None:
    written = image_of(channels, np.uint8)
    write_image(tmp_path / "plain.png", written)
    found = np.asarray(PIL.Image.open(tmp_path / "plain.png")).reshape(HEIGHT, WIDTH, channels)
    np.testing.assert_array_equal(found, written.stacked)


def test_png_filters_make_a_smooth_image_small(tmp_path: Path) -> None:
    write_image(tmp_path / "smooth.png", Image(smooth(height=256, width=256)))
    PIL.Image.fromarray(smooth(height=256, width=256)).save(tmp_path / "pillow.png")
    assert (tmp_path / "smooth.png").stat().st_size < 1.3 * (tmp_path / "pillow.png").stat().st_size


def test_a_png_of_many_blocks_of_rows_comes_back_whole(tmp_path: Path) -> None:
    tall = Image(samples(4, np.uint16, height=900, width=300)[..., :3])
    write_image(tmp_path / "tall.png", tall)
    assert_same_samples(read_image(tmp_path / "tall.png"), tall)


def test_an_interlaced_16_bit_png_is_read(tmp_path: Path) -> None:
    pixels = samples(3, np.uint16)
    lines = []
    for left, top, across, down in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]:
        lines += [b"\0" + row.tobytes() for row in pixels[top::down, left::across].astype(">u2")]
    (tmp_path / "laced.png").write_bytes(png_file(b"".join(lines), bits=16, colour_type=2, interlaced=1))
    np.testing.assert_array_equal(read_image(tmp_path / "laced.png").pixels, pixels)


def png_file(
    lines: bytes,
    *,
    bits: int,
    colour_type: int,
    interlaced: int = 0,
    extra: Sequence[tuple[bytes, bytes]] = (),
    width: int = WIDTH,
    height: int = HEIGHT,
) -> bytes:
    """A PNG file made by hand from its filtered lines."""

    def chunk(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    body = [chunk(b"IHDR", header), *(chunk(*one) for one in extra), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def test_a_palette_becomes_rgb_and_the_change_is_noted(tmp_path: Path) -> None:
    notes: list[str] = []
    PIL.Image.fromarray(smooth()).quantize(32).save(tmp_path / "palette.png")
    found = read_image(tmp_path / "palette.png", on_note=notes.append)
    np.testing.assert_array_equal(found.pixels, np.asarray(PIL.Image.open(tmp_path / "palette.png").convert("RGB")))
    assert found.alpha is None
    assert found.encoding.origin == "palette"
    assert "palette" in notes[0]


def test_a_transparent_palette_index_becomes_alpha(tmp_path: Path) -> None:
    image = PIL.Image.fromarray(samples(1, np.uint8)[..., 0] % 4, "L").convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    image.save(tmp_path / "keyed.png", transparency=2)
    found = read_image(tmp_path / "keyed.png")
    np.testing.assert_array_equal(found_alpha(found)[..., 0], np.where(np.asarray(image) == 2, 0, 255))


@pytest.mark.parametrize(("bits", "colour_type"), [(8, 0), (8, 2), (16, 0), (16, 2)])
def test_a_transparent_colour_becomes_alpha(tmp_path: Path, bits: int, colour_type: int) -> None:
    channels = 1 if colour_type == 0 else 3
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels = samples(channels, dtype) // (np.iinfo(dtype).max // 2)  # few values, so that many pixels match
    stored = pixels.astype(np.dtype(dtype).newbyteorder(">"))
    lines = b"".join(b"\0" + row.tobytes() for row in stored)
    key = pixels[3, 4].astype(">u2").tobytes()
    (tmp_path / "keyed.png").write_bytes(png_file(lines, bits=bits, colour_type=colour_type, extra=[(b"tRNS", key)]))
    found = read_image(tmp_path / "keyed.png")
    np.testing.assert_array_equal(found.pixels, pixels)
    np.testing.assert_array_equal(found_alpha(found)[..., 0] == 0, (pixels == pixels[3, 4]).all(axis=2))
    assert found_alpha(found).max() == np.iinfo(dtype).max


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_grey_png_of_few_bits_becomes_8_bits(tmp_path: Path, bits: int) -> None:
    levels = samples(1, np.uint8)[..., 0] >> (8 - bits)
    unpacked = (levels[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    lines = b"".join(b"\0" + row.tobytes() for row in np.packbits(unpacked.reshape(HEIGHT, -1), axis=1))
    key = (b"tRNS", int(levels[0, 0]).to_bytes(2, "big"))
    (tmp_path / "few.png").write_bytes(png_file(lines, bits=bits, colour_type=0, extra=[key]))
    found = read_image(tmp_path / "few.png")
    np.testing.assert_array_equal(found.pixels[..., 0], levels.astype(int) * 255 // (2**bits - 1))
    np.testing.assert_array_equal(found_alpha(found)[..., 0] == 0, levels == levels[0, 0])


def test_a_jpeg_keeps_its_colours_at_the_default_quality(tmp_path: Path) -> None:
    write_image(tmp_path / "photo.jpg", Image(smooth()))
    found = read_image(tmp_path / "photo.jpg")
    assert found.format == "jpeg"
    assert found.encoding.subsampling == "4:4:4"
    assert np.abs(found.pixels.astype(int) - smooth()).max() <= 4


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_is_written_with_the_chroma_it_came_with(tmp_path: Path, subsampling: Subsampling) -> None:
    PIL.Image.fromarray(smooth()).save(tmp_path / "in.jpg", quality=90, subsampling=subsampling)
    image = read_image(tmp_path / "in.jpg")
    assert image.encoding.subsampling == subsampling
    write_image(tmp_path / "out.jpg", image)
    assert read_image(tmp_path / "out.jpg").encoding.subsampling == subsampling
    write_image(tmp_path / "full.jpg", image, subsampling="4:4:4")
    assert read_image(tmp_path / "full.jpg").encoding.subsampling == "4:4:4"


def test_a_lower_quality_makes_a_smaller_jpeg(tmp_path: Path) -> None:
    for quality in (50, 95):
        write_image(tmp_path / f"{quality}.jpg", image_of(3, np.uint8), quality=quality)
    assert (tmp_path / "50.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 1.5


def test_a_grey_jpeg_stays_grey(tmp_path: Path) -> None:
    PIL.Image.fromarray(smooth(1)[..., 0]).save(tmp_path / "grey.jpg")
    image = read_image(tmp_path / "grey.jpg")
    write_image(tmp_path / "out.jpg", image)
    assert image.pixels.shape[2] == 1
    with PIL.Image.open(tmp_path / "out.jpg") as written:
        assert written.mode == "L"


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_or_lossy_as_it_was(tmp_path: Path, lossless: bool) -> None:
    PIL.Image.fromarray(smooth()).save(tmp_path / "in.webp", lossless=lossless)
    image = read_image(tmp_path / "in.webp")
    assert image.encoding.lossless == lossless
    write_image(tmp_path / "out.webp", image)
    assert read_image(tmp_path / "out.webp").encoding.lossless == lossless
    write_image(tmp_path / "asked.webp", image, lossless=not lossless)
    assert read_image(tmp_path / "asked.webp").encoding.lossless != lossless


def test_a_cmyk_jpeg_without_profile_becomes_rgb_with_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    PIL.Image.fromarray(smooth()).convert("CMYK").save(tmp_path / "ink.jpg", quality=95)
    found = read_image(tmp_path / "ink.jpg", on_note=notes.append)
    assert found.encoding.origin == "cmyk"
    assert np.abs(found.pixels.astype(int) - smooth()).mean() < 3
    assert "CMYK" in notes[0]
    assert "approximate" in notes[0]
    assert ImageCms.ImageCmsProfile(io.BytesIO(found.metadata.icc or b"")).profile.xcolor_space == "RGB "


def test_16_bits_are_rounded_to_8_for_jpeg_with_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    write_image(tmp_path / "shallow.jpg", image_of(3, np.uint16), on_note=notes.append)
    assert "16-bit samples were rounded to 8 bits" in notes[0]


def test_8_bits_to_16_and_back_changes_nothing(tmp_path: Path) -> None:
    image = Image(np.arange(256, dtype=np.uint8).reshape(16, 16, 1))
    write_image(tmp_path / "deep.png", image, depth=16)
    deep = read_image(tmp_path / "deep.png")
    assert (deep.pixels.min(), deep.pixels.max()) == (0, 65535)
    write_image(tmp_path / "shallow.png", deep, depth=8)
    assert_same_samples(read_image(tmp_path / "shallow.png"), image)


def test_transparency_is_laid_on_white_for_jpeg_with_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    clear = Image(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 1), np.uint8))
    write_image(tmp_path / "flat.jpg", clear, on_note=notes.append)
    assert np.all(read_image(tmp_path / "flat.jpg").pixels == 255)
    assert "laid on white" in notes[0]


def test_an_opaque_alpha_is_dropped_for_jpeg_without_a_word(tmp_path: Path) -> None:
    opaque = Image(smooth(), np.full((HEIGHT, WIDTH, 1), 255, np.uint8))
    write_image(tmp_path / "flat.jpg", opaque, on_note=pytest.fail)


def test_colours_under_full_transparency_are_kept(tmp_path: Path) -> None:
    hidden = Image(samples(3, np.uint8), np.zeros((HEIGHT, WIDTH, 1), np.uint8))
    for suffix in (".png", ".webp", ".tif"):
        write_image(tmp_path / f"hidden{suffix}", hidden)
        assert_same_samples(read_image(tmp_path / f"hidden{suffix}"), hidden)


def test_a_jpeg_named_png_is_read_by_content_and_noted(tmp_path: Path) -> None:
    notes: list[str] = []
    PIL.Image.fromarray(smooth()).save(tmp_path / "liar.png", "JPEG")
    assert read_image(tmp_path / "liar.png", on_note=notes.append).format == "jpeg"
    assert "its content is JPEG" in notes[0]


def test_a_still_gif_is_read(tmp_path: Path) -> None:
    image = PIL.Image.fromarray(smooth()).quantize(16)
    image.save(tmp_path / "still.gif")
    np.testing.assert_array_equal(read_image(tmp_path / "still.gif").pixels, np.asarray(image.convert("RGB")))


def test_a_pgm_with_an_odd_maximum_is_stretched(tmp_path: Path) -> None:
    (tmp_path / "odd.pgm").write_bytes(b"P5\n# made by hand\n3 1\n100\n" + bytes([0, 50, 100]))
    assert read_image(tmp_path / "odd.pgm").pixels[0, :, 0].tolist() == [0, 128, 255]


def test_a_depth_the_format_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="JPEG holds 8 bits"):
        write_image(tmp_path / "deep.jpg", image_of(3, np.uint8), depth=16)
    assert not any(tmp_path.iterdir())


def test_a_suffix_that_names_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="images are not written as"):
        write_image(tmp_path / "image.gif", image_of(3, np.uint8))


def test_a_side_too_long_for_webp_is_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too large for WEBP"):
        write_image(tmp_path / "long.webp", Image(np.zeros((1, 16384, 3), np.uint8)))


def test_arrays_of_the_wrong_shape_are_no_image() -> None:
    with pytest.raises(ShapeError):
        Image(np.zeros((4, 4), np.uint8))
    with pytest.raises(ShapeError):
        Image(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 1), np.uint16))


def test_one_image_gives_the_same_bytes_every_time(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".webp", ".tif", ".exr"):
        image = image_of(3, np.uint8, encoding=ImageEncoding())
        paths: list[Path] = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
        for path in paths:
            write_image(path, image)
        assert paths[0].read_bytes() == paths[1].read_bytes()
