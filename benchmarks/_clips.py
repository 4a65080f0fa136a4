"""The clip that benchmarks of whole commands run on: the bundled sample, resized and repeated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from _report import ROOT
from av.video.frame import PictureType

SAMPLE = ROOT / "examples" / "media" / "bunny.mp4"


def clip(path: Path, frames: int, size: tuple[int, int] = (360, 640), *, to_and_fro: bool = False, rate: int = 25) -> Path:
    """``frames`` frames of (height, width) from the bundled sample, in H.264; ``to_and_fro``: without cuts."""
    height, width = size
    with av.open(str(SAMPLE)) as source:
        images = [frame.reformat(width, height, interpolation="LANCZOS") for frame in source.decode(video=0)]
    images += images[-2:0:-1] if to_and_fro else []
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            frame = images[number % len(images)]
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, rate), PictureType.NONE
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path
