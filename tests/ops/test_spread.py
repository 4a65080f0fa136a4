"""Zero-upsampled maps that are never made: the same values as from those that are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from upframe.errors import ShapeError
from upframe.ops.shuffle import zero_upsample
from upframe.ops.spread import spread_conv, warp_spread
from upframe.ops.warp import warp

TOLERANCE = 2e-5  # positions of the plain form are rounded by up to 1e-5 of a pixel at these sizes


def frames(n: int, t: int, channels: int, size: tuple[int, int], factor: int, reach: float) -> tuple[Tensor, Tensor, Tensor]:
    """Images, flows of which some leave the image, and weights."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, t, channels, *size, generator=generator)
    large = (factor * size[0], factor * size[1])
    flows = reach * torch.randn(n, t, 2, *large, generator=generator)
    flows[:, -1] = 0
    return images, flows, torch.rand(n, t, *large, generator=generator)


def plainly(images: Tensor, flows: Tensor, weights: Tensor, factor: int) -> Tensor:
    n, t = images.shape[:2]
    moved = [warp(zero_upsample(images[:, i], factor), flows[:, i], padding="zeros") * weights[:, i, None] for i in range(t)]
    return torch.cat(moved, dim=1).view(n, -1, *flows.shape[-2:])


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("reach", [0.0, 0.7, 5.0, 100.0])
def test_sparse_images_move_as_if_their_zeros_were_there(factor: int, reach: float) -> None:
    given = frames(2, 3, 5, (6, 9), factor, reach)
    with torch.inference_mode():
        result, expected = warp_spread(*given, factor), plainly(*given, factor)
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < TOLERANCE
    assert reach == 100 or expected.abs().max() > 0.1


def test_whole_and_half_pixels_land_where_they_should() -> None:
    images, weights = torch.ones(1, 1, 1, 2, 2), torch.ones(1, 1, 4, 4)
    flows = torch.zeros(1, 1, 2, 4, 4)
    flows[:, :, 0] = 0.5
    with torch.inference_mode():
        moved = warp_spread(images, flows, weights, 2)[0, 0]
    expected = torch.zeros(4, 4)
    expected[::2] = torch.tensor([0.5, 0.5, 0.5, 0])  # half of the sample to the left or right; beyond the last there is none
    assert torch.equal(moved, expected)


def test_moving_in_half_precision_keeps_positions_exact() -> None:
    images, flows, weights = frames(1, 2, 4, (8, 700), 4, 3.0)
    with torch.inference_mode():
        expected = warp_spread(images, flows, weights, 4)
        result = warp_spread(images.half(), flows, weights.half(), 4)
    assert result.dtype is torch.float16
    assert (result - expected).abs().max() < 2e-3


def test_sparse_images_pass_gradients_on() -> None:
    images, flows, weights = frames(1, 2, 3, (4, 5), 2, 1.0)
    images.requires_grad_()
    warp_spread(images, flows, weights, 2).sum().backward()  # type: ignore[no-untyped-call]  # torch has no types here
    assert images.grad is not None
    assert images.grad.abs().max() > 0


def test_sizes_that_do_not_belong_together_are_named() -> None:
    images, flows, weights = frames(1, 2, 3, (4, 5), 2, 1.0)
    for wrong in ((images, flows[..., 1:], weights), (images, flows, weights[:, :1])):
        with pytest.raises(ShapeError, match="spread by 2"):
            warp_spread(*wrong, 2)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
def test_a_convolution_sees_sparse_images_as_if_their_zeros_were_there(factor: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(5, 8, 3, padding=1)
    image = torch.randn(2, 5, 6, 7).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = conv(zero_upsample(image, factor))
        result = spread_conv(image, conv, factor)
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < 1e-6


def test_a_convolution_of_sparse_images_can_be_trained() -> None:
    conv = nn.Conv2d(5, 8, 3, padding=1)
    spread_conv(torch.randn(1, 5, 6, 7), conv, 4).sum().backward()  # type: ignore[no-untyped-call]  # torch has no types here
    assert conv.weight.grad is not None
    assert conv.weight.grad.abs().max() > 0
