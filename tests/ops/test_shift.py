"""Moving an image by a part of a pixel."""

from __future__ import annotations

import pytest
import torch

from upframe.ops.shift import shift
from upframe.ops.warp import warp

IMAGE = torch.rand(2, 3, 9, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("x", "y"), [(1, 0), (0, -2), (-3, 4)])
def test_whole_pixels_are_copied_and_the_edge_is_repeated(x: int, y: int) -> None:
    moved = shift(IMAGE, x, y)
    rows, columns = (torch.arange(9) + y).clamp(0, 8), (torch.arange(12) + x).clamp(0, 11)
    torch.testing.assert_close(moved, IMAGE[..., rows[:, None], columns])


def test_it_goes_where_warp_goes() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 20), torch.linspace(0, 2, 24), indexing="ij")
    smooth = torch.sin(2 * x + y)[None, None]
    flow = torch.tensor([0.4, -0.3]).view(1, 2, 1, 1).expand(1, 2, 20, 24)
    inner = (..., slice(3, -3), slice(3, -3))
    torch.testing.assert_close(shift(smooth, 0.4, -0.3)[inner], warp(smooth, flow, padding="border")[inner], atol=5e-3, rtol=0)


def test_a_parabola_is_moved_exactly() -> None:
    x = torch.arange(16, dtype=torch.float64)
    image = (x**2 - 3 * x).expand(1, 1, 16, 16)
    expected = ((x + 0.3) ** 2 - 3 * (x + 0.3)).expand(1, 1, 16, 16)
    torch.testing.assert_close(shift(image, 0.3, 0.0)[..., 2:-2], expected[..., 2:-2])


def test_nothing_is_nothing() -> None:
    assert torch.equal(shift(IMAGE, 0.0, 0.0), IMAGE)
