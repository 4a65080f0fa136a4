"""NIQE, and ColorVideoVDP where it is installed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.reference.unpack import Reference
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import ShapeError
from upframe.media import read_image
from upframe.metrics import frame_tensor, niqe

# Values of the Python edition in MMEditing with MATLAB's bicubic for the half size, computed once on the same images.
PUBLISHED = {"baby": 3.265554, "bird": 4.439304, "butterfly": 5.154849, "head": 8.716237, "woman": 4.397778}
# These have blocks of one colour, where the features come from rounding alone: which differs from processor to processor.
PARTLY_FLAT = {"bird", "head", "woman"}


def test_niqe_is_that_of_the_published_implementation(shared: Path, subtests: pytest.Subtests) -> None:
    for name, published in PUBLISHED.items():
        with subtests.test(name):
            image = frame_tensor(read_image(shared / "reference" / "set5" / f"{name}.png").pixels)
            assert niqe(image) == pytest.approx(published, rel=0.05 if name in PARTLY_FLAT else 1e-4)


def photograph(reference: Reference) -> Tensor:
    return reference.tensors("resize/golden_matlab_bicubic.safetensors")["hr"][0, :, :192, :288]


def test_a_blurred_photograph_is_less_natural(reference: Reference) -> None:
    sharp = photograph(reference)
    small = F.avg_pool2d(sharp[None], 3)
    blurred = F.interpolate(small, sharp.shape[1:], mode="bilinear")[0]
    assert niqe(blurred) > niqe(sharp) + 1


def test_several_images_give_the_mean_of_niqe(reference: Reference) -> None:
    first, second = photograph(reference)[:, :, :96], photograph(reference)[:, :, 96:192]
    assert niqe(torch.stack((first, second))) == pytest.approx((niqe(first) + niqe(second)) / 2)


def test_a_flat_image_has_no_niqe() -> None:
    assert math.isnan(niqe(torch.zeros(3, 192, 192, dtype=torch.uint8)))


def test_a_image_of_one_block_is_too_small_for_niqe() -> None:
    with pytest.raises(ShapeError, match="191x191 is too small for NIQE"):
        niqe(torch.rand(3, 191, 191))
