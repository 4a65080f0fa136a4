"""What a file is, in a person's words: its size, its length, its faults, and which model is advised for it and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upframe.errors import UpframeError, as_upframe_error
from upframe.media.animation import AnimationReader
from upframe.media.image.file import read_image
from upframe.media.notes import no_notes
from upframe.media.video.info import VideoInfo
from upframe.media.video.reader import VideoReader
from upframe.models.cards import shipped
from upframe.remedies import Remedy
from upframe.serve.moments import MOST_PIXELS, is_image, is_moving_image

if TYPE_CHECKING:
    from upframe.engine.choice import Choice, Effort
    from upframe.engine.condition import Condition

EFFORTS: tuple[Effort, ...] = ("fast", "good", "best")
_HDR = {16: "HDR (PQ)", 18: "HDR (HLG)"}  # of H.273


@dataclass(frozen=True, slots=True)
class Facts:
    """A file as it is shown.

    ``size``: (height, width), upright. ``frames``, ``seconds``: of a video, where known. ``told``: short facts, ``faults``:
    sentences. ``error``, ``remedy``: why it cannot be upscaled; all else is empty then.
    """

    path: Path
    kind: str = ""
    size: tuple[int, int] = (0, 0)
    frames: int | None = None
    seconds: float = 0.0
    told: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    condition: Condition | None = None
    error: str = ""
    remedy: Remedy | None = None

    @property
    def moving(self) -> bool:
        return self.kind == "video"

    def advised(self, scale: float | None, effort: Effort) -> Choice:
        """The model for it, and why."""
        from upframe.engine.choice import choose
        from upframe.engine.condition import Condition

        return choose(self.condition or Condition(), shipped(), scale, effort=effort, moving=self.moving)


def facts_of(path: Path, *, allow_truncated: bool = False) -> Facts:
    """Look at a file. What is wrong with it is in the result, and never raised."""
    try:
        if is_moving_image(path):
            return _of_animation(path, allow_truncated)
        return _of_image(path, allow_truncated) if is_image(path) else _of_video(path, allow_truncated)
    except Exception as error:  # noqa: BLE001  # whatever a file does to its reader, the page stays
        known = as_upframe_error(error, path)
        return Facts(path, error=said(known, path), remedy=known.remedy)


def said(error: UpframeError, path: Path) -> str:
    """What is wrong, with a file's name alone in place of where it is kept."""
    return str(error).replace(str(path), path.name)


def _of_image(path: Path, allow_truncated: bool) -> Facts:
    from upframe.engine.condition import condition_of_image

    image = read_image(path, max_pixels=MOST_PIXELS, allow_truncated=allow_truncated, page=0)
    samples = image.pixels
    depth = "32-bit floating point" if samples.dtype.kind == "f" else f"{8 * samples.dtype.itemsize}-bit"
    colour = "grey" if samples.shape[2] == 1 else "colour"
    told = [f"{image.width}×{image.height}", image.format.upper(), f"{depth} {colour}"]
    told += ["transparent"] * (image.alpha is not None) + ["with a colour profile"] * (image.metadata.icc is not None)
    condition = condition_of_image(path, samples)
    return Facts(
        path,
        "image",
        (image.height, image.width),
        1,
        told=(*told, in_bytes(path.stat().st_size)),
        faults=tuple(plain_faults(condition)),
        condition=condition,
    )


def _of_animation(path: Path, allow_truncated: bool) -> Facts:
    from upframe.engine.condition import condition_of_image

    with AnimationReader(path, max_pixels=MOST_PIXELS, allow_truncated=allow_truncated) as reader:
        info, first = reader.info, next(iter(reader))
    frames, seconds = len(info.milliseconds), sum(info.milliseconds) / 1000
    told = [f"{info.width}×{info.height}", f"{frames} frames", in_time(seconds), f"Animated {info.format.upper()}"]
    told += ["transparent"] * info.alpha
    condition = condition_of_image(path, first.pixels)
    faults = tuple(plain_faults(condition))
    size = info.height, info.width
    return Facts(path, "animation", size, frames, seconds, (*told, in_bytes(path.stat().st_size)), faults, condition)


def _of_video(path: Path, allow_truncated: bool) -> Facts:
    from upframe.engine.condition import condition_of_video

    reader = VideoReader(path, on_note=no_notes, allow_truncated=allow_truncated)
    info = reader.info
    reader.close()
    condition = condition_of_video(path, max_pixels=MOST_PIXELS)
    turned = info.rotation % 180 != 0
    size = (info.width, info.height) if turned else (info.height, info.width)
    faults = [*plain_faults(condition)]
    if info.interlaced:
        faults.append("Interlaced: its lines were recorded in turn; whole frames are made of them first.")
    return Facts(
        path,
        "video",
        size,
        info.frames,
        float(info.duration or 0),
        (*_told_of(info, size), in_bytes(path.stat().st_size)),
        tuple(faults),
        condition,
    )


def _told_of(info: VideoInfo, size: tuple[int, int]) -> Iterator[str]:
    yield f"{size[1]}×{size[0]}"
    if info.duration:
        yield in_time(float(info.duration))
    if info.average_rate:
        yield f"{float(info.average_rate):.4g} frames a second"
    yield f"{info.codec.upper()}, {info.layout}"
    if info.colour.transfer in _HDR:
        yield _HDR[info.colour.transfer]
    for kind, word in (("audio", "sound track"), ("subtitle", "subtitle")):
        if count := sum(stream.kind == kind for stream in info.streams):
            yield f"{count} {word}{'s' if count > 1 else ''}"


def plain_faults(condition: Condition) -> Iterator[str]:
    """A condition in sentences; the figures behind them in brackets."""
    from upframe.engine.condition import SOFT

    for fault in condition.faults:
        word, _, figures = fault.partition(" ")
        sentence = {
            "compressed": "Compressed strongly: fine detail is smeared, and edges ring",
            "blocky": "Blocky: squares of compression show",
            "noisy": "Noisy: grain or sensor noise all over",
        }.get(word, fault)
        yield f"{sentence} {figures}".strip() + "."
    if condition.sharpness < SOFT:
        yield "Soft: out of focus, or enlarged before."
    if condition.clean:
        yield "Clean: no strong compression and no noise were found."


def in_bytes(count: float) -> str:
    """A size of a file as people say it."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.3g} {unit}"
    return f"{count:.0f} bytes"


def in_time(seconds: float) -> str:
    """A length as people say it: ``3.2 s``, ``2 min 5 s``, ``1 h 52 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
