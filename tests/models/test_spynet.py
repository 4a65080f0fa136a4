"""SPyNet: equal to the published network, at any size, with and without the normalisation in its file."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import ShapeError
from upframe.models.spynet import SPyNet


@pytest.fixture
def spynet(reference: Reference) -> SPyNet:
    """The network with the weights the reference flows were computed with."""
    state = reference.tensors("ttvsr/seeded_nb2.safetensors")
    network = SPyNet()
    network.load_state_dict({k.removeprefix("spynet."): v.float() for k, v in state.items() if k.startswith("spynet.")})
    return network.eval().requires_grad_(False)


@pytest.fixture
def golden(reference: Reference) -> dict[str, Tensor]:
    return reference.tensors("ttvsr/golden.safetensors")


def test_the_flow_is_the_published_one(spynet: SPyNet, golden: dict[str, Tensor]) -> None:
    frames = golden["input"][0]
    assert_known(spynet(frames[:-1], frames[1:]), golden["spynet_flow"], atol=1e-4)


def test_a_size_that_is_no_multiple_of_32_has_the_published_flow(spynet: SPyNet, golden: dict[str, Tensor]) -> None:
    flow = spynet(golden["spynet_odd_ref"], golden["spynet_odd_supp"])
    assert_known(flow, golden["spynet_odd_flow"], atol=1e-4)


def test_it_has_as_many_parameters_as_published() -> None:
    assert sum(p.numel() for p in SPyNet().parameters()) == 1_440_300


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (32, 64), (40, 7)])
def test_every_size_of_image_has_a_flow_of_its_size(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    flow = SPyNet()(torch.rand(2, 3, *size), torch.rand(2, 3, *size))
    assert flow.shape == (2, 2, *size)
    assert bool(flow.isfinite().all())


def test_a_file_without_the_normalisation_is_complete() -> None:
    network = SPyNet()
    state = {name: value for name, value in network.state_dict().items() if name not in {"mean", "std"}}
    again = SPyNet()
    again.load_state_dict(state)
    images = torch.rand(2, 1, 3, 32, 32)
    torch.testing.assert_close(again(*images), network(*images), atol=0, rtol=0)
    assert "mean" not in state  # what was read is not written to


def test_a_file_with_a_normalisation_of_its_own_is_taken_at_its_word() -> None:
    network = SPyNet()
    network.load_state_dict(network.state_dict() | {"mean": torch.full((1, 3, 1, 1), 0.5)})
    assert float(network.mean.sum()) == 1.5


def test_the_images_are_not_changed() -> None:
    images = torch.rand(2, 1, 3, 32, 64)
    before = images.clone()
    SPyNet()(*images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("shapes", [((1, 3, 32, 32), (1, 3, 32, 64)), ((3, 32, 32), (3, 32, 32)), ((1, 1, 8, 8), (1, 1, 8, 8))])
def test_images_that_do_not_fit_together_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ShapeError, match="two images of one shape"):
        SPyNet()(*(torch.rand(shape) for shape in shapes))
