"""What an image says beside its samples is kept, at its new size, or named."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from PIL import IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from upframe.media import read_image, write_image
from upframe.media.image.formats.jpeg_segments import segments

RAMP = np.arange(24 * 32 * 3, dtype=np.uint32).reshape(24, 32, 3).astype(np.uint8)


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(path: Path, *extra: bytes) -> Path:
    PIL.Image.fromarray(RAMP).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"".join(extra) + data[2:])
    return path


def doubled(path: Path, out: Path) -> list[str]:
    """The file at twice its size; the notes."""
    notes: list[str] = []
    image = read_image(path, on_note=notes.append)
    pixels = image.pixels.repeat(2, axis=0).repeat(2, axis=1)
    write_image(out, replace(image, pixels=pixels), on_note=notes.append)
    return notes


IPTC = b"\x1c\x02\x05\x00\x05Title" + b"\x1c\x02\x19\x00\x03sea" + b"\x1c\x02\x19\x00\x04moon"


def iptc_jpeg(path: Path) -> Path:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
    return jpeg_with(path, segment(0xED, b"Photoshop 3.0\0" + resource))


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_iptc_keywords_are_kept(tmp_path: Path, suffix: str) -> None:
    path = iptc_jpeg(tmp_path / "in.jpg")
    assert doubled(path, tmp_path / f"out{suffix}") == []
    doubled(tmp_path / f"out{suffix}", tmp_path / "again.jpg")
    with PIL.Image.open(tmp_path / "again.jpg") as image:
        found = IptcImagePlugin.getiptcinfo(image)
    assert found is not None
    assert found[2, 25] == [b"sea", b"moon"]
    assert found[2, 5] == b"Title"


def test_iptc_without_a_place_is_named(tmp_path: Path) -> None:
    notes = doubled(iptc_jpeg(tmp_path / "in.jpg"), tmp_path / "out.png")
    assert any("IPTC" in note for note in notes)


def extended_xmp_jpeg(path: Path) -> tuple[Path, bytes]:
    whole = b"<x:xmpmeta>" + b"further " * 20_000 + b"</x:xmpmeta>"
    digest = md5(whole, usedforsecurity=False).hexdigest().upper().encode()
    main = b'<x:xmpmeta><rdf:Description xmpNote:HasExtendedXMP="' + digest + b'"/></x:xmpmeta>'
    portions = [
        segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0"
            + digest
            + struct.pack(">II", len(whole), start)
            + whole[start : start + 60_000],
        )
        for start in range(0, len(whole), 60_000)
    ]
    head = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main)
    return jpeg_with(path, head, *reversed(portions)), whole


def test_extended_xmp_is_kept_or_named_and_never_dangles(tmp_path: Path) -> None:
    path, whole = extended_xmp_jpeg(tmp_path / "in.jpg")
    assert doubled(path, tmp_path / "out.jpg") == []
    assert read_image(tmp_path / "out.jpg").metadata.xmp_extension == whole
    assert b"HasExtendedXMP" in (read_image(tmp_path / "out.jpg").metadata.xmp or b"")
    assert any("extended XMP" in note for note in doubled(path, tmp_path / "out.png"))
    assert b"HasExtendedXMP" not in (read_image(tmp_path / "out.png").metadata.xmp or b"")


def test_all_comments_are_kept(tmp_path: Path) -> None:
    path = jpeg_with(tmp_path / "in.jpg", segment(0xFE, b"first"), segment(0xFE, b"second"))
    doubled(path, tmp_path / "out.jpg")
    found = [content for marker, content in segments((tmp_path / "out.jpg").read_bytes()) if marker == 0xFE]
    assert found == [b"first", b"second"]
    doubled(path, tmp_path / "out.png")
    assert read_image(tmp_path / "out.png").metadata.text["Comment"] == "first\nsecond"


def test_other_segments_of_a_jpeg_are_named(tmp_path: Path) -> None:
    path = jpeg_with(tmp_path / "in.jpg", segment(0xEB, b"JP\0\1rest"), segment(0xEC, b"Ducky\0rest"))
    notes = doubled(path, tmp_path / "out.jpg")
    assert "JUMBF" in notes[0]
    assert "Ducky" in notes[0]


def geotiff(path: Path, *, points: bool) -> None:
    keys = (1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, 2 if points else 1)
    tags = [
        (33550, "d", 3, (10.0, 20.0, 0.0), True),
        (33922, "d", 6, (4.0, 6.0, 0.0, 500_000.0, 4_600_000.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
        (34737, "s", 0, "WGS 84|", True),
        (42113, "s", 0, "0", True),
        (65000, "s", 0, "private", True),
    ]
    tifffile.imwrite(path, RAMP, photometric="rgb", extratags=tags, metadata=None)


@pytest.mark.parametrize("points", [False, True])
def test_a_georeference_is_scaled_with_its_image(tmp_path: Path, points: bool) -> None:
    geotiff(tmp_path / "in.tif", points=points)
    notes = doubled(tmp_path / "in.tif", tmp_path / "out.tif")
    assert "tag 65000" in notes[0]
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        tags = file.pages.first.tags
        assert tags[33550].value == (5.0, 10.0, 0.0)
        assert tags[33922].value == ((8.5, 12.5) if points else (8.0, 12.0)) + (0.0, 500_000.0, 4_600_000.0, 0.0)
        assert tags[34737].value == "WGS 84|"
        assert str(tags[42113].value) == "0"
    assert any("georeference" in note for note in doubled(tmp_path / "in.tif", tmp_path / "out.png"))


def test_a_transformation_is_scaled_with_its_image(tmp_path: Path) -> None:
    matrix = (10.0, 1.0, 0.0, 500.0, -2.0, -20.0, 0.0, 900.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tifffile.imwrite(tmp_path / "in.tif", RAMP, photometric="rgb", extratags=[(34264, "d", 16, matrix, True)], metadata=None)
    doubled(tmp_path / "in.tif", tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.pages.first.tags[34264].value[:8] == (5.0, 0.5, 0.0, 500.0, -1.0, -10.0, 0.0, 900.0)


def test_png_chunks_without_a_place_are_named(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_itxt("Title", "mer", lang="fr", tkey="Titre")
    PIL.Image.fromarray(RAMP).save(tmp_path / "in.png", pnginfo=texts)
    data = (tmp_path / "in.png").read_bytes()
    time = b"tIME" + bytes(7)
    chunk = struct.pack(">I", 7) + time + struct.pack(">I", zlib.crc32(time))
    (tmp_path / "in.png").write_bytes(data[:33] + chunk + data[33:])
    notes = doubled(tmp_path / "in.png", tmp_path / "out.png")
    assert "tIME (time of the last change)" in notes[0]
    assert "languages" in notes[0]
    assert read_image(tmp_path / "out.png").metadata.text["Title"] == "mer"


def test_a_comment_of_a_gif_is_kept(tmp_path: Path) -> None:
    PIL.Image.fromarray(RAMP[..., 0]).save(tmp_path / "in.gif", comment=b"by hand")
    doubled(tmp_path / "in.gif", tmp_path / "out.png")
    assert read_image(tmp_path / "out.png").metadata.text["Comment"] == "by hand"


def test_maker_notes_that_move_are_named(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x8769] = {0x927C: b"Maker\0\0\1" + bytes(30)}
    PIL.Image.fromarray(RAMP).save(tmp_path / "in.jpg", exif=exif.tobytes())
    assert doubled(tmp_path / "in.jpg", tmp_path / "out.jpg") == []
    assert any("maker notes" in note for note in doubled(tmp_path / "in.jpg", tmp_path / "out.tif"))
