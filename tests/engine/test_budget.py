"""The render size that a budget allows."""

from __future__ import annotations

import pytest

import upframe
from upframe.errors import InputError

DISPLAY = (50, 66)


def test_the_largest_render_size_within_the_budget_is_chosen() -> None:
    found = upframe.render_size(DISPLAY, 60_000, models=["taau-x4", "taau-x2"], frames=1)
    assert (found.model, found.size) == ("taau-x2", (25, 33))
    assert 0 < found.milliseconds < 60_000


def test_sides_that_the_scale_does_not_divide_are_rounded_up() -> None:
    assert upframe.render_size(DISPLAY, 60_000, models=["taau-x4"], frames=1).size == (13, 17)


def test_a_budget_that_nothing_meets_is_refused_with_the_least_there_is() -> None:
    with pytest.raises(
        InputError, match=r"no model is quick enough: taau-x[24] takes [0-9.]+ ms a frame of .*, not 0.001"
    ) as found:
        upframe.render_size(DISPLAY, 0.001, models=["taau-x2", "taau-x4"], frames=1)
    assert "smaller display size" in str(found.value.remedy)
    with pytest.raises(InputError, match="no models"):
        upframe.render_size(DISPLAY, 1, models=[])
