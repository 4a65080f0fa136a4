"""A clock that jumps, wraps or begins before zero costs no frame, no time and no sound."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from tests.media.video_fixtures import CLOCK, Found, Sound, Video, describe, steady, upscale

from upframe.errors import InputError
from upframe.media.video.clock import ClockMode
from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.reader import VideoReader

FRAMES = 25
WRAP = 2**33


def part(path: Path, *, start: int = 0, codec: str = "libx264", bf: str = "2", sound: str = "mp2", count: int = FRAMES) -> Path:
    """A second of images and sound; ``start`` in units of CLOCK."""
    if codec == "libx264":
        video = Video(times=steady(count, start=start), options={"bf": bf, "g": "10"})
    else:
        video = Video(codec, times=range(count), time_base=Fraction(1, 25))
    video.sounds = [Sound(sound, rate=44100 if path.suffix == ".flv" else 48000, start=start * CLOCK)]
    return video.make(path)


def joined(target: Path, *parts: Path) -> Path:
    """One file after the other, the header of FLV once."""
    header = 13 if target.suffix == ".flv" else 0
    target.write_bytes(b"".join(each.read_bytes()[header if number else 0 :] for number, each in enumerate(parts)))
    return target


def read(path: Path, clock: ClockMode = "join") -> tuple[list[Fraction], list[Fraction], list[str]]:
    """The times of the frames and of the packets of sound, and what the user is told."""
    notes: list[str] = []
    frames, sound = [], []
    with VideoReader(path, on_note=notes.append, threads=1, clock=clock) as reader:
        for item in reader:
            if isinstance(item, RawFrame):
                frames.append(item.pts * item.time_base)
            elif item.packet.pts is not None:
                sound.append(item.packet.pts * item.packet.time_base)
    return frames, sound, notes


def steps(times: list[Fraction]) -> set[int]:
    """From each to the next, in milliseconds."""
    return {round(1000 * (after - before)) for before, after in pairwise(times)}


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [
        ("ts", "libx264", "mp2"),
        ("ts", "libx265", "aac"),
        ("mpg", "mpeg2video", "mp2"),
        ("vob", "mpeg2video", "ac3"),
        ("flv", "libx264", "mp3"),
    ],
)
def test_recordings_joined_end_to_end_play_one_after_the_other(tmp_path: Path, suffix: str, codec: str, sound: str) -> None:
    one = part(tmp_path / f"one.{suffix}", codec=codec, sound=sound)
    three = joined(tmp_path / f"three.{suffix}", one, one, one)
    frames, heard, _ = read(one)
    times, sounds, notes = read(three)
    assert len(times) == 3 * len(frames)
    assert max(steps(times)) <= 41
    for number in (1, 2):
        moved = times[number * FRAMES] - frames[0]
        assert float(moved) == pytest.approx(number, abs=0.001)
        covered = heard[-1] + 2 * (heard[-1] - heard[-2]) + (number - 1)  # by the sound of the part before
        expected = [time + moved for time in heard if time + moved >= covered]
        assert len(expected) > len(heard) - 5
        assert all(any(abs(time - other) < Fraction(1, 500) for other in sounds) for time in expected)
    assert [note for note in notes if "jumps 2 times, first after 1.0 s" in note]


def test_parts_whose_sound_comes_first_keep_it_in_time_with_their_images(tmp_path: Path) -> None:
    one = part(tmp_path / "one.vob", codec="mpeg2video", sound="ac3")
    long = part(tmp_path / "long.vob", codec="mpeg2video", sound="ac3", count=40)
    times, sounds, _ = read(joined(tmp_path / "two.vob", one, long))
    frames, heard, _ = read(long)
    moved = times[FRAMES] - frames[0]
    assert steps(times) == {40}
    assert sounds[-1] - heard[-1] == moved


@pytest.mark.parametrize("start", [90000 * 30000, WRAP - 90000 * 20, 90000 * 90])
def test_a_clock_that_jumps_ahead_makes_no_hole(tmp_path: Path, start: int) -> None:
    first, second = part(tmp_path / "first.ts"), part(tmp_path / "second.ts", start=start)
    for order in ((first, second), (second, first)):
        times, sounds, _ = read(joined(tmp_path / "both.ts", *order))
        assert (len(times), steps(times)) == (2 * FRAMES, {40})
        assert max(steps(sounds)) <= 64
        assert abs(sounds[-1] - times[-1]) < Fraction(1, 10)


def test_a_short_gap_is_kept(tmp_path: Path) -> None:
    both = joined(tmp_path / "both.ts", part(tmp_path / "one.ts", bf="0"), part(tmp_path / "two.ts", bf="0", start=90000 * 4))
    times, _, notes = read(both)
    assert sorted(steps(times)) == [40, pytest.approx(3040, abs=15)]  # FFmpeg's writer moves one of them by a little
    assert not any("jumps" in note for note in notes)


def test_images_that_pause_while_the_sound_goes_on_do_not_make_it_jump(tmp_path: Path) -> None:
    video = Video(times=[*steady(10), 90000 * 15, 90000 * 15 + 3600], options={"bf": "0"}, sounds=[Sound("mp2")])
    times, sounds, notes = read(video.make(tmp_path / "pause.ts"))
    assert steps(times) == {40, 14640}
    assert steps(sounds) == {24}
    assert not any("jumps" in note for note in notes)


@pytest.mark.parametrize("start", [WRAP - 45000, WRAP - 5400000 - 45000])
def test_a_clock_that_wraps_goes_on(tmp_path: Path, start: int) -> None:
    times = [start + 3600 * index for index in range(20)]
    if start < WRAP - 5400000:
        times = [start + 1000000 * index for index in range(20)]
    source = Video(times=times, options={"bf": "0"}, sounds=[]).make(tmp_path / "wrap.ts")
    frames, _, _ = read(source)
    assert len(frames) == 20
    assert [time - frames[0] for time in frames] == [(time - times[0]) * CLOCK for time in times]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "ts", "flv"])
def test_what_begins_before_zero_is_there_whole_in_every_container(tmp_path: Path, suffix: str) -> None:
    source = part(tmp_path / "early.ts", start=WRAP - 180000, sound="aac")
    first = describe(source)
    assert first.times[0] < -0.1
    notes = upscale(source, tmp_path / f"large.{suffix}")
    after = describe(tmp_path / f"large.{suffix}")
    assert len(after.frames) == FRAMES
    assert steps(after.times) == {40}
    assert 0 <= after.times[0] < 0.1
    assert any("before zero" in note for note in notes)
    if suffix != "webm":
        sync = _first_sound(after) - after.times[0], _first_sound(first) - first.times[0]
        assert float(sync[0]) == pytest.approx(float(sync[1]), abs=0.0021)
        assert after.streams[0].packets == first.streams[0].packets


def _first_sound(video: Found) -> Fraction:
    return video.streams[0].times[0]


@pytest.mark.parametrize(("suffix", "starts_at_zero"), [("mp4", True), ("mkv", True), ("ts", False)])
def test_a_receivers_clock_is_no_time_to_wait_for_the_first_frame(tmp_path: Path, suffix: str, starts_at_zero: bool) -> None:
    source = part(tmp_path / "received.ts", start=90000 * 40000)
    upscale(source, tmp_path / f"large.{suffix}")
    times = describe(tmp_path / f"large.{suffix}").times
    assert (times[0] < 0.1) == starts_at_zero
    assert (len(times), steps(times)) == (FRAMES, {40})


def test_times_that_jump_can_be_kept(tmp_path: Path) -> None:
    one = part(tmp_path / "one.ts", count=40)
    ahead = joined(tmp_path / "ahead.ts", one, part(tmp_path / "two.ts", start=90000 * 100))
    assert 99 < read(ahead, "keep")[0][-1] < 103
    with pytest.raises(InputError, match=r"back\.ts: frame 40 goes back in time by 1\.6 s.*\n.*use clock='even'"):
        read(joined(tmp_path / "back.ts", one, one), "keep")


def test_frames_can_be_shown_at_the_average_rate_whatever_their_times_say(tmp_path: Path) -> None:
    source = Video(times=[0, 3600, 5000, 10800, 14400, 20000, 21600]).make(tmp_path / "uneven.mp4")
    times, _, _ = read(source, "even")
    assert len(times) == 7
    assert len(steps(times)) == 1


@pytest.mark.parametrize("options", [{"bf": "1"}, {"bf": "2"}])
def test_an_avi_with_b_frames_shows_one_frame_after_the_other(tmp_path: Path, options: dict[str, str]) -> None:
    video = Video("mpeg4", times=range(20), time_base=Fraction(1, 25), options=options, sounds=[Sound("mp3")])
    source = video.make(tmp_path / "old.avi")
    times, _, notes = read(source)
    assert (len(times), steps(times)) == (20, {40})
    assert not any("back in time" in note or "no time" in note for note in notes)


HANDED_IN = {
    "ts-pts-reset.ts": (100, {40}),
    "vob-pts-reset.vob": (90, {33}),
    "ts-negative-start.ts": (100, {40}),
    "packed-b.avi": (50, {40}),
    "xvid-b.avi": (18, {40}),
}
"""Frames, and the milliseconds from one to the next."""


def test_clips_from_bug_reports_keep_their_pace(shared: Path, subtests: pytest.Subtests) -> None:
    for name, expected in HANDED_IN.items():
        with subtests.test(name):
            times, _, _ = read(shared / "cases" / "video" / name)
            assert (len(times), steps(times)) == expected


def test_the_last_packet_of_sound_is_kept_though_it_has_no_time(tmp_path: Path) -> None:
    source = Video("libvpx", times=range(12), time_base=Fraction(1, 25), sounds=[Sound("vorbis")]).make(tmp_path / "video.ogv")
    with VideoReader(source, threads=1) as reader:
        packets = [item.packet for item in reader if isinstance(item, CopiedPacket)]
    assert len(packets) == describe(source).streams[0].packets
    assert all(packet.pts is not None for packet in packets)
