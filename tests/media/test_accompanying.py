"""What accompanies images: closed captions go on, the loss of dynamic metadata is explained, bitmap subtitles are copied."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from tests.media.video_fixtures import Video, describe, steady, upscale

from upframe.engine.events import Event, Note, SegmentMade
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, JobOptions, RunOptions, UpscaleOptions, VideoOptions
from upframe.media.video.accompanying import lost
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.probe import frame_side_data

COUNT = 30


def caption(index: int) -> bytes:
    """A pair of bytes of CEA-608, as FFmpeg gives it beside a frame."""
    return bytes((0xFC, 0x94, 0x20 + index))


def message(content: bytes) -> bytes:
    """A NAL unit of H.264 with captions as ATSC A/53 puts them."""
    user = b"\xb5\x00\x31GA94\x03" + bytes((0x40 | len(content) // 3, 0xFF)) + content + b"\xff"
    return b"\0\0\1\x06" + bytes((4, len(user))) + re.sub(b"\0\0(?=[\0-\3])", b"\0\0\3", user) + b"\x80"


def with_captions(path: Path, *, rate: int = 25) -> Path:
    """Frame ``i`` comes with ``caption(i)``; some are coded in another order than they are shown."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=rate, options={"bf": "2", "x264-params": "annexb=1:repeat-headers=1"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(COUNT + 1):
            frame = None
            if index < COUNT:
                frame = VideoFrame.from_ndarray(np.full((72, 64), 60 + 4 * index, np.uint8), format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, rate)
            for packet in stream.encode(frame):
                assert packet.pts is not None
                data = bytes(packet)
                slice_ = next(unit for unit in re.finditer(b"\0\0\1(.)", data, re.DOTALL) if unit[1][0] & 31 in (1, 5))
                number = round(packet.pts * packet.time_base * rate)
                told = Packet(data[: slice_.start()] + message(caption(number)) + data[slice_.start() :])
                told.pts, told.dts, told.time_base, told.stream = packet.pts, packet.dts, packet.time_base, stream
                told.is_keyframe = packet.is_keyframe
                output.mux(told)
    return path


def captions(path: Path) -> list[bytes | None]:
    with av.open(str(path)) as video:
        return [frame_side_data(frame).get(SideDataType.A53_CC) for frame in video.decode(video=0)]


def run(source: Path, target: Path | None, codec: str = "x264", **options: Any) -> tuple[list[str], list[Event]]:
    """Returns the notes and all events."""
    video = VideoOptions(EncoderSettings(codec, threads=1))
    settings = UpscaleOptions(RunOptions(model="bicubic-x2", device="cpu", threads=1), video=video, **options)
    events = list(upscale_files([str(source)], None if target is None else str(target), settings))
    return [event.text for event in events if isinstance(event, Note)], events


@pytest.mark.parametrize(("codec", "suffix"), [("x264", ".mp4"), ("x265", ".mkv"), ("x264", ".ts")])
def test_closed_captions_stay_with_their_frames(tmp_path: Path, codec: str, suffix: str) -> None:
    source = with_captions(tmp_path / "news.ts")
    expected = [caption(index) for index in range(COUNT)]
    assert captions(source) == expected
    notes, _ = run(source, tmp_path / f"large{suffix}", codec)
    assert captions(tmp_path / f"large{suffix}") == expected
    assert not any("captions" in note for note in notes)


def test_captions_that_have_no_place_are_named(tmp_path: Path) -> None:
    source = with_captions(tmp_path / "news.ts")
    notes, _ = run(source, tmp_path / "large.mkv", "ffv1")
    assert "closed captions inside the images cannot be kept: ffv1 has no place for them; x264 and x265 do" in notes
    notes, _ = run(source, None, files=FileOptions(frames=tmp_path / "frames"))
    assert "closed captions inside the images cannot be kept: image files have no place for them" in notes


@pytest.mark.parametrize("codec", ["x264", "ffv1"])
def test_a_job_in_segments_keeps_captions_or_names_them(tmp_path: Path, codec: str) -> None:
    source = with_captions(tmp_path / "news.ts", rate=1)
    notes, events = run(source, tmp_path / "large.mkv", codec, job=JobOptions(segmented=True))
    assert sum(isinstance(event, SegmentMade) for event in events) > 1
    kept = captions(tmp_path / "large.mkv") == [caption(index) for index in range(COUNT)]
    assert kept is (codec == "x264")
    assert any("closed captions" in note for note in notes) is not kept


def dolby_vision(profile: int, *, full_range: bool) -> bytes:
    """The beginning of FFmpeg's AVDOVIMetadata: three offsets, and a header."""
    header = bytes((2, 0, 18, 0, profile, 0, 0, 0, 23, 1, full_range))
    return b"".join(offset.to_bytes(8, "little") for offset in (24, 64, 128)) + header


def test_the_loss_of_dolby_vision_is_named_with_what_it_means() -> None:
    own_colours = lost({SideDataType.DOVI_METADATA: dolby_vision(0, full_range=True)}, "")
    assert "the result shows wrong ones" in next(own_colours)
    for content in (dolby_vision(1, full_range=False), b"", b"\xff" * 40):
        (note,) = lost({SideDataType.DOVI_METADATA: content, SideDataType.DOVI_RPU_BUFFER: b"\x19"}, "")
        assert "players show the images without it" in note


def test_bitmap_subtitles_are_copied_and_what_they_were_drawn_for_is_told(tmp_path: Path) -> None:
    composition = bytes((0x16, 0, 11)) + (64).to_bytes(2, "big") + (48).to_bytes(2, "big") + bytes((16, 0, 1, 0x80, 0, 0, 0))
    drawn = composition + bytes((0x80, 0, 0))
    plain = Video(times=steady(12)).make(tmp_path / "plain.mkv")
    source = tmp_path / "disc.mkv"
    with av.open(str(plain)) as images, av.open(str(source), "w") as output:
        video = output.add_stream_from_template(images.streams.video[0])
        subtitles = output.add_mux_stream("hdmv_pgs_subtitle")
        output.start_encoding()
        told = Packet(drawn)
        told.pts = told.dts = 100
        told.stream, told.time_base = subtitles, Fraction(1, 1000)
        output.mux(told)
        for packet in images.demux(video=0):
            if packet.size:
                packet.stream = video
                output.mux(packet)
    notes = upscale(source, tmp_path / "large.mkv", scale=2)
    assert any("is copied: it was drawn for 64x48 pixels, and players enlarge it with the images" in note for note in notes)
    before, after = describe(source), describe(tmp_path / "large.mkv")
    assert [stream for stream in after.streams if stream.kind == "subtitle"] == [
        stream for stream in before.streams if stream.kind == "subtitle"
    ]
