"""The upscalings of FRVSR: equal to the published ones, and aligned as they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.ops.blur import downscale_bd
from upframe.ops.interpolate import Degradation, interpolate, interpolate_bicubic, interpolate_bilinear

UPSCALINGS = [interpolate_bicubic, interpolate_bilinear]


@pytest.mark.parametrize("degradation", ["BD", "BI"])
@pytest.mark.parametrize("scale", [2, 4])
def test_it_equals_the_published_one(reference: Reference, degradation: Degradation, scale: int) -> None:
    golden = reference.tensors("frvsr/golden_ops.safetensors")
    upscaled = interpolate(golden["upsample.input"], scale, degradation)
    assert_known(upscaled, golden[f"upsample_{degradation}_x{scale}.output"], atol=1e-5)


def test_bicubic_has_the_weights_of_cubic_convolution_with_minus_three_quarters() -> None:
    impulse = torch.zeros(1, 1, 1, 7, dtype=torch.float64)
    impulse[..., 3] = 1
    row = interpolate_bicubic(impulse, 2)[0, 0, 0]
    # Half-way between samples: a / 8 from the far two and (4 - a) / 8 from the near two, a = -0.75.
    known = torch.tensor([0, 0, 0, -3, 0, 19, 32, 19, 0, -3, 0, 0, 0, 0], dtype=torch.float64) / 32
    torch.testing.assert_close(row, known)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_keeps_every_sample_at_the_top_left_of_its_cell(scale: int) -> None:
    image = torch.rand(1, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(interpolate_bicubic(image, scale)[..., ::scale, ::scale], image)


@pytest.mark.parametrize(
    ("function", "offset", "scale"),
    [(interpolate_bicubic, 0, 2), (interpolate_bilinear, 0.5, 2), (interpolate_bilinear, 0.5, 4)],
)
def test_a_ramp_stays_in_its_place(function: Callable[[Tensor, int], Tensor], offset: float, scale: int) -> None:
    ramp = torch.arange(12, dtype=torch.float64).expand(1, 2, 3, 12) + offset  # the position of each sample's centre
    upscaled = function(ramp, scale)[0, 0, 0]
    positions = (torch.arange(12 * scale, dtype=torch.float64) + offset) / scale
    inside = slice(2 * scale, -2 * scale)
    torch.testing.assert_close(upscaled[inside], positions[inside])


@pytest.mark.parametrize("scale", [2, 4])
def test_upscaling_a_bd_image_does_not_move_it(scale: int) -> None:
    columns = torch.arange(64, dtype=torch.float64).expand(1, 1, 16, 64)
    there_and_back = interpolate(downscale_bd(columns, scale), scale, "BD")
    known = (..., slice(16, -16, scale // 2))  # samples and half-way points; this cubic bends a ramp at the quarters
    torch.testing.assert_close(there_and_back[known], columns[known])


@pytest.mark.parametrize("function", UPSCALINGS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3)])
def test_outside_the_border_is_repeated(function: Callable[[Tensor, int], Tensor], size: tuple[int, int]) -> None:
    torch.testing.assert_close(function(torch.full((2, 3, *size), 0.6), 4), torch.full((2, 3, 4 * size[0], 4 * size[1]), 0.6))


@pytest.mark.parametrize("function", UPSCALINGS)
def test_gradients_flow(function: Callable[[Tensor, int], Tensor]) -> None:
    image = torch.rand(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: function(x, 2), (image,))
