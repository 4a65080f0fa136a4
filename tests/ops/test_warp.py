"""Backward warp: equal to the published ones, and right where the answer is known."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.warp import Padding, warp

PADDINGS: tuple[Padding, Padding] = ("zeros", "border")


def constant_flow(like: Tensor, x: float, y: float) -> Tensor:
    flow = like.new_zeros(like.shape[0], 2, *like.shape[-2:])
    flow[:, 0], flow[:, 1] = x, y
    return flow


@pytest.mark.parametrize(("folder", "file", "padding"), [("frvsr", "golden_ops", "border"), ("nsrr", "golden", "zeros")])
def test_it_equals_the_published_one(reference: Reference, folder: str, file: str, padding: Padding) -> None:
    golden = reference.tensors(f"{folder}/{file}.safetensors")
    moved = warp(golden["warp.image"], golden["warp.flow"], padding=padding)
    assert_known(moved, golden["warp.output"], atol=1e-5)


@pytest.mark.parametrize("padding", PADDINGS)
def test_no_flow_changes_nothing(padding: Padding) -> None:
    image = torch.rand(2, 3, 7, 11, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(warp(image, constant_flow(image, 0, 0), padding=padding), image, rtol=0, atol=2e-6)


def test_each_pixel_comes_from_where_its_flow_points() -> None:
    image = torch.arange(30.0).view(1, 1, 5, 6)
    moved = warp(image, constant_flow(image, 2, -1), padding="border")
    torch.testing.assert_close(moved[..., 1:, :-2], image[..., :-1, 2:], rtol=0, atol=1e-4)


def test_the_first_channel_is_x_and_the_second_y() -> None:
    columns, rows = torch.arange(6.0).expand(1, 1, 5, 6), torch.arange(5.0)[:, None].expand(1, 1, 5, 6)
    flow = constant_flow(columns, 0.5, 0.25)
    inside = (..., slice(0, -1), slice(0, -1))
    torch.testing.assert_close(warp(columns, flow, padding="border")[inside], columns[inside] + 0.5)
    torch.testing.assert_close(warp(rows, flow, padding="border")[inside], rows[inside] + 0.25)


def test_outside_the_border_is_repeated_or_fades_to_zero() -> None:
    image = torch.full((1, 1, 4, 5), 0.8)
    for shift, share in ((0.25, 0.75), (0.5, 0.5), (1.0, 0.0), (7.0, 0.0)):
        flow = constant_flow(image, shift, 0)
        torch.testing.assert_close(warp(image, flow, padding="border"), image)
        faded = warp(image, flow, padding="zeros")[..., -1]
        torch.testing.assert_close(faded, torch.full((1, 1, 4), 0.8 * share), rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", PADDINGS)
def test_a_image_may_be_one_pixel_wide(padding: Padding) -> None:
    image = torch.rand(1, 3, 1, 1)
    torch.testing.assert_close(warp(image, constant_flow(image, 0, 0), padding=padding), image)
    beyond = warp(image, constant_flow(image, 1, 0), padding=padding)
    torch.testing.assert_close(beyond, image if padding == "border" else torch.zeros_like(image), rtol=0, atol=1e-6)


def test_positions_are_as_exact_in_a_wide_image_as_float32_allows() -> None:
    columns = torch.arange(3840.0).expand(1, 1, 2, 3840)
    error = (warp(columns, constant_flow(columns, 0, 0), padding="border") - columns).abs().max()
    assert error < 3e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_still_finds_the_right_pixel(dtype: torch.dtype) -> None:
    image = (torch.arange(3000) % 7).to(dtype).expand(1, 1, 2, 3000)
    moved = warp(image, constant_flow(image, 3, 0), padding="border")
    assert moved.dtype is dtype
    torch.testing.assert_close(moved[..., :-3], image[..., 3:], rtol=0, atol=0.02)


def test_the_nearest_pixel_is_taken_whole() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    moved = warp(image, constant_flow(image, 0.6, -0.4), padding="zeros", interpolation="nearest")
    torch.testing.assert_close(moved[..., :-1], image[..., 1:], rtol=0, atol=0)
    assert not moved[..., -1].any()


@pytest.mark.parametrize("padding", PADDINGS)
def test_gradients_reach_image_and_flow(padding: Padding) -> None:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 2, 4, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    # Between pixels: on them, and where "border" begins, the gradient of bilinear sampling jumps.
    whole = torch.randint(-1, 2, (1, 2, 4, 5), generator=generator)
    flow = (whole + 0.2 + 0.6 * torch.rand(1, 2, 4, 5, dtype=torch.float64, generator=generator)).requires_grad_()
    assert torch.autograd.gradcheck(lambda i, f: warp(i, f, padding=padding), (image, flow))


@pytest.mark.parametrize("shape", [(1, 2, 4, 6), (2, 2, 4, 5), (1, 3, 4, 5), (1, 2, 5, 5)])
def test_a_flow_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"must be \(1, 2, 4, 5\)"):
        warp(torch.zeros(1, 3, 4, 5), torch.zeros(shape), padding="zeros")


def test_what_is_given_is_not_changed() -> None:
    image, flow = torch.rand(1, 3, 4, 5), torch.rand(1, 2, 4, 5)
    before = image.clone(), flow.clone()
    warp(image, flow, padding="border")
    assert torch.equal(image, before[0])
    assert torch.equal(flow, before[1])
