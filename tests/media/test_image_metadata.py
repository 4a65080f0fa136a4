"""What an image's file says beside its samples: profiles, EXIF, XMP, text, resolution; and which way up it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenEXR
import PIL.Image
import pytest
import tifffile
from PIL import ImageCms, ImageOps, PngImagePlugin

from upframe.media import Image, ImageMetadata, read_image, write_image
from upframe.media.image.colour import profile_is_linear, srgb_profile
from upframe.media.image.exif import orientation, with_size
from upframe.media.image.image import Samples

ORIENTATION, EXIF_DIRECTORY, GPS_DIRECTORY, EXPOSURE_TIME, MAKER_NOTE = 274, 0x8769, 0x8825, 0x829A, 0x927C
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="t"/></x:xmpmeta>'


def corners(height: int = 24, width: int = 32) -> Samples:
    """An image whose four quarters differ, so that no two ways of turning it look alike."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 10, 10)
    pixels[: height // 2, width // 2 :] = (10, 250, 10)
    pixels[height // 2 :, : width // 2] = (10, 10, 250)
    return pixels


def exif_block(turned: int = 1) -> PIL.Image.Exif:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = turned
    exif[271], exif[272] = "Maker", "Model"
    exif[EXIF_DIRECTORY] = {EXPOSURE_TIME: 1 / 50, MAKER_NOTE: b"\1\2\3secret", 0xA002: 32, 0xA003: 24}
    exif[GPS_DIRECTORY] = {1: "N", 2: (47.0, 30.0, 0.0)}
    return exif


def found_exif(path: Path) -> dict[str, Any]:
    """The EXIF of a file, as another program sees it."""
    with PIL.Image.open(path) as image:
        exif = image.getexif()
        return {
            "orientation": exif.get(ORIENTATION),
            "make": exif.get(271),
            "exposure": float(exif.get_ifd(EXIF_DIRECTORY).get(EXPOSURE_TIME, 0)),
            "maker note": exif.get_ifd(EXIF_DIRECTORY).get(MAKER_NOTE),
            "latitude": tuple(map(float, exif.get_ifd(GPS_DIRECTORY).get(2, ()))),
        }


def save(path: Path, image: PIL.Image.Image, turned: int) -> None:
    every: dict[str, dict[str, Any]] = {".jpg": {"quality": 100, "subsampling": "4:4:4"}, ".webp": {"lossless": True}}
    image.save(path, exif=exif_block(turned).tobytes(), **every.get(path.suffix, {}))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_a_turned_image_is_set_upright_exactly_once(tmp_path: Path, suffix: str, turned: int) -> None:
    save(tmp_path / f"in{suffix}", PIL.Image.fromarray(corners()), turned)
    image = read_image(tmp_path / f"in{suffix}")
    with PIL.Image.open(tmp_path / f"in{suffix}") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    np.testing.assert_array_equal(image.pixels, expected)
    assert orientation(image.metadata.exif) == 1
    write_image(tmp_path / "out.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "out.png").pixels, expected)


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_camera_data_is_kept_from_every_format_to_every_format(tmp_path: Path, source: str, target: str) -> None:
    save(tmp_path / f"in{source}", PIL.Image.fromarray(corners()), 6)
    write_image(tmp_path / f"out{target}", read_image(tmp_path / f"in{source}"))
    found = found_exif(tmp_path / f"out{target}")
    assert found == {
        "orientation": 1,
        "make": "Maker",
        "exposure": pytest.approx(1 / 50),
        "maker note": b"\1\2\3secret",
        "latitude": (47.0, 30.0, 0.0),
    }


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_size_in_exif_follows_the_upscaled_image(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"in{suffix}", PIL.Image.fromarray(corners()), 1)
    image = read_image(tmp_path / f"in{suffix}")
    write_image(tmp_path / f"out{suffix}", replace(image, pixels=image.pixels.repeat(3, axis=0).repeat(3, axis=1)))
    with PIL.Image.open(tmp_path / f"out{suffix}") as image:
        sizes = image.getexif().get_ifd(EXIF_DIRECTORY)
    assert (sizes[0xA002], sizes[0xA003]) == (96, 72)


def test_exif_that_is_rubbish_does_no_harm(tmp_path: Path) -> None:
    for rubbish in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40, b"nothing at all"):
        assert orientation(rubbish) == 1
        assert with_size(rubbish, 4, 4) == rubbish
        image = Image(corners(), metadata=ImageMetadata(exif=rubbish or None))
        write_image(tmp_path / "out.png", image, overwrite=True)
        assert read_image(tmp_path / "out.png").metadata.exif == (rubbish or None)


def test_the_thumbnail_of_a_turned_photo_is_dropped_and_that_of_an_upright_one_kept() -> None:
    from upframe.media.image.exif import as_upright

    def block(turned: int) -> bytes:
        # One directory with an orientation, linked to a second one, which in a photo describes the thumbnail.
        entry = b"\x12\x01\x03\0\1\0\0\0" + bytes([turned]) + b"\0\0\0"
        return b"II*\0\x08\0\0\0\1\0" + entry + (26).to_bytes(4, "little") + b"\0\0\0\0\0\0"

    assert as_upright(block(1)) == block(1)
    assert as_upright(block(6))[22:26] == bytes(4)
    assert as_upright(block(6))[18] == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_profile_and_xmp_are_kept(tmp_path: Path, suffix: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"a mark"
    image = Image(corners(), metadata=ImageMetadata(icc=profile, xmp=XMP))
    write_image(tmp_path / f"out{suffix}", image, on_note=pytest.fail)
    found = read_image(tmp_path / f"out{suffix}").metadata
    assert found.icc == profile
    assert found.xmp == XMP
    with PIL.Image.open(tmp_path / f"out{suffix}") as image:
        assert image.info["icc_profile"] == profile
        assert b"tiff:Orientation" in (image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode())


def test_xmp_no_longer_asks_for_a_turn_after_the_image_was_turned(tmp_path: Path) -> None:
    PIL.Image.fromarray(corners()).save(tmp_path / "in.jpg", exif=exif_block(6), xmp=XMP)
    assert b'tiff:Orientation="1"' in (read_image(tmp_path / "in.jpg").metadata.xmp or b"")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
def test_resolution_is_kept(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"out{suffix}", Image(corners(), metadata=ImageMetadata(dpi=(300, 150))))
    found = read_image(tmp_path / f"out{suffix}").metadata
    assert found.dpi == pytest.approx((300, 150), abs=0.1)
    with PIL.Image.open(tmp_path / f"out{suffix}") as image:
        assert tuple(map(float, image.info["dpi"])) == pytest.approx((300, 150), abs=0.1)


def test_png_text_of_every_kind_is_kept(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "plain")
    info.add_text("parameters", "seed 1, " * 100, zip=True)
    info.add_itxt("Author", "Zoë 作者", "en", "Auteur")
    info.add_text("Comment", "first")
    info.add_text("Comment", "second")
    PIL.Image.fromarray(corners()).save(tmp_path / "in.png", pnginfo=info)
    write_image(tmp_path / "out.png", read_image(tmp_path / "in.png"), on_note=pytest.fail)
    with PIL.Image.open(tmp_path / "out.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert image.text == {
            "Title": "plain",
            "parameters": "seed 1, " * 100,
            "Author": "Zoë 作者",
            "Comment": "first\nsecond",
        }


@pytest.mark.parametrize("bits", [8, 16])
def test_png_colour_chunks_are_kept_and_stand_before_the_samples(tmp_path: Path, bits: Literal[8, 16]) -> None:
    chunks = ((b"cICP", bytes([9, 16, 0, 1])), (b"gAMA", (45455).to_bytes(4, "big")), (b"cHRM", bytes(range(32))))
    image = Image(corners(), metadata=ImageMetadata(png_colour=chunks))
    write_image(tmp_path / "out.png", image, depth=bits)
    assert read_image(tmp_path / "out.png").metadata.png_colour == chunks
    data = (tmp_path / "out.png").read_bytes()
    assert all(data.index(kind) < data.index(b"IDAT") for kind, _ in chunks)


def test_a_jpeg_comment_is_kept(tmp_path: Path) -> None:
    PIL.Image.fromarray(corners()).save(tmp_path / "in.jpg", comment="made on a train")
    write_image(tmp_path / "out.jpg", read_image(tmp_path / "in.jpg"))
    with PIL.Image.open(tmp_path / "out.jpg") as image:
        assert image.info["comment"] == b"made on a train"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_descriptions_are_kept_at_every_depth(tmp_path: Path, dtype: type[np.generic]) -> None:
    tags = [(315, "s", 0, "Zoë".encode(), True), (33432, "s", 0, "free", True)]
    tifffile.imwrite(
        tmp_path / "in.tif",
        corners().astype(dtype),
        photometric="rgb",
        description="a field",
        software="Scanner 3",
        resolution=(118.11, 118.11),
        resolutionunit="CENTIMETER",
        extratags=tags,
        metadata=None,
    )
    write_image(tmp_path / "out.tif", read_image(tmp_path / "in.tif", on_note=pytest.fail), on_note=pytest.fail)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        page = file.pages.first
        assert page.description == "a field"
        assert page.software == "Scanner 3"
        assert page.tags[33432].value == "free"
        assert page.tags[315].value in ("Zoë", "Zoë".encode())
        assert page.resolution == pytest.approx((300, 300), abs=0.1)


def test_openexr_attributes_are_kept(tmp_path: Path) -> None:
    plane = np.ones((4, 4), np.float16)
    primaries = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.329)
    header = {"chromaticities": primaries, "comments": "graded", "owner": "us", "whiteLuminance": 203.0, "shot": 12}
    header["compression"] = OpenEXR.PIZ_COMPRESSION
    OpenEXR.File(header, dict.fromkeys("RGB", plane)).write(str(tmp_path / "in.exr"))
    write_image(tmp_path / "out.exr", read_image(tmp_path / "in.exr"), on_note=pytest.fail)
    found = OpenEXR.File(str(tmp_path / "out.exr"), header_only=True).parts[0].header
    assert found["chromaticities"] == pytest.approx(primaries)
    assert {name: found[name] for name in ("comments", "owner", "whiteLuminance", "shot")} == {
        "comments": "graded",
        "owner": "us",
        "whiteLuminance": 203.0,
        "shot": 12,
    }
    assert found["compression"] == OpenEXR.PIZ_COMPRESSION


def test_what_a_format_has_no_place_for_is_named(tmp_path: Path) -> None:
    notes: list[str] = []
    metadata = ImageMetadata(icc=srgb_profile(), xmp=XMP, text={"Title": "lost"})
    write_image(tmp_path / "out.bmp", Image(corners(), metadata=metadata), on_note=notes.append)
    assert notes == ["BMP has no place for: colour profile, XMP, text 'Title'"]


def test_exif_too_large_for_a_jpeg_is_left_out_with_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    metadata = ImageMetadata(exif=b"II*\0" + bytes(70_000))
    write_image(tmp_path / "out.jpg", Image(corners(), metadata=metadata), on_note=notes.append)
    assert "exif" in notes[0]
    assert read_image(tmp_path / "out.jpg").metadata.exif is None


def test_a_profile_of_linear_light_is_recognised() -> None:
    assert not profile_is_linear(srgb_profile())
    assert not profile_is_linear(b"")
    tag = b"rTRC" + (144).to_bytes(4, "big") + (12).to_bytes(4, "big")
    assert profile_is_linear(bytes(128) + (1).to_bytes(4, "big") + tag + b"curv" + bytes(8))


def profile_of_black_only() -> bytes:
    """A CMYK profile by which only the black ink prints: lightness is 1 - K, and the other inks leave the paper white."""
    ramp = bytes(range(256))
    nodes = b"".join(bytes([0 if node & 1 else 255, 128, 128]) for node in range(16))  # Lab; K varies fastest
    one = (1 << 16).to_bytes(4, "big")
    matrix = one + bytes(12) + one + bytes(12) + one
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + nodes + ramp * 3
    white = b"XYZ " + bytes(4) + b"".join(round(part * 65536).to_bytes(4, "big") for part in (0.9642, 1, 0.8249))
    directory = (2).to_bytes(4, "big")
    for tag, start, content in ((b"A2B0", 156, table), (b"wtpt", 156 + len(table), white)):
        directory += tag + start.to_bytes(4, "big") + len(content).to_bytes(4, "big")
    size = 156 + len(table) + len(white)
    header = size.to_bytes(4, "big") + bytes(4) + b"\2\x40\0\0" + b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    header += b"".join(round(part * 65536).to_bytes(4, "big") for part in (0.9642, 1, 0.8249))
    return header.ljust(128, b"\0") + directory + table + white


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_cmyk_image_is_converted_through_its_profile(tmp_path: Path, suffix: str) -> None:
    notes: list[str] = []
    settings: dict[str, Any] = {"quality": 100} if suffix == ".jpg" else {}
    PIL.Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(
        tmp_path / f"ink{suffix}", icc_profile=profile_of_black_only(), **settings
    )
    found = read_image(tmp_path / f"ink{suffix}", on_note=notes.append)
    assert notes == ["CMYK image: converted to sRGB through its profile"]
    assert found.pixels.min() >= 253  # white; without the profile it is cyan


def test_a_cmyk_jpeg_with_a_broken_profile_is_converted_all_the_same(tmp_path: Path) -> None:
    broken = bytearray(srgb_profile())
    broken[16:20] = b"CMYK"
    notes: list[str] = []
    PIL.Image.fromarray(corners()).convert("CMYK").save(tmp_path / "ink.jpg", icc_profile=bytes(broken))
    found = read_image(tmp_path / "ink.jpg", on_note=notes.append)
    assert "without a usable profile" in notes[0]
    assert found.metadata.icc == srgb_profile()


def test_camera_data_survives_in_a_big_tiff(tmp_path: Path) -> None:
    from upframe.media.image.formats import tiff_tags

    block = exif_block(1).tobytes().removeprefix(b"Exif\0\0")
    tags = tiff_tags.extra_tags(ImageMetadata(exif=block))
    tifffile.imwrite(
        tmp_path / "big.tif", corners(), photometric="rgb", bigtiff=True, byteorder="<", extratags=tags, metadata=None
    )
    tiff_tags.append_directories(tmp_path / "big.tif", block)
    write_image(tmp_path / "out.jpg", read_image(tmp_path / "big.tif", on_note=pytest.fail))
    assert found_exif(tmp_path / "out.jpg")["maker note"] == b"\1\2\3secret"
    with tifffile.TiffFile(tmp_path / "big.tif") as file:
        assert file.pages.first.tags[EXIF_DIRECTORY].value["MakerNote"] == b"\1\2\3secret"
