"""Low resolution made of high, on whatever device it is, and the border that takes; or pairs that were made beforehand.

``BD`` as TecoGAN trains: blurred without padding, not rounded. ``BI``: MATLAB's bicubic, rounded to 8 bits as files are; the
published trainings read such files. Either way no pixel depends on what is outside the crop that was read.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from upframe.datasets.degradation import DEGRADATIONS
from upframe.ops.blur import SIGMA, downscale_bd
from upframe.training.data.sets import Batch

Kind = Literal["BI", "BD"]
_REACH = 4  # of bicubic shrinking, in pixels of low resolution, more than enough


def border(kind: Kind, scale: int) -> int:
    """How many pixels of high resolution are read on each side of a crop, and cut after it was made smaller."""
    return int(3 * SIGMA) if kind == "BD" else _REACH * scale


def pair_of(batch: Batch, kind: Kind, scale: int) -> dict[str, Tensor]:
    """``low`` and ``high`` of a batch, float32 in [0, 1]: those that it holds, or made of ``high`` by :func:`pair`."""
    if "low" in batch:
        return {key: batch[key].float().div_(255) for key in ("low", "high")}
    low, high = pair(batch["high"], kind, scale)
    return {"low": low, "high": high}


def pair(high: Tensor, kind: Kind, scale: int) -> tuple[Tensor, Tensor]:
    """Crops with their border (..., 3, s + 2b, s + 2b), uint8 -> low (..., 3, s / scale, s / scale) and high (..., 3, s, s).

    Both float32 in [0, 1]; s is a multiple of ``scale``.
    """
    high = high.float().div_(255)
    edge = border(kind, scale)
    inner = (..., slice(edge, high.shape[-2] - edge), slice(edge, high.shape[-1] - edge))
    if kind == "BI":
        whole = DEGRADATIONS["bi"].tensor(high, scale)
        return whole[..., _REACH:-_REACH, _REACH:-_REACH], high[inner]
    height, width = ((side - 2 * edge) // scale for side in high.shape[-2:])
    return downscale_bd(high, scale, padded=False)[..., :height, :width], high[inner]
