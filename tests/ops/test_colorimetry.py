"""Colours of one video as another codes them."""

from __future__ import annotations

import pytest
import torch

from upframe.ops.colorimetry import Colorimetry, conversion

_BT709, _SRGB, _PQ, _HLG = Colorimetry(1, 1), Colorimetry(1, 13), Colorimetry(9, 16), Colorimetry(9, 18)


def grey(value: float) -> torch.Tensor:
    return torch.full((1, 3, 1, 1), value)


def test_colours_of_one_kind_are_left_alone() -> None:
    assert conversion(_BT709, _BT709) is None
    assert conversion(_BT709, Colorimetry(1, 6)) is None  # one curve under two codes
    assert conversion(_BT709, Colorimetry(2, 2)) is None  # not known


@pytest.mark.parametrize(("kind", "code"), [(_PQ, 0.5807), (_HLG, 0.7500)], ids=["PQ", "HLG"])
def test_white_of_a_standard_video_lies_where_bt2408_puts_it(kind: Colorimetry, code: float) -> None:
    convert = conversion(_BT709, kind)
    assert convert is not None
    assert convert(grey(1.0))[0, :, 0, 0].tolist() == pytest.approx([code] * 3, abs=2e-3)


@pytest.mark.parametrize("kind", [_SRGB, _PQ, _HLG, Colorimetry(12, 13), Colorimetry(5, 5)], ids=str)
def test_a_conversion_can_be_undone(kind: Colorimetry) -> None:
    there, back = conversion(_BT709, kind), conversion(kind, _BT709)
    assert there is not None
    assert back is not None
    rgb = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(4)) * 0.9 + 0.05
    inside = rgb.mean(dim=1, keepdim=True) * 0.7 + rgb * 0.3  # no colour that the other primaries cannot show
    torch.testing.assert_close(back(there(inside)), inside, atol=2e-3, rtol=0)


def test_red_of_bt709_among_the_primaries_of_bt2020() -> None:
    convert = conversion(Colorimetry(1, 8), Colorimetry(9, 8))
    assert convert is not None
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None]
    assert convert(red)[0, :, 0, 0].tolist() == pytest.approx([0.6274, 0.0691, 0.0164], abs=1e-3)  # BT.2087
