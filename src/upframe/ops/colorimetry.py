"""From one video's R'G'B' to another's: transfer curves and primaries, as a display shows them.

Codes are those of ITU-T H.273. Light is in units of the white of a video of standard range, which is 203 cd/m2 in one of high
dynamic range (ITU-R BT.2408). Curves are those of displays: BT.1886 (gamma 2.4) for BT.601, BT.709 and BT.2020, sRGB, PQ
(SMPTE ST 2084), and HLG on a display of 1000 cd/m2 (BT.2100). A video of standard range holds no light above 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from upframe.ops.transfer import decode_linear, encode_linear

_PQ, _HLG = 16, 18
_WHITE = 203.0
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
_GAMMAS = {1: 2.4, 4: 2.2, 5: 2.8, 6: 2.4, 7: 2.4, 8: 1.0, 11: 2.4, 14: 2.4, 15: 2.4, 17: 2.6}
_SRGB = 13
_D65 = (0.3127, 0.3290)
_PRIMARIES = {  # x, y of red, green and blue; the white is D65
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}


@dataclass(frozen=True, slots=True)
class Colorimetry:
    """Codes of primaries and transfer."""

    primaries: int
    transfer: int


def conversion(source: Colorimetry, target: Colorimetry) -> Callable[[Tensor], Tensor] | None:
    """What turns R'G'B' (n, 3, h, w) of one kind into that of another; None if they are the same, or a code is not known."""
    same_curve = source.transfer == target.transfer or _GAMMAS.get(source.transfer) == _GAMMAS.get(target.transfer) is not None
    same_primaries = source.primaries == target.primaries or not {source.primaries, target.primaries} <= _PRIMARIES.keys()
    known = {source.transfer, target.transfer} <= _GAMMAS.keys() | {_SRGB, _PQ, _HLG}
    if not known or (same_curve and same_primaries):
        return None
    matrix = None if same_primaries else _between(source.primaries, target.primaries)

    def convert(rgb: Tensor) -> Tensor:
        light = _to_light(rgb, source.transfer)
        if matrix is not None:
            light = torch.einsum("ij,njhw->nihw", matrix.to(light), light)
        return _from_light(light, target.transfer)

    return convert


def _to_light(rgb: Tensor, transfer: int) -> Tensor:
    if transfer == _PQ:
        return _pq_to_light(rgb.clamp(0, 1)) * (10000 / _WHITE)
    if transfer == _HLG:
        scene = _hlg_to_scene(rgb.clamp(0, 1))
        return scene * _hlg_luma(scene).pow(_HLG_GAMMA - 1) * (_HLG_PEAK / _WHITE)
    if transfer == _SRGB:
        return decode_linear(rgb.clamp(-1, 1))
    return torch.copysign(rgb.abs().pow(_GAMMAS[transfer]), rgb)


def _from_light(light: Tensor, transfer: int) -> Tensor:
    if transfer == _PQ:
        return _light_to_pq((light * (_WHITE / 10000)).clamp(0, 1))
    if transfer == _HLG:
        light = (light * (_WHITE / _HLG_PEAK)).clamp(0, 1)
        luma = _hlg_luma(light).clamp_min(1e-6)
        return _scene_to_hlg((light * luma.pow(1 / _HLG_GAMMA - 1)).clamp(0, 1))
    light = light.clamp(-1, 1)  # what is brighter than white has no place in a standard range
    if transfer == _SRGB:
        return encode_linear(light)
    return torch.copysign(light.abs().pow(1 / _GAMMAS[transfer]), light)


def _hlg_luma(light: Tensor) -> Tensor:
    weights = light.new_tensor((0.2627, 0.6780, 0.0593))
    return (light * weights[:, None, None]).sum(dim=1, keepdim=True)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_to_light(code: Tensor) -> Tensor:
    """1 is 10000 cd/m2."""
    power = code.pow(1 / _M2)
    return (power - _C1).clamp_min(0).div(_C2 - power * _C3).pow(1 / _M1)


def _light_to_pq(light: Tensor) -> Tensor:
    power = light.pow(_M1)
    return (power * _C2 + _C1).div(power * _C3 + 1).pow(_M2)


_A, _B, _C = 0.17883277, 0.28466892, 0.55991073


def _hlg_to_scene(code: Tensor) -> Tensor:
    return torch.where(code <= 0.5, code.square() / 3, (torch.exp((code - _C) / _A) + _B) / 12)


def _scene_to_hlg(light: Tensor) -> Tensor:
    return torch.where(light <= 1 / 12, (3 * light).sqrt(), _A * torch.log((12 * light - _B).clamp_min(1e-6)) + _C)


@cache
def _between(source: int, target: int) -> Tensor:
    """The matrix from the light of one set of primaries to that of another, (3, 3)."""
    matrix: Tensor = torch.linalg.inv(_to_xyz(target)) @ _to_xyz(source)
    return matrix.float()


def _to_xyz(code: int) -> Tensor:
    points = torch.tensor([(x / y, 1.0, (1 - x - y) / y) for x, y in _PRIMARIES[code]], dtype=torch.float64).T
    x, y = _D65
    white = torch.tensor((x / y, 1.0, (1 - x - y) / y), dtype=torch.float64)
    amounts: Tensor = torch.linalg.solve(points, white)
    return points * amounts
