"""What engines say of a frame beside its buffers: pre-exposure, the time since the last one, what is seen through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.engine.test_dynamic_resolution import FULL, view
from tests.engine.test_supersampler import both, make_nsrr, make_taau, run

from upframe.engine.supersampler import Supersampler
from upframe.errors import InputError
from upframe.rendered import RenderedFrame


def lit(time: int, **changes: float) -> RenderedFrame:
    """A moving plain of light, times the pre-exposure."""
    light = view(time, FULL, linear=True, **changes)
    return replace(light, colour=np.asarray(light.colour) * np.float32(light.pre_exposure))


@both
def test_what_was_exposed_before_comes_out_so(make: Callable[[], Supersampler]) -> None:
    plain = run(make(), [lit(time) for time in range(3)])
    exposed = run(make(), [lit(time, pre_exposure=factor) for time, factor in enumerate((0.5, 2.0, 4.0))])
    np.testing.assert_allclose(exposed / 4, plain, rtol=2e-3, atol=2e-3)


@both
def test_no_time_is_no_motion(make: Callable[[], Supersampler]) -> None:
    stands = replace(view(1, FULL), motion=np.zeros((*FULL, 2), np.float32), jitter=(0.25, 0.25))
    paused = replace(view(1, FULL), frame_time=0.0, jitter=(0.25, 0.25))
    np.testing.assert_array_equal(run(make(), [view(1, FULL), paused]), run(make(), [view(1, FULL), stands]))


def test_what_is_seen_through_is_as_reactive() -> None:
    mask = np.zeros(FULL, np.float32)
    mask[:20] = 0.75
    frames = [view(0, FULL), view(1, FULL)]
    plain = run(make_taau(), frames)
    reactive = run(make_taau(), [frames[0], replace(frames[1], reactive=mask)])
    through = run(make_taau(), [frames[0], replace(frames[1], transparency=mask)])
    both_masks = run(make_taau(), [frames[0], replace(frames[1], transparency=mask, reactive=mask / 2)])
    np.testing.assert_array_equal(through, reactive)
    np.testing.assert_array_equal(both_masks, reactive)
    assert np.abs(through - plain).max() > 0.01
    run(make_nsrr(), [replace(frames[0], transparency=mask)])  # which has no use for it


@pytest.mark.parametrize(
    "wrong", [{"pre_exposure": 0.0}, {"pre_exposure": np.nan}, {"frame_time": -1.0}, {"frame_time": np.inf}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        view(0, FULL, **wrong)
