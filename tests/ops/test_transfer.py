"""The curve that lets a network for display images upscale scene-linear ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from upframe.ops.transfer import decode_linear, encode_linear


@pytest.fixture(scope="module")
def light() -> Tensor:
    """Every half float above zero, and what is between in float32, up to 65504."""
    halves = torch.arange(1, 0x7C00, dtype=torch.int16).view(torch.float16).float()
    random = torch.rand(100_000, generator=torch.Generator().manual_seed(0)) * 50 - 33
    return torch.cat((halves, random.exp2().clamp_max(65504))).sort().values


@pytest.mark.parametrize("sign", [1, -1])
def test_light_of_any_brightness_comes_back(light: Tensor, sign: int) -> None:
    torch.testing.assert_close(decode_linear(encode_linear(sign * light)), sign * light, rtol=1e-5, atol=0)


def test_what_a_network_returns_can_be_encoded_again() -> None:
    encoded = torch.linspace(-5.9, 5.9, 200_001)
    torch.testing.assert_close(encode_linear(decode_linear(encoded)), encoded, rtol=1e-5, atol=1e-6)


def test_up_to_one_it_is_srgb() -> None:
    light = np.linspace(0, 1, 100_001)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(encode_linear(torch.from_numpy(light)).numpy(), srgb, rtol=0, atol=1e-7)


def test_brighter_is_always_brighter(light: Tensor) -> None:
    rising = light.double()
    assert (encode_linear(rising).diff() > 0)[rising.diff() > 0].all()


@pytest.mark.parametrize("joint", [0.00313066844250063, 1.0])
def test_the_pieces_meet_without_a_step(joint: float) -> None:
    around = torch.tensor([joint * (1 - 1e-12), joint * (1 + 1e-12)], dtype=torch.float64)
    assert encode_linear(around).diff().abs() < 1e-11


def test_the_slope_goes_on_above_one() -> None:
    around = encode_linear(torch.tensor([1 - 1e-5, 1, 1 + 1e-5], dtype=torch.float64)).diff()
    assert around[1] == pytest.approx(float(around[0]), rel=1e-4)


def test_black_and_its_sign_are_kept() -> None:
    zeros = torch.tensor([0.0, -0.0])
    for curve in (encode_linear, decode_linear):
        assert torch.equal(curve(zeros), zeros)
        assert torch.equal(curve(zeros).signbit(), zeros.signbit())


def test_the_largest_half_float_stays_in_a_networks_reach() -> None:
    assert encode_linear(torch.tensor(65504.0)) == pytest.approx(5.87, abs=0.01)


def test_the_image_given_is_not_changed() -> None:
    image = torch.rand(1, 3, 4, 4) * 3 - 1
    before = image.clone()
    decode_linear(image)
    encode_linear(image)
    assert torch.equal(image, before)
