"""Images and frames made larger: one model, one device, one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from upframe.engine.arrays import Pixels, to_pixels, to_tensor
from upframe.engine.device import Precision, choose_device, choose_dtype, memory_format
from upframe.engine.size import Target
from upframe.engine.tiles import Tiler, automatic_tile, spans
from upframe.errors import InputError
from upframe.models.catalog import Model, load
from upframe.models.interpolation import Interpolation
from upframe.ops.alpha import bleed
from upframe.ops.resize import resize
from upframe.ops.transfer import decode_linear, encode_linear

BAND_PIXELS = 2**22  # of a picture that are enlarged at a time


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
        rgb = to_tensor(colour, self.device)
        if alpha is None:
            return self._enlarge_layer(rgb, colour.dtype, target, linear=linear), None
        opacity = to_tensor(alpha, self.device)
        large = self._enlarge_layer(bleed(rgb, opacity), colour.dtype, target, linear=linear)
        return large, np.clip(self._enlarge_layer(opacity, alpha.dtype, target), 0, None if alpha.dtype.kind == "u" else 1)

    def _enlarge_layer(self, layer: Tensor, dtype: np.dtype[Any], target: Target | None, *, linear: bool = False) -> Pixels:
        """Enlarge (1, 1 or 3, h, w) of any range to (height, width, 1 or 3) of a type, in bands if it is large.

        What lies outside [0, 1] is brought inside for the network, and back.
        """
        grey = layer.shape[1] == 1
        if linear:
            layer = encode_linear(layer)
        low, high = (0.0, 1.0) if dtype.kind == "u" else (min(float(layer.min()), 0.0), max(float(layer.max()), 1.0))
        target = target or self.target
        height, width = target.of(layer.shape[-2], layer.shape[-1], self.info.scale)
        result: Pixels = np.empty((height, width, layer.shape[1]), dtype if dtype.kind == "u" else np.float32)
        for band, rows, cut in self._bands(layer.shape[-2], layer.shape[-1], (height, width)):
            piece = self.enlarge(((layer[..., band, :] - low) / (high - low)).expand(-1, 3, -1, -1), target)[..., cut, :]
            piece = (piece.mean(dim=1, keepdim=True) if grey else piece) * (high - low) + low
            if linear:  # where the curve is a logarithm, a slight overshoot would be a new light, brighter than any there is
                piece = decode_linear(piece.clamp(low, high))
            result[rows] = to_pixels(piece, dtype)
        return result

    def _bands(self, height: int, width: int, size: tuple[int, int]) -> Iterator[tuple[slice, slice, slice]]:
        """Rows to read, rows of the result they make, and which of the rows made those are.

        One band for what is resized afterwards, and for pictures of common sizes; else floats of the whole result, sixteen
        times its bytes, would have to be in memory at once.
        """
        scale, radius, multiple = self.info.scale, self.info.radius, self.info.multiple
        step = max(BAND_PIXELS // width // multiple, 1) * multiple
        if step >= height or radius is None or size != (height * scale, width * scale):
            yield slice(0, height), slice(0, size[0]), slice(0, size[0])
            return
        for span in spans(height, step, math.ceil(radius / multiple) * multiple):
            first = (span.start - span.halo_start) * scale
            rows = slice(span.start * scale, span.stop * scale)
            yield slice(span.halo_start, span.halo_stop), rows, slice(first, first + rows.stop - rows.start)

    def stream(self, frames: Iterable[Pixels], target: Target | None = None) -> Iterator[Pixels]:
        """Enlarge the frames of a clip one after the other, as they come; arrays as for :meth:`upscale`."""
        for frame in frames:
            yield self.upscale(frame, target)
