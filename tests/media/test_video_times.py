"""As many frames come out as went in, each at its own time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from tests.media.video_fixtures import CLOCK, Sound, Video, describe, steady, uneven, upscale

from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.reader import VideoReader, probe

BUNNY = Path(__file__).parents[2] / "examples/media/bunny.mp4"

WITH_B_FRAMES = Video(times=uneven(30), options={"bf": "3"}, last_duration=8513)
EVERY_WAY = [
    ("mp4", "x264"),
    ("mp4", "x265"),
    ("mp4", "av1"),
    ("mp4", "vp9"),
    ("mov", "x264"),
    ("mov", "prores"),
    ("mkv", "x264"),
    ("mkv", "x265"),
    ("mkv", "av1"),
    ("mkv", "ffv1"),
    ("webm", "vp9"),
    ("ts", "x264"),
    ("ts", "x265"),
    ("flv", "x264"),
]


@pytest.mark.parametrize(("suffix", "codec"), EVERY_WAY)
def test_every_frame_keeps_its_time_whatever_the_container_and_codec(tmp_path: Path, suffix: str, codec: str) -> None:
    source = WITH_B_FRAMES.make(tmp_path / "phone.mp4")
    target = tmp_path / f"large.{suffix}"
    upscale(source, target, EncoderSettings(codec=codec), scale=2)
    before, after = describe(source), describe(target)
    assert after.size == (96, 128)
    assert len(after.frames) == 30
    if suffix in ("mkv", "webm", "flv"):
        assert after.times == [Fraction(round(1000 * time), 1000) for time in before.times]
    else:
        assert after.times == before.times


@pytest.mark.parametrize("codec", ["x264", "x265", "av1"])
def test_an_mp4_keeps_its_clock_and_its_length(tmp_path: Path, codec: str) -> None:
    source = WITH_B_FRAMES.make(tmp_path / "phone.mp4")
    upscale(source, tmp_path / "large.mp4", EncoderSettings(codec=codec))
    before, after = describe(source), describe(tmp_path / "large.mp4")
    assert after.time_base == before.time_base == CLOCK
    assert after.ends == before.ends == before.times[-1] + 8513 * CLOCK


def test_the_last_frame_of_a_matroska_video_is_shown_as_long_as_before(tmp_path: Path) -> None:
    source = Video(times=steady(8), last_duration=27000).make(tmp_path / "slides.mkv")
    upscale(source, tmp_path / "large.mkv", EncoderSettings(codec="ffv1"))
    assert describe(tmp_path / "large.mkv").frames[-1] == describe(source).frames[-1] == (Fraction(28, 100), Fraction(3, 10))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts"])
def test_a_video_that_starts_late_still_does(tmp_path: Path, suffix: str) -> None:
    video = Video(times=uneven(12, start=123457), options={"bf": "3"})
    source = video.make(tmp_path / f"late.{suffix}")
    upscale(source, tmp_path / f"large.{suffix}")
    assert describe(tmp_path / f"large.{suffix}").times == describe(source).times
    assert describe(source).times[0] == pytest.approx(123457 / 90000, abs=0.001)


def test_frames_that_an_edit_list_cuts_off_stay_out(tmp_path: Path) -> None:
    source = Video(times=steady(20, start=-4 * 3600), options={"bf": "2"}).make(tmp_path / "trimmed.mp4")
    info = probe(source)
    upscale(source, tmp_path / "large.mp4")
    before, after = describe(source), describe(tmp_path / "large.mp4")
    assert len(before.frames) < 20
    assert (info.frames, info.frames_exact) == (len(before.frames), True)
    assert after.times == before.times


def test_sound_that_begins_before_zero_does_not_delay_the_images(tmp_path: Path) -> None:
    source = Video(sounds=[Sound()]).make(tmp_path / "video.mp4")
    notes = upscale(source, tmp_path / "large.mkv")
    before, after = describe(source), describe(tmp_path / "large.mkv")
    assert after.times == before.times
    assert after.streams[0].content == before.streams[0].content
    assert [round(1000 * time) for time in before.streams[0].times] == [1000 * time for time in after.streams[0].times]
    assert not any("before zero" in note for note in notes)


def test_where_zero_is_the_beginning_all_streams_move_together_and_the_user_is_told(tmp_path: Path) -> None:
    source = Video(sounds=[Sound()]).make(tmp_path / "video.mp4")
    notes = upscale(source, tmp_path / "large.ts")
    before, after = describe(source), describe(tmp_path / "large.ts")
    shifts = {late - early for early, late in zip(before.times, after.times, strict=True)}
    sound_shift = after.streams[0].times[0] - before.streams[0].times[0]
    assert shifts == {Fraction(1920, 90000)}
    assert float(sound_shift) == pytest.approx(1920 / 90000, abs=1e-4)
    assert any("before zero" in note for note in notes)


def test_the_user_is_told_when_matroska_rounds_times(tmp_path: Path) -> None:
    uneven_notes = upscale(Video(times=uneven(8)).make(tmp_path / "uneven.mp4"), tmp_path / "uneven.mkv")
    steady_notes = upscale(Video(times=steady(8)).make(tmp_path / "steady.mp4"), tmp_path / "steady.mkv")
    assert [note for note in uneven_notes if "rounded" in note] == [
        "Matroska keeps times to 1 ms: those of the source, in units of 0.0111 ms, are rounded to that"
    ]
    assert not any("rounded" in note for note in steady_notes)


def test_ntsc_times_survive_matroska_and_transport_streams(tmp_path: Path) -> None:
    video = Video(times=[3003 * index for index in range(20)])
    for suffix in ("mp4", "ts", "mkv"):
        source = video.make(tmp_path / f"ntsc.{suffix}")
        upscale(source, tmp_path / f"large.{suffix}")
        assert describe(tmp_path / f"large.{suffix}").times == describe(source).times


def test_a_frame_says_how_long_it_is_shown(tmp_path: Path) -> None:
    source = WITH_B_FRAMES.make(tmp_path / "phone.mp4")
    with VideoReader(source) as reader:
        frames = [item for item in reader if isinstance(item, RawFrame)]
    times = [frame.pts for frame in frames]
    assert [frame.duration for frame in frames] == [b - a for a, b in pairwise(times)] + [8513]
    assert [frame.index for frame in frames] == list(range(30))


def test_sound_comes_between_the_frames_and_not_after_them(tmp_path: Path) -> None:
    source = Video(times=steady(50), options={"bf": "0"}, sounds=[Sound()]).make(tmp_path / "video.mkv")
    with VideoReader(source, threads=1) as reader:
        kinds = ["sound" if isinstance(item, CopiedPacket) else "frame" for item in reader]
    assert "frame" in kinds[:20]
    assert "frame" in kinds[-20:]
    assert kinds.count("frame") == 50


def test_a_real_clip_keeps_every_time_and_all_its_sound(tmp_path: Path) -> None:
    source, name = BUNNY, "large.mp4"
    upscale(source, tmp_path / name, EncoderSettings(preset="ultrafast"))
    before, after = describe(source), describe(tmp_path / name)
    assert after.times == before.times
    assert (after.ends, after.time_base) == (before.ends, before.time_base)
    assert [stream.content for stream in after.streams] == [stream.content for stream in before.streams]
    assert [stream.times for stream in after.streams] == [stream.times for stream in before.streams]
