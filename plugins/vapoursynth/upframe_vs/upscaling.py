"""The filter: what it takes, and in which order a network sees the frames that a script asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import vapoursynth as vs

import upframe
from upframe_vs.frames import Frames
from upframe_vs.ordered import Ordered

API = 4


def upscale(
    clip: vs.VideoNode,
    *,
    model: str | Path = "rt4ksr-x2",
    device: str = "auto",
    scale: float | None = None,
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto",
    tile: int | Literal["auto"] | None = "auto",
    backend: str | None = None,
    cuts: Literal["auto", "off"] = "auto",
) -> vs.VideoNode:
    """A clip made larger by a network of Upframe, in the format it has.

    ``model``: a shipped name or a file. ``scale``: the upscaling of the result where it is not the model's. ``device``,
    ``precision``, ``tile`` and ``backend`` as :class:`upframe.Upscaler` has them. RGB of floats or of 8 to 16 bits, YUV and
    GRAY of 8 to 16 bits by the properties of each frame. Networks for video see the frames in order and forget where
    ``_SceneChangePrev`` or ``_SceneChangeNext`` say so; where frames have neither, ``cuts="auto"`` finds the cuts.
    Raises vs.Error with one line for everything that cannot be done.
    """
    _check_host(clip)
    try:
        upscaler = upframe.Upscaler(
            model,
            device=device,
            precision=precision,
            tile=tile,
            backend=backend,  # type: ignore[arg-type]  # a word, which Upscaler checks
            scale=scale,
            on_note=_say,
        )
        height, width = upscaler.target.of(clip.height, clip.width, upscaler.info.scale)
        frames = Frames(upscaler, clip)
        frames.check_size(height, width)
    except upframe.UpframeError as error:
        raise error_of(error) from error
    large = clip.std.BlankClip(width=width, height=height, keep=True)
    if upscaler.info.kind == "video":
        ordered = Ordered(frames, cuts)
        return large.std.ModifyFrame([large, clip], _selector(frames, ordered.result))
    return large.std.ModifyFrame([large, clip], _selector(frames, lambda _, frame: frames.upscale(frame)))


def _selector(frames: Frames, result: Any) -> Any:
    def select(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        blank, source = f
        try:
            return frames.write(blank, source, result(n, source))
        except upframe.UpframeError as error:
            raise error_of(error, f"frame {n}: ") from error

    return select


def _check_host(clip: vs.VideoNode) -> None:
    found = getattr(getattr(vs, "__api_version__", None), "api_major", 3)  # which has no such name before R55
    if found != API:
        raise vs.Error(f"upframe_vs: made for API {API} of VapourSynth, R55 and newer; this one has API {found}")
    if not isinstance(clip, vs.VideoNode):
        raise vs.Error(f"upframe_vs.upscale: a video clip is needed, not {type(clip).__name__}")


def error_of(error: upframe.UpframeError, place: str = "") -> vs.Error:
    """An error of Upframe as VapourSynth has them, with what to do about it, in one line."""
    remedy = f". {error.remedy}" if error.remedy is not None else ""
    return vs.Error(f"upframe_vs.upscale: {place}{error}{remedy}")


def _say(note: str) -> None:
    vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"upframe_vs: {note}")
