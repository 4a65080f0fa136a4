"""What a video says about its colours is read, honoured and said again by the result."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.sidedata.sidedata import Type as SideDataType
from tests.media.video_fixtures import Video, describe, pattern, steady, upscale

from upframe.errors import OutputError
from upframe.media.video.colour import ColourCodes, Matrix, read_tags
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import ContentLight, HdrMetadata, MasteringDisplay, RawFrame
from upframe.media.video.reader import VideoReader, probe

BT2020_PQ = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
PAL = {"colorspace": 5, "color_primaries": 5, "color_trc": 6, "color_range": 1}
FULL = {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 2}
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"  # P3 at D65, 0.005 to 1000 cd/m2
HDR10 = Video(
    codec="libx265",
    pix_fmt="yuv420p10le",
    attributes=BT2020_PQ,
    options={"x265-params": f"log-level=none:hdr10=1:master-display={MASTERING}:max-cll=1000,400"},
)
EVERY_WAY = [
    ("mp4", "x264"),
    ("mp4", "x265"),
    ("mp4", "av1"),
    ("mp4", "vp9"),
    ("mov", "prores"),
    ("mkv", "x264"),
    ("mkv", "ffv1"),
    ("mkv", "vp9"),
    ("webm", "vp9"),
    ("ts", "x265"),
]


def codes(attributes: dict[str, Any]) -> tuple[int, ...]:
    return tuple(attributes[name] for name in ("colorspace", "color_primaries", "color_trc", "color_range"))


@pytest.mark.parametrize("attributes", [BT709, PAL, FULL, BT2020_PQ], ids=["BT.709", "PAL", "full range", "BT.2020 PQ"])
@pytest.mark.parametrize(("suffix", "codec"), EVERY_WAY)
def test_tags_come_through_every_codec(tmp_path: Path, suffix: str, codec: str, attributes: dict[str, Any]) -> None:
    if codec == "prores" and attributes is FULL:
        pytest.skip("ProRes has no full range")
    source = Video(attributes=attributes).make(tmp_path / "tagged.mp4")
    upscale(source, tmp_path / f"large.{suffix}", EncoderSettings(codec=codec), scale=2)
    expected = codes(attributes)
    if codec == "vp9" and suffix == "mp4" and attributes is PAL:
        expected = (5, *expected[1:])
    assert describe(source).colours == codes(attributes)
    assert describe(tmp_path / f"large.{suffix}").colours == expected


@pytest.mark.parametrize("location", ["left", "center", "topleft", "top", "bottomleft", "bottom"])
@pytest.mark.parametrize("codec", ["x264", "x265"])
def test_the_place_of_chroma_samples_is_read_and_written(tmp_path: Path, codec: str, location: str) -> None:
    source = Video(options={"chroma_sample_location": location}).make(tmp_path / "video.mp4")
    upscale(source, tmp_path / "large.mp4", EncoderSettings(codec=codec))
    assert probe(source).colour.chroma_location == location
    assert probe(tmp_path / "large.mp4").colour.chroma_location == location


@pytest.mark.parametrize(("codec", "suffix"), [("av1", "mp4"), ("ffv1", "mkv"), ("vp9", "webm")])
def test_other_codecs_keep_the_places_that_their_format_knows(tmp_path: Path, codec: str, suffix: str) -> None:
    source = Video(options={"chroma_sample_location": "topleft"}).make(tmp_path / "video.mp4")
    upscale(source, tmp_path / f"large.{suffix}", EncoderSettings(codec=codec))
    assert probe(tmp_path / f"large.{suffix}").colour.chroma_location == "topleft"


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_videos_have_a_place_for_chroma_too(tmp_path: Path, order: str) -> None:
    for location in ("left", "topleft", "bottom"):
        options = {"chroma_sample_location": location, "x264-params": f"{order}=1"}
        info = probe(Video(options=options).make(tmp_path / f"{location}.mp4"))
        assert (info.colour.chroma_location, info.interlaced) == (location, True)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 9)], ids=str)
def test_looking_for_the_place_of_chroma_changes_no_image(tmp_path: Path, size: tuple[int, int]) -> None:
    video = Video(codec="ffv1", size=size, times=steady(2), options={"chroma_sample_location": "center"})
    with VideoReader(video.make(tmp_path / "video.mkv")) as reader:
        frames = [item for item in reader if isinstance(item, RawFrame)]
    assert reader.info.colour.chroma_location == "center"
    for frame in frames:
        for index, plane in enumerate(frame.planes):
            assert np.array_equal(plane, pattern(frame.index, index, plane.shape, 8))


def test_a_video_without_a_place_for_chroma_has_it_on_the_left_and_motion_jpeg_in_the_centre(tmp_path: Path) -> None:
    assert probe(Video().make(tmp_path / "video.mp4")).colour.chroma_location == "left"
    jpegs = Video(codec="mjpeg", pix_fmt="yuvj420p", attributes={"color_range": 2}).make(tmp_path / "video.avi")
    info = probe(jpegs)
    assert (info.colour.chroma_location, info.colour.full_range, info.layout.name) == ("center", True, "yuv420p")


@pytest.mark.parametrize(
    ("size", "matrix", "colorspace", "primaries"),
    [
        ((48, 64), "bt601", 6, 1),
        ((576, 720), "bt601", 5, 5),
        ((480, 640), "bt601", 6, 6),
        ((720, 960), "bt709", 1, 1),
        ((64, 1280), "bt709", 1, 1),
    ],
)
def test_an_untagged_video_is_taken_by_its_size_and_tagged_so(
    tmp_path: Path, size: tuple[int, int], matrix: Matrix, colorspace: int, primaries: int
) -> None:
    source = Video(codec="mpeg4", size=size, times=[0, 1], time_base=Fraction(1, 25)).make(tmp_path / "untagged.mkv")
    colour = probe(source).colour
    assert (colour.matrix, colour.full_range, set(colour.guessed)) == (
        matrix,
        False,
        {"matrix", "range", "primaries", "transfer"},
    )
    notes = upscale(source, tmp_path / "large.mp4", EncoderSettings(preset="ultrafast"), scale=2)
    assert describe(tmp_path / "large.mp4").colours == (colorspace, primaries, 1, 1)
    assert [note for note in notes if "not tagged" in note] == [
        f"colours are not tagged: the BT.{matrix[2:]} matrix and limited range assumed, as is usual at {size[1]}x{size[0]}, "
        "and written so"
    ]


def test_a_tagged_video_is_not_guessed_about(tmp_path: Path) -> None:
    source = Video(attributes=BT709).make(tmp_path / "video.mp4")
    assert probe(source).colour.guessed == ()
    assert upscale(source, tmp_path / "large.mp4") == []


def test_primaries_decide_a_matrix_that_is_missing() -> None:
    tags = read_tags(
        ColourCodes(primaries=9), chroma_location="left", kind="yuv", full_if_untagged=False, width=640, height=360
    )
    assert (tags.matrix, tags.colorspace, tags.transfer) == ("bt2020", 9, 14)


def test_a_matrix_without_a_conversion_is_kept_and_mentioned(tmp_path: Path) -> None:
    source = Video(attributes=BT709 | {"colorspace": 8}).make(tmp_path / "ycgco.mp4")
    notes = upscale(source, tmp_path / "large.mp4")
    assert describe(tmp_path / "large.mp4").colours[0] == 8
    assert notes == ["colours are YCgCo: the network sees them through the bt709 matrix; they are kept"]


def test_hdr10_metadata_is_read(tmp_path: Path) -> None:
    info = probe(HDR10.make(tmp_path / "hdr.mp4"))
    assert info.hdr == HdrMetadata(
        MasteringDisplay(
            red=(Fraction(68, 100), Fraction(32, 100)),
            green=(Fraction(265, 1000), Fraction(69, 100)),
            blue=(Fraction(15, 100), Fraction(6, 100)),
            white=(Fraction(3127, 10000), Fraction(329, 1000)),
            min_luminance=Fraction(5, 1000),
            max_luminance=Fraction(1000),
        ),
        ContentLight(1000, 400),
    )
    assert info.colour.hdr


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", None), ("mkv", None), ("mkv", "x264"), ("mp4", "av1"), ("ts", None)])
def test_hdr10_metadata_comes_through(tmp_path: Path, suffix: str, codec: str | None) -> None:
    source = HDR10.make(tmp_path / "hdr.mp4")
    notes = upscale(source, tmp_path / f"large.{suffix}", EncoderSettings(codec=codec), scale=2)
    after = describe(tmp_path / f"large.{suffix}")
    assert after.codec == {None: "hevc", "x264": "h264", "av1": "av1"}[codec]
    assert after.pix_fmt == "yuv420p10le"
    assert after.colours == (9, 9, 16, 1)
    before, now = probe(source).hdr, probe(tmp_path / f"large.{suffix}").hdr
    assert before is not None
    assert now is not None
    assert now.light == before.light
    assert now.mastering is not None
    assert before.mastering is not None
    assert float(now.mastering.max_luminance) == 1000
    for name in ("red", "green", "blue", "white"):
        was, became = getattr(before.mastering, name), getattr(now.mastering, name)
        assert [float(value) for value in became] == pytest.approx([float(value) for value in was], abs=2e-5)
    assert notes == []


def test_an_encoder_that_loses_hdr10_metadata_says_so(tmp_path: Path) -> None:
    source = HDR10.make(tmp_path / "hdr.mp4")
    notes = upscale(source, tmp_path / "large.mkv", EncoderSettings(codec="ffv1"))
    assert notes == ["HDR10 mastering metadata is not kept with ffv1; x265 keeps it"]


def test_an_interlaced_video_is_upscaled_with_a_warning(tmp_path: Path) -> None:
    tv = Video("mpeg2video", size=(64, 64), options={"flags": "+ildct+ilme"}, times=range(12), time_base=Fraction(1, 25))
    interlaced = tv.make(tmp_path / "tv.ts")
    notes = upscale(interlaced, tmp_path / "large.mkv")
    assert probe(interlaced).interlaced
    assert len([note for note in notes if "interlaced" in note]) == 1


def test_the_encoder_does_not_invent_side_data(tmp_path: Path) -> None:
    upscale(Video(attributes=BT709).make(tmp_path / "video.mp4"), tmp_path / "large.mp4")
    assert set(describe(tmp_path / "large.mp4").side_data) <= {SideDataType.SEI_UNREGISTERED}


def test_x265_refuses_frames_it_would_break_its_memory_with(tmp_path: Path) -> None:
    source = Video(size=(16, 24)).make(tmp_path / "video.mp4")
    with pytest.raises(OutputError, match=r"24x16 pixels are too few for x265\nUse codec='x264', or make it larger"):
        upscale(source, tmp_path / "large.mp4", EncoderSettings(codec="x265"))
    upscale(source, tmp_path / "large.mp4", EncoderSettings(codec="x264"))
