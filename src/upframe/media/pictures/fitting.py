"""Fitting a picture to the format it is written in: depth, light, alpha and metadata. Each loss is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from upframe.errors import OutputError
from upframe.media.pictures import exif
from upframe.media.pictures.colour import (
    profile_fits,
    profile_is_linear,
    srgb_decode,
    srgb_encode,
    srgb_profile,
    to_depth,
    to_float,
)
from upframe.media.pictures.picture import Depth, Picture, PictureFormat, PictureMetadata, Samples

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Capacity:
    """What a format can hold."""

    depths: tuple[Depth, ...]
    alpha: bool
    metadata: frozenset[str]
    """Fields of PictureMetadata."""
    text: frozenset[str] | None = frozenset()
    """Keywords of text that have a place; None for any."""
    largest_side: int = 2**31 - 1


_JPEG_METADATA = frozenset({"icc", "exif", "xmp", "dpi", "iptc", "xmp_extension"})
_TIFF_TEXT = frozenset({"Description", "Software", "Author", "Copyright"})
_CAPACITY: Mapping[PictureFormat, _Capacity] = {
    "png": _Capacity((8, 16), True, frozenset({"icc", "exif", "xmp", "dpi", "pixel_aspect", "png_colour"}), None),
    "jpeg": _Capacity((8,), False, _JPEG_METADATA, frozenset({"Comment"}), 65_500),
    "webp": _Capacity((8,), True, frozenset({"icc", "exif", "xmp"}), largest_side=16_383),
    "tiff": _Capacity((8, 16, 32), True, frozenset({"icc", "exif", "xmp", "dpi", "iptc", "geo"}), _TIFF_TEXT),
    "exr": _Capacity((16, 32), True, frozenset({"dpi", "exr_header"}), None),
    "bmp": _Capacity((8,), False, frozenset({"dpi"})),
    "ppm": _Capacity((8, 16), False, frozenset()),
}
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


def fit(picture: Picture, target: PictureFormat, depth: Depth | None, note: Note) -> Picture:
    """The picture as ``target`` can hold it, at ``depth`` bits a sample or the nearest to its own.

    Light to display and back go by the sRGB curve. Transparency that has no place is laid on white. Raises OutputError when
    a side is too long for the format, or ``depth`` is none of its depths.
    """
    capacity = _CAPACITY[target]
    if max(picture.width, picture.height) > capacity.largest_side:
        raise OutputError(
            f"{picture.width}x{picture.height} is too large for {target.upper()}, which ends at {capacity.largest_side:,} "
            f"pixels a side: write PNG or TIFF"
        )
    if depth is not None and depth not in capacity.depths:
        raise OutputError(f"{target.upper()} holds {' or '.join(map(str, capacity.depths))} bits a sample, not {depth}")
    if picture.alpha is not None and not capacity.alpha:
        picture = _on_white(picture, target, note)
    fitted = _fit_exr(picture, depth, note) if target == "exr" else _fit_samples(picture, target, depth, note)
    return replace(fitted, format=target, metadata=_fit_metadata(fitted, target, capacity, note))


def _fit_exr(picture: Picture, depth: Depth | None, note: Note) -> Picture:
    """Linear float32. A half has 11 significant bits: enough for 8-bit pictures, not for 16-bit ones."""
    if picture.format == "exr" and picture.linear:
        half = picture.encoding.half
    else:
        half = picture.pixels.dtype == np.uint8
    encoding = replace(picture.encoding, half=half if depth is None else depth == 16)
    if picture.linear:
        return replace(_associated(picture), encoding=encoding)
    note("display values were turned to linear light by the sRGB curve")
    pixels, alpha = to_float(picture.pixels), None if picture.alpha is None else to_float(picture.alpha)
    if alpha is not None and picture.associated:
        pixels = np.divide(pixels, alpha, out=pixels.copy(), where=alpha > 0)
        light = np.where(alpha > 0, srgb_decode(pixels) * alpha, srgb_decode(pixels))
        return replace(picture, pixels=light, alpha=alpha, linear=True, encoding=encoding)
    return _associated(replace(picture, pixels=srgb_decode(pixels), alpha=alpha, linear=True, encoding=encoding))


def _associated(picture: Picture) -> Picture:
    """Floats with colour multiplied by alpha: hidden colours, where alpha is 0, become 0 and do not glow."""
    if picture.alpha is None or picture.associated:
        return picture
    return replace(picture, pixels=picture.pixels * picture.alpha, associated=True)


def _straight(picture: Picture, note: Note) -> Picture:
    """Colour not multiplied by alpha, and alpha as cover, at most 1. Light without cover has no place, and is noted."""
    if picture.alpha is None or not picture.associated:
        return picture
    pixels, alpha = to_float(picture.pixels), to_float(picture.alpha)
    lit = (alpha <= 0) & (pixels != 0).any(axis=2, keepdims=True)
    if lit.any():
        note(f"light without cover (alpha 0) has no place: {int(lit.sum())} pixels became empty")
    if (alpha > 1).any():
        note("alpha above 1 was taken as 1")
    alpha = alpha.clip(None, 1)
    straight = np.divide(pixels, alpha, out=np.zeros_like(pixels), where=alpha > 0)
    if picture.pixels.dtype == np.float32:
        return replace(picture, pixels=straight, alpha=alpha, associated=False)
    whole = to_depth(straight, 8 if picture.pixels.dtype == np.uint8 else 16)
    return replace(picture, pixels=whole, associated=False)


def _fit_samples(picture: Picture, target: PictureFormat, depth: Depth | None, note: Note) -> Picture:
    """Integers, or float32 where the format has it."""
    own: Depth = {1: 8, 2: 16, 4: 32}[picture.pixels.itemsize]  # type: ignore[assignment]
    depths = _CAPACITY[target].depths
    chosen = depth or (own if own in depths else depths[-1])
    if chosen == 32:
        return _as_float(picture)
    if target != "tiff" or picture.linear:
        picture = _straight(picture, note)
    if picture.linear:
        note("linear light was turned to display values by the sRGB curve; what lies outside 0 to 1 was clipped")
        metadata = picture.metadata
        if metadata.icc:
            metadata = replace(metadata, icc=None)
            note("its profile, of linear light, was left out")
        pixels = srgb_encode(picture.pixels)
        picture = replace(picture, pixels=pixels, linear=False, metadata=metadata)
    elif own == 32:
        note("what lies outside 0 to 1 was clipped")
    if own > chosen:
        note(f"{own}-bit samples were rounded to {chosen} bits")
    alpha = None if picture.alpha is None else to_depth(picture.alpha, chosen)
    return replace(picture, pixels=to_depth(picture.pixels, chosen), alpha=alpha)


def _as_float(picture: Picture) -> Picture:
    """float32 for a float TIFF, which without a profile would be read back as linear light: display values get one."""
    metadata = picture.metadata
    if not picture.linear and (metadata.icc is None or profile_is_linear(metadata.icc)) and picture.pixels.shape[2] == 3:
        metadata = replace(metadata, icc=srgb_profile())
    alpha = None if picture.alpha is None else to_float(picture.alpha)
    return replace(picture, pixels=to_float(picture.pixels), alpha=alpha, metadata=metadata)


def _on_white(picture: Picture, target: PictureFormat, note: Note) -> Picture:
    assert picture.alpha is not None
    opaque = 1.0 if picture.alpha.dtype == np.float32 else np.iinfo(picture.alpha.dtype).max
    if (picture.alpha == opaque).all():
        return replace(picture, alpha=None, associated=False)
    note(f"{target.upper()} has no transparency: the picture was laid on white")
    share = to_float(picture.alpha)
    laid: Samples = picture.pixels * (1 if picture.associated else share) + np.float32(opaque) * (1 - share)
    if picture.pixels.dtype != np.float32:
        laid = np.rint(laid)
    return replace(picture, pixels=laid.astype(picture.pixels.dtype), alpha=None, associated=False)


def _fit_metadata(picture: Picture, target: PictureFormat, capacity: _Capacity, note: Note) -> PictureMetadata:
    metadata = picture.metadata
    lost = {name for name in _WORDS if getattr(metadata, name) and name not in capacity.metadata}
    if metadata.icc and "icc" not in lost and target == "webp" and not profile_fits(metadata.icc, 3):
        lost.add("icc")
    text = {keyword: value for keyword, value in metadata.text.items() if capacity.text is None or keyword in capacity.text}
    words = [_WORDS[name] for name in sorted(lost)] + sorted(f"text {keyword!r}" for keyword in metadata.text.keys() - text)
    if words:
        note(f"{target.upper()} has no place for: {', '.join(words)}")
    empty = PictureMetadata()
    kept = replace(metadata, text=text, **{name: getattr(empty, name) for name in lost})
    if kept.xmp and not kept.xmp_extension:
        kept = replace(kept, xmp=exif.xmp_without_extension(kept.xmp))
    return replace(kept, exif=exif.with_size(kept.exif, picture.width, picture.height)) if kept.exif else kept
