"""A trial of an installation: an image and a video are upscaled, and the results are looked at."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from upframe.engine.events import Failed
from upframe.engine.upscaler import Upscaler
from upframe.errors import UpframeError
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import RunOptions, UpscaleOptions

MODEL = "rt4ksr-x2"
SIDE = 48
FRAMES = 12
EXPECTED = (0.3198, 0.5700, 0.2722, 0.5525)
"""Mean brightness of the quarters of the image's result, as computed in float32 on several processors."""
TOLERANCE = 0.002  # what half precision may change


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that was tried. ``problem``: what went wrong; None where it works. ``said``: what was found."""

    name: str
    said: str
    problem: str | None = None


def trials() -> Iterator[Trial]:
    """Try everything in turn; nothing is raised."""
    tried: dict[str, Callable[[], str]] = {"image": _image_works, "video": _video_works}
    for name, attempt in tried.items():
        try:
            yield Trial(name, attempt())
        except UpframeError as error:
            yield Trial(name, "failed", str(error))
        except Exception as error:  # noqa: BLE001  # what a broken installation does cannot be foreseen
            yield Trial(name, "failed", f"{type(error).__name__}: {error}")


def image() -> NDArray[np.float32]:
    """(side, side, 3), full brightness 1: slopes, an edge and fine lines, different in each quarter."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / np.float32(SIDE)
    lines = 0.15 * np.sin(columns * 2 * math.pi * 9)
    picture = 0.2 + 0.5 * columns * (rows < 0.5) + 0.4 * (rows >= 0.5) * (columns + rows > 1.2) + lines * (rows >= 0.5)
    return np.repeat(np.clip(picture, 0, 1)[..., None], 3, axis=2).astype(np.float32)


def quarters(result: NDArray[np.float32]) -> tuple[float, ...]:
    """Mean brightness of the four quarters."""
    half = result.shape[0] // 2
    parts = (result[:half, :half], result[:half, half:], result[half:, :half], result[half:, half:])
    return tuple(float(part.mean()) for part in parts)


def _image_works() -> str:
    upscaler = Upscaler(MODEL)
    result = np.asarray(upscaler.upscale(image()), np.float32)
    if result.shape != (2 * SIDE, 2 * SIDE, 3):
        raise UpframeError(f"the result has the shape {result.shape}")
    away = max(abs(found - expected) for found, expected in zip(quarters(result), EXPECTED, strict=True))
    if away > TOLERANCE:
        raise UpframeError(f"the result is {away:.4f} of full brightness from what it must be")
    return f"{MODEL} on {upscaler.device}: as expected"


def _video_works() -> str:
    with tempfile.TemporaryDirectory(prefix="upframe-doctor-") as folder:
        source, target = Path(folder) / "small.mkv", Path(folder) / "large.mkv"
        _write(source)
        for event in upscale_files([str(source)], str(target), UpscaleOptions(run=RunOptions(model=MODEL))):
            if isinstance(event, Failed):
                raise UpframeError(event.error)
        with av.open(str(target)) as container:
            times = [frame.time for frame in container.decode(video=0)]
    if times != [number / 25 for number in range(FRAMES)]:
        raise UpframeError(f"{len(times)} frames of {FRAMES} came back, or at other times")
    return f"{FRAMES} frames decoded, upscaled and encoded"


def _write(path: Path) -> None:
    pixels = (image() * 255).round().astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(pixels, number, axis=1)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
