"""A curve between scene-linear light of any brightness and the display-referred values networks are trained on.

sRGB's curve (IEC 61966-2-1) up to 1, where the two halves meet exactly; above 1 a logarithm that goes on with the same slope:
2 becomes 1.30, 100 becomes 3.02, 65504 (the largest half float) 5.87. Odd, continuous, rising, so that it can be undone.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TOE_SLOPE = 12.92
_OFFSET = 0.055
_GAMMA = 2.4
_LINEAR_KNEE = 0.00313066844250063  # where the two halves of sRGB's curve cross; the standard's 0.0031308 is this, rounded
_ENCODED_KNEE = _TOE_SLOPE * _LINEAR_KNEE
_SHOULDER_SLOPE = (1 + _OFFSET) / _GAMMA  # of sRGB's curve at 1


def encode_linear(light: Tensor) -> Tensor:
    """Scene-linear light, floating point, any shape and sign -> display-referred: within [-1, 1] as sRGB, beyond compressed."""
    size = light.abs()
    toe = size * _TOE_SLOPE
    curve = size.pow(1 / _GAMMA).mul_(1 + _OFFSET).sub_(_OFFSET)
    shoulder = size.log().mul_(_SHOULDER_SLOPE).add_(1)
    encoded = torch.where(size <= _LINEAR_KNEE, toe, torch.where(size <= 1, curve, shoulder))
    return torch.where(light == 0, light, encoded * light.sign())  # ONNX has no copysign


def decode_linear(encoded: Tensor) -> Tensor:
    """The inverse of ``encode_linear``, within a relative 1e-5 in float32 for magnitudes up to 65504."""
    size = encoded.abs()
    toe = size * (1 / _TOE_SLOPE)
    curve = (size + _OFFSET).mul_(1 / (1 + _OFFSET)).pow_(_GAMMA)
    shoulder = (size - 1).mul_(1 / _SHOULDER_SLOPE).exp_()
    light = torch.where(size <= _ENCODED_KNEE, toe, torch.where(size <= 1, curve, shoulder))
    return torch.where(encoded == 0, encoded, light * encoded.sign())
