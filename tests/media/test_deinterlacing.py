"""Interlaced and telecined videos become whole frames before they are enlarged, and keep their times and sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.video_fixtures import Sound, Video

from upframe.errors import InputError
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions
from upframe.jobs.segmented import SegmentedVideoJob
from upframe.media.files import Input
from upframe.media.video.deinterlacing import Deinterlace, DeinterlaceFilter, look_at_fields
from upframe.media.video.info import RawFrame
from upframe.media.video.preparation import Preparation
from upframe.media.video.reader import VideoReader

HEIGHT, WIDTH = 96, 128
Planes = list[NDArray[np.uint8]]
TAPE = {"flags": "+ildct+ilme", "qmin": "1", "qmax": "2"}


def scene(time: float) -> Planes:
    """Soft shapes that move by three pixels a unit of time."""
    planes = []
    for rows, columns, base in ((HEIGHT, WIDTH, 128), (HEIGHT // 2, WIDTH // 2, 110), (HEIGHT // 2, WIDTH // 2, 140)):
        y, x = np.mgrid[:rows, :columns] * (HEIGHT / rows)
        planes.append((base + 60 * np.sin((x - 3 * time) / 9) * np.cos(y / 14)).astype(np.uint8))
    return planes


def woven(first: int) -> Callable[[int], Planes]:
    """Frames of two moments; the field of the rows ``first``, ``first`` + 2, ... is the earlier one."""

    def planes(index: int) -> Planes:
        pair = scene(2 * index), scene(2 * index + 1)
        for early, late in zip(*pair, strict=True):
            early[1 - first :: 2] = late[1 - first :: 2]
        return pair[0]

    return planes


def telecined(index: int) -> Planes:
    """Film frames A B C D as AA BB BC CD DD."""
    cycle, place = divmod(index, 5)
    top, bottom = ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))[place]
    planes = scene(4 * cycle + top)
    for plane, other in zip(planes, scene(4 * cycle + bottom), strict=True):
        plane[1::2] = other[1::2]
    return planes


def tape(path: Path, images: Callable[[int], Sequence[NDArray[np.uint8]]], *, flagged: bool = True, count: int = 40) -> Path:
    """25 frames a second. The encoder says that the bottom field comes first."""
    rate = Fraction(25)
    options = TAPE if flagged else {"qmin": "1", "qmax": "2"}
    video = Video("mpeg2video", size=(HEIGHT, WIDTH), times=range(count), time_base=1 / rate, rate=rate, options=options)
    video.images, video.sounds = images, [] if path.suffix == ".m2v" else [Sound()]
    return video.make(path)


def read(path: Path, mode: str, kind: DeinterlaceFilter = "bwdif") -> tuple[list[RawFrame], list[str], VideoReader]:
    notes: list[str] = []
    with VideoReader(path, on_note=notes.append, preparation=Preparation(Deinterlace(mode, kind))) as reader:  # type: ignore[arg-type]
        frames = [item for item in reader if isinstance(item, RawFrame)]
    return frames, [note for note in notes if "tagged" not in note], reader


def error(frame: RawFrame, truth: Planes) -> float:
    """Mean absolute error of luma, without the border."""
    difference = np.abs(frame.planes[0].astype(int) - truth[0].astype(int))
    return float(difference[8:-8, 8:-8].mean())


def seconds(frames: list[RawFrame]) -> list[Fraction]:
    return [(frame.pts - frames[0].pts) * frame.time_base for frame in frames]


def test_a_flagged_video_is_deinterlaced_at_its_rate(tmp_path: Path) -> None:
    path = tape(tmp_path / "tape.mkv", woven(1))
    combed, _, before = read(path, "off")
    whole, notes, reader = read(path, "auto")
    assert [frame.pts for frame in whole] == [frame.pts for frame in combed]
    assert (before.info.interlaced, reader.info.interlaced) == (True, False)
    assert notes == ["the video is interlaced: it is deinterlaced first, at its frame rate"]
    assert max(error(frame, scene(2 * i)) for i, frame in enumerate(whole[2:-2], 2)) < 2
    assert min(error(frame, scene(2 * i)) for i, frame in enumerate(combed)) > 4


@pytest.mark.parametrize("kind", ["bwdif", "w3fdif", "estdif"])
def test_every_field_becomes_a_frame_at_its_time(tmp_path: Path, kind: DeinterlaceFilter) -> None:
    frames, _, reader = read(tape(tmp_path / "tape.mp4", woven(1)), "field", kind)
    assert len(frames) == 80
    assert seconds(frames) == [Fraction(i, 50) for i in range(80)]
    assert (reader.info.frames, reader.info.average_rate) == (80, 50)
    assert frames[-1].duration in (None, Fraction(1, 50) / frames[-1].time_base)
    assert max(error(frame, scene(i)) for i, frame in enumerate(frames[4:-4], 4)) < 3.5


def test_without_flags_combs_tell_the_order_and_auto_leaves_it(tmp_path: Path) -> None:
    path = tape(tmp_path / "capture.mkv", woven(0), flagged=False)
    combed, notes, _ = read(path, "auto")
    assert notes == []
    assert min(error(frame, scene(2 * i)) for i, frame in enumerate(combed)) > 4
    frames, notes, _ = read(path, "field")
    assert "(no flag says so; the top field is taken as first)" in notes[0]
    assert max(error(frame, scene(i)) for i, frame in enumerate(frames[4:-4], 4)) < 2.5


def test_flags_that_are_not_true_are_told_and_not_followed(tmp_path: Path) -> None:
    path = tape(tmp_path / "film.mkv", lambda index: scene(2 * index))
    frames, notes, _ = read(path, "auto")
    assert "shows no combs" in notes[0]
    assert max(error(frame, scene(2 * i)) for i, frame in enumerate(frames)) < 1.5


def test_telecine_is_undone(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    video = Video("mpeg2video", size=(HEIGHT, WIDTH), times=range(7, 67), time_base=1 / rate, rate=rate, options=TAPE)
    video.images = telecined
    path = video.make(tmp_path / "film.mkv")
    assert look_at_fields(path, 1 << 20).looks_telecined
    frames, _, reader = read(path, "telecine")
    assert float(frames[0].pts * frames[0].time_base) == pytest.approx(float(7 / rate), abs=6e-4)
    assert reader.info.average_rate == pytest.approx(float(rate * 4 / 5), rel=1e-3)
    steps = np.diff([float(time) for time in seconds(frames)])
    assert np.allclose(steps, 1001 / 24000, atol=1.1e-3), "Matroska keeps milliseconds"
    nearest = [min(range(48), key=lambda film, frame=frame: error(frame, scene(film))) for frame in frames]
    assert nearest == list(range(len(frames)))
    assert len(frames) in (47, 48)


def test_a_video_in_which_fields_begin_later_is_deinterlaced_from_there(tmp_path: Path) -> None:
    first = tape(tmp_path / "a.m2v", lambda index: scene(2 * index), flagged=False, count=30)
    second = tape(tmp_path / "b.m2v", woven(1), count=30)
    joined = tmp_path / "joined.m2v"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    notes: list[str] = []
    with VideoReader(joined, on_note=notes.append, clock="even", preparation=Preparation()) as reader:
        frames = [item for item in reader if isinstance(item, RawFrame)]
    assert len(frames) == 60
    assert [note for note in notes if "deinterlaced" in note] == ["some frames are interlaced: they are deinterlaced first"]
    assert max(error(frame, scene(2 * (i - 30))) for i, frame in enumerate(frames[33:-2], 33)) < 2.5


def test_a_cluster_says_that_it_cannot(tmp_path: Path) -> None:
    options = UpscaleOptions(RunOptions(model="bicubic-x2", device="cpu"), job=JobOptions(cluster="local"))
    path = tape(tmp_path / "tape.mkv", woven(1), count=12)
    job = SegmentedVideoJob(Input(path, "video", path), tmp_path / "large.mkv", LoadedModels(options.run), options)
    with pytest.raises(InputError, match="is to be deinterlaced, which a cluster's machines cannot do"):
        list(job.run())
