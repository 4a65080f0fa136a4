"""NTAAU: what it is before any training, what it remembers, and what it is built from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.rendered import planes
from torch import Tensor

from upframe.engine.supersampler import Supersampler
from upframe.errors import CheckpointError
from upframe.models.catalog import Model
from upframe.models.ntaau import NTAAU, behind_edge, build, recognises
from upframe.models.taau import TAAU
from upframe.rendered import RenderedFrame
from upframe.rendered.jitter import halton

SIZE = (40, 56)


def frames(count: int) -> list[RenderedFrame]:
    """Of a plane before a camera that turns."""
    return [planes.render(number, jitter, size=SIZE) for number, jitter in enumerate(halton(count))]


def seeded(scale: int = 2, spread: float = 0.1) -> NTAAU:
    """A network that does something: nothing of what it says is 0."""
    torch.manual_seed(0)
    network = NTAAU(scale, widths=(8, 12, 16))
    torch.nn.init.normal_(network.network.last.weight, std=spread)
    return network.eval().requires_grad_(False)


def supersampler(network: NTAAU) -> Supersampler:
    return Supersampler(Model(network, network.info), device="cpu")


def several(inputs: tuple[Tensor, ...], seed: int) -> tuple[Tensor, ...]:
    """Other values of the same arguments."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(tensor * torch.rand((), generator=generator) + 0.1 for tensor in inputs)


@pytest.mark.parametrize("scale", [2, 3])
def test_before_any_training_it_is_all_but_taau(scale: int) -> None:
    torch.manual_seed(0)
    own, formulas = supersampler(NTAAU(scale).eval()), Supersampler(f"taau-x{scale}", device="cpu")
    for frame in frames(6):
        result, wanted = own.step(frame), formulas.step(frame)
        assert np.sqrt(((result - wanted) ** 2).mean()) < 0.02
    assert not np.array_equal(result, wanted), "a softmax never says 1"


def test_images_of_a_batch_do_not_see_each_other() -> None:
    network = seeded()
    one, other = (several(network.example_inputs(17, 22), seed) for seed in (1, 2))
    together = network(*(torch.cat(pair) for pair in zip(one, other, strict=True)))
    for result, alone in zip(together.split(1), (one, other), strict=True):
        torch.testing.assert_close(result, network(*alone), atol=1e-5, rtol=0)


def test_every_pixel_is_a_mean_of_what_there_is() -> None:
    """It makes nothing up: of a frame and a past of one colour nothing else can come."""
    network = seeded(spread=2.0)
    colour, depth, motion, jitter, reactive, past, weight, past_depth = network.example_inputs(15, 22)
    grey = (torch.full_like(colour, 0.4), depth, motion, jitter, reactive, torch.full_like(past, 0.4), weight, past_depth)
    result = network(*grey)
    torch.testing.assert_close(result[:, :3], torch.full_like(past, 0.4), atol=1e-5, rtol=0)
    assert result[:, 3:].min() > 0


def test_where_something_is_reactive_no_answer_has_anything_of_the_past() -> None:
    network = seeded(spread=2.0)
    colour, depth, motion, jitter, reactive, past, weight, past_depth = network.example_inputs(16, 24)
    marked = torch.ones_like(reactive)
    one = network(colour, depth, motion, jitter, marked, past, weight, past_depth)[:, :3]
    # What the past shows is still seen by the network, but its pixels come from this frame alone.
    brightest, darkest = colour.amax(), colour.amin()
    other = network(colour, depth, motion, jitter, marked, past + 5, weight, past_depth)[:, :3]
    for result in (one, other):
        assert result.max() < brightest + 0.3, "the interpolation may overshoot"
        assert result.min() > darkest - 0.3


def test_a_cut_leaves_nothing_of_the_shot_before() -> None:
    network = seeded()
    shot = frames(5)
    begun, cut = supersampler(network), supersampler(network)
    for frame in shot[:3]:
        cut.step(frame)
    for number, frame in enumerate(shot[3:]):
        np.testing.assert_array_equal(begun.step(frame), cut.step(replace(frame, cut=number == 0)))


def test_what_is_behind_an_edge_and_how_far() -> None:
    depth = torch.full((1, 1, 5, 7), 2.0)
    depth[..., 3:] = 8
    depth[..., 5:] = torch.inf
    expected = torch.tensor((0.0, 0.0, 0.0, 0.75, 0.0, 1.0, 0.0)).expand(1, 1, 5, 7)
    torch.testing.assert_close(behind_edge(depth), expected)
    assert behind_edge(torch.full((1, 1, 3, 3), torch.inf)).eq(0).all()


def test_its_sizes_are_read_off_its_weights() -> None:
    network = seeded(3)
    state = network.state_dict()
    assert recognises(state)
    assert not recognises(TAAU(3).state_dict())
    again = build(state, {})
    assert again.scale == 3
    inputs = network.example_inputs(9, 13)
    assert torch.equal(again.eval()(*inputs), network(*inputs))
    with pytest.raises(CheckpointError, match="looks like an NTAAU but is a variant"):
        build({name: value for name, value in state.items() if "up1" not in name}, {})
