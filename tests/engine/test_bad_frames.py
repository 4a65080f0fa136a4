"""One bad sample of a rendered frame changes what is around it, for as long as the past holds it, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.test_supersampler import Array, both, frame, make_nsrr, make_ntaau, make_stssnet, make_taau

from upframe.engine.supersampler import Supersampler
from upframe.errors import InputError
from upframe.models.catalog import Model
from upframe.ops.spread import warp_spread
from upframe.rendered import RenderedFrame
from upframe.rendered.repair import BRIGHTEST, repaired

SIZE = (24, 96)
FAR = 150  # columns of the result: beyond those nothing may change; STSSNet sees 60 pixels far, in the result 120
PIXEL, BLOCK = np.s_[10, 10], np.s_[8:12, 9:13]
FAULTS: dict[str, list[tuple[Any, float]]] = {
    "colour": [
        (PIXEL, np.nan),
        (BLOCK, np.nan),
        (PIXEL, np.inf),
        (BLOCK, np.inf),
        (PIXEL, -np.inf),
        (PIXEL, 60000.0),
        (BLOCK, 60000.0),
        (PIXEL, 1e30),
        (PIXEL, -5.0),
    ],
    "motion": [(PIXEL, np.nan), (BLOCK, np.nan), (PIXEL, np.inf), (PIXEL, -np.inf), (PIXEL, 1e9), (BLOCK, -1e30)],
    "depth": [(PIXEL, np.nan), (BLOCK, 0.0), (PIXEL, -1.0), (PIXEL, 1e-6), (PIXEL, 1e30)],
    "normal": [(PIXEL, np.nan), (BLOCK, np.inf)],
    "albedo": [(PIXEL, 1e30), (PIXEL, np.nan)],
    "roughness": [(PIXEL, np.nan)],
    "metallic": [(PIXEL, -np.inf)],
}
"""Of each buffer, one in each frame."""


def still(count: int) -> list[RenderedFrame]:
    """A wall that stands still, three times as bright as white."""
    wall = frame(0, size=SIZE, speed=0.0, linear=True)
    return [replace(wall, colour=3 * np.asarray(wall.colour), jitter=(0.0, 0.01 * (time % 2))) for time in range(count)]


def planted(rendered: RenderedFrame, name: str, place: Any, value: float) -> RenderedFrame:
    buffer = np.array(getattr(rendered, name))
    buffer[place] = value
    return replace(rendered, **{name: buffer})


def results(supersampler: Supersampler, frames: list[RenderedFrame]) -> list[Array]:
    return [np.asarray(supersampler.step(rendered)) for rendered in frames]


@both
def test_no_bad_sample_spreads(make: Any) -> None:
    """In every frame a fault of every buffer, each another one; then four good frames."""
    longest = max(map(len, FAULTS.values()))
    clean = still(longest + 5)
    spoilt = clean.copy()
    for name, faults in FAULTS.items():
        for number, (place, value) in enumerate(faults, start=1):
            spoilt[number] = planted(spoilt[number], name, place, value)
    found, expected = results(make(), spoilt), results(make(), clean)
    for number, (result, right) in enumerate(zip(found, expected, strict=True)):
        assert np.isfinite(result).all(), f"frame {number}"
        np.testing.assert_allclose(result[:, FAR:], right[:, FAR:], rtol=1e-4, atol=1e-4, err_msg=f"frame {number}")


@pytest.mark.parametrize(("make", "frames"), [(make_nsrr, 5), (make_stssnet, 3), (make_taau, None), (make_ntaau, None)])
@pytest.mark.parametrize("name", ["colour", "motion", "depth"])
def test_what_is_repaired_is_as_good_as_what_is_around_and_is_forgotten(make: Any, frames: int | None, name: str) -> None:
    clean = still(7)
    spoilt = [planted(rendered, name, PIXEL, np.nan) if number == 1 else rendered for number, rendered in enumerate(clean)]
    found, expected = results(make(), spoilt), results(make(), clean)
    errors = [float(np.abs(result - right).max()) for result, right in zip(found, expected, strict=True)]
    assert errors[1] < 0.15, "of light up to 3"
    if frames is None:  # a past that has no end, but fades
        assert errors[6] <= max(0.7 * errors[1], 1e-5)
    else:
        assert max(errors[1 + frames :]) < 1e-5


def test_a_bad_sample_is_the_mean_of_the_good_ones_around_it() -> None:
    place = torch.arange(35.0).view(1, 1, 5, 7)
    colour, depth = place.repeat(1, 3, 1, 1), 1 / (1 + place)
    colour[..., 2, 3], depth[..., 2, 3] = torch.nan, -1
    colour[..., 0, 0], colour[0, 1, 0, 1] = torch.inf, -torch.inf
    whole = repaired({"colour": colour, "depth": depth})
    torch.testing.assert_close(whole["colour"][0, :, 2, 3], torch.full((3,), 17.0))
    torch.testing.assert_close(whole["depth"][0, 0, 2, 3], torch.tensor(1 / 18))
    torch.testing.assert_close(whole["colour"][0, :, 0, 0], torch.tensor([(1 + 7 + 8) / 3, 7.5, (1 + 7 + 8) / 3]))
    assert torch.isnan(colour[0, 0, 2, 3]), "what was given stays as it is"


def test_where_nothing_is_good_there_is_darkness_background_or_the_brightest() -> None:
    nothing = {"colour": torch.full((1, 3, 4, 4), torch.nan), "depth": torch.zeros(1, 1, 4, 4)}
    whole = repaired(nothing | {"motion": torch.full((1, 2, 4, 4), torch.inf)})
    assert (whole["colour"] == 0).all()
    assert (whole["depth"] == torch.inf).all()
    assert (whole["motion"] == 0).all()
    assert (repaired({"colour": torch.full((1, 3, 4, 4), torch.inf)})["colour"] == BRIGHTEST).all()


@both
def test_bad_samples_are_told_once_and_refused_where_it_is_strict(make: Any) -> None:
    notes: list[str] = []
    ready, good = make(), still(1)[0]
    bad = planted(good, "colour", PIXEL, np.nan)
    told = Supersampler(Model(ready.network, ready.info), device="cpu", on_note=notes.append)
    for rendered in (good, bad, bad, planted(good, "depth", PIXEL, 0.0), good):
        told.step(rendered)
    assert len(notes) == 1
    assert "3 of colour" in notes[0]
    strict = Supersampler(Model(ready.network, ready.info), device="cpu", strict=True)
    strict.step(planted(good, "motion", PIXEL, np.nan))  # of a first frame it is not read
    with pytest.raises(InputError, match="3 of colour"):
        strict.step(bad)
    with pytest.raises(InputError, match="2 of motion"):
        strict.step(planted(good, "motion", PIXEL, np.nan))


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
