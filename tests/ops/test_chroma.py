"""The filters that upscale and reduce chroma, written out as matrices and looked at one by one."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from upframe.errors import ShapeError
from upframe.ops.chroma import ChromaLocation, reduce_chroma, subsampled_size, upscale_chroma

LOCATIONS = get_args(ChromaLocation)
OFFSETS = {  # of a chroma sample from the first luma sample of its pair, (y, x), in luma samples
    "left": (0.5, 0.0),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
    "top": (0.0, 0.5),
    "bottomleft": (1.0, 0.0),
    "bottom": (1.0, 0.5),
}


def filter_matrices(length: int, location: ChromaLocation, axis: int) -> tuple[Tensor, Tensor]:
    """Upscaling (n, m) and reduction (m, n) of one axis, written out as matrices."""
    subsampling = (2, 1) if axis == 0 else (1, 2)
    stored = -(-length // 2)

    def along(x: Tensor) -> Tensor:  # a row of x is one signal
        return x[:, :, None] if axis == 0 else x[:, None, :]

    out = along(torch.empty(stored, length, dtype=torch.float64))
    upscaled = upscale_chroma(along(torch.eye(stored, dtype=torch.float64)), out, location=location, subsampling=subsampling)
    reduced = reduce_chroma(along(torch.eye(length, dtype=torch.float64)), location=location, subsampling=subsampling)
    return upscaled.reshape(stored, length).T, reduced.reshape(length, stored).T


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("location", LOCATIONS)
def test_reduction_undoes_upscaling_at_every_length_and_border(location: ChromaLocation, axis: int) -> None:
    for length in [*range(1, 18), 64, 65]:
        upscale, reduce = filter_matrices(length, location, axis)
        torch.testing.assert_close(reduce @ upscale, torch.eye(-(-length // 2), dtype=torch.float64), rtol=0, atol=1e-14)
        torch.testing.assert_close(upscale.sum(1), torch.ones(length, dtype=torch.float64), rtol=0, atol=1e-14)
        torch.testing.assert_close(reduce.sum(1), torch.ones(-(-length // 2), dtype=torch.float64), rtol=0, atol=1e-14)


@pytest.mark.parametrize("location", LOCATIONS)
def test_reduction_is_a_low_pass_filter(location: ChromaLocation) -> None:
    for axis in (0, 1):
        taps = filter_matrices(64, location, axis)[1][16]  # far from the borders
        phases = torch.arange(64, dtype=torch.float64) * torch.linspace(0, torch.pi, 65, dtype=torch.float64)[:, None]
        gain = torch.complex(phases.cos() @ taps, phases.sin() @ taps).abs()
        assert gain[-1] < 1e-12  # single-sample stripes vanish instead of becoming a colour cast
        assert gain.max() < 1.15
        assert gain[48:].max() < 0.5


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_ramp_of_colour_is_upscaled_and_reduced_in_place(location: ChromaLocation) -> None:
    for axis in (0, 1):
        upscale, reduce = filter_matrices(40, location, axis)
        luma_centres = torch.arange(40, dtype=torch.float64)
        chroma_centres = 2 * torch.arange(20, dtype=torch.float64) + OFFSETS[location][axis]
        torch.testing.assert_close((upscale @ chroma_centres)[6:-6], luma_centres[6:-6], rtol=0, atol=1e-12)
        torch.testing.assert_close((reduce @ luma_centres)[3:-3], chroma_centres[3:-3], rtol=0, atol=1e-12)


def test_chroma_planes_of_odd_sizes_are_rounded_up() -> None:
    assert subsampled_size((5, 7), (2, 2)) == (3, 4)
    assert subsampled_size((5, 7), (1, 2)) == (5, 4)
    assert subsampled_size((1, 1), (2, 2)) == (1, 1)


def test_chroma_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 2\) do not fit an image of \(5, 5\)"):
        upscale_chroma(torch.zeros(2, 2, 2), torch.empty(2, 5, 5), location="left", subsampling=(2, 2))


def test_chroma_that_is_not_subsampled_stays_as_it_is() -> None:
    chroma = torch.rand(2, 3, 5)
    assert torch.equal(upscale_chroma(chroma, torch.empty(2, 3, 5), location="left", subsampling=(1, 1)), chroma)
    assert torch.equal(reduce_chroma(chroma, location="left", subsampling=(1, 1)), chroma)
