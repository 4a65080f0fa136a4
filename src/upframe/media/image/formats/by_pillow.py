"""What all formats have in common that Pillow alone decodes: an image opened within the limits, and its samples."""

from __future__ import annotations

import numpy as np
import PIL.Image
from PIL.ImageFile import ImageFile

from upframe.media.image.formats.exchange import Source, split_alpha
from upframe.media.image.image import Origin, Samples

_ORIGINS: dict[str, Origin] = {"1": "bilevel", "P": "palette", "CMYK": "cmyk"}


def opened_by_pillow(source: Source, plugin: type[ImageFile], *, several: str | None = None) -> ImageFile:
    """A file, decoded. ``several``: what to do with one of more than one image, which is refused; None: those are layers.

    Raises InputError.
    """
    try:
        with source.path.open("rb") as file:
            opened = plugin(file)
            source.check_size(*opened.size)
            if several is not None:
                source.check_single(getattr(opened, "n_frames", 1), several)
            opened.load()
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, PIL.Image.DecompressionBombError) as error:
        raise source.damaged(error) from error
    return opened


def samples_of(source: Source, opened: ImageFile) -> tuple[Samples, Samples | None, Origin]:
    """Colour, alpha, and what they were made from, which is noted where it was no samples; 16 bits where Pillow has them."""
    origin = _ORIGINS.get(opened.mode, "samples")
    pixels, alpha = split_alpha(_plain(opened))
    if origin in ("palette", "cmyk"):
        source.note(f"{origin} image: read as {'RGB with alpha' if alpha is not None else 'RGB'}")
    return pixels, alpha, origin


def _plain(opened: ImageFile) -> Samples:
    if opened.mode.startswith("I;16"):  # of grey alone
        return np.asarray(opened, dtype=np.uint16)
    palette = "RGBA" if "transparency" in opened.info else "RGB"
    mode = {"1": "L", "P": palette, "CMYK": "RGB", "LAB": "RGB"}.get(opened.mode, opened.mode)
    return np.asarray(opened.convert(mode))
