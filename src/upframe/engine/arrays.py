"""Images in memory: arrays and PIL images as they are handed in and given back, and the tensors networks take."""

from __future__ import annotations

import sys
from typing import Any, cast

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError
from upframe.media.image.colour import cmyk_to_rgb
from upframe.media.image.image import ImageMetadata

Pixels = NDArray[Any]
"""(h, w, c) of uint8, uint16 or float."""

_FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_AS_THEY_ARE = frozenset({"L", "LA", "RGB", "RGBA", "F", "I;16"})
_CONVERTED = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB", "PA": "RGBA"}
_BACK = frozenset({"La", "RGBa"})  # colour multiplied by alpha, which 8-bit results are again
_SIXTEEN_BITS = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})


def to_tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """(h, w, c) uint8, uint16 or float -> (1, c, h, w) float32, whole numbers divided by their largest. Raises InputError."""
    full = _FULL.get(pixels.dtype)
    if full is None and not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"an image must be uint8, uint16 or float, not {pixels.dtype}")
    if pixels.dtype == np.uint16:
        pixels = pixels.astype(np.int32)  # torch knows few operations on uint16
    elif full is None:
        pixels = pixels.astype(np.float32)
    tensor = torch.from_numpy(np.require(pixels, requirements=("C", "W"))).to(device).permute(2, 0, 1)[None]
    return tensor.float().div_(full) if full else tensor.float()


def to_pixels(tensor: Tensor, dtype: np.dtype[Any]) -> Pixels:
    """The inverse of :func:`to_tensor`, rounded to the nearest and limited to what the type holds."""
    full = _FULL.get(dtype)
    tensor = tensor[0].permute(1, 2, 0)
    if full is None:
        return tensor.float().contiguous().cpu().numpy()
    codes = (tensor * full).add_(0.5).clamp_(0, full)
    if full == 255:
        return codes.to(torch.uint8).contiguous().cpu().numpy()
    return codes.to(torch.int32).contiguous().cpu().numpy().astype(np.uint16)


def as_array(image: object) -> Pixels:
    """An array or a PIL image -> a plain array of uint8, uint16 or floats, in this machine's byte order.

    PIL's modes: 8 bits as they are, ``I;16`` and ``I`` as uint16, ``F`` as float32; ``1`` becomes grey, palettes and other
    colour models become RGB, with alpha where the image has transparency. Raises InputError, which names the type or the mode,
    for anything else.
    """
    if isinstance(image, PIL.Image.Image):
        return _array_of(image)
    if not isinstance(image, np.ndarray) or isinstance(image, np.matrix | np.ma.MaskedArray):
        raise InputError(f"an image must be a NumPy array or a PIL image, not {_type_name(image)}{_advice(image)}")
    array: Pixels = np.asarray(image)
    if array.dtype.kind != "f" and array.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise InputError(f"an image must be uint8, uint16 or float, not {array.dtype}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_given(pixels: Pixels, image: object) -> PIL.Image.Image | Pixels:
    """The result of an image, of the same kind: a PIL image for a PIL image, with what that says beside its pixels."""
    if not isinstance(image, PIL.Image.Image):
        return pixels
    if image.mode == "I":
        pixels = pixels.astype(np.int32)
    result = PIL.Image.fromarray(np.ascontiguousarray(pixels))
    if image.mode in _BACK:
        result = result.convert(image.mode)
    result.info = {key: value for key, value in image.info.items() if key not in ("transparency", "background")}
    if image.mode == "CMYK":
        result.info.pop("icc_profile", None)  # of inks
    return result


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _advice(value: object) -> str:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return ": give (height, width, channels) with .numpy(), or use Upscaler.upscale_tensor for (n, 3, height, width)"
    if isinstance(value, np.ma.MaskedArray):
        return ": fill what is masked first, with .filled()"
    return ": np.asarray makes one of it" if isinstance(value, np.matrix | list | tuple) else ""


def _array_of(image: PIL.Image.Image) -> Pixels:
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"the PIL image cannot be read: {error}") from error
    if image.mode in _SIXTEEN_BITS:
        return _sixteen_bits(image)
    return np.asarray(_converted(image))


def _sixteen_bits(image: PIL.Image.Image) -> Pixels:
    if "transparency" in image.info:
        raise InputError(
            f"a PIL image of mode {image.mode} with a transparent colour is not supported: its alpha has no place in it"
        )
    samples = np.asarray(image)
    if samples.size and not 0 <= samples.min() <= samples.max() <= 65535:
        raise InputError(
            f"a PIL image of mode {image.mode} with values outside 0 to 65535 is not supported", remedy="convert it to mode F"
        )
    return samples.astype(np.uint16)


def _converted(image: PIL.Image.Image) -> PIL.Image.Image:
    mode = image.mode
    if mode == "P":
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if mode == "CMYK":
        metadata = ImageMetadata(icc=image.info.get("icc_profile"))
        return PIL.Image.fromarray(cast(Any, cmyk_to_rgb(image, metadata, lambda _: None)[0]))
    if mode in ("1", "L", "RGB") and "transparency" in image.info:  # one colour stands for nothing
        return image.convert("RGBA" if mode == "RGB" else "LA")
    if mode in _CONVERTED:
        return image.convert(_CONVERTED[mode])
    if mode in _AS_THEY_ARE:
        return image
    raise InputError(f"a PIL image of mode {mode} is not supported", remedy="convert it to RGB first")
