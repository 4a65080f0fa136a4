"""Where videos are divided."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from upframe.jobs.segments import Reach, Segment, divide

RATE = 25


def steady(frames: int) -> list[float]:
    return [frame / RATE for frame in range(frames + 1)]


def covers(segments: list[Segment], frames: int) -> bool:
    bounds = [0, *(segment.stop for segment in segments)]
    return [segment.first for segment in segments] == bounds[:-1] and bounds[-1] == frames


def test_segments_begin_at_cuts_where_there_are_some() -> None:
    segments = divide(steady(700), [180, 400, 640], Reach(past=5))
    assert covers(segments, 700)
    assert [segment.first for segment in segments] == [0, 180, 400, 640]
    assert all(segment.warm_up == 0 for segment in segments)


def test_without_cuts_a_segment_ends_after_some_seconds_and_the_next_is_warmed_up() -> None:
    segments = divide(steady(2000), [], Reach(past=6, future=2))
    assert covers(segments, 2000)
    assert [segment.warm_up for segment in segments] == [0, *[6] * (len(segments) - 1)]
    assert [segment.look_ahead for segment in segments] == [*[2] * (len(segments) - 1), 0]
    assert all(10 <= segment.frames / RATE <= 20 for segment in segments)


def test_frames_run_for_nothing_stay_a_small_share() -> None:
    segments = divide(steady(20_000), [], Reach(past=15, future=15))
    assert sum(segment.warm_up + segment.look_ahead for segment in segments) <= 0.031 * 20_000


def test_warm_up_and_look_ahead_never_cross_a_cut() -> None:
    segments = divide(steady(2000), [3, 1100, 1995], Reach(past=20, future=30))
    for segment in segments:
        before = [cut for cut in (0, 3, 1100, 1995) if cut <= segment.first]
        assert segment.begin >= before[-1]
        assert segment.end <= min(cut for cut in (3, 1100, 1995, 2000) if cut >= segment.stop)


def test_chunks_lie_in_a_segment_as_in_the_whole_shot() -> None:
    segments = divide(steady(4000), [30], Reach(past=15, future=15, step=20))
    assert len(segments) > 2
    assert all((segment.begin - 30) % 20 == 0 for segment in segments if segment.first > 30)


@pytest.mark.parametrize("seed", range(20))
def test_none_is_shorter_than_a_second_whatever_the_cuts_and_times(seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = int(random.integers(30, 3000))
    times = [0.0, *np.cumsum(random.uniform(0.001, 0.08, frames)).tolist()]
    cuts = sorted(set(random.integers(1, frames, int(random.integers(0, 60))).tolist()))
    segments = divide(times, cuts, Reach(past=int(random.integers(0, 20))))
    assert covers(segments, frames), seed
    lengths = [times[stop] - times[first] for first, stop in pairwise([0, *(segment.stop for segment in segments)])]
    assert min(lengths) >= min(1.0, times[-1]), seed
    inner = {cut for segment in segments for cut in segment.cuts}
    assert inner == set(cuts), seed


def test_a_video_shorter_than_a_second_is_one_segment() -> None:
    assert divide(steady(12), [6], Reach()) == [Segment(0, 0, 12, cuts=(6,))]


def test_a_segment_travels_as_plain_numbers() -> None:
    segment = Segment(3, 100, 250, 6, 2, (120, 130))
    assert Segment.from_dict(segment.as_dict()) == segment


def test_an_encoder_is_shown_frames_after_a_segment_that_ends_inside_a_shot() -> None:
    segments = divide(steady(1200), [400], Reach(), tail=12)
    assert [(segment.first, segment.tail, segment.is_cut) for segment in segments] == [
        (0, 0, True),
        (400, 12, True),
        (666, 12, False),
        (933, 0, False),
    ]
    assert segments[1].end == 678
    assert segments[1].run_end == 666
