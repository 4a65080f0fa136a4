"""tOF, the flow behind it, and the warping error."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from tests.metrics.moving_square import moving_square
from torch import Tensor

from upframe.errors import MissingExtra, ShapeError
from upframe.metrics import edge_mask, farneback, reference_motion, tof, warping_error
from upframe.ops.warp import warp


def test_tof_is_that_of_the_official_script(clip: tuple[list[Tensor], list[Tensor]], values: dict[str, Any]) -> None:
    result, reference = clip
    official = values["tecogan_official"]["tof_per_frame"]
    edition = values["tecogan_pytorch_validation.tof_per_frame"]
    crop = (slice(20, 180), slice(16, 304))
    for t in range(1, 6):
        frames = (result[t - 1], result[t], reference[t - 1], reference[t])
        assert tof(*frames, crop=crop) == pytest.approx(official[t - 1], abs=1e-5)
        assert tof(*frames) == pytest.approx(edition[t - 1], abs=1e-5)


def test_the_flow_points_where_things_go() -> None:
    first, second = moving_square(2)
    flow = farneback(first, second)
    assert flow.shape == (2, 64, 96)
    right, down = flow[:, 30, 28].tolist()  # on the square's right edge
    assert right == pytest.approx(2, abs=0.5)
    assert down == pytest.approx(0, abs=0.3)


def test_equal_motion_has_no_tof_and_other_motion_has() -> None:
    before, now, later = moving_square(3)
    assert tof(before, now, before, now) == 0
    assert tof(before, later, before, now) > 0.02


def test_a_result_that_follows_the_motion_has_a_small_warping_error() -> None:
    first, second = moving_square(2)
    flow, counted = reference_motion(first, second)
    steady = warping_error(first, second, flow, counted)
    flickering = warping_error(first, (second * 0.9).clamp(0, 1), flow, counted)
    assert 2 * steady < flickering


def test_the_warping_error_is_exact_for_a_given_flow() -> None:
    torch.manual_seed(0)
    previous = torch.rand(3, 20, 24)
    flow = torch.stack((torch.full((20, 24), 1.5), torch.full((20, 24), -0.5)))
    current = warp(previous[None], flow[None], padding="border")[0]
    assert warping_error(previous, current, flow) == 0
    assert warping_error(previous, (current + 0.1), flow) == pytest.approx(0.01, rel=1e-3)


def test_what_has_no_partner_is_not_counted() -> None:
    first, second = moving_square(2)
    flow, counted = reference_motion(first, second)
    assert 0.5 < counted.float().mean() < 1
    assert math.isnan(warping_error(first, second, flow, torch.zeros_like(counted)))
    spoilt = torch.where(counted, second, 1 - second)  # wrong only where it does not count
    assert warping_error(first, spoilt, flow, counted) == warping_error(first, second, flow, counted)


def test_a_flow_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="does not fit"):
        warping_error(torch.rand(3, 20, 24), torch.rand(3, 20, 24), torch.zeros(2, 10, 12))


def test_without_opencv_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    frame = torch.rand(3, 32, 32)
    with pytest.raises(MissingExtra, match=r"pip install 'upframe\[evaluate\]'"):
        tof(frame, frame, frame, frame)
    with pytest.raises(MissingExtra, match=r"pip install 'upframe\[evaluate\]'"):
        edge_mask(frame)
