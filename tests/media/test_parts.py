"""Videos put together from parts that were encoded by themselves."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest
from tests.media.video_fixtures import Sound, Video, describe, steady, uneven, upscale

from upframe.errors import OutputError
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import RawFrame
from upframe.media.video.parts import JoiningWriter, PartWriter, decoding_times, read_part
from upframe.media.video.reader import VideoReader

BOUNDS = [0, 9, 10, 30, 36]


def in_parts(source: Path, target: Path, settings: EncoderSettings, order: list[int] | None = None) -> None:
    """The video written again, part by part in some order, and put together."""
    spans = list(pairwise(BOUNDS))
    parts = [target.with_name(f"{target.name}.{number}.part") for number in range(len(spans))]
    for number in order or range(len(spans)):
        first, stop = spans[number]
        with VideoReader(source, threads=1) as reader:
            size = (reader.info.height, reader.info.width)
            with PartWriter(parts[number], reader, size, settings, name=target) as writer:
                for item in reader:
                    if isinstance(item, RawFrame) and first <= item.index < stop:
                        writer.write(item)
    with VideoReader(source, threads=1) as reader:
        size = (reader.info.height, reader.info.width)
        with JoiningWriter(target, reader, size, settings, name=target) as joined:
            joined.write_parts(parts, reader.others())


def everything(times: list[int], codec: str = "x264") -> Video:
    return Video(
        times=times,
        pix_fmt="yuv422p10le" if codec == "prores" else "yuv420p",
        sounds=[Sound(language="eng", title="Original"), Sound(language="deu")],
        subtitles="subrip",
        chapters=2,
        metadata={"title": "Everything"},
    )


def decoding(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(packet.dts, packet.pts) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("steadily", [True, False], ids=["steady", "uneven"])
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "x264"),
        (".mkv", "x264"),
        (".mp4", "x265"),
        (".mkv", "ffv1"),
        (".mp4", "av1"),
        (".webm", "vp9"),
        (".mov", "prores"),
        (".ts", "x264"),
        (".flv", "x264"),
    ],
)
def test_parts_put_together_are_the_video_in_one_breath(tmp_path: Path, suffix: str, codec: str, steadily: bool) -> None:
    source = tmp_path / "source.mkv"
    times = [1800 * (number + 1) for number in range(36)] if steadily else [time // 90 * 90 for time in uneven(36, start=9000)]
    everything(times, codec).make(source)
    settings = EncoderSettings(codec=codec, preset="ultrafast" if codec.startswith("x26") else None, threads=2)
    whole, joined = tmp_path / f"whole{suffix}", tmp_path / f"joined{suffix}"
    upscale(source, whole, settings)
    in_parts(source, joined, settings, order=[2, 0, 3, 1])
    before, after = describe(whole), describe(joined)
    assert after.times == before.times
    assert (after.codec, after.size, after.pix_fmt, after.time_base) == (
        before.codec,
        before.size,
        before.pix_fmt,
        before.time_base,
    )
    assert after.streams == before.streams
    assert after.metadata.get("title") == before.metadata.get("title")
    assert after.video_metadata == before.video_metadata
    assert after.chapters == before.chapters
    if codec == "ffv1":
        assert after.samples == before.samples
    decoded = decoding(joined)
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(decoded))
    assert all(dts <= pts for dts, pts in decoded)


@pytest.mark.parametrize("codec", ["x264", "x265", "av1", "vp9", "ffv1"])
def test_the_same_bytes_whatever_the_order_of_the_parts(tmp_path: Path, codec: str) -> None:
    source = everything(steady(36)).make(tmp_path / "source.mkv")
    settings = EncoderSettings(codec=codec, threads=4)
    in_parts(source, tmp_path / "a.mkv", settings)
    in_parts(source, tmp_path / "b.mkv", settings, order=[3, 2, 1, 0])
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_parts_of_other_settings_are_refused(tmp_path: Path) -> None:
    source = Video(times=steady(36)).make(tmp_path / "source.mkv")
    in_parts(source, tmp_path / "a.mkv", EncoderSettings(threads=2))
    parts = sorted(tmp_path.glob("a.mkv.*.part"))
    other = EncoderSettings(codec="x265", threads=2)
    with (
        pytest.raises(OutputError, match="with other settings"),
        VideoReader(source) as reader,
        JoiningWriter(tmp_path / "b.mkv", reader, (48, 64), other) as joined,
    ):
        joined.write_parts(parts, reader.others())


def test_a_part_that_is_cut_short_is_named(tmp_path: Path) -> None:
    source = Video(times=steady(36)).make(tmp_path / "source.mkv")
    in_parts(source, tmp_path / "a.mkv", EncoderSettings(threads=2))
    part = tmp_path / "a.mkv.2.part"
    part.write_bytes(part.read_bytes()[:-3])
    with pytest.raises(OutputError, match="cut short"):
        list(read_part(part)[1])


def test_frames_are_decoded_in_ascending_order_and_before_they_are_shown() -> None:
    steady_parts = [[(0, -2), (4, -1), (2, 0), (1, 1), (3, 2)], [(5, 3), (7, 4), (6, 5)]]
    assert decoding_times(steady_parts) == [-2, -1, 0, 1, 2, 3, 4, 5]
    gap = [[(0, -1), (10, 0), (1, 1)], [(500, 490), (501, 500)]]
    times = decoding_times(gap)
    assert times == sorted(set(times))
    assert all(dts <= pts for dts, (pts, _) in zip(times, [*gap[0], *gap[1]], strict=True))


def write_all(writer: PartWriter, frames: list[RawFrame]) -> None:
    with writer:
        for frame in frames:
            writer.write(frame)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("frames", [1, 300], ids=["at the end", "in the middle"])
def test_a_full_disk_is_said_of_the_result_and_nothing_else_is_raised(tmp_path: Path, frames: int) -> None:
    source = everything(steady(4), codec="ffv1").make(tmp_path / "a.mkv")
    with VideoReader(source) as reader:
        frame = next(item for item in reader if isinstance(item, RawFrame))
        size = (reader.info.height, reader.info.width)
        writer = PartWriter(Path("/dev/full"), reader, size, EncoderSettings("ffv1"), name=tmp_path / "out.mkv")
        copies = [replace(frame, pts=frame.pts + number, index=number) for number in range(frames)]
        with pytest.raises(OutputError, match=r"out\.mkv: the disk is full"):
            write_all(writer, copies)
