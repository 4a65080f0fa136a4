"""SSIM and its windows."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from upframe.errors import ShapeError
from upframe.metrics import SSIMWindow, ssim, ssim_map
from upframe.metrics.structural import GAUSSIAN, PADDED, TECOGAN


def direct_ssim(x: Tensor, y: Tensor, size: int = 11, sigma: float = 1.5) -> Tensor:
    """The formula of the paper, in double precision and window by window: (h, w) twice -> (h - size + 1, w - size + 1)."""
    taps = torch.exp(-((torch.arange(size, dtype=torch.float64) - size // 2) ** 2) / (2 * sigma**2))
    window = torch.outer(taps, taps) / taps.sum() ** 2
    a, b = (t.double().unfold(0, size, 1).unfold(1, size, 1) for t in (x, y))
    mean_a, mean_b = (a * window).sum((-1, -2)), (b * window).sum((-1, -2))
    variance_a = (a * a * window).sum((-1, -2)) - mean_a**2
    variance_b = (b * b * window).sum((-1, -2)) - mean_b**2
    covariance = (a * b * window).sum((-1, -2)) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return above / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))


@pytest.fixture
def noisy() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    clean = torch.rand(3, 90, 70, generator=generator) * 0.2 + 0.7
    return (clean + 0.02 * torch.randn(clean.shape, generator=generator)).clamp(0, 1), clean


def test_ssim_is_that_of_the_published_script(pair: tuple[Tensor, Tensor], values: dict[str, Any]) -> None:
    for border in (0, 2, 3, 4):
        result, reference = (frame[:, border : 200 - border, border : 240 - border] for frame in pair)
        assert ssim(result, reference) == pytest.approx(values[f"rt4ksr.crop{border}"]["ssim_rgb"], abs=1e-5)


def test_single_precision_and_bands_cost_no_accuracy(noisy: tuple[Tensor, Tensor]) -> None:
    result, reference = noisy
    expected = torch.stack([direct_ssim(a, b) for a, b in zip(result, reference, strict=True)])
    assert ssim(result, reference) == pytest.approx(expected.mean().item(), abs=1e-6)
    assert ssim(result.double(), reference.double()) == pytest.approx(expected.mean().item(), abs=1e-12)
    assert (ssim_map(result, reference)[0] - expected).abs().max() < 1e-4


def test_a_bright_flat_image_keeps_its_accuracy() -> None:
    bright = torch.full((3, 32, 32), 0.98)
    assert ssim(bright, bright.clone()) == pytest.approx(1, abs=1e-6)
    assert ssim(bright, bright - 0.01) == pytest.approx((2 * 0.98 * 0.97 + 1e-4) / (0.98**2 + 0.97**2 + 1e-4), abs=1e-6)


def test_codes_and_floating_point_agree(pair: tuple[Tensor, Tensor]) -> None:
    assert ssim(*pair) == pytest.approx(ssim(pair[0] / 255, pair[1] / 255), abs=1e-6)


def test_a_mask_weighs_the_centres_of_the_windows(noisy: tuple[Tensor, Tensor]) -> None:
    result, reference = noisy
    mask = torch.zeros(90, 70)
    mask[20:50, 30:60] = 0.5
    expected = ssim_map(result, reference)[..., 15:45, 25:55].mean().item()
    assert ssim(result, reference, mask=mask) == pytest.approx(expected, abs=1e-6)
    assert math.isnan(ssim(result, reference, mask=mask * 0))
    mask[:] = 0
    mask[:5] = 1  # where no window has its centre
    assert math.isnan(ssim(result, reference, mask=mask))


def test_padding_gives_every_pixel_a_window(noisy: tuple[Tensor, Tensor]) -> None:
    for window in (PADDED, SSIMWindow("nine", size=9, padding="reflect")):
        assert ssim_map(*noisy, window=window).shape == (1, 3, 90, 70)
    inner = ssim_map(*noisy, window=PADDED)[..., 5:-5, 5:-5]
    torch.testing.assert_close(inner, ssim_map(*noisy), atol=1e-5, rtol=0)


def test_windows_differ_and_say_what_they_are(noisy: tuple[Tensor, Tensor]) -> None:
    assert len({round(ssim(*noisy, window=window), 6) for window in (GAUSSIAN, TECOGAN, PADDED)}) == 3
    assert "7x7 uniform" in str(TECOGAN)
    assert "range of the result" in str(TECOGAN)
    assert "11x11 Gaussian of sigma 1.5" in str(GAUSSIAN)


def test_the_map_is_differentiable(noisy: tuple[Tensor, Tensor]) -> None:
    result = noisy[0].double()[:, :16, :16].requires_grad_()
    loss = 1 - ssim_map(result, noisy[1].double()[:, :16, :16]).mean()
    (gradient,) = torch.autograd.grad(loss, result)
    step = 1e-6 * gradient.sign()
    change = ssim(result.detach() - step, noisy[1].double()[:, :16, :16]) - ssim(
        result.detach(), noisy[1].double()[:, :16, :16]
    )
    assert change == pytest.approx((gradient * step).sum().item(), rel=1e-3)


def test_a_image_smaller_than_the_window_is_told_so() -> None:
    with pytest.raises(ShapeError, match="10x40 is too small for SSIM with a window of 11x11"):
        ssim(torch.rand(3, 40, 10), torch.rand(3, 40, 10))
    assert -1 < ssim(torch.rand(3, 11, 11), torch.rand(3, 11, 11)) < 1
