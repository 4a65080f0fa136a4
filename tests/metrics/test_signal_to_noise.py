"""PSNR, whole, masked and of the change between frames."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.metrics.moving_square import moving_square
from torch import Tensor

from upframe.errors import InputError, ShapeError
from upframe.metrics import psnr, temporal_psnr


def test_psnr_is_that_of_the_published_script(pair: tuple[Tensor, Tensor], values: dict[str, Any]) -> None:
    for border in (0, 2, 3, 4):
        result, reference = (frame[:, border : 200 - border, border : 240 - border] for frame in pair)
        assert psnr(result, reference) == pytest.approx(values[f"rt4ksr.crop{border}"]["psnr_rgb"], abs=1e-4)


def test_one_code_apart_everywhere_is_48_decibels() -> None:
    grey = torch.full((3, 16, 16), 100, dtype=torch.uint8)
    assert psnr(grey, grey + 1) == pytest.approx(20 * math.log10(255), abs=1e-9)
    assert psnr(grey / 255, (grey + 1) / 255) == pytest.approx(20 * math.log10(255), abs=1e-4)


def test_equal_images_have_infinite_psnr() -> None:
    frame = torch.rand(3, 8, 8)
    assert psnr(frame, frame.clone()) == math.inf


def test_several_images_give_the_mean_of_their_values() -> None:
    a, b = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    assert psnr(a, b) == pytest.approx((psnr(a[0], b[0]) + psnr(a[1], b[1])) / 2)


def test_a_mask_counts_only_its_pixels() -> None:
    reference = torch.zeros(3, 8, 8)
    result = reference.clone()
    result[:, :2] = 0.5
    mask = torch.zeros(8, 8)
    mask[:2] = 1
    assert psnr(result, reference, mask=mask) == pytest.approx(-20 * math.log10(0.5))
    assert psnr(result, reference, mask=1 - mask) == math.inf
    assert math.isnan(psnr(result, reference, mask=mask * 0))


def test_flicker_that_the_reference_lacks_lowers_temporal_psnr() -> None:
    before, now = moving_square(2)
    assert temporal_psnr(before, now, before, now) == math.inf
    # An error that stays is not flicker.
    assert temporal_psnr(before / 2 + 0.1, now / 2 + 0.1, before / 2, now / 2) > 80
    assert temporal_psnr(before, (now - 0.1).clamp(0, 1), before, now) == pytest.approx(20, abs=0.5)


def test_different_sizes_are_told_with_both() -> None:
    with pytest.raises(ShapeError, match="result is 20x16, but the reference is 40x32"):
        psnr(torch.rand(3, 16, 20), torch.rand(3, 32, 40))


def test_different_types_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"torch\.uint8.*torch\.float32"):
        psnr(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8))


def test_values_that_are_no_numbers_are_counted() -> None:
    result = torch.rand(3, 8, 8)
    result[0, 0, :2] = torch.nan
    result[1, 1, 1] = torch.inf
    with pytest.raises(InputError, match="the result has 3 of 192 values that are not finite"):
        psnr(result, torch.rand(3, 8, 8))
    with pytest.raises(InputError, match="the reference has 3 of 192"):
        psnr(torch.rand(3, 8, 8), result)


def test_large_values_are_numbers_too() -> None:
    assert psnr(torch.full((3, 8, 8), 65504, dtype=torch.float16), torch.zeros(3, 8, 8, dtype=torch.float16)) < -90
