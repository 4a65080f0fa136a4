"""The pass that plans a video's job."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.video_fixtures import Video

from upframe.engine.cuts import choose_cuts
from upframe.jobs.planning import survey
from upframe.jobs.segments import Reach
from upframe.media.video.info import Plane
from upframe.media.video.reader import VideoReader

CUT = 25


def two_shots(number: int) -> Sequence[Plane]:
    """Noise that moves a little, and another from frame ``CUT`` on."""
    random = np.random.default_rng(number >= CUT)
    luma = random.integers(20, 220, (6, 8)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    return [np.roll(luma, number % 3, 1), np.full((24, 32), 128, np.uint8), np.full((24, 32), 128, np.uint8)]


@pytest.mark.parametrize("reach", [Reach(), Reach(past=4)], ids=["image", "video"])
def test_a_segment_begins_at_the_cut_whatever_the_network_remembers(tmp_path: Path, reach: Reach) -> None:
    times = [22500 * number for number in range(50)]  # four a second
    source = Video(times=times, rate=Fraction(4), last_duration=22500, images=two_shots).make(tmp_path / "a.mkv")
    with VideoReader(source) as reader:
        found = survey(reader, choose_cuts("auto"), reach)
    assert (found.frames, found.others) == (50, 0)
    assert CUT in [cut for segment in found.segments for cut in segment.cuts]
