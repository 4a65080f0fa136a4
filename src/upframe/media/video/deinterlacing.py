"""Whole frames from interlaced ones: an enlarged comb can never be mended, so it goes before a network sees it.

Done by FFmpeg's own filters. Which frames are interlaced is what their flags say; whether that is true, and the order of
fields where no flag says it, is found by looking at the beginning (``idet``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

import av
from av.video.frame import VideoFrame

from upframe.media.filters import FilterChain
from upframe.media.notes import Notes, no_notes
from upframe.media.video.filtering import planar_chain
from upframe.media.video.info import INTERLACED, VideoInfo
from upframe.media.video.opening import drain, open_decoder
from upframe.media.video.probe import choose_video, open_video

DeinterlaceMode = Literal["auto", "off", "frame", "field", "telecine"]
"""auto: frames whose flags say so, if combs are seen. off: none. frame: one whole frame of each; field: one of each field, at
twice the rate. telecine: the 24 frames of a film that was spread over 30 by repeated fields."""
DeinterlaceFilter = Literal["bwdif", "w3fdif", "estdif"]
Order = Literal["tff", "bff"]
_LOOK = 150  # frames at the beginning, six seconds at the pace of television
_FEW = 12  # frames with motion, too few to contradict the flags
_RATIO = {"field": Fraction(2), "telecine": Fraction(4, 5)}  # frames of the result to one of the video
_FINER = {"field": 2, "telecine": 4}  # how much its times are, so that all are whole numbers


@dataclass(frozen=True, slots=True)
class Deinterlace:
    """What becomes of interlaced frames, and by which of FFmpeg's filters."""

    mode: DeinterlaceMode = "auto"
    filter: DeinterlaceFilter = "bwdif"


AS_THEY_ARE = Deinterlace("off")


@dataclass(frozen=True, slots=True)
class FieldsSeen:
    """What the first frames of a video show: how many are combed, by the field that comes first, and how many are not.

    ``flagged``: how many say that they are interlaced. ``repeated``: how many show a field of the frame before again.
    """

    flagged: int = 0
    top: int = 0
    bottom: int = 0
    progressive: int = 0
    repeated: int = 0

    @property
    def combed(self) -> int:
        return self.top + self.bottom

    @property
    def looks_progressive(self) -> bool:
        """Whether frames in motion have no combs, whatever the flags say."""
        return self.progressive >= _FEW and self.combed * 20 < self.progressive

    @property
    def looks_telecined(self) -> bool:
        """Two of five frames show a field again."""
        decided = self.combed + self.progressive
        return decided >= 2 * _FEW and 0.3 < self.repeated / decided < 0.5


def look_at_fields(path: Path, max_pixels: int) -> FieldsSeen:
    """Decode the first seconds of a video and look for combs; once, as a job opens it several times. Raises InputError."""
    status = path.stat()
    return _look(path, (status.st_size, status.st_mtime_ns), max_pixels)


@lru_cache(maxsize=8)
def _look(path: Path, _mark: tuple[int, int], max_pixels: int) -> FieldsSeen:
    counts = dict.fromkeys(("flagged", "tff", "bff", "progressive", "repeated"), 0)
    graph: FilterChain | None = None
    for frame in islice(_decoded(path, max_pixels), _LOOK):
        counts["flagged"] += frame.interlaced_frame
        if graph is None or not graph.fits(frame):
            graph = planar_chain(frame, ["idet"], Fraction(1))
        for seen in graph.put(frame):
            found = seen.metadata.get("lavfi.idet.multiple.current_frame", "")
            counts[found] = counts.get(found, 0) + 1
            counts["repeated"] += seen.metadata.get("lavfi.idet.repeated.current_frame", "neither") != "neither"
    return FieldsSeen(counts["flagged"], counts["tff"], counts["bff"], counts["progressive"], counts["repeated"])


def _decoded(path: Path, max_pixels: int) -> Iterator[VideoFrame]:
    with open_video(path) as container:
        stream = choose_video(path, container, max_pixels, no_notes)
        decoder = open_decoder(stream, None, max_pixels)
        try:
            for packet in container.demux(stream):
                yield from decoder.decode(packet) if packet.size else ()
            yield from drain(decoder)
        except (av.FFmpegError, OSError):  # what is damaged is told by who reads it all
            return


class WholeFrames:
    """Takes the frames of a video in order and gives whole ones, some frames later.

    Frames that need nothing go through as they are, until the first one that does. ``time_base``: of the times of all results,
    which is finer than the video's where there are more or fewer of them.
    """

    def __init__(self, settings: Deinterlace, info: VideoInfo, order: Order | None, tell: Callable[[], None]) -> None:
        """order: of the fields, where the flags do not tell which frames are interlaced: then all are. tell: called when frames
        are about to be changed.
        """
        self._settings, self._order, self._given, self._tell = settings, order, info.time_base, tell
        self._rate = info.average_rate or Fraction(30000, 1001)
        self.time_base = info.time_base / _FINER.get(settings.mode, 1)
        self._graph: FilterChain | None = None
        self._last: int | None = None
        self._step = 0
        self._begin: Fraction | None = None  # seconds
        self._shift: Fraction | None = None  # as what leaves frames out counts from a time of its own

    def describe(self, info: VideoInfo) -> VideoInfo:
        """The video of the results."""
        ratio = _RATIO.get(self._settings.mode, Fraction(1))
        return replace(
            info,
            interlaced=False,
            time_base=self.time_base,
            frames=None if info.frames is None else round(info.frames * ratio),
            frames_exact=info.frames_exact and ratio == 1,
            average_rate=None if info.average_rate is None else info.average_rate * ratio,
        )

    def put(self, frame: VideoFrame) -> list[VideoFrame]:
        """The frames that are whole now."""
        if self._begin is None:
            self._begin = (frame.pts or 0) * self._given
        if self._graph is None and not (self._order or frame.interlaced_frame or self._settings.mode == "telecine"):
            return [self._timed(frame, self._given)]
        rest = []
        if self._graph is None or not self._graph.fits(frame):
            rest = self.rest()
            self._tell()
            self._graph = planar_chain(frame, self._filters(), self._given, self._rate)
        return rest + [self._timed(whole, self._graph.time_base) for whole in self._graph.put(frame)]

    def rest(self) -> list[VideoFrame]:
        """Those that were held back, at the end of the video."""
        graph, self._graph = self._graph, None
        return [] if graph is None else [self._timed(whole, graph.time_base) for whole in graph.put(None)]

    def _filters(self) -> list[str]:
        kind, which = self._settings.filter, "all" if self._order else "interlaced"
        first = [f"setfield={self._order}"] if self._order else []
        rate = "field" if self._settings.mode == "field" else "frame"
        mode = f"send_{rate}" if kind == "bwdif" else rate
        if self._settings.mode == "telecine":
            # What cannot be matched is interlaced material, and deinterlaced as such.
            return [*first, "fieldmatch=order=auto:combmatch=full", f"{kind}=mode={mode}:deint=interlaced", "decimate"]
        return [*first, f"{kind}=mode={mode}:deint={which}"]

    def _timed(self, frame: VideoFrame, given: Fraction) -> VideoFrame:
        """With its time in units of ``time_base``; a filter that has none for its last field takes the usual step."""
        pts = frame.pts
        frame.duration = round(frame.duration * given / self.time_base)
        if pts is None or pts < -(1 << 62):
            frame.pts = None if self._last is None or not self._step else self._last + self._step
        else:
            if self._shift is None:
                moved = self._begin is not None and self._settings.mode == "telecine"
                self._shift = (self._begin or Fraction(0)) - pts * given if moved else Fraction(0)
            frame.pts = round((pts * given + self._shift) / self.time_base)
        if frame.pts is not None:
            self._step = frame.pts - self._last if self._last is not None else 0
            self._last = frame.pts
        return frame


def choose_deinterlacing(settings: Deinterlace, info: VideoInfo, max_pixels: int, note: Notes) -> WholeFrames | None:
    """How the frames of a video become whole; None where they are or are to stay as they are.

    note: told it in one line, again for frames of another size. Raises InputError as reading does.
    """
    if settings.mode == "off":
        if info.interlaced:
            note(INTERLACED)
        return None
    if settings.mode == "auto" and not info.interlaced:
        return WholeFrames(settings, info, None, lambda: note("some frames are interlaced: they are deinterlaced first"))
    seen = look_at_fields(info.path, max_pixels)
    if settings.mode == "auto" and seen.looks_progressive:
        note("the video says that it is interlaced, but shows no combs at its beginning: its frames are taken as they are")
        return None
    order: Order | None = None
    if not seen.flagged:
        order = "bff" if seen.bottom > seen.top else "tff"
    return WholeFrames(settings, info, order, lambda: note(_told(settings, seen, order)))


def _told(settings: Deinterlace, seen: FieldsSeen, order: Order | None) -> str:
    """What is done, in a line."""
    if settings.mode == "telecine":
        return "the repeated fields of telecine are taken out: 24 frames a second of 30"
    unflagged = (
        "" if order is None else f" (no flag says so; the {'top' if order == 'tff' else 'bottom'} field is taken as first)"
    )
    if settings.mode == "field":
        return f"the video is interlaced{unflagged}: each field becomes a frame, at twice the rate"
    text = f"the video is interlaced{unflagged}: it is deinterlaced first, at its frame rate"
    if seen.looks_telecined:
        text += "; it looks like a film of 24 frames a second (telecine), which can be had back"
    return text
