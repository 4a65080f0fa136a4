"""The node for images: a batch is so many images, or, with a network for video, the frames of a clip in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

import upframe

from .host import NodeError, Progress, one_line
from .loader import MODEL, LoadedModel

SCALE = ("FLOAT", {"default": 0.0, "min": 0.0, "max": 16.0, "step": 0.5, "tooltip": "How many times larger; 0: as the model."})
CHANNELS = (1, 3, 4)
UNUSED = (64, 64)  # the host's mask of an image that has no transparency


class UpscaleImages:
    """Images (n, h, w, c) in [0, 1], and masks (n, h, w), larger."""

    CATEGORY, DESCRIPTION = "upframe", "Upscale a batch of images; with a network for video, as the frames of a clip in order."
    RETURN_TYPES, RETURN_NAMES, FUNCTION = ("IMAGE", "MASK"), ("image", "mask"), "upscale"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"model": (MODEL,), "image": ("IMAGE",), "scale": SCALE},
            "optional": {
                "mask": ("MASK",),
                "mask_is": (
                    ["transparency", "selection"],
                    {"tooltip": "transparency: colours under it are hidden, and do not show at its edges."},
                ),
                "cuts": (["auto", "off"], {"tooltip": "Where a network for video forgets: at scene cuts, or nowhere."}),
            },
        }

    def upscale(
        self,
        model: LoadedModel,
        image: Tensor,
        scale: float,
        mask: Tensor | None = None,
        mask_is: str = "transparency",
        cuts: str = "auto",
    ) -> tuple[Tensor, Tensor]:
        """The images, and the mask or one of zeros. Raises NodeError for tensors of another form."""
        covered = _fitting(mask, image)
        target = upframe.Target(scale=scale or None)
        if covered is None:
            large = _upscaled(model, image, target, cuts)
            return large, torch.zeros(large.shape[:3])
        if mask_is == "transparency" and image.shape[3] == 3:
            large = _upscaled(model, torch.cat((image.float(), 1 - covered[..., None]), dim=3), target, cuts)
            return large[..., :3].contiguous(), 1 - large[..., 3]
        return _upscaled(model, image, target, cuts), _upscaled(model, covered[..., None], target, cuts)[..., 0]


def _fitting(mask: Tensor | None, image: Tensor) -> Tensor | None:
    """The mask as one of every image, (n, h, w); None where there is none. Raises NodeError for what does not fit."""
    form = " x ".join(map(str, image.shape))
    if image.ndim != 4 or image.shape[3] not in CHANNELS or not image.numel() or not image.is_floating_point():
        raise NodeError(f"upframe: images are floats of number x height x width x 1, 3 or 4, not {image.dtype} of {form}")
    if mask is None or (tuple(mask.shape[-2:]) == UNUSED != tuple(image.shape[1:3]) and not mask.any()):
        return None
    mask = mask if mask.ndim == 3 else mask[None]
    if mask.shape[1:] != image.shape[1:3] or len(mask) not in (1, len(image)):
        raise NodeError(f"upframe: a mask of {' x '.join(map(str, mask.shape))} does not fit images of {form}")
    return mask.float().expand(len(image), -1, -1).to(image.device)


def _upscaled(model: LoadedModel, images: Tensor, target: upframe.Target, cuts: str) -> Tensor:
    """(n, h, w, c) -> (n, height, width, c) in [0, 1], on the processor, where the host keeps images."""
    progress = Progress(len(images))
    large: Tensor | None = None
    frames = (np.ascontiguousarray(image.cpu().numpy(), np.float32) for image in images)
    with one_line():
        for number, frame in enumerate(model.upscaler.stream(frames, target, cuts=cuts)):
            if large is None:
                large = torch.empty(len(images), *frame.shape)
            torch.clamp(torch.from_numpy(frame), 0, 1, out=large[number])
            progress.reached(number + 1)
    assert large is not None
    return large
