"""The BD degradation: equal to the published one, and placed where it says."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.blur import downscale_bd, gaussian_taps


@pytest.fixture(scope="session")
def golden(reference: Reference) -> dict[str, Tensor]:
    return reference.tensors("frvsr/golden_ops.safetensors")


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("padded", [True, False])
def test_it_equals_the_published_one(golden: dict[str, Tensor], scale: int, padded: bool) -> None:
    expected = golden[f"bd_x{scale}.output_{'padded' if padded else 'unpadded'}"]
    assert_known(downscale_bd(golden["bd.hr"], scale, padded=padded), expected, atol=1e-5)


def test_the_gaussian_is_the_published_one(golden: dict[str, Tensor]) -> None:
    taps = gaussian_taps(1.5)
    assert_known(taps[:, None] * taps, golden["bd.kernel"][0, 0], atol=1e-7)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize(("padded", "start"), [(True, 0), (False, 4)])
def test_every_sample_lies_where_it_says(scale: int, padded: bool, start: int) -> None:
    ramp = torch.arange(40, dtype=torch.float64).expand(1, 1, 12, 40)  # a symmetric blur leaves a ramp as it is
    samples = downscale_bd(ramp, scale, padded=padded)[0, 0, 0]
    positions = start + scale * torch.arange(len(samples), dtype=torch.float64)
    inside = (positions >= 4) & (positions < 36)  # elsewhere the mirrored outside bends it
    assert inside.any()
    torch.testing.assert_close(samples[inside], positions[inside])


def test_without_padding_the_samples_are_the_padded_ones_of_the_inside() -> None:
    image = torch.rand(2, 3, 21, 30, dtype=torch.float64)
    torch.testing.assert_close(downscale_bd(image, 4, padded=False), downscale_bd(image, 4)[..., 1:5, 1:7])


@pytest.mark.parametrize("size", [(5, 5), (9, 13), (16, 10)])
def test_sizes_are_rounded_up_and_an_even_grey_stays_even(size: tuple[int, int]) -> None:
    small = downscale_bd(torch.full((2, 4, 3, *size), 0.37), 4)
    torch.testing.assert_close(small, torch.full((2, 4, 3, -(-size[0] // 4), -(-size[1] // 4)), 0.37))


def test_gradients_flow() -> None:
    image = torch.rand(1, 2, 10, 9, dtype=torch.float64, requires_grad=True)
    for padded in (True, False):
        assert torch.autograd.gradcheck(lambda x, p=padded: downscale_bd(x, 2, padded=p), (image,))


@pytest.mark.parametrize(
    ("image", "padded", "words"),
    [
        (torch.zeros(1, 3, 4, 20), True, "4x20 .* too small to blur: sigma 1.5 needs 5x5"),
        (torch.zeros(1, 3, 20, 8), False, "20x8 .* needs 9x9"),
        (torch.zeros(1, 3, 20, 20, dtype=torch.uint8), True, "floating-point"),
    ],
)
def test_what_cannot_be_blurred_is_refused(image: Tensor, padded: bool, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        downscale_bd(image, 2, padded=padded)
