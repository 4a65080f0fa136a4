"""What analogue video leaves in an image: dot crawl, rainbows, and colours that lie beside their shapes.

Dots and rainbows are taken out by FFmpeg's ``dedot``, which compares frames; it leaves what moves. How far colours are
displaced is measured on frames from across the video, by their edges and those of luma, and mended by ``chromashift`` in whole
pixels of chroma.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from av.video.frame import VideoFrame

from upframe.media.filters import FilterChain
from upframe.media.notes import Notes
from upframe.media.video.filtering import planar_chain
from upframe.media.video.info import Plane, VideoInfo
from upframe.media.video.places import frames_at
from upframe.media.video.planes import nearest_layout, read_planes

_PLACES, _FRAMES = 8, 2  # that are looked at, and frames at each
_FURTHEST = 6  # pixels of chroma
_BETTER = 1.03  # how much better edges must fit for colours to be moved


class Cleaner:
    """Takes the frames of a video in order and gives them cleaned, some frames later, as many and with their times."""

    def __init__(self, delays: tuple[tuple[int, int], tuple[int, int]], info: VideoInfo) -> None:
        """delays: (x, y) by which Cb and Cr lie too far to the right and too low, in pixels of chroma."""
        (cb_x, cb_y), (cr_x, cr_y) = delays
        moved = f"chromashift=cbh={-cb_x}:cbv={-cb_y}:crh={-cr_x}:crv={-cr_y}"
        self._filters = ["dedot", *([moved] if any((cb_x, cb_y, cr_x, cr_y)) else [])]
        self._time_base = info.time_base
        self._chain: FilterChain | None = None

    def describe(self, info: VideoInfo) -> VideoInfo:
        """The video of the results: the same."""
        return info

    def put(self, frame: VideoFrame) -> list[VideoFrame]:
        """The frames that are clean now."""
        rest = []
        if self._chain is None or not self._chain.fits(frame):
            rest = self.rest()
            self._chain = planar_chain(frame, self._filters, self._time_base)
        return rest + self._chain.put(frame)

    def rest(self) -> list[VideoFrame]:
        """Those that were held back, at the end of the video."""
        chain, self._chain = self._chain, None
        return [] if chain is None else chain.put(None)


def choose_cleaning(clean: bool, info: VideoInfo, max_pixels: int, note: Notes) -> Cleaner | None:
    """How the frames of a video are cleaned; None where they are not to be, or have no chroma of their own."""
    if not clean:
        return None
    if info.layout.rgb or info.layout.grey or info.layout.alpha:
        note(f"{info.layout} images are not cleaned: they hold no analogue video's chroma")
        return None
    sampled = [frame for place in frames_at(info.path, _PLACES, _FRAMES, max_pixels=max_pixels) for frame in place]
    delays = chroma_delays(sampled)
    note(f"dot crawl and rainbows are taken out (dedot){_told(delays, info)}")
    return Cleaner(delays, info)


def _told(delays: tuple[tuple[int, int], tuple[int, int]], info: VideoInfo) -> str:
    layout = info.layout
    words = []
    for name, (columns, rows) in zip(("Cb", "Cr"), delays, strict=True):
        x, y = columns << layout.sub_x, rows << layout.sub_y
        words += [f"{name} by {abs(x)} to the {'left' if x > 0 else 'right'}"] if x else []
        words += [f"{name} by {abs(y)} {'up' if y > 0 else 'down'}"] if y else []
    return f"; colours are moved, in pixels: {', '.join(words)}" if words else "; colours are where their shapes are"


def chroma_delays(frames: Iterable[VideoFrame]) -> tuple[tuple[int, int], tuple[int, int]]:
    """(x, y) by which Cb and Cr lie to the right of luma and below, in pixels of chroma; 0 where edges do not tell."""
    sums = np.zeros((2, 2, 2 * _FURTHEST + 1))  # of Cb and Cr, across and down, by displacement
    for frame in frames:
        layout = nearest_layout(frame.format.name)
        luma, *chroma = (plane.astype(np.float32) for plane in read_planes(frame, layout)[:3])
        luma = _reduced(luma, 1 << layout.sub_y, 1 << layout.sub_x)
        if min(luma.shape) > 4 * _FURTHEST:
            for number, plane in enumerate(chroma):
                for axis in (1, 0):
                    sums[number, 1 - axis] += _fits(luma, plane, axis)
    found = [tuple(_best(sums[number, along]) for along in (0, 1)) for number in (0, 1)]
    return (found[0][0], found[0][1]), (found[1][0], found[1][1])


def _reduced(luma: Plane, rows: int, columns: int) -> Plane:
    """Luma at the size of chroma, whole cells alone."""
    height, width = luma.shape[0] // rows, luma.shape[1] // columns
    return np.asarray(luma[: height * rows, : width * columns].reshape(height, rows, width, columns).mean((1, 3)))


def _fits(luma: Plane, chroma: Plane, axis: int) -> Plane:
    """How well edges across an axis fit, for each displacement of chroma along it."""
    height, width = luma.shape
    edges, other = (np.abs(np.diff(plane[:height, :width], axis=axis)) for plane in (luma, chroma))
    edges = np.moveaxis(edges, axis, 0)[_FURTHEST:-_FURTHEST]
    other = np.moveaxis(other, axis, 0)
    count = len(edges)
    # As roots, so that many weak edges count for more than one strong one.
    return np.array([float(np.sqrt(edges * other[by : by + count]).sum()) for by in range(2 * _FURTHEST + 1)])


def _best(fits: Plane) -> int:
    """The displacement at which edges fit best, if clearly better than where they are."""
    best = int(fits.argmax())
    return best - _FURTHEST if fits[best] > _BETTER * fits[_FURTHEST] else 0
