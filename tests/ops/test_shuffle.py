"""Pixels into channels, and pixels spread apart."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known

from upframe.errors import ShapeError
from upframe.ops.shuffle import space_to_depth, zero_upsample


@pytest.mark.parametrize("factor", [2, 4])
def test_folding_equals_the_published_one(reference: Reference, factor: int) -> None:
    golden = reference.tensors("frvsr/golden_ops.safetensors")
    folded = space_to_depth(golden["space_to_depth.input"], factor)
    assert_known(folded, golden[f"space_to_depth_{factor}.output"], atol=0)


def test_spreading_equals_the_published_one(reference: Reference) -> None:
    golden = reference.tensors("nsrr/golden.safetensors")
    assert torch.equal(zero_upsample(golden["zero_upsampling.input"], 4), golden["zero_upsampling.output"])


def test_the_channels_are_ordered_by_row_then_column_then_colour() -> None:
    image = torch.tensor([[[[1, 2], [3, 4]], [[10, 20], [30, 40]]]])  # two colours, one block of 2x2
    assert space_to_depth(image, 2).flatten().tolist() == [1, 10, 2, 20, 3, 30, 4, 40]


def test_a_spread_pixel_is_the_top_left_of_its_cell() -> None:
    spread = zero_upsample(torch.tensor([[[[5, 6]]]]), 3)
    assert spread.flatten(1).tolist() == [[5, 0, 0, 6, 0, 0] + [0] * 12]


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_folding_a_spread_image_finds_it_in_the_first_channels(factor: int) -> None:
    image = torch.rand(2, 3, 4, 5)
    folded = space_to_depth(zero_upsample(image, factor), factor)
    assert folded.shape == (2, 3 * factor**2, 4, 5)
    assert torch.equal(folded[:, :3], image)
    assert not folded[:, 3:].any()


def test_gradients_flow_through_both() -> None:
    image = torch.rand(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: space_to_depth(x, 2), (image,))
    assert torch.autograd.gradcheck(lambda x: zero_upsample(x, 2), (image,))


def test_a_size_that_cannot_be_folded_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"6x5 .* no multiple of 2"):
        space_to_depth(torch.zeros(1, 3, 6, 5), 2)
