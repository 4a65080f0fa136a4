"""OpenEXR: light as it is, whatever its range, and the ways between light and display."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from tests.media.image_samples import samples

from upframe.errors import InputError
from upframe.media import Image, memory, read_image, write_image


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_openexr_keeps_negative_and_bright_values_and_its_type(tmp_path: Path, half: bool, channels: int) -> None:
    kind = np.float16 if half else np.float32
    stored = samples(channels, np.float32).astype(kind)
    stored[0, 0, 0], stored[0, 1, 0] = np.inf, np.nan
    if channels in (2, 4):
        stored[..., -1] = np.clip(stored[..., -1], 0, 1)
        stored[0, :3, -1] = 1
    names = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}[channels]
    planes = {name: np.ascontiguousarray(stored[..., index]) for index, name in enumerate(names)}
    OpenEXR.File({}, dict(planes)).write(str(tmp_path / "in.exr"))
    image = read_image(tmp_path / "in.exr", on_note=pytest.fail)
    assert image.linear
    assert image.pixels.dtype == np.float32
    write_image(tmp_path / "out.exr", image, on_note=pytest.fail)
    for name, channel in OpenEXR.File(str(tmp_path / "out.exr"), separate_channels=True).parts[0].channels.items():
        assert channel.pixels.dtype == kind
        # Dividing by alpha and multiplying again may move a float by its last bit; a half, never.
        np.testing.assert_allclose(channel.pixels, planes[name], rtol=0 if half else 3e-7)


def test_openexr_light_without_cover_survives(tmp_path: Path) -> None:
    flame, cover = np.full((4, 4), 3.0, np.float16), np.zeros((4, 4), np.float16)
    OpenEXR.File({}, {"R": flame, "G": flame, "B": flame, "A": cover}).write(str(tmp_path / "in.exr"))
    write_image(tmp_path / "out.exr", read_image(tmp_path / "in.exr"))
    np.testing.assert_array_equal(OpenEXR.File(str(tmp_path / "out.exr")).channels()["RGBA"].pixels[..., 0], flame)


def test_openexr_colour_is_multiplied_by_alpha_in_memory(tmp_path: Path) -> None:
    red, cover = np.full((4, 4), 0.25, np.float16), np.full((4, 4), 0.5, np.float16)
    OpenEXR.File({}, {"R": red, "G": red, "B": red, "A": cover}).write(str(tmp_path / "in.exr"))
    found = read_image(tmp_path / "in.exr")
    assert found.associated
    assert np.all(found.pixels == 0.25)
    assert np.all(found.alpha == 0.5)


def test_the_other_layers_of_an_openexr_are_named_when_left_out(tmp_path: Path) -> None:
    notes: list[str] = []
    plane = np.ones((4, 4), np.float16)
    names = ("R", "G", "B", "diffuse.R", "Z")
    OpenEXR.File({}, dict.fromkeys(names, plane)).write(str(tmp_path / "layers.exr"))
    read_image(tmp_path / "layers.exr", on_note=notes.append)
    assert "diffuse.R, Z" in notes[0].replace("Z, diffuse.R", "diffuse.R, Z")


def test_the_combined_layer_of_a_renderer_is_the_image(tmp_path: Path) -> None:
    notes: list[str] = []
    one, other = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)
    layers = {f"ViewLayer.{layer}.{name}": plane for layer, plane in (("Albedo", other), ("Combined", one)) for name in "RGB"}
    OpenEXR.File({}, layers).write(str(tmp_path / "layers.exr"))
    assert np.all(read_image(tmp_path / "layers.exr", on_note=notes.append).pixels == 1)
    assert any("ViewLayer.Combined" in note for note in notes)


def test_an_openexr_window_grows_with_its_image(tmp_path: Path) -> None:
    plane = np.ones((4, 6), np.float16)
    windows = {
        "dataWindow": (np.array([2, 3], np.int32), np.array([7, 6], np.int32)),
        "displayWindow": (np.array([0, 0], np.int32), np.array([9, 9], np.int32)),
    }
    OpenEXR.File(windows, dict.fromkeys("RGB", plane)).write(str(tmp_path / "in.exr"))
    image = read_image(tmp_path / "in.exr")
    larger = replace(image, pixels=image.pixels.repeat(2, axis=0).repeat(2, axis=1))
    write_image(tmp_path / "out.exr", larger)
    header = OpenEXR.File(str(tmp_path / "out.exr"), header_only=True).parts[0].header
    assert [corner.tolist() for corner in header["dataWindow"]] == [[4, 6], [15, 13]]
    assert [corner.tolist() for corner in header["displayWindow"]] == [[0, 0], [19, 19]]


def test_display_values_become_light_in_openexr_and_come_back(tmp_path: Path) -> None:
    notes: list[str] = []
    every = Image(np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2))
    write_image(tmp_path / "light.exr", every, on_note=notes.append)
    light = read_image(tmp_path / "light.exr")
    assert light.encoding.half
    assert light.pixels[8, 0, 0] == pytest.approx(0.2158605, abs=2e-4)  # sRGB 128
    write_image(tmp_path / "back.png", light, depth=8, on_note=notes.append)
    np.testing.assert_array_equal(read_image(tmp_path / "back.png").pixels, every.pixels)
    assert len(notes) == 3  # to light, to display, rounded


def test_hidden_colours_of_a_transparent_png_do_not_glow_in_openexr(tmp_path: Path) -> None:
    image = Image(np.full((4, 4, 3), 200, np.uint8), np.zeros((4, 4, 1), np.uint8))
    write_image(tmp_path / "clear.exr", image)
    assert np.all(OpenEXR.File(str(tmp_path / "clear.exr")).channels()["RGBA"].pixels == 0)


def test_light_above_1_is_clipped_in_png_with_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    bright = Image(np.array([[[-1, 0.5, 7]]], np.float32), linear=True, format="exr")
    write_image(tmp_path / "clipped.png", bright, on_note=notes.append)
    found = read_image(tmp_path / "clipped.png")
    assert found.pixels.tolist() == [[[0, 48192, 65535]]]
    assert any("clipped" in note for note in notes)


def parts_of(*parts: tuple[str, dict[str, float]]) -> list[OpenEXR.Part]:
    """Parts by their names, each channel flat."""
    return [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage}, {key: np.full((4, 4), value, np.float32) for key, value in planes.items()}, name
        )
        for name, planes in parts
    ]


RGBA = {"R": 0.5, "G": 0.25, "B": 0.125, "A": 1.0}


@pytest.mark.parametrize("name", ["rgba", "beauty", "main.beauty", "whatever"])
def test_the_image_of_several_parts_is_the_one_with_colour(tmp_path: Path, name: str) -> None:
    notes: list[str] = []
    OpenEXR.File(parts_of(("depth", {"Z": 7.0}), ("normal", {"X": 0.0, "Y": 1.0, "Z": 0.0}), (name, RGBA))).write(
        str(tmp_path / "in.exr")
    )
    found = read_image(tmp_path / "in.exr", on_note=notes.append)
    assert found.pixels[0, 0].tolist() == [0.5, 0.25, 0.125]
    assert "part depth (Z)" in " ".join(notes)


def test_the_part_named_beauty_goes_before_other_colours(tmp_path: Path) -> None:
    albedo = {"R": 0.9, "G": 0.9, "B": 0.9}
    OpenEXR.File(parts_of(("albedo", albedo), ("beauty", RGBA))).write(str(tmp_path / "in.exr"))
    assert read_image(tmp_path / "in.exr").pixels[0, 0, 0] == 0.5


@pytest.mark.parametrize(("layer", "value"), [("albedo", 0.9), ("ALBEDO", 0.9), ("depth", 7.0), ("depth.Z", 7.0), ("Z", 7.0)])
def test_a_layer_can_be_chosen(tmp_path: Path, layer: str, value: float) -> None:
    albedo = {"R": 0.9, "G": 0.9, "B": 0.9}
    OpenEXR.File(parts_of(("beauty", RGBA), ("albedo", albedo), ("depth", {"Z": 7.0}))).write(str(tmp_path / "in.exr"))
    assert read_image(tmp_path / "in.exr", layer=layer).pixels[0, 0, 0] == pytest.approx(value)
    with pytest.raises(InputError, match=r"has no layer 'none'; its layers: beauty, albedo, depth"):
        read_image(tmp_path / "in.exr", layer="none")


def test_a_layer_of_one_part_can_be_chosen(tmp_path: Path) -> None:
    plane = np.ones((4, 4), np.float32)
    channels = dict.fromkeys("RGB", plane * 0.5) | {f"diffuse.{name}": plane * 0.25 for name in "RGB"}
    OpenEXR.File({}, channels).write(str(tmp_path / "in.exr"))
    assert read_image(tmp_path / "in.exr").pixels[0, 0, 0] == 0.5
    assert read_image(tmp_path / "in.exr", layer="diffuse").pixels[0, 0, 0] == 0.25


def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
    return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value


def header(*more: bytes, channels: Sequence[bytes] = (b"B", b"G", b"R"), size: int = 4) -> bytes:
    """An OpenEXR header of one part, half and without compression."""
    window = struct.pack("<4i", 0, 0, size - 1, size - 1)
    listed = b"".join(name + b"\0" + struct.pack("<iIii", 1, 0, 1, 1) for name in channels) + b"\0"
    needed = (
        attribute(b"channels", b"chlist", listed),
        attribute(b"compression", b"compression", b"\0"),
        attribute(b"dataWindow", b"box2i", window),
        attribute(b"displayWindow", b"box2i", window),
        attribute(b"lineOrder", b"lineOrder", b"\0"),
        attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        attribute(b"screenWindowCenter", b"v2f", bytes(8)),
        attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    )
    return b"\x76\x2f\x31\x01" + struct.pack("<I", 0x402) + b"".join((*needed, *more)) + b"\0"


@pytest.mark.parametrize(
    "content",
    [
        header(*(attribute(b"a%d" % number, b"string", b"text") for number in range(50_000))),
        header(channels=[b"c%06d" % number for number in range(50_000)]),
        header(b"vast\0blob\0" + struct.pack("<I", 0x7FFFFFFF)),
        header(b"vast\0blob\0" + struct.pack("<I", 0xFFFFFFF0)),
    ],
    ids=["attributes", "channels", "a long one", "a negative one"],
)
def test_a_header_with_more_than_any_image_has_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.exr").write_bytes(content + bytes(1000))
    began = time.process_time()
    with pytest.raises(InputError, match=r"in.exr: its header has more attributes, channels or bytes than that of any image"):
        read_image(tmp_path / "in.exr")
    assert time.process_time() - began < 1


def test_memory_is_looked_at_for_all_channels_before_any_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10**9)
    size, channels = 4000, [b"B", b"G", b"R", *(b"c%d" % number for number in range(100))]  # 16 million pixels: few enough
    (tmp_path / "in.exr").write_bytes(header(channels=channels, size=size) + bytes(8 * size))
    with pytest.raises(InputError, match=r"in.exr: there is not enough memory: at least 3.3 GB are needed"):
        read_image(tmp_path / "in.exr")


def test_several_parts_with_long_names_of_things_are_read(tmp_path: Path) -> None:
    """As Cryptomatte writes them."""
    parts = parts_of(*((f"part{number}", RGBA) for number in range(40)))
    parts[3].header["manifest"] = "x" * 2_000_000
    OpenEXR.File(parts).write(str(tmp_path / "in.exr"))
    assert read_image(tmp_path / "in.exr").pixels[0, 0].tolist() == [0.5, 0.25, 0.125]
