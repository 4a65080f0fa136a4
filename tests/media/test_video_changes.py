"""Videos whose frames change in the middle: size, shape of pixels, rotation, colours. Each frame is shown as what it is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from av.bitstream import BitStreamFilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from tests.media.video_fixtures import HEIGHT, WIDTH, Sound, Video, describe, steady

from upframe.engine.events import Failed, Note
from upframe.engine.size import Target
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions, VideoOptions
from upframe.media.filters import FilterChain, shape_of
from upframe.media.image.file import read_image
from upframe.media.video.changes import FieldOrder, SequenceHeaders
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import RawFrame
from upframe.media.video.preparation import AS_DECODED
from upframe.media.video.reader import VideoReader

_LOSSLESS = EncoderSettings(codec="ffv1", threads=1)
_STEP = 3600
_BT601 = {"colorspace": 5, "color_primaries": 1, "color_trc": 1, "color_range": 1}
_BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}


def colour(red: int, green: int, blue: int, matrix: str = "bt601", *, full: bool = False) -> list[float]:
    """8-bit Y, U and V of a colour of 0 to 255."""
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    r, g, b = red / 255, green / 255, blue / 255
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    return [255 * y, 128 + 255 * u, 128 + 255 * v] if full else [16 + 219 * y, 128 + 224 * u, 128 + 224 * v]


def flat(codes: Sequence[float], size: tuple[int, int] = (HEIGHT, WIDTH)) -> Any:
    """Images of one colour, of 4:2:0."""
    height, width = size
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    return lambda _: [np.full(shape, round(code), np.uint8) for shape, code in zip(shapes, codes, strict=True)]


def part(*, size: tuple[int, int] = (HEIGHT, WIDTH), codes: Sequence[float] = (235, 128, 128), **attributes: Any) -> Video:
    """Five frames of one colour, without loss."""
    options = {"qp": "0", "bf": "0"}
    return Video(size=size, times=steady(5), options=options, attributes=attributes, images=flat(codes, size))


def joined(path: Path, *parts: Video) -> Path:
    """A transport stream of parts that follow one another."""
    with path.open("wb") as file:
        for index, video in enumerate(parts):
            video.times = [time + 126000 + 5 * _STEP * index for time in steady(5)]
            file.write(video.make(path.with_suffix(f".{index}.ts")).read_bytes())
    return path


def upscaled(source: Path, target: Path, **settings: Any) -> list[str]:
    """Upscale twofold; returns the notes."""
    notes = []
    frames = settings.pop("frames", None)
    run = RunOptions(model="bicubic", target=Target(scale=2), threads=1)
    options = UpscaleOptions(run, video=VideoOptions(_LOSSLESS, **settings), files=FileOptions(frames))
    for event in upscale_files([str(source)], None if frames else str(target), options):
        assert not isinstance(event, Failed), event.error
        notes += [event.text] if isinstance(event, Note) else []
    return notes


def shown(path: Path) -> list[NDArray[np.uint8]]:
    """The images of a video as RGB, by FFmpeg's scaler."""
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]


def edges(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Rows and columns of the bright part of an image: first and last."""
    rows = np.flatnonzero(image.mean(axis=(1, 2)) > 60)
    columns = np.flatnonzero(image.mean(axis=(0, 2)) > 60)
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def test_a_video_whose_images_change_size_goes_on_fitted_into_the_first_size(tmp_path: Path) -> None:
    source = joined(tmp_path / "video.ts", part(), part(size=(48, 128)), part(size=(96, 128)))
    notes = upscaled(source, tmp_path / "large.mkv")
    images = shown(tmp_path / "large.mkv")
    assert [image.shape for image in images] == [(96, 128, 3)] * 15
    assert [edges(images[index]) for index in (0, 7, 14)] == [(0, 95, 0, 127), (24, 71, 0, 127), (0, 95, 0, 127)]
    assert "the size changes from 64x48 to 128x48 after 0.2 s (frame 5): such images are fitted into the first size" in notes


def test_a_video_can_end_where_its_images_change_size(tmp_path: Path) -> None:
    source = joined(tmp_path / "video.ts", part(), part(size=(96, 128)))
    notes = upscaled(source, tmp_path / "large.mkv", size_change="stop")
    assert len(describe(tmp_path / "large.mkv").frames) == 5
    assert "the size of the images changes after 0.2 s (frame 5): the video ends there" in notes


@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video", "mpeg4"])
def test_no_frame_is_lost_where_a_decoder_starts_again(tmp_path: Path, codec: str) -> None:
    videos = [
        Video(
            codec=codec, size=size, times=range(50 + 8 * index, 58 + 8 * index), time_base=Fraction(1, 25), options={"bf": "2"}
        )
        for index, size in enumerate([(48, 64), (96, 128), (48, 64)])
    ]
    parts = [video.make(tmp_path / f"{index}.ts") for index, video in enumerate(videos)]
    (tmp_path / "video.ts").write_bytes(b"".join(path.read_bytes() for path in parts))
    frames = raw_frames(tmp_path / "video.ts")
    assert [frame.pts - frames[0].pts for frame in frames] == [_STEP * index for index in range(24)]
    alone = [frame for path in parts for frame in raw_frames(path)]
    for frame, expected in zip(frames, alone, strict=True):
        for plane, other in zip(frame.planes, expected.planes, strict=True):
            np.testing.assert_array_equal(plane, other)


def raw_frames(path: Path) -> list[RawFrame]:
    with VideoReader(path, changes="follow", threads=1) as reader:
        return [item for item in reader if isinstance(item, RawFrame)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p"])
def test_only_another_coding_lets_a_decoder_start_again(tmp_path: Path, pix_fmt: str) -> None:
    first = Video(codec="mpeg2video", times=range(4), time_base=Fraction(1, 25)).make(tmp_path / "first.ts")
    other = Video(codec="mpeg2video", pix_fmt=pix_fmt, times=range(4), time_base=Fraction(1, 25), rate=Fraction(30))
    with av.open(str(first)) as video, av.open(str(other.make(tmp_path / "other.ts"))) as following:
        headers = SequenceHeaders(video.streams.video[0].codec_context)
        changes = [headers.change(packet) for each in (video, following) for packet in each.demux(video=0) if packet.size]
    assert changes == [False] * 4 + [pix_fmt == "yuv422p"] + [False] * 3


def test_pixels_that_change_their_shape_keep_it_on_the_screen(tmp_path: Path) -> None:
    square = part(sample_aspect_ratio=Fraction(1))
    wide = part(sample_aspect_ratio=Fraction(2))
    notes = upscaled(joined(tmp_path / "video.ts", square, wide, square), tmp_path / "large.mkv")
    images = shown(tmp_path / "large.mkv")
    assert [edges(images[index]) for index in (4, 5, 9, 10)] == [
        (0, 95, 0, 127),
        (24, 71, 0, 127),
        (24, 71, 0, 127),
        (0, 95, 0, 127),
    ]
    assert any(note.startswith("the shape of pixels changes from 1 to 2 after 0.2 s (frame 5)") for note in notes)


def test_the_shape_of_each_frames_pixels_is_its_own_whatever_the_decoder_is_ahead(tmp_path: Path) -> None:
    shapes = [Fraction(16, 15), Fraction(64, 45), Fraction(16, 15)]
    videos = [Video(times=steady(5), options={"bf": "2"}, attributes={"sample_aspect_ratio": shape}) for shape in shapes]
    with VideoReader(joined(tmp_path / "video.ts", *videos), changes="follow") as reader:
        kinds = [item.kind for item in reader if isinstance(item, RawFrame)]
    assert [kind.sample_aspect_ratio for kind in kinds if kind] == [shape for shape in shapes for _ in range(5)]


@pytest.mark.parametrize(
    ("attributes", "matrix", "full"),
    [(_BT709, "bt709", False), ({**_BT601, "color_range": 2}, "bt601", True)],
    ids=["matrix", "range"],
)
def test_colours_that_change_their_coding_look_as_before(
    tmp_path: Path, attributes: dict[str, int], matrix: str, full: bool
) -> None:
    red = 200, 60, 40
    source = joined(
        tmp_path / "video.ts", part(codes=colour(*red), **_BT601), part(codes=colour(*red, matrix, full=full), **attributes)
    )
    notes = upscaled(source, tmp_path / "large.mkv")
    before, after = shown(tmp_path / "large.mkv")[2::5]
    np.testing.assert_allclose(before[20, 20], red, atol=3)
    np.testing.assert_allclose(after[20, 20], red, atol=3)
    assert any(note.startswith("the colour coding changes from BT.601, limited range") for note in notes)


def test_a_video_that_becomes_hdr_keeps_its_white(tmp_path: Path) -> None:
    pq_white = colour(148, 148, 148, "bt709")  # PQ's code of 203 cd/m2 is 58 % of the range
    pq = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    source = joined(tmp_path / "video.ts", part(codes=(235, 128, 128), **_BT709), part(codes=pq_white, **pq))
    notes = upscaled(source, tmp_path / "large.mkv")
    assert shown(tmp_path / "large.mkv")[8][20, 20] == pytest.approx([255, 255, 255], abs=4)
    assert (
        "the dynamic range changes from standard to high after 0.2 s (frame 5): such images are converted, and what is "
        "brighter than white is clipped"
    ) in notes


def test_a_video_that_is_hdr_no_longer_clips_nothing(tmp_path: Path) -> None:
    pq = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    notes = upscaled(joined(tmp_path / "video.ts", part(**pq), part(**_BT709)), tmp_path / "large.mkv")
    assert ("the dynamic range changes from high to standard after 0.2 s (frame 5): such images are converted") in notes


def test_a_field_order_that_changes_is_told_with_its_place(tmp_path: Path) -> None:
    fields = part()
    fields.options = {"x264-params": "bff=1", "bf": "0"}
    source = joined(tmp_path / "video.ts", part(), fields, part())
    notes = upscaled(source, tmp_path / "large.mkv", preparation=AS_DECODED)
    (note,) = [note for note in notes if "field order" in note]
    change = "the field order changes from progressive to bottom field first after 0.2 s (frame 5)"
    assert note == f"{change}: such frames are upscaled as they are"


def test_each_order_of_fields_is_known_from_the_frame() -> None:
    orders = FieldOrder()
    frames = [with_fields(order) for order in ("tff", "tff", "bff", "prog", "bff", "tff")]
    assert [orders.change(frame) for frame in frames] == [
        None,
        None,
        "the field order changes from top field first to bottom field first",
        "the field order changes from top field first to progressive",
        None,
        None,
    ]


def with_fields(order: str) -> VideoFrame:
    """A frame that says so of its fields, in the words of FFmpeg's filter."""
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    [marked] = FilterChain(shape_of(frame), [f"setfield={order}"]).put(frame)
    return marked


def test_a_video_that_is_turned_in_the_middle_stays_upright(tmp_path: Path) -> None:
    images = part()
    images.images = _marked
    turned = part(size=(WIDTH, HEIGHT))
    turned.images = lambda index: [np.ascontiguousarray(np.rot90(plane)) for plane in _marked(index)]
    source = joined(tmp_path / "video.ts", images, turned)
    _rotate(tmp_path / "video.1.ts", 90)
    source.write_bytes(b"".join((tmp_path / f"video.{index}.ts").read_bytes() for index in range(2)))
    notes = upscaled(source, tmp_path / "large.mkv")
    before, after = shown(tmp_path / "large.mkv")[2::5]
    assert before.shape == after.shape
    assert np.abs(before.astype(int) - after).mean() < 3
    assert any(note.startswith("the rotation changes from none to ") for note in notes)


def _marked(_: int) -> list[NDArray[np.uint8]]:
    """An image with a bright corner at the top left."""
    luma = np.full((HEIGHT, WIDTH), 40, np.uint8)
    luma[:16, :24] = 220
    return [luma, *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in range(2))]


def _rotate(path: Path, degrees: int) -> None:
    """Say in the stream itself, with its first image, that it is to be turned clockwise."""
    content = path.read_bytes()
    path.with_suffix(".old").write_bytes(content)
    with av.open(str(path.with_suffix(".old"))) as source, av.open(str(path), "w", format="mpegts") as output:
        (video,) = source.streams.video
        stream = output.add_stream_from_template(video)
        assert isinstance(stream, VideoStream)
        marker = BitStreamFilterContext(f"h264_metadata=display_orientation=insert:rotate={-degrees}", video)
        for packet in source.demux(video):
            for marked in marker.filter(packet if packet.size else None):
                marked.stream = stream
                output.mux(marked)


def test_numbered_images_of_a_video_keep_transparency_rotation_shape_and_colours(tmp_path: Path) -> None:
    video = Video(
        codec="prores_ks",
        pix_fmt="yuva444p10le",
        times=steady(2),
        attributes={**_BT709, "color_primaries": 9, "color_trc": 16, "sample_aspect_ratio": Fraction(4, 3)},
        rotation=90,
    )
    notes = upscaled(video.make(tmp_path / "video.mov"), tmp_path, frames=tmp_path / "frames")
    image = read_image(tmp_path / "frames" / "000001.png")
    assert (image.height, image.width) == (2 * WIDTH, 2 * HEIGHT)
    assert image.alpha is not None
    assert len(np.unique(image.alpha)) > 10
    assert image.metadata.pixel_aspect == Fraction(3, 4)
    assert dict(image.metadata.png_colour)[b"cICP"] == bytes([9, 16, 0, 1])
    upscaled(tmp_path / "video.mov", tmp_path / "large.mkv")
    (large,) = shown(tmp_path / "large.mkv")[1:]
    turned = np.rot90(large)  # a rotation of 90 degrees is anticlockwise
    assert np.abs(turned.astype(int) - image.pixels // 257).mean() < 4
    assert not [note for note in notes if "rotat" in note]


def test_numbered_images_tell_what_they_leave_out(tmp_path: Path) -> None:
    video = Video(times=steady(2), sounds=[Sound()], subtitles="subrip").make(tmp_path / "video.mkv")
    notes = upscaled(video, tmp_path, frames=tmp_path / "frames")
    (note,) = [note for note in notes if "left out" in note]
    assert note.startswith("left out, as numbered images have no place for it: sound stream 1 (aac, eng")
    assert "subtitle stream 2 (subrip" in note


def test_numbered_images_of_a_plain_video_say_nothing_of_shape(tmp_path: Path) -> None:
    notes = upscaled(Video(times=steady(2)).make(tmp_path / "video.mp4"), tmp_path, frames=tmp_path / "frames")
    with PIL.Image.open(tmp_path / "frames" / "000000.png") as image:
        assert (image.mode, image.size) == ("RGB", (2 * WIDTH, 2 * HEIGHT))
        assert "aspect" not in image.info
    assert not [note for note in notes if "left out" in note]


def test_the_changing_videos_people_handed_in(shared: Path, tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name, boxes in (("sar-change.ts", (0, 24)), ("size-change.ts", (0, 19))):
        with subtests.test(name):
            upscaled(shared / "cases" / "video" / name, tmp_path / f"{name}.mkv")
            images = shown(tmp_path / f"{name}.mkv")
            assert len(images) == 100
            assert [int(np.flatnonzero(images[index].max(axis=(1, 2)) > 60)[0]) for index in (10, 70)] == pytest.approx(
                boxes, abs=2
            )
