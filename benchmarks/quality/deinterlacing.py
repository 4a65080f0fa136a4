"""What interlacing costs: real clips made interlaced, deinterlaced and upscaled, beside the same clips upscaled as they were.

    python benchmarks/quality/deinterlacing.py CLIP... [--models bicubic-x2,rt4ksr-x2] [--frames 40]

Every clip is reduced to half its size by area. Of each two frames the even rows of one and the odd rows of the other become one
interlaced frame, kept without loss and flagged. Y-PSNR of the upscaled frames against the clip's own: at frame rate against
every second one, at field rate against all; eight pixels at the border are left out. Between the fields of television, 50 or 60
of them a second, a scene moves half as far as between frames of most clips: these are a hard case.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _report import write

from upframe import Upscaler
from upframe.media.video.deinterlacing import Deinterlace, DeinterlaceFilter
from upframe.media.video.info import RawFrame
from upframe.media.video.planes import make_frame
from upframe.media.video.preparation import Preparation
from upframe.media.video.reader import VideoReader
from upframe.training.data.frames import Clip, open_clips

Pixels = NDArray[np.uint8]
BORDER = 8


def small_of(image: Pixels) -> Pixels:
    """(h, w, 3) -> half of it, the mean of each four pixels, rounded as 4:4:4 video is."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    cells = image.reshape(height, 2, width, 2, 3).astype(np.float32).mean((1, 3))
    image = VideoFrame.from_ndarray(np.rint(cells).astype(np.uint8), format="rgb24")
    return image.reformat(format="yuv444p").to_ndarray(format="rgb24")


def frames_of(clip: Clip, most: int) -> list[Pixels]:
    """An even number of frames, cut to multiples of four."""
    count = min(len(clip), most) // 2 * 2
    height, width = (side // 4 * 4 for side in clip.read(0).shape[:2])
    return [clip.read(index)[:height, :width] for index in range(count)]


def write_interlaced(frames: list[Pixels], path: Path) -> None:
    """Two frames to each of the file, 4:4:4 and without loss; the even rows are the earlier field."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as target:
        stream = target.add_stream("ffv1", rate=25, options={"flags": "+ildct+ilme"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        graph = av.filter.Graph()
        source = graph.add("buffer", f"video_size={width}x{height}:pix_fmt=yuv444p:time_base=1/25")
        graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
        for number, (early, late) in enumerate(zip(frames[::2], frames[1::2], strict=True)):
            both = early.copy()
            both[1::2] = late[1::2]
            frame = VideoFrame.from_ndarray(both, format="rgb24").reformat(format="yuv444p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            graph.vpush(frame)
            target.mux(stream.encode(graph.vpull()))
        target.mux(stream.encode(None))


def read_whole(path: Path, settings: Deinterlace) -> Iterator[Pixels]:
    with VideoReader(path, preparation=Preparation(settings)) as reader:
        for item in reader:
            if isinstance(item, RawFrame):
                yield make_frame(item.planes, reader.info.layout).to_ndarray(format="rgb24")


def psnr(results: Iterator[Pixels], truth: list[Pixels]) -> float:
    """The mean over frames, of luma as BT.601 has it, 16 to 235."""
    values = []
    for result, reference in zip(results, truth, strict=True):
        difference = (result.astype(np.float64) - reference) @ np.array([65.481, 128.553, 24.966]) / 255
        inner = difference[BORDER:-BORDER, BORDER:-BORDER]
        values.append(10 * np.log10(255**2 / np.square(inner).mean()))
    return float(np.mean(values))


def figures_of(clip: Clip, models: dict[str, Upscaler], frames: int, folder: Path) -> dict[str, dict[str, float]]:
    """Decibels by model and by how the frames were had."""
    truth = frames_of(clip, frames)
    small = [small_of(image) for image in truth]
    path = folder / f"{Path(clip.name).stem}.mkv"
    write_interlaced(small, path)
    ways: dict[str, tuple[list[Pixels], list[Pixels]]] = {
        "as it was, every second frame": (small[::2], truth[::2]),
        "as it was, every frame": (small, truth),
        "combs left": (list(read_whole(path, Deinterlace("off"))), truth[::2]),
    }
    for kind in get_args(DeinterlaceFilter):
        ways[f"{kind}, frame"] = list(read_whole(path, Deinterlace("auto", kind))), truth[::2]
        ways[f"{kind}, field"] = list(read_whole(path, Deinterlace("field", kind))), truth
    return {
        name: {
            way: round(psnr((model.upscale(image) for image in given), expected), 3) for way, (given, expected) in ways.items()
        }
        for name, model in models.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="videos or folders of them")
    parser.add_argument("--models", default="bicubic-x2,rt4ksr-x2")
    parser.add_argument("--frames", type=int, default=40, help="of each clip")
    given = parser.parse_args()
    models = {name: Upscaler(name, device="cpu") for name in given.models.split(",")}
    with TemporaryDirectory() as folder:
        clips = {Path(clip.name).stem: figures_of(clip, models, given.frames, Path(folder)) for clip in open_clips(given.clips)}
    mean = {
        name: {
            way: round(float(np.mean([clip[name][way] for clip in clips.values()])), 3)
            for way in next(iter(clips.values()))[name]
        }
        for name in models
    }
    write("deinterlacing", {"frames": given.frames, "mean": mean, "clips": clips})


if __name__ == "__main__":
    main()
