"""Small images and videos with something to see in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray

from upframe.models.rt4ksr import RT4KSR
from upframe.ops.resize import resize

Codes = NDArray[np.uint8]


def scene(height: int = 64, width: int = 96, seed: int = 0) -> Codes:
    """Soft shapes with fine grain: (h, w, 3)."""
    random = torch.Generator().manual_seed(seed)
    soft = resize(torch.rand(3, height // 8 + 1, width // 8 + 1, generator=random), (height, width))
    grain = resize(torch.rand(3, height // 2 + 1, width // 2 + 1, generator=random), (height, width))
    codes = (0.75 * soft + 0.25 * grain).clamp(0, 1).mul(255).round().to(torch.uint8)
    pixels: Codes = np.ascontiguousarray(codes.permute(1, 2, 0).numpy())
    return pixels


def blemished(pixels: Codes, amount: int = 6, seed: int = 1) -> Codes:
    """The same with noise."""
    noise = np.random.default_rng(seed).integers(-amount, amount + 1, pixels.shape)
    codes: Codes = np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return codes


def save(path: Path, pixels: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path)
    return path


def save_video(path: Path, frames: list[Codes], rate: int = 25) -> Path:
    """A lossless video of RGB frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "bgr0"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


def moving(count: int, height: int = 64, width: int = 96, seed: int = 0) -> list[Codes]:
    """A clip of an image that moves by a pixel a frame."""
    wide = scene(height, width + count, seed)
    return [np.ascontiguousarray(wide[:, index : index + width]) for index in range(count)]


def save_model(path: Path, scale: int = 2) -> Path:
    """A weights file of a network for images, untrained: its skip connection upscales."""
    torch.manual_seed(3)
    torch.save({"state_dict": RT4KSR(scale, channels=4, blocks=1, skip=True).state_dict()}, path)
    return path
