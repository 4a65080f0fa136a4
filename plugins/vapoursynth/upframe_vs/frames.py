"""Frames of VapourSynth as what Upframe takes, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import vapoursynth as vs

import upframe

Location = Literal["left", "center", "topleft", "top", "bottomleft", "bottom"]
Arrays = Sequence[np.ndarray[Any, Any]]
"""The planes of a frame, (h, w) each."""

_LOCATIONS: tuple[Location, ...] = ("left", "center", "topleft", "top", "bottomleft", "bottom")  # by VapourSynth's numbers
_LIMITED, _FULL = 1, 2  # of a ColourCodes
_RANGE = "_Range" if int(vs.RANGE_FULL) == 1 else "_ColorRange"  # where full is 1; before, it was called _ColorRange and was 0


class Frames:
    """Upscales single frames or clips of one format.

    Raises upframe.UpframeError, in its methods too, for a format that is not supported.
    """

    def __init__(self, upscaler: upframe.Upscaler, clip: vs.VideoNode) -> None:
        self.upscaler, self.clip = upscaler, clip
        self._is_rgb = clip.format is not None and clip.format.color_family == vs.RGB
        self._check()

    def _check(self) -> None:
        given = self.clip.format
        if given is None or given.color_family == vs.UNDEFINED or self.clip.width == 0:
            raise upframe.UpframeError(
                "the clip changes its format or size on the way",
                remedy="make it one with resize, and give width, height and format",
            )
        whole = given.sample_type == vs.INTEGER and 8 <= given.bits_per_sample <= 16
        halved = given.subsampling_w <= 1 and given.subsampling_h <= 1
        if not ((whole and halved) or (self._is_rgb and given.sample_type == vs.FLOAT)):
            raise upframe.UpframeError(
                f"clips of {given.name} are not supported: RGBH, RGBS, and RGB, GRAY and YUV to 4:2:0 of 8 to 16 bits are",
                remedy="convert it with resize first",
            )

    def check_size(self, height: int, width: int) -> None:
        """Raises UpframeError for a result that the format cannot have."""
        given = self.clip.format
        if height % (1 << given.subsampling_h) or width % (1 << given.subsampling_w):
            raise upframe.UpframeError(
                f"{given.name} cannot be {width}x{height}", remedy="use another scale, or convert it to 4:4:4"
            )

    def upscale(self, frame: vs.VideoFrame) -> Arrays:
        """One frame by itself."""
        if self._is_rgb:
            return self._planes(self.upscaler.upscale(self._image(frame)))
        return self.upscaler.upscale_planes(_arrays(frame), self._kind(frame))

    def stream(self, frames: Iterable[vs.VideoFrame], cuts: str | Callable[[Any], bool]) -> Iterator[Arrays]:
        """A run of frames through a network that remembers, in order. All are of the kind that the first says it is of."""
        if self._is_rgb:
            yield from map(self._planes, self.upscaler.stream(map(self._image, frames), cuts=cuts))
            return
        kind = self._kind(self.clip.get_frame(0))
        yield from self.upscaler.stream_planes(map(_arrays, frames), kind, cuts=cuts)

    def write(self, blank: vs.VideoFrame, source: vs.VideoFrame, planes: Arrays) -> vs.VideoFrame:
        """The result as a frame, with the properties of the source, and what was taken for granted of its colours."""
        result = blank.copy()
        for index, plane in enumerate(planes):
            np.asarray(result[index])[...] = plane
        result.props.clear()
        for name, value in source.props.items():
            if name != "_Alpha":  # a frame of the old size
                result.props[name] = value
        if not self._is_rgb:
            colour = self._kind(source).colour
            result.props.update({"_Matrix": colour.colorspace, "_Primaries": colour.primaries, "_Transfer": colour.transfer})
            result.props[_RANGE] = int(colour.full_range == (_RANGE == "_Range"))
        return result

    def _image(self, frame: vs.VideoFrame) -> np.ndarray[Any, Any]:
        image = np.stack(_arrays(frame), axis=2)
        return _widened(image, frame.format.bits_per_sample)

    def _planes(self, image: np.ndarray[Any, Any]) -> Arrays:
        return list(_narrowed(image, self.clip.format).transpose(2, 0, 1))

    def _kind(self, frame: vs.VideoFrame) -> upframe.PlaneKind:
        said = frame.props
        full = None if said.get(_RANGE) is None else bool(said[_RANGE]) == (_RANGE == "_Range")
        codes = upframe.ColourCodes(
            colorspace=int(said.get("_Matrix", 2)),
            primaries=int(said.get("_Primaries", 2)),
            transfer=int(said.get("_Transfer", 2)),
            color_range=0 if full is None else _FULL if full else _LIMITED,
        )
        given = frame.format
        return upframe.PlaneKind.read(
            codes,
            size=(frame.height, frame.width),
            depth=given.bits_per_sample,
            planes=given.num_planes,
            subsampling=(1 << given.subsampling_h, 1 << given.subsampling_w),
            chroma_location=_LOCATIONS[int(said.get("_ChromaLocation", 0))],
        )


def _arrays(frame: vs.VideoFrame) -> Arrays:
    return [np.asarray(frame[index]) for index in range(frame.format.num_planes)]


def _widened(image: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """Whole numbers of 9 to 15 bits as floats in [0, 1]: Upframe's images have 8, 16 or floats."""
    return image if image.dtype.kind == "f" or bits in (8, 16) else (image / np.float32((1 << bits) - 1)).astype(np.float32)


def _narrowed(image: np.ndarray[Any, Any], wanted: vs.VideoFormat) -> np.ndarray[Any, Any]:
    bits = int(wanted.bits_per_sample)
    if wanted.sample_type == vs.FLOAT:
        return image.astype(np.float16 if bits == 16 else np.float32, copy=False)
    largest = (1 << bits) - 1
    return image if bits in (8, 16) else (image * largest + 0.5).clip(0, largest).astype(np.uint16)
