"""Resampling: equal to MATLAB's, and sound where MATLAB is not at hand to compare with."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.resize import Kernel, downscale, resize, upscale

KERNELS = get_args(Kernel)


@pytest.fixture(scope="session")
def matlab(reference: Reference) -> dict[str, Tensor]:
    """An image, and what MATLAB's bicubic imresize made of it."""
    return reference.tensors("resize/golden_matlab_bicubic.safetensors")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinking_equals_matlab(matlab: dict[str, Tensor], scale: int) -> None:
    assert_known(downscale(matlab["hr"], scale), matlab[f"down_x{scale}"], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_upscaling_equals_matlab(matlab: dict[str, Tensor], scale: int) -> None:
    expected = matlab[f"up_of_down_x{scale}"]
    assert_known(upscale(downscale(matlab["hr"], scale), scale), expected, atol=1e-5)


def test_upscaling_a_step_gives_the_known_weights_of_keys_cubic() -> None:
    step = torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]], dtype=torch.float64)
    row = resize(step, (1, 12))[0]
    # At a distance of a quarter and of three quarters, a = -0.5: (-9, 111, 29, -3) / 128.
    known = torch.tensor([0, 0, 0, -3, -9, 26, 102, 137, 131, 128, 128, 128], dtype=torch.float64) / 128
    torch.testing.assert_close(row, known, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 4), (20, 33), (16, 18)])
def test_an_even_grey_stays_even(kernel: Kernel, size: tuple[int, int]) -> None:
    resized = resize(torch.full((1, 3, 8, 9), 0.37), size, kernel=kernel)
    torch.testing.assert_close(resized, torch.full((1, 3, *size), 0.37), rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_a_ramp_stays_a_ramp_and_in_place(length: int) -> None:
    columns = torch.arange(24, dtype=torch.float64).add(0.5)
    upscaled = upscale(columns.expand(1, 1, 6, 24), length)[0, 0, 0]
    centres = (torch.arange(24 * length, dtype=torch.float64) + 0.5) / length
    inside = slice(2 * length, -2 * length)  # nearer to the edge the mirrored outside bends it
    torch.testing.assert_close(upscaled[inside], centres[inside], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_image_does_not_move(kernel: Kernel) -> None:
    image = torch.rand(1, 1, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = resize(image.flip(-1, -2), (27, 44), kernel=kernel)
    torch.testing.assert_close(turned.flip(-1, -2), resize(image, (27, 44), kernel=kernel), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (13, 1), (8, 9)])
def test_odd_sizes_are_rounded_up_when_shrunk_and_multiplied_when_upscaled(size: tuple[int, int], scale: int) -> None:
    image = torch.rand(2, 3, *size)
    assert downscale(image, scale).shape == (2, 3, -(-size[0] // scale), -(-size[1] // scale))
    assert upscale(image, scale).shape == (2, 3, size[0] * scale, size[1] * scale)


def test_the_same_size_changes_nothing() -> None:
    image = torch.rand(1, 3, 7, 5)
    assert torch.equal(resize(image, (7, 5)), image)


def test_lanczos_keeps_fine_detail_better_than_bicubic() -> None:
    def wave(count: int) -> Tensor:
        return torch.sin((torch.arange(count, dtype=torch.float64) + 0.5) / count * 64 * torch.pi / 3).view(1, 1, 1, -1)

    inside = slice(16, -16)
    errors = {kernel: (upscale(wave(64), 2, kernel=kernel)[..., inside] - wave(128)[..., inside]).std() for kernel in KERNELS}
    assert errors["lanczos"] < 0.5 * errors["bicubic"]


def test_shrinking_without_antialias_leaves_a_pattern_that_antialias_removes() -> None:
    stripes = torch.tensor([0.0, 1.0, 1.0, 0.0]).repeat(16).view(1, 1, 1, 64)
    shrunk = {antialias: resize(stripes, (1, 16), antialias=antialias)[..., 2:-2] for antialias in (True, False)}
    assert (shrunk[True] - 0.5).abs().max() < 0.02
    assert (shrunk[False] - 1.0).abs().max() < 0.2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_the_type_of_the_image_is_kept(dtype: torch.dtype) -> None:
    assert upscale(torch.rand(1, 3, 4, 4).to(dtype), 2).dtype is dtype


def test_the_image_given_is_not_changed() -> None:
    image = torch.rand(1, 3, 6, 6)
    before = image.clone()
    downscale(image, 2)
    assert torch.equal(image, before)


@pytest.mark.parametrize(
    ("image", "size", "words"),
    [
        (torch.zeros(1, 3, 0, 4), (2, 2), "at least one pixel"),
        (torch.zeros(1, 3, 4, 4), (0, 2), "at least one pixel"),
        (torch.zeros(4), (2, 2), "at least one pixel"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), (2, 2), r"floating-point tensor, got torch\.uint8"),
    ],
)
def test_what_cannot_be_resized_is_refused(image: Tensor, size: tuple[int, int], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        resize(image, size)
