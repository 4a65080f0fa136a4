"""Frames of videos in any order: the same as in theirs, whatever the video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.video_fixtures import Video, steady, uneven

from upframe.datasets.videos import VideoFrames
from upframe.errors import InputError
from upframe.training.data.videos import OPEN_AT_MOST, SoughtVideo

GROUPS = {"g": "12", "bf": "3", "keyint_min": "12", "sc_threshold": "0"}
ORDER = (30, 31, 32, 5, 39, 0, 12, 11, 13, 38, 6, 7, 24)


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("b-frames.mp4", Video(times=steady(40), options=GROUPS)),
        ("uneven.mkv", Video(times=uneven(40), options=GROUPS)),
        ("stream.ts", Video(times=steady(40, start=90000), options=GROUPS)),
        ("no-times.avi", Video(codec="mpeg4", times=range(40), time_base=Fraction(1, 25), options={"g": "12"})),
        ("intra.mkv", Video(codec="ffv1", times=steady(40))),
        ("deep.mkv", Video(pix_fmt="yuv420p10le", times=steady(40), options=GROUPS)),
    ],
)
def test_frames_in_any_order_are_those_in_theirs(tmp_path: Path, name: str, video: Video) -> None:
    path = video.make(tmp_path / name)
    whole, sought = VideoFrames(path), SoughtVideo(path)
    in_order = [whole.read(index) for index in range(len(whole.names))]
    assert len(sought) == len(in_order) == 40
    for index in ORDER:
        assert (sought.read(index) == in_order[index]).all(), index


def test_a_frame_far_on_is_reached_from_the_key_frame_before_it(tmp_path: Path) -> None:
    video = SoughtVideo(Video(times=steady(40), options=GROUPS).make(tmp_path / "video.mp4"))
    video.read(0)
    decoded: list[int] = []
    seek = video._seek

    def counting(time: int) -> None:
        seek(time)
        frames = video._frames
        video._frames = (decoded.append(1) or frame for frame in frames)  # type: ignore[func-returns-value]

    video._seek = counting  # type: ignore[method-assign]
    video.read(39)
    assert len(decoded) <= 12


def test_of_many_videos_few_are_open(tmp_path: Path) -> None:
    path = Video(times=steady(4)).make(tmp_path / "video.mp4")
    videos = [SoughtVideo(path) for _ in range(OPEN_AT_MOST + 5)]
    for video in videos:
        video.read(0)
    assert sum(video._container is not None for video in videos) <= OPEN_AT_MOST
    assert all(np.array_equal(video.read(2), videos[0].read(2)) for video in videos)


def test_a_damaged_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42 nothing more")
    with pytest.raises(InputError, match=r"video\.mp4"):
        SoughtVideo(tmp_path / "video.mp4").read(0)


def test_of_a_video_that_is_cut_short_the_frames_before_are_taken_when_asked(tmp_path: Path) -> None:
    path = Video(times=steady(40), options=GROUPS).make(tmp_path / "video.mkv")
    first = SoughtVideo(path).read(3)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=r"(?s)cut short.*keep the \d+ frames that can be read, set data.skip_damaged=true$"):
        SoughtVideo(path)
    video = SoughtVideo(path, skip_damaged=True)
    assert 3 < len(video) < 40
    assert (video.read(3) == first).all()
    assert video.read(len(video) - 1).shape == first.shape
