"""Images and frames made larger: one model, one device, one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from upframe.engine.device import Precision, choose_device, choose_dtype, memory_format
from upframe.engine.size import Target
from upframe.engine.tiles import Tiler, automatic_tile
from upframe.errors import InputError
from upframe.models.catalog import Model, load
from upframe.models.interpolation import Interpolation
from upframe.ops.alpha import bleed
from upframe.ops.resize import resize
from upframe.ops.transfer import decode_linear, encode_linear

Pixels = NDArray[Any]
_FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def _nothing(_: str) -> None:
    pass


class Upscaler:
    """A model made ready on a device, for pictures of any size and kind.

    ``model``: a shipped name, a checkpoint file, or what :func:`upframe.load` returned. ``tile``: ``"auto"``, the side of a
    tile in input pixels, or None for whole pictures. ``scale``: the enlargement of the results where it is not the model's;
    the model's result is resized to it. ``on_note`` is told what a user should know, such as smaller tiles for want of memory.
    Raises CheckpointError and DeviceError.
    """

    def __init__(
        self,
        model: str | Path | Model = "rt4ksr-x2",
        *,
        device: str = "auto",
        precision: Precision = "auto",
        tile: int | Literal["auto"] | None = "auto",
        scale: float | None = None,
        on_note: Callable[[str], None] = _nothing,
    ) -> None:
        loaded = model if isinstance(model, Model) else load(model)
        self.info = loaded.info
        self.target = Target(scale=scale)
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device)
        self.network = loaded.network.to(self.device, self.dtype)
        self.network.to(memory_format=memory_format(self.device))  # type: ignore[call-overload]  # torch's stub lacks it
        side = automatic_tile(self.device, self.info) if tile == "auto" else tile
        self._tiler = Tiler(self.network, self.info, side, on_note)

    @torch.inference_mode()
    def enlarge(self, rgb: Tensor, target: Target | None = None) -> Tensor:
        """Enlarge (n, 3, h, w) RGB, nominally in [0, 1] -> (n, 3, height, width) float32, not clamped, on the device."""
        height, width = (target or self.target).of(rgb.shape[-2], rgb.shape[-1], self.info.scale)
        rgb = rgb.to(self.device, torch.float32)
        if isinstance(self.network, Interpolation):  # one step to any size
            return resize(rgb, (height, width), kernel=self.network.kernel)
        enlarged = self._tiler(rgb.to(self.dtype)).float()
        return enlarged if enlarged.shape[-2:] == (height, width) else resize(enlarged, (height, width))

    @overload
    def upscale(self, image: Image.Image, target: Target | None = None) -> Image.Image: ...
    @overload
    def upscale(self, image: Pixels, target: Target | None = None) -> Pixels: ...
    def upscale(self, image: Image.Image | Pixels, target: Target | None = None) -> Image.Image | Pixels:
        """Enlarge one image; the result is of the same kind, larger.

        Arrays: (h, w), (h, w, 1), (h, w, 2), (h, w, 3) or (h, w, 4), the last channel of two and four being straight alpha;
        uint8, uint16, or float in [0, 1] (returned as float32, not clamped). PIL images: modes L, LA, RGB, RGBA; others
        are converted to RGB or RGBA. Raises InputError for an empty array or one of another type or shape.
        """
        if isinstance(image, Image.Image):
            return self._upscale_pil(image, target)
        if image.ndim == 2:
            return self.upscale(image[..., None], target)[..., 0]
        if image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4) or 0 in image.shape:
            raise InputError(f"an image must be (height, width) or (height, width, 1 to 4), not {image.shape}")
        colours = image.shape[2] - 1 + image.shape[2] % 2
        alpha = image[..., colours:] if colours < image.shape[2] else None
        colour, alpha = self.upscale_layers(image[..., :colours], alpha, target)
        return colour if alpha is None else np.concatenate((colour, alpha), axis=2)

    def _upscale_pil(self, image: Image.Image, target: Target | None) -> Image.Image:
        if image.mode not in ("L", "LA", "RGB", "RGBA"):
            image = image.convert("RGBA" if "A" in image.mode or "transparency" in image.info else "RGB")
        return Image.fromarray(self.upscale(np.asarray(image), target))

    @torch.inference_mode()
    def upscale_layers(
        self, colour: Pixels, alpha: Pixels | None, target: Target | None = None, *, linear: bool = False
    ) -> tuple[Pixels, Pixels | None]:
        """Enlarge colour (h, w, 1 or 3) and straight alpha (h, w, 1), each to its own type.

        ``linear``: scene-linear light, of any size, which is bent to a display's curve for the network and back again.
        Colours under fully transparent pixels are taken from their neighbours first, so that no dark fringe appears.
        """
        rgb = _to_tensor(colour, self.device)
        if alpha is not None:
            opacity = _to_tensor(alpha, self.device)
            rgb = bleed(rgb, opacity)
        rgb = self._in_range(
            encode_linear(rgb) if linear else rgb, target, limited=not np.issubdtype(colour.dtype, np.floating)
        )
        result = _to_pixels(decode_linear(rgb) if linear else rgb, colour.dtype)
        if alpha is None:
            return result, None
        return result, _to_pixels(self._in_range(opacity, target, limited=True).clamp(0, 1), alpha.dtype)

    def _in_range(self, layer: Tensor, target: Target | None, *, limited: bool) -> Tensor:
        """Enlarge (1, 1 or 3, h, w) of any range; what lies outside [0, 1] is brought inside for the network, and back."""
        low, high = (0.0, 1.0) if limited else (min(float(layer.min()), 0.0), max(float(layer.max()), 1.0))
        span = high - low
        grey = layer.shape[1] == 1
        enlarged = self.enlarge(((layer - low) / span).expand(-1, 3, -1, -1), target) * span + low
        return enlarged.mean(dim=1, keepdim=True) if grey else enlarged

    def stream(self, frames: Iterable[Pixels], target: Target | None = None) -> Iterator[Pixels]:
        """Enlarge the frames of a clip one after the other, as they come; arrays as for :meth:`upscale`."""
        for frame in frames:
            yield self.upscale(frame, target)


def _to_tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """(h, w, c) uint8, uint16 or float -> (1, c, h, w) float32, whole numbers divided by their largest."""
    full = _FULL.get(pixels.dtype)
    if full is None and not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"an image must be uint8, uint16 or float, not {pixels.dtype}")
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(np.int32)  # torch knows few operations on uint16
    elif full is None:
        pixels = pixels.astype(np.float32)
    tensor = torch.from_numpy(np.require(pixels, requirements=("C", "W"))).to(device).permute(2, 0, 1)[None]
    return tensor.float().div_(full) if full else tensor.float()


def _to_pixels(tensor: Tensor, dtype: np.dtype[Any]) -> Pixels:
    """The inverse of :func:`_to_tensor`, rounded to the nearest and limited to what the type holds."""
    full = _FULL.get(dtype)
    tensor = tensor[0].permute(1, 2, 0)
    if full is None:
        return tensor.float().contiguous().cpu().numpy()
    codes = (tensor * full).add_(0.5).clamp_(0, full)
    if full == 255:
        return codes.to(torch.uint8).contiguous().cpu().numpy()
    return codes.to(torch.int32).contiguous().cpu().numpy().astype(np.uint16)
