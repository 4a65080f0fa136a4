"""A rendered clip as plain floats, for a host that reads no OpenEXR: python capture.py CLIP OUT [--every-other]

``OUT/clip.txt``: a line ``width height linear``, then one for each frame: ``exposure jitter_x jitter_y cut``. Beside it, of
each frame, ``00000.colour.f32``, ``00000.depth.f32``, ...: planes of float32, row by row, as docs/rendered-frames.md has them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from upframe.rendered.clip import RenderedClip


def capture(clip: RenderedClip, out: Path, *, every_other: bool = False) -> None:
    """``every_other``: every second frame is left without colour, for STSSNet to fill in."""
    height, width = clip[0].size
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{width} {height} {int(clip.info.colour == 'linear')}"]
    for number, frame in enumerate(clip):
        lines.append(f"{frame.exposure!r} {frame.jitter[0]!r} {frame.jitter[1]!r} {int(frame.cut or number == 0)}")
        for name, buffer in frame.buffers().items():
            if name == "colour" and every_other and number % 2:
                continue
            planes = np.moveaxis(np.atleast_3d(np.asarray(buffer, np.float32)), 2, 0)
            if name == "colour":
                planes = planes / np.float32(frame.pre_exposure)
            np.ascontiguousarray(planes, "<f4").tofile(out / f"{number:05}.{name}.f32")
    (out / "clip.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every-other", action="store_true", help="leave every second frame without colour")
    given = parser.parse_args()
    capture(RenderedClip(given.clip), given.out, every_other=given.every_other)
