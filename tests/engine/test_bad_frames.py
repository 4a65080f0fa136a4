"""One bad sample of a rendered frame changes what is around it, for as long as the past holds it, and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.test_supersampler import Array, both, frame, make_nsrr, make_stssnet, make_taau

from upframe.engine.supersampler import Supersampler
from upframe.errors import InputError
from upframe.models.catalog import Model
from upframe.ops.spread import warp_spread

SIZE = (64, 72)
PLACE = (10, 10)
FAR = 100  # of the result, 2 * SIZE: beyond it nothing may change
BAD: dict[str, dict[str, float]] = {
    "not a number": {"colour": np.nan, "motion": np.nan, "depth": np.nan, "normal": np.nan},
    "infinite": {"colour": np.inf, "motion": np.inf, "depth": 0.0},
    "minus infinity": {"colour": -np.inf, "motion": -np.inf, "depth": -1.0},
    "huge": {"colour": 60000.0, "motion": 1e9},
    "negative and beyond reason": {"colour": -5.0, "motion": 1e30},
}


def clip(bad: dict[str, float] | None = None) -> list[Any]:
    """Nine frames of a wall that stands still, with bad samples at one pixel of the third."""
    frames = [frame(0, size=SIZE, speed=0.0, linear=True) for _ in range(9)]
    changes: dict[str, Any] = {}
    for name, value in (bad or {}).items():
        changes[name] = np.array(getattr(frames[2], name))
        changes[name][PLACE] = value
    frames[2] = frame(0, size=SIZE, speed=0.0, linear=True, **changes)
    return frames


def results(make: Any, frames: list[Any]) -> list[Array]:
    supersampler = make()
    return [np.asarray(supersampler.step(rendered)) for rendered in frames]


EXPECTED: dict[Any, list[Array]] = {}


@both
@pytest.mark.parametrize("kind", BAD)
def test_bad_samples_stay_local(make: Any, kind: str) -> None:
    if make not in EXPECTED:
        EXPECTED[make] = results(make, clip())
    found = results(make, clip(BAD[kind]))
    for number, (result, expected) in enumerate(zip(found, EXPECTED[make], strict=True)):
        assert np.isfinite(result).all()
        np.testing.assert_allclose(result[FAR:], expected[FAR:], atol=1e-4, err_msg=f"frame {number}")
        np.testing.assert_allclose(result[:, FAR:], expected[:, FAR:], atol=1e-4, err_msg=f"frame {number}")
    errors = [float(np.abs(found[number] - EXPECTED[make][number]).max()) for number in (2, 8)]
    if make is make_taau:  # its past has no end, but fades
        assert errors[1] < 0.6 * errors[0]
    else:
        assert errors[1] < 1e-4, "it is forgotten"


@both
def test_bad_samples_are_told_once_and_refused_where_it_is_strict(make: Any) -> None:
    notes: list[str] = []
    ready = make()
    frames = clip({"colour": np.nan})
    told = Supersampler(Model(ready.network, ready.info), device="cpu", on_note=notes.append)
    for rendered in (*frames[:4], *frames[:4]):
        told.step(rendered)
    assert len(notes) == 1
    assert "3 of colour" in notes[0]
    strict = Supersampler(Model(ready.network, ready.info), device="cpu", strict=True)
    strict.step(frames[0])
    with pytest.raises(InputError, match="3 of colour"):
        strict.step(frames[2])


def test_a_motion_that_is_not_a_number_reads_nothing() -> None:
    images, weights = torch.ones(1, 1, 2, 4, 4), torch.ones(1, 1, 8, 8)
    flows = torch.zeros(1, 1, 2, 8, 8)
    flows[..., 2, 2], flows[..., 3, 3], flows[..., 4, 4] = torch.nan, torch.inf, -1e30
    with torch.inference_mode():
        moved = warp_spread(images, flows, weights, 2)
    assert moved.isfinite().all()
    assert (moved[..., 2, 2] == 0).all()
    assert (moved[..., 4, 4] == 0).all()


@pytest.mark.parametrize("make", [make_nsrr, make_stssnet])
def test_what_is_not_a_rendered_frame_is_refused(make: Any) -> None:
    for wrong in (None, [1], np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(InputError, match="RenderedFrame"):
            make().step(wrong)
    with pytest.raises(InputError, match="matrix"):
        frame(0, size=SIZE, depth=np.ones(SIZE, np.float32).view(np.matrix))
