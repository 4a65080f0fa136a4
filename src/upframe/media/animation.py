"""Animated GIF, PNG, WebP and AVIF: frames with their times, how often they play, and whether they are transparent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import PIL.Image

from upframe.errors import InputError
from upframe.media.image.file import MAX_PIXELS
from upframe.media.image.formats.exchange import Source
from upframe.media.image.image import Image, ImageEncoding
from upframe.media.notes import Notes, no_notes
from upframe.regular import irregular, refuse_irregular
from upframe.remedies import keep_readable

AnimationFormat = Literal["gif", "png", "webp", "avif"]
ANIMATION_FORMATS: dict[str, AnimationFormat] = {
    ".gif": "gif",
    ".png": "png",
    ".apng": "png",
    ".webp": "webp",
    ".avif": "avif",
}
"""What an animation is written as, by its suffix in lower case."""
_NAMES: dict[str, AnimationFormat] = {"GIF": "gif", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}  # by Pillow's
_PNG, _WEBP, _GIF, _AVIF = b"\x89PNG\r\n\x1a\n", b"WEBPVP8X", b"GIF8", b"ftypavis"
_FLAGS, _ANIMATED = 20, 0x02  # where WebP has them, and which
_TO_IMAGE = 8 + 16  # bytes of an ANMF chunk before the image in it
_SEARCHED = 1 << 20
_MOST_CHUNKS = 1000
_TOO_SHORT, _INSTEAD = 10, 100  # milliseconds: what all browsers do with frames that are shown for no time


def is_animation(path: Path) -> bool:
    """Whether a file is a GIF, PNG, WebP or AVIF of several frames, told by its headers; False where it cannot be read."""
    if irregular(path):
        return False
    with suppress(OSError), path.open("rb") as file:
        start = file.read(_FLAGS + 1)
        if start.startswith(_GIF):
            return _has_frames(path, "GIF")
        if start[4:12] == _AVIF:
            return _has_frames(path, "AVIF")
        if start[8:16] == _WEBP and len(start) > _FLAGS:
            return bool(start[_FLAGS] & _ANIMATED)
        if start.startswith(_PNG):
            file.seek(len(_PNG))
            for _ in range(_MOST_CHUNKS):
                head = file.read(8)
                if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
                    return False
                if head[4:] == b"acTL":
                    return int.from_bytes(file.read(4), "big") > 1
                file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False


def _has_frames(path: Path, kind: str) -> bool:
    try:
        with PIL.Image.open(path, formats=[kind]) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001  # a damaged one raises anything, and the reader of images says what is wrong with it
        return False


@dataclass(frozen=True, slots=True)
class AnimationInfo:
    """What an animation is. plays: how often it is shown, 0 without end. alpha: whether any frame is transparent anywhere.

    milliseconds: how long each frame is shown.
    """

    path: Path
    format: AnimationFormat
    width: int
    height: int
    milliseconds: tuple[int, ...]
    plays: int
    alpha: bool
    lossless: bool


class AnimationReader:
    """An animation's frames, whole, however its file puts them together (offsets, blending, disposal).

    Iterating gives 8-bit RGB images, all with alpha or all without, as often as is wanted; one is in memory at a time. Raises
    InputError for a file that is damaged, unless ``allow_truncated`` and some of its frames can be read, or too large.
    """

    def __init__(
        self, path: Path, *, max_pixels: int = MAX_PIXELS, allow_truncated: bool = False, on_note: Notes = no_notes
    ) -> None:
        refuse_irregular(path)
        self._path, self._note = path, on_note
        try:
            self._image = PIL.Image.open(path, formats=["GIF", "PNG", "WEBP", "AVIF"])
        except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
            raise InputError(f"{path}: is no animation that can be read ({error})") from error
        try:
            Source(path, max_pixels, allow_truncated, on_note).check_size(*self._image.size)
            self._first = int(bool(self._image.info.get("default_image")))
            self.info = self._look_through(allow_truncated)
        except BaseException:
            self.close()
            raise
        self._tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._image.close()

    def __iter__(self) -> Iterator[Image]:
        info = self.info
        encoding = ImageEncoding(lossless=info.lossless, origin="palette" if info.format == "gif" else "samples")
        for number in range(len(info.milliseconds)):
            pixels = self._frame(number)
            alpha = np.ascontiguousarray(pixels[..., 3:]) if info.alpha else None
            yield Image(np.ascontiguousarray(pixels[..., :3]), alpha, format=info.format, encoding=encoding)

    def _frame(self, number: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
        self._image.seek(number + self._first)
        return np.asarray(self._image.convert("RGBA"))

    def _look_through(self, allow_truncated: bool) -> AnimationInfo:
        """Decode every frame once: how long each lasts is not known before, nor whether all can be read."""
        image = self._image
        times: list[int] = []
        alpha = False
        try:
            for number in range(getattr(image, "n_frames", 1) - self._first):
                pixels = self._frame(number)
                alpha = alpha or bool((pixels[..., 3] < 255).any())
                times.append(round(image.info.get("duration", 0)))
        except Exception as error:  # decoders stumble over damaged bytes in any way there is
            if not times or not allow_truncated:
                kept = keep_readable(f"the {len(times)} frames that can be read") if times else None
                raise InputError(
                    f"{self._path}: the animation is cut short or damaged after frame {len(times)}", remedy=kept
                ) from error
            self._note(f"the animation is cut short or damaged: {len(times)} frames could be read and were kept")
        name = _NAMES[image.format or ""]
        shown = tuple(_INSTEAD if time <= _TOO_SHORT else time for time in times)
        return AnimationInfo(self._path, name, *image.size, shown, self._plays(name), alpha, self._is_lossless(name))

    def _plays(self, name: AnimationFormat) -> int:
        """GIF counts how often it is repeated, and says nothing where it is not; the others how often it is shown.

        Of AVIF, Pillow does not tell: it is taken to play without end.
        """
        loop = self._image.info.get("loop")
        if name == "gif":
            return 1 if loop is None else loop + 1 if loop else 0
        return int(loop or 0)

    def _is_lossless(self, name: AnimationFormat) -> bool:
        """Of WebP, whether the first frame is."""
        if name != "webp":
            return name != "avif"
        with self._path.open("rb") as file:
            start = file.read(_SEARCHED)
        frame = start.find(b"ANMF")
        return start[frame + _TO_IMAGE : frame + _TO_IMAGE + 4] == b"VP8L"

    def _tell(self) -> None:
        info = self._image.info
        for key, what in (("icc_profile", "an ICC colour profile"), ("exif", "EXIF"), ("xmp", "XMP"), ("comment", "a comment")):
            if info.get(key):
                self._note(f"left out, as animations are written without it: {what}")
        if self._first:
            self._note("left out: the still image for programs that show no animation; they show the first frame")
