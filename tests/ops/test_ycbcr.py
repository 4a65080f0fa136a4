"""The YCbCr kinds of the papers: the published numbers, and the corners of the colour cube."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.ycbcr import luma_bt601, rgb_to_ycbcr_full, rgb_to_ycbcr_uint8, ycbcr_full_to_rgb

# BT.601-7, table 3: 100 % colour bars in 8 bits, limited range.
BARS = {
    (255, 255, 255): (235, 128, 128),
    (255, 255, 0): (210, 16, 146),
    (0, 255, 255): (170, 166, 16),
    (0, 255, 0): (145, 54, 34),
    (255, 0, 255): (106, 202, 222),
    (255, 0, 0): (81, 90, 240),
    (0, 0, 255): (41, 240, 110),
    (0, 0, 0): (16, 128, 128),
}


def test_whole_codes_equal_the_published_ones(reference: Reference) -> None:
    golden = reference.tensors("frvsr/golden_ops.safetensors")
    codes = rgb_to_ycbcr_uint8(golden["rgb_to_ycbcr_uint8.input"].permute(2, 0, 1))
    assert torch.equal(codes.permute(1, 2, 0), golden["rgb_to_ycbcr_uint8.output"])


def test_full_range_equals_the_published_one_there_and_back(reference: Reference) -> None:
    golden = reference.tensors("nsrr/golden.safetensors")
    assert_known(rgb_to_ycbcr_full(golden["ycbcr.input"]), golden["ycbcr.output"], atol=1e-6)
    assert_known(ycbcr_full_to_rgb(golden["ycbcr.output"]), golden["ycbcr.back"], atol=1e-6)


def test_colour_bars_have_the_codes_of_the_standard() -> None:
    colours = torch.tensor(list(BARS), dtype=torch.uint8).T.reshape(3, 2, 4)
    expected = torch.tensor(list(BARS.values()), dtype=torch.uint8).T.reshape(3, 2, 4)
    assert torch.equal(rgb_to_ycbcr_uint8(colours), expected)
    luma = luma_bt601(colours.double() / 255) * 255
    torch.testing.assert_close(luma.round(), expected[:1].double(), rtol=0, atol=0)


def test_the_luma_of_floats_rounds_to_the_luma_of_codes() -> None:
    codes = torch.randint(0, 256, (2, 4, 3, 20, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    luma = luma_bt601(codes.double() / 255)
    assert luma.shape == (2, 4, 1, 20, 30)
    distance = (luma * 255 - rgb_to_ycbcr_uint8(codes)[..., :1, :, :]).abs().max()
    assert 0.4 < distance <= 0.5 + 1e-9


def test_full_range_spans_0_to_1_and_grey_has_no_colour() -> None:
    cube = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3).T.reshape(3, 2, 4)
    ycbcr = rgb_to_ycbcr_full(cube)
    assert ycbcr.min() >= 0
    assert ycbcr.max() <= 1
    grey = rgb_to_ycbcr_full(torch.full((3, 1, 1), 0.3, dtype=torch.float64)).flatten()
    torch.testing.assert_close(grey, torch.tensor([0.3, 0.5, 0.5], dtype=torch.float64))


def test_full_range_comes_back_exactly() -> None:
    image = torch.rand(2, 3, 30, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(ycbcr_full_to_rgb(rgb_to_ycbcr_full(image)), image, rtol=0, atol=1e-12)


def test_gradients_flow() -> None:
    image = torch.rand(1, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    for function in (luma_bt601, rgb_to_ycbcr_full, ycbcr_full_to_rgb):
        assert torch.autograd.gradcheck(function, (image,))


def test_what_is_given_is_not_changed() -> None:
    codes = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8)
    image = codes / 255
    before = codes.clone(), image.clone()
    rgb_to_ycbcr_uint8(codes)
    for function in (luma_bt601, rgb_to_ycbcr_full, ycbcr_full_to_rgb):
        function(image)
    assert torch.equal(codes, before[0])
    assert torch.equal(image, before[1])


@pytest.mark.parametrize("image", [torch.zeros(1, 4, 5, 5), torch.zeros(3, 5), torch.zeros(5, 5, 3)])
def test_what_is_no_colour_image_is_refused(image: Tensor) -> None:
    for function in (luma_bt601, rgb_to_ycbcr_full, ycbcr_full_to_rgb):
        with pytest.raises(ShapeError, match=r"\(\.\.\., 3, h, w\)"):
            function(image)
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3, h, w\)"):
        rgb_to_ycbcr_uint8(image.byte())


def test_codes_and_values_are_not_mixed_up() -> None:
    codes = torch.zeros(3, 4, 4, dtype=torch.uint8)
    with pytest.raises(ShapeError, match="floating-point"):
        luma_bt601(codes)
    with pytest.raises(ShapeError, match="needs uint8"):
        rgb_to_ycbcr_uint8(codes.float())
