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
from upframe.models.ntaau import FEATURES, NTAAU, behind_edge, build, recognises
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
        assert np.sqrt(((result - wanted) ** 2).mean()) < 0.01
    assert not np.array_equal(result, wanted), "a logistic function never says 1"


def test_images_of_a_batch_do_not_see_each_other() -> None:
    network = seeded()
    one, other = (several(network.example_inputs(17, 22), seed) for seed in (1, 2))
    together = network(*(torch.cat(pair) for pair in zip(one, other, strict=True)))
    for result, alone in zip(together.split(1), (one, other), strict=True):
        torch.testing.assert_close(result, network(*alone), atol=1e-5, rtol=0)


def test_its_features_come_back_in_the_next_frame_where_their_pixel_is_then() -> None:
    network = seeded()
    colour, depth, motion, *others, features, past_depth = network.example_inputs(16, 24)
    marked = features.clone()
    marked[..., 10:12, 20:22] = 1
    motion = motion + torch.tensor((4.0, 0.0)).view(1, 2, 1, 1)  # where it was, 4 pixels to the right
    arguments = (colour, depth, motion, *others)
    changed = (network(*arguments, features, past_depth) - network(*arguments, marked, past_depth)).abs().amax(dim=(0, 1))
    rows, columns = torch.nonzero(changed > changed.max() / 2, as_tuple=True)
    assert abs(rows.float().mean() - 10.5) < 3
    assert abs(columns.float().mean() - (20.5 - 8)) < 3


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


def test_it_has_a_past_of_every_channel_it_remembers() -> None:
    past = seeded().new_history()
    frame = {
        "colour": torch.rand(1, 3, 6, 8),
        "depth": torch.ones(1, 1, 6, 8),
        "motion": torch.zeros(1, 2, 6, 8),
        "jitter": torch.zeros(1, 2, 1, 1),
    }
    assert past.inputs(frame).arguments["features"].shape == (1, FEATURES, 12, 16)
    left = torch.rand(1, 4 + FEATURES, 12, 16)
    past.remember(left)
    assert torch.equal(past.inputs(frame).arguments["features"], left[:, 4:])
