"""Colour under transparent pixels is filled so that it does not show when the image is upscaled."""

from __future__ import annotations

import pytest
import torch

from upframe.errors import ShapeError
from upframe.ops.alpha import bleed
from upframe.ops.resize import upscale

RED = torch.tensor([1.0, 0.25, 0.125]).view(1, 3, 1, 1)
GREEN = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1)


def test_an_upscaled_sticker_has_no_fringe() -> None:
    alpha = torch.zeros(1, 1, 37, 41)
    alpha[..., 7:21, 16:33] = 1  # edges that lie on the grid of a pyramid and edges that do not
    upscaled = upscale(bleed(torch.where(alpha > 0, RED, GREEN), alpha), 4)
    torch.testing.assert_close(upscaled, RED.expand_as(upscaled), rtol=0, atol=1e-5)


def test_pixels_that_show_at_all_keep_their_colour() -> None:
    generator = torch.Generator().manual_seed(0)
    colour = torch.rand(1, 3, 31, 18, generator=generator)
    alpha = torch.rand(1, 1, 31, 18, generator=generator).sub_(0.5).clamp_min_(0)
    alpha[..., 3, 4] = 1e-6
    filled = bleed(colour, alpha)
    shows = (alpha > 0).expand_as(colour)
    assert torch.equal(filled[shows], colour[shows])
    assert not torch.equal(filled[~shows], colour[~shows])


def test_a_transparent_pixel_takes_the_colour_of_the_side_it_lies_on() -> None:
    colour = torch.where(torch.arange(64).view(1, 1, 1, 64) < 32, RED, GREEN).repeat(1, 1, 64, 1)
    alpha = torch.zeros(1, 1, 64, 64)
    alpha[..., :4] = alpha[..., -4:] = 1
    filled = bleed(colour.roll(32, dims=-1).where(alpha == 0, colour), alpha)  # the wrong colour under the hole
    torch.testing.assert_close(filled[..., 4:6], RED.expand(1, 3, 64, 2), rtol=0, atol=0.05)
    torch.testing.assert_close(filled[..., -6:-4], GREEN.expand(1, 3, 64, 2), rtol=0, atol=0.05)
    red = filled[0, 0, 32]
    assert (red.diff() <= 1e-6).all()  # from red to green without turning back


@pytest.mark.parametrize("start", [31, 32, 33])
def test_the_nearest_colour_reaches_out_wherever_the_edge_lies(start: int) -> None:
    columns = torch.arange(64).view(1, 1, 1, 64)
    colour = torch.where(columns < start + 4, RED, GREEN).repeat(1, 1, 64, 1)  # a red rim around something green
    filled = bleed(colour, (columns >= start).float().repeat(1, 1, 64, 1))
    torch.testing.assert_close(filled[..., start - 2 : start], RED.expand(1, 3, 64, 2), rtol=0, atol=0.05)


def test_the_fill_lies_between_the_colours_that_show() -> None:
    generator = torch.Generator().manual_seed(1)
    colour = torch.rand(1, 3, 50, 70, generator=generator) * 0.5 + 0.25
    alpha = (torch.rand(1, 1, 50, 70, generator=generator) > 0.97).float()
    colour = torch.where(alpha > 0, colour, torch.full_like(colour, 9))
    filled = bleed(colour, alpha)
    assert filled.min() >= 0.25 - 1e-6
    assert filled.max() <= 0.75 + 1e-6


def test_a_faint_pixel_lends_less_colour_than_a_solid_one() -> None:
    colour = torch.cat((RED, torch.zeros(1, 3, 1, 1), GREEN), dim=-1)
    filled = bleed(colour, torch.tensor([1.0, 0.0, 0.01]).view(1, 1, 1, 3))
    assert (filled[..., 1:2] - RED).abs().max() < (filled[..., 1:2] - GREEN).abs().max()


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 9), (7, 1), (3, 3), (5, 8), (17, 33), (64, 64)])
def test_one_visible_pixel_colours_a_image_of_any_size(size: tuple[int, int]) -> None:
    for y, x in {(0, 0), (size[0] // 2, size[1] // 2), (size[0] - 1, size[1] - 1)}:
        alpha = torch.zeros(1, 1, *size)
        alpha[..., y, x] = 1 / 255
        filled = bleed(torch.where(alpha > 0, RED, GREEN), alpha)
        torch.testing.assert_close(filled, RED.expand(1, 3, *size), rtol=0, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_image_without_holes_or_without_anything_to_see_stays_as_it_is(level: float) -> None:
    colour = torch.rand(1, 3, 6, 5)
    assert torch.equal(bleed(colour, torch.full((1, 1, 6, 5), level)), colour)


def test_infinities_under_transparent_pixels_do_not_spread() -> None:
    alpha = torch.zeros(1, 1, 9, 9)
    alpha[..., 4, 4] = 1
    colour = torch.full((1, 3, 9, 9), torch.inf)
    colour[..., 0, 0] = torch.nan
    colour[..., 4, 4] = 2.5
    torch.testing.assert_close(bleed(colour, alpha), torch.full((1, 3, 9, 9), 2.5), rtol=0, atol=1e-5)


def test_the_image_given_is_not_changed() -> None:
    colour, alpha = torch.rand(1, 3, 8, 8), torch.eye(8).view(1, 1, 8, 8)
    before = colour.clone(), alpha.clone()
    bleed(colour, alpha)
    assert torch.equal(colour, before[0])
    assert torch.equal(alpha, before[1])


def test_an_alpha_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="do not belong together"):
        bleed(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 5))
