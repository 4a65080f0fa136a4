"""The degradations: equal to the published files and functions, rounded as they say, cut before they shrink."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.datasets.samples import get, noise
from tests.reference.unpack import Reference, assert_known

from upframe.datasets.degradation import DEGRADATIONS, cut_to_multiple, named
from upframe.errors import InputError, ShapeError
from upframe.ops.blur import downscale_bd
from upframe.ops.resize import downscale

NAMES = tuple(DEGRADATIONS)
IMAGES = ("baby", "bird", "butterfly", "head", "woman")


def test_the_published_files_of_set5_come_out_bit_for_bit(shared: Path, subtests: pytest.Subtests) -> None:
    for name, scale in product(IMAGES, (2, 3, 4)):
        with subtests.test(name, scale=scale):
            high, expected = (get(shared / "reference" / f"{part}/{name}.png") for part in ("set5", f"set5_lr_matlab/x{scale}"))
            np.testing.assert_array_equal(named("bi-8bit").pixels(high, scale), expected)
            tensor = torch.from_numpy(high).permute(2, 0, 1)[None] / 255
            made = named("bi-8bit").tensor(tensor, scale).mul(255).round().byte()[0].permute(1, 2, 0)
            np.testing.assert_array_equal(made.numpy(), expected)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_of_doubles_is_that_of_matlab_rounded_once(reference: Reference, scale: int) -> None:
    golden = reference.tensors("resize/golden_matlab_bicubic.safetensors")
    height, width = (side - side % scale for side in golden["hr"].shape[-2:])
    if (height, width) != golden["hr"].shape[-2:]:
        pytest.skip("the image is no multiple of the scale")
    made = named("bi").tensor(golden["hr"], scale, levels=None)
    assert_known(made, golden[f"down_x{scale}"], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 4])
def test_bd_is_the_published_one(reference: Reference, scale: int) -> None:
    golden = reference.tensors("frvsr/golden_ops.safetensors")
    made = named("bd").tensor(golden["bd.hr"], scale, levels=None)
    expected = golden[f"bd_x{scale}.output_padded"][..., : made.shape[-2], : made.shape[-1]]
    assert_known(made, expected, atol=1e-5)


@pytest.mark.parametrize(("name", "position"), [("bi", 1.5), ("bi-8bit", 1.5), ("bd", 0.0), ("bd-centred", 1.5)])
def test_every_sample_lies_where_it_is_said_to(name: str, position: float) -> None:
    ramp = torch.arange(64, dtype=torch.float64).expand(1, 1, 32, 64)  # a symmetric kernel leaves a ramp as it is
    samples = named(name).tensor(ramp, 4, levels=None)[0, 0, 4]
    expected = position + 4 * torch.arange(16, dtype=torch.float64)
    torch.testing.assert_close(samples[3:-3], expected[3:-3])


def test_the_centred_blur_is_a_gaussian_of_twelve_pixels_that_repeats_the_edge() -> None:
    distances = np.arange(12) - 5.5
    kernel = np.exp(-(distances[:, None] ** 2 + distances**2) / (2 * 1.6**2))
    kernel /= kernel.sum()
    image = noise(20, 24)
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="edge").astype(float)
    expected = np.empty((5, 6, 3))
    for row in range(5):
        for column in range(6):
            window = padded[4 * row : 4 * row + 12, 4 * column : 4 * column + 12]
            expected[row, column] = (window * kernel[..., None]).sum(axis=(0, 1))
    made = named("bd-centred").pixels(image.astype(np.float64), 4)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_type_is_kept_and_an_even_grey_stays_even(name: str, dtype: type[np.generic]) -> None:
    grey = np.full((20, 24, 3), 77, dtype)
    made = named(name).pixels(grey, 2)
    assert made.dtype == dtype
    assert made.shape == (10, 12, 3)
    np.testing.assert_allclose(made, 77, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_high_resolution_is_cut_at_the_bottom_and_the_right_before_it_shrinks(name: str) -> None:
    image = noise(23, 30)
    np.testing.assert_array_equal(named(name).pixels(image, 4), named(name).pixels(image[:20, :28], 4))
    assert cut_to_multiple(image, 4).shape == (20, 28, 3)


def test_integers_are_rounded_to_the_nearest_and_limited() -> None:
    stripes = np.zeros((12, 16, 1), np.uint8)
    stripes[:, 6:10] = 255
    double = downscale(torch.from_numpy(stripes.transpose(2, 0, 1).astype(np.float64)), 2)
    assert double.min() < 0, "the kernel rings"
    expected = (double + 0.5).floor().clamp(0, 255).byte().numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(named("bi").pixels(stripes, 2), expected)


def test_floats_are_neither_rounded_nor_limited() -> None:
    light = (noise(12, 16).astype(np.float32) - 50) / 7
    expected = downscale_bd(torch.from_numpy(light.transpose(2, 0, 1)), 2).numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(named("bd").pixels(light, 2), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_of_any_batch_give_what_images_give(name: str) -> None:
    images = [noise(20, 24, seed) for seed in range(4)]
    tensor = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images]).view(2, 2, 3, 20, 24) / 255
    made = named(name).tensor(tensor, 4).mul(255).round().byte().view(4, 3, 5, 6).permute(0, 2, 3, 1).numpy()
    difference = np.abs(made.astype(int) - np.stack([named(name).pixels(image, 4) for image in images]))
    assert difference.max() <= 1  # single precision, where a value is between two codes
    assert (difference > 0).mean() < 0.01


def test_the_image_given_is_not_changed() -> None:
    image = noise(20, 24)
    before = image.copy()
    for name in NAMES:
        named(name).pixels(image, 2)
    np.testing.assert_array_equal(image, before)


def test_each_says_how_it_is_made() -> None:
    assert str(named("BI")) == "BI, MATLAB bicubic, rounded once"
    assert named("bd-centred").kind == "BD"


def test_what_cannot_be_degraded_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown degradation 'blur'; choose one of bi, bi-8bit, bd, bd-centred"):
        named("blur")
    with pytest.raises(ShapeError, match=r"3x2 is too small: x4 needs 4x4"):
        named("bi").pixels(noise(2, 3), 4)
    with pytest.raises(ShapeError, match="too small to blur"):
        named("bd").pixels(noise(4, 4), 2)
    with pytest.raises(InputError, match="even scales, not x3"):
        named("bd-centred").pixels(noise(12, 12), 3)
    with pytest.raises(InputError, match="not int64"):
        named("bi").pixels(np.zeros((4, 4, 3), np.int64), 2)
    with pytest.raises(ShapeError, match=r"got torch\.uint8"):
        named("bi").tensor(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), 2)
