"""Bad images: one clear line each, and nothing is lost."""

from __future__ import annotations

import struct
import sys
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import PIL.Image
import pytest
import tifffile

from upframe.errors import InputError, MissingExtra
from upframe.media import Image, find_inputs, read_image, write_image
from upframe.media.image.file import MAX_PIXELS
from upframe.media.image.image import Samples
from upframe.media.image.tiff_directory import DirectoryLayout, read_directory

SHAPE = (64, 48, 3)
LARGE = 30_000


def noise(dtype: type[np.generic] = np.uint8, shape: tuple[int, ...] = SHAPE) -> Samples:
    full = 255 if dtype == np.uint8 else 65535
    return np.random.default_rng(7).integers(0, full, shape, endpoint=True).astype(dtype)


def refusal(path: Path, **options: Any) -> str:
    """The one line with which a file is refused, and the remedy on the next."""
    with pytest.raises(InputError) as refused:
        read_image(path, **options)
    line = str(refused.value)
    assert "\n" not in line
    assert str(path) in line
    return f"{line}\n{refused.value.remedy}"


def write_all(folder: Path) -> list[Path]:
    """A sound file of every format."""
    paths = [folder / f"sound{suffix}" for suffix in (".png", ".jpg", ".webp", ".tif", ".exr", ".bmp", ".ppm")]
    for path in paths:
        write_image(path, Image(noise()))
    PIL.Image.fromarray(noise()).save(folder / "sound.gif")
    return [*paths, folder / "sound.gif"]


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.png")


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    assert "empty (0 bytes)" in refusal(tmp_path / "empty.png")


def test_text_named_png(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("Dear diary,\ntoday ...")
    assert "not an image: holds text" in refusal(tmp_path / "notes.png")


def test_bytes_of_nothing_known(tmp_path: Path) -> None:
    (tmp_path / "rubbish.jpg").write_bytes(bytes(range(200)) * 4)
    assert "no image format" in refusal(tmp_path / "rubbish.jpg")


def test_every_format_cut_anywhere_gives_one_line_and_never_a_traceback(tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        data = path.read_bytes()
        cut = tmp_path / f"cut{path.suffix}"
        for length in {4, 12, 20, 40, 100, len(data) // 3, len(data) // 2, len(data) * 9 // 10}:
            cut.write_bytes(data[:length])
            refusal(cut)


def test_every_format_damaged_anywhere_is_read_or_refused_and_never_a_traceback(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    for path in write_all(tmp_path):
        data = bytearray(path.read_bytes())
        damaged = tmp_path / f"damaged{path.suffix}"
        for _ in range(25):
            broken = data.copy()
            for place in random.integers(8, len(data), 3):
                broken[place] = int(random.integers(256))
            damaged.write_bytes(broken)
            with suppress(InputError):
                read_image(damaged, max_pixels=10_000)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_texts_that_unpack_to_gigabytes_are_left_out_and_told(tmp_path: Path, kind: bytes) -> None:
    write_image(tmp_path / "sound.png", Image(noise()))
    data, notes = (tmp_path / "sound.png").read_bytes(), []
    packed = zlib.compress(bytes(20 << 20), 9)
    texts = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"ICC\0\0"}
    bombs = b"".join(chunk(kind, texts[kind] + packed) for _ in range(60))  # 1.2 GB
    (tmp_path / "bomb.png").write_bytes(data[:33] + bombs + data[33:])
    tracemalloc.start()
    try:
        found = read_image(tmp_path / "bomb.png", on_note=notes.append)
        assert tracemalloc.get_traced_memory()[1] < 400e6
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found.pixels, noise())
    assert sum(map(len, found.metadata.text.values())) < 65 << 20
    assert len(notes) == 1
    assert "over 64 MB" in notes[0]


def test_a_directory_whose_values_lie_at_one_place_a_thousand_times_is_left_out(tmp_path: Path) -> None:
    values = 4000
    entries = b"".join(struct.pack("<HHII", 40000 + index, 1, 8 << 20, 8) for index in range(values))
    (tmp_path / "a").write_bytes(b"II*\0" + bytes(8 << 20) + bytes(8))
    start = (tmp_path / "a").stat().st_size
    with (tmp_path / "a").open("ab") as file:
        file.write(struct.pack("<H", values) + entries + bytes(4))
    with (tmp_path / "a").open("rb") as file:
        assert len(read_directory(file, DirectoryLayout("<"), start)) == 8


def test_a_image_that_is_larger_than_the_memory_is_refused_whatever_the_limit(tmp_path: Path) -> None:
    side = 40_000_000
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    (tmp_path / "huge.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    )
    assert "there is not enough memory: at least 1,600,000.0 GB" in refusal(tmp_path / "huge.png", max_pixels=side * side)


def test_a_damaged_gif_in_a_folder_is_a_image_that_cannot_be_read(tmp_path: Path) -> None:
    PIL.Image.fromarray(noise()).save(tmp_path / "whole.gif", save_all=True, append_images=[PIL.Image.fromarray(noise()[::-1])])
    data = (tmp_path / "whole.gif").read_bytes()
    for length in (7, 8, 10, 13, 200, 800, 801):
        (tmp_path / "cut.gif").write_bytes(data[:length])
        assert [item.path.name for item in find_inputs([tmp_path])] == ["cut.gif", "whole.gif"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_cut_png_tells_how_much_is_there_and_gives_it_when_asked(tmp_path: Path, dtype: type[np.generic]) -> None:
    pixels, path = noise(dtype), tmp_path / "cut.png"
    notes: list[str] = []
    write_image(path, Image(pixels))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    line = refusal(path)
    rows = int(line.split("after row ")[1].split()[0])
    assert 0.5 * len(pixels) < rows < 0.7 * len(pixels)
    assert "To keep the" in line
    found = read_image(path, allow_truncated=True, on_note=notes.append)
    np.testing.assert_array_equal(found.pixels[:rows], pixels[:rows])
    assert not found.pixels[rows:].any()
    assert f"{rows} of {len(pixels)} rows" in notes[0]


def test_a_png_with_one_wrong_byte_gives_the_rows_before_it(tmp_path: Path) -> None:
    path, pixels = tmp_path / "bad.png", noise()
    write_image(path, Image(pixels))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    refusal(path)
    found = read_image(path, allow_truncated=True)
    np.testing.assert_array_equal(found.pixels[:20], pixels[:20])


def test_a_cut_jpeg_tells_how_much_is_there_and_gives_it_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    notes: list[str] = []
    write_image(path, Image(noise(shape=(128, 128, 3))))
    whole = read_image(path).pixels
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rows = int(refusal(path).split("after row ")[1].split()[0])
    assert 0.4 * 128 < rows < 0.6 * 128
    found = read_image(path, allow_truncated=True, on_note=notes.append)
    np.testing.assert_array_equal(found.pixels[: rows - 8], whole[: rows - 8])  # all but the last, unfinished, row of blocks
    assert f"{rows} of 128 rows" in notes[0]


def test_a_cut_tiff_gives_its_whole_strips_when_asked(tmp_path: Path) -> None:
    path, pixels = tmp_path / "cut.tif", noise()
    tifffile.imwrite(path, pixels, photometric="rgb", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[: -24 * 48 * 3 - 1])
    assert "after row 32 of 64" in refusal(path)
    found = read_image(path, allow_truncated=True)
    np.testing.assert_array_equal(found.pixels[:32], pixels[:32])
    assert not found.pixels[32:].any()


def test_a_cut_ppm_gives_its_whole_rows_when_asked(tmp_path: Path) -> None:
    path, pixels = tmp_path / "cut.ppm", noise()
    write_image(path, Image(pixels))
    path.write_bytes(path.read_bytes()[:-1000])
    assert "after row 57 of 64" in refusal(path)
    np.testing.assert_array_equal(read_image(path, allow_truncated=True).pixels[:57], pixels[:57])


def test_a_image_of_which_no_row_is_left_is_refused_even_when_cut_files_are_allowed(tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        if path.suffix in (".png", ".jpg", ".tif", ".ppm"):
            path.write_bytes(path.read_bytes()[:60])
            refusal(path, allow_truncated=True)


def png_bomb(path: Path) -> None:
    def chunk(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    header = struct.pack(">IIBBBBB", LARGE, LARGE, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def jpeg_bomb(path: Path) -> None:
    PIL.Image.new("L", (16, 16)).save(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", LARGE, LARGE)
    path.write_bytes(data)


def webp_bomb(path: Path) -> None:
    data = b"VP8L" + struct.pack("<IBI", 5, 0x2F, 16382 | 16382 << 14) + b"\0"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data)


def tiff_bomb(path: Path) -> None:
    tifffile.imwrite(path, noise(), photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as file:
        for name in ("ImageWidth", "ImageLength"):
            file.pages.first.tags[name].overwrite(LARGE)


def exr_bomb(path: Path) -> None:
    OpenEXR.File({}, dict.fromkeys("RGB", np.zeros((4, 4), np.float16))).write(str(path))
    data = bytearray(path.read_bytes())
    place = data.index(b"dataWindow\0box2i\0") + 21
    data[place : place + 16] = struct.pack("<4i", 0, 0, LARGE - 1, LARGE - 1)
    path.write_bytes(data)


def bmp_bomb(path: Path) -> None:
    PIL.Image.new("RGB", (4, 4)).save(path)
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", LARGE, LARGE)
    path.write_bytes(data)


def ppm_bomb(path: Path) -> None:
    path.write_bytes(f"P6\n{LARGE} {LARGE}\n255\n".encode())


BOMBS = {
    ".png": png_bomb,
    ".jpg": jpeg_bomb,
    ".webp": webp_bomb,
    ".tif": tiff_bomb,
    ".exr": exr_bomb,
    ".bmp": bmp_bomb,
    ".ppm": ppm_bomb,
}


@pytest.mark.parametrize("suffix", sorted(BOMBS))
def test_a_huge_image_is_refused_before_memory_is_asked_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    BOMBS[suffix](path)
    limit = 200_000_000 if suffix == ".webp" else MAX_PIXELS  # WebP cannot state more than 268 megapixels
    tracemalloc.start()
    line = refusal(path, max_pixels=limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    assert f"more than the limit of {limit:,}" in line
    assert "raise the limit with max_pixels=" in line


def test_the_limit_can_be_raised(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    write_image(path, Image(noise()))
    refusal(path, max_pixels=64 * 48 - 1)
    assert read_image(path, max_pixels=64 * 48).pixels.shape == SHAPE


def test_a_compressed_bomb_in_a_text_chunk_is_not_unpacked(tmp_path: Path) -> None:
    payload = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    path: Path = tmp_path / "text.png"
    write_image(path, Image(noise()))
    data = path.read_bytes()
    chunk = struct.pack(">I", len(payload)) + b"zTXt" + payload + struct.pack(">I", zlib.crc32(b"zTXt" + payload))
    path.write_bytes(data[:33] + chunk + data[33:])
    assert read_image(path).metadata.text.get("Comment", "") == ""


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif"])
def test_an_animation_is_refused_with_a_remedy(tmp_path: Path, suffix: str) -> None:
    frames = [PIL.Image.fromarray(noise(shape=(16, 16, 3)) // (index + 1)) for index in range(3)]
    frames[0].save(tmp_path / f"moving{suffix}", save_all=True, append_images=frames[1:])
    line = refusal(tmp_path / f"moving{suffix}")
    assert "holds 3 images" in line
    assert "%05d" in line or "video" in line


def test_a_tiff_of_several_pages_is_refused_with_a_remedy(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", noise(shape=(3, 16, 16, 3)), photometric="rgb")
    assert "Split it" in refusal(tmp_path / "pages.tif")


def test_an_openexr_without_colour_names_its_channels(tmp_path: Path) -> None:
    plane = np.ones((4, 4), np.float32)
    OpenEXR.File({}, {"Z": plane, "id": plane}).write(str(tmp_path / "depth.exr"))
    assert "no colour among its channels (Z, id)" in refusal(tmp_path / "depth.exr")


def test_a_tiff_of_signed_integers_is_refused_with_a_remedy(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "signed.tif", np.zeros((8, 8), np.int16))
    assert "Convert the file" in refusal(tmp_path / "signed.tif")


def test_a_damaged_openexr_prints_nothing_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "damaged.exr"
    write_image(path, Image(noise()))
    data = bytearray(path.read_bytes())
    data[-2000:-1000] = bytes(1000)
    path.write_bytes(data)
    refusal(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("suffix", "package"), [(".tif", "tifffile"), (".exr", "OpenEXR")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, package: str
) -> None:
    write_image(tmp_path / f"a{suffix}", Image(noise()))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package}.*\nInstall it with: pip install 'upframe\[images\]'"):
        read_image(tmp_path / f"a{suffix}")
    with pytest.raises(MissingExtra):
        write_image(tmp_path / f"b{suffix}", Image(noise()))
    assert not (tmp_path / f"b{suffix}").exists()


def test_a_tiff_whose_pages_lead_back_is_damaged(tmp_path: Path) -> None:
    """The list of pages is a chain of offsets: one that leads back has no end."""
    path = tmp_path / "endless.tif"
    page = PIL.Image.new("L", (8, 8), 7)
    page.save(path, save_all=True, append_images=[page])
    content = bytearray(path.read_bytes())
    first = int.from_bytes(content[4:8], "little")
    second_at = first + 2 + 12 * int.from_bytes(content[first : first + 2], "little")
    second = int.from_bytes(content[second_at : second_at + 4], "little")
    last_at = second + 2 + 12 * int.from_bytes(content[second : second + 2], "little")
    content[last_at : last_at + 4] = second.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="list of pages leads back into itself"):
        read_image(path)
