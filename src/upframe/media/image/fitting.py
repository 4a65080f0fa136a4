"""Fitting an image to the format it is written in: depth, light, alpha and metadata. Each loss is noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from upframe.errors import OutputError
from upframe.media.image import exif
from upframe.media.image.colour import (
    profile_fits,
    profile_is_linear,
    srgb_decode,
    srgb_encode,
    srgb_profile,
    to_depth,
    to_float,
)
from upframe.media.image.image import Depth, Image, ImageFormat, ImageMetadata, Samples
from upframe.media.notes import Notes


@dataclass(frozen=True, slots=True)
class _Capacity:
    """What a format can hold."""

    depths: tuple[Depth, ...]
    alpha: bool
    metadata: frozenset[str]
    """Fields of ImageMetadata."""
    text: frozenset[str] | None = frozenset()
    """Keywords of text that have a place; None for any."""
    largest_side: int = 2**31 - 1


_JPEG_METADATA = frozenset({"icc", "exif", "xmp", "dpi", "iptc", "xmp_extension"})
_TIFF_TEXT = frozenset({"Description", "Software", "Author", "Copyright"})
_CAPACITY: Mapping[ImageFormat, _Capacity] = {
    "png": _Capacity((8, 16), True, frozenset({"icc", "exif", "xmp", "dpi", "pixel_aspect", "png_colour"}), None),
    "jpeg": _Capacity((8,), False, _JPEG_METADATA, frozenset({"Comment"}), 65_500),
    "webp": _Capacity((8,), True, frozenset({"icc", "exif", "xmp"}), largest_side=16_383),
    "tiff": _Capacity((8, 16, 32), True, frozenset({"icc", "exif", "xmp", "dpi", "iptc", "geo"}), _TIFF_TEXT),
    "exr": _Capacity((16, 32), True, frozenset({"dpi", "exr_header"}), None),
    "bmp": _Capacity((8,), False, frozenset({"dpi"})),
    "ppm": _Capacity((8, 16), False, frozenset()),
    "avif": _Capacity((8,), True, frozenset({"icc", "exif", "xmp"}), largest_side=65_536),
    "heic": _Capacity((8, 16), True, frozenset({"icc", "exif", "xmp"}), largest_side=16_384),
    "jxl": _Capacity((8,), True, frozenset({"icc", "exif", "xmp"})),
    "tga": _Capacity((8,), True, frozenset(), largest_side=65_535),
    "jp2": _Capacity((8,), True, frozenset()),
    "hdr": _Capacity((32,), False, frozenset()),
    "pfm": _Capacity((32,), False, frozenset()),
}
_OF_LIGHT: frozenset[ImageFormat] = frozenset({"exr", "hdr", "pfm"})
_WORDS = {
    "icc": "colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "pixel_aspect": "shape of pixels",
    "png_colour": "PNG colour chunks",
    "exr_header": "OpenEXR attributes",
    "iptc": "IPTC (title, keywords, credit)",
    "xmp_extension": "extended XMP",
    "geo": "georeference",
}


def fit(image: Image, target: ImageFormat, depth: Depth | None, note: Notes) -> Image:
    """The image as ``target`` can hold it, at ``depth`` bits a sample or the nearest to its own.

    Light to display and back go by the sRGB curve. Transparency that has no place is laid on white. Raises OutputError when
    a side is too long for the format, or ``depth`` is none of its depths.
    """
    capacity = _CAPACITY[target]
    if max(image.width, image.height) > capacity.largest_side:
        raise OutputError(
            f"{image.width}x{image.height} is too large for {target.upper()}, which ends at {capacity.largest_side:,} "
            f"pixels a side",
            remedy="write PNG or TIFF",
        )
    if depth is not None and depth not in capacity.depths:
        raise OutputError(f"{target.upper()} holds {' or '.join(map(str, capacity.depths))} bits a sample, not {depth}")
    if image.alpha is not None and not capacity.alpha:
        image = _on_white(image, target, note)
    fitted = _fit_light(image, depth, note) if target in _OF_LIGHT else _fit_samples(image, target, depth, note)
    return replace(fitted, format=target, metadata=_fit_metadata(fitted, target, capacity, note))


def _fit_light(image: Image, depth: Depth | None, note: Notes) -> Image:
    """Linear float32. A half has 11 significant bits: enough for 8-bit images, not for 16-bit ones."""
    if image.format == "exr" and image.linear:
        half = image.encoding.half
    else:
        half = image.pixels.dtype == np.uint8
    encoding = replace(image.encoding, half=half if depth is None else depth == 16)
    if image.linear:
        image = replace(image, pixels=to_float(image.pixels), alpha=None if image.alpha is None else to_float(image.alpha))
        return replace(_associated(image), encoding=encoding)
    note("display values were turned to linear light by the sRGB curve")
    pixels, alpha = to_float(image.pixels), None if image.alpha is None else to_float(image.alpha)
    if alpha is not None and image.associated:
        pixels = np.divide(pixels, alpha, out=pixels.copy(), where=alpha > 0)
        light = np.where(alpha > 0, srgb_decode(pixels) * alpha, srgb_decode(pixels))
        return replace(image, pixels=light, alpha=alpha, linear=True, encoding=encoding)
    return _associated(replace(image, pixels=srgb_decode(pixels), alpha=alpha, linear=True, encoding=encoding))


def _associated(image: Image) -> Image:
    """Floats with colour multiplied by alpha: hidden colours, where alpha is 0, become 0 and do not glow."""
    if image.alpha is None or image.associated:
        return image
    return replace(image, pixels=image.pixels * image.alpha, associated=True)


def _straight(image: Image, note: Notes) -> Image:
    """Colour not multiplied by alpha, and alpha as cover, at most 1. Light without cover has no place, and is noted."""
    if image.alpha is None or not image.associated:
        return image
    pixels, alpha = to_float(image.pixels), to_float(image.alpha)
    lit = (alpha <= 0) & (pixels != 0).any(axis=2, keepdims=True)
    if lit.any():
        note(f"light without cover (alpha 0) has no place in the result: {int(lit.sum())} pixels became empty")
    if (alpha > 1).any():
        note("alpha above 1 was taken as 1")
    alpha = alpha.clip(None, 1)
    straight = np.divide(pixels, alpha, out=np.zeros_like(pixels), where=alpha > 0)
    if image.pixels.dtype == np.float32:
        return replace(image, pixels=straight, alpha=alpha, associated=False)
    whole = to_depth(straight, 8 if image.pixels.dtype == np.uint8 else 16)
    return replace(image, pixels=whole, associated=False)


def _fit_samples(image: Image, target: ImageFormat, depth: Depth | None, note: Notes) -> Image:
    """Integers, or float32 where the format has it."""
    own: Depth = {1: 8, 2: 16, 4: 32}[image.pixels.itemsize]  # type: ignore[assignment]
    depths = _CAPACITY[target].depths
    chosen = depth or (own if own in depths else depths[-1])
    if chosen == 32:
        return _as_float(image)
    if target != "tiff" or image.linear:
        image = _straight(image, note)
    if image.linear:
        note("linear light was turned to display values by the sRGB curve; what is outside 0 to 1 was clipped")
        metadata = image.metadata
        if metadata.icc:
            metadata = replace(metadata, icc=None)
            note("its profile, of linear light, was left out")
        pixels = srgb_encode(image.pixels)
        image = replace(image, pixels=pixels, linear=False, metadata=metadata)
    elif own == 32:
        note("what is outside 0 to 1 was clipped")
    if own > chosen:
        note(f"{own}-bit samples were rounded to {chosen} bits")
    alpha = None if image.alpha is None else to_depth(image.alpha, chosen)
    return replace(image, pixels=to_depth(image.pixels, chosen), alpha=alpha)


def _as_float(image: Image) -> Image:
    """float32 for a float TIFF, which without a profile would be read back as linear light: display values get one."""
    metadata = image.metadata
    if not image.linear and (metadata.icc is None or profile_is_linear(metadata.icc)) and image.pixels.shape[2] == 3:
        metadata = replace(metadata, icc=srgb_profile())
    alpha = None if image.alpha is None else to_float(image.alpha)
    return replace(image, pixels=to_float(image.pixels), alpha=alpha, metadata=metadata)


def _on_white(image: Image, target: ImageFormat, note: Notes) -> Image:
    assert image.alpha is not None
    opaque = 1.0 if image.alpha.dtype == np.float32 else np.iinfo(image.alpha.dtype).max
    if (image.alpha == opaque).all():
        return replace(image, alpha=None, associated=False)
    note(f"{target.upper()} has no transparency: the image was laid on white")
    share = to_float(image.alpha)
    laid: Samples = image.pixels * (1 if image.associated else share) + np.float32(opaque) * (1 - share)
    if image.pixels.dtype != np.float32:
        laid = np.rint(laid)
    return replace(image, pixels=laid.astype(image.pixels.dtype), alpha=None, associated=False)


def _fit_metadata(image: Image, target: ImageFormat, capacity: _Capacity, note: Notes) -> ImageMetadata:
    metadata = image.metadata
    lost = {name for name in _WORDS if getattr(metadata, name) and name not in capacity.metadata}
    if metadata.icc and "icc" not in lost and target == "webp" and not profile_fits(metadata.icc, 3):
        lost.add("icc")
    text = {keyword: value for keyword, value in metadata.text.items() if capacity.text is None or keyword in capacity.text}
    words = [_WORDS[name] for name in sorted(lost)] + sorted(f"text {keyword!r}" for keyword in metadata.text.keys() - text)
    if words:
        note(f"{target.upper()} has no place for: {', '.join(words)}")
    empty = ImageMetadata()
    kept = replace(metadata, text=text, **{name: getattr(empty, name) for name in lost})
    if kept.xmp and not kept.xmp_extension:
        kept = replace(kept, xmp=exif.xmp_without_extension(kept.xmp))
    return replace(kept, exif=exif.with_size(kept.exif, image.width, image.height)) if kept.exif else kept
