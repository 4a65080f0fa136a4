"""ColorVideoVDP (Mantiuk et al., ACM TOG 2024), by its authors' package ``cvvdp`` where it is installed."""

from __future__ import annotations

import torch
from torch import Tensor

from upframe.errors import InputError, MissingExtra
from upframe.metrics.frames import check_pair, unit


@torch.no_grad()
def cvvdp(result: Tensor, reference: Tensor, *, frame_rate: float = 0.0, display: str = "standard_4k") -> float:
    """Quality in just-objectionable differences, JOD: 10 means that no difference is seen.

    An image (3, h, w) or a clip (t, 3, h, w), which needs ``frame_rate``; uint8 or in [0, 1]; whole clips are held in memory.
    ``display``: one of the displays the package knows, by default a 30 inch 4K monitor of 200 cd/m2 seen from 0.75 m.
    The package needs torchvision, and so stands in an extra of its own.

    Raises MissingExtra without the package, InputError for a clip without frame rate, for NaN, and where the package is
    installed but broken, ShapeError for other shapes.
    """
    check_pair(result, reference)
    if result.ndim == 4 and frame_rate <= 0:
        raise InputError("ColorVideoVDP needs the frame rate of a clip")
    try:
        import pycvvdp
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that was built for another torch
        if isinstance(error, ModuleNotFoundError) and error.name == "pycvvdp":
            raise MissingExtra("cvvdp", "cvvdp", "ColorVideoVDP") from error
        raise InputError(f"ColorVideoVDP: the package cvvdp is installed but cannot be loaded ({error})") from error
    metric = pycvvdp.cvvdp(display_name=display, device=result.device, quiet=True)
    order = "CHW" if result.ndim == 3 else "FCHW"
    quality, _ = metric.predict(unit(result).float(), unit(reference).float(), dim_order=order, frames_per_second=frame_rate)
    return float(quality)
