"""The whole of ``upframe upscale`` on a 640x360 clip, beside each of its stages alone; and its memory for ten times the frames.

The clip is the bundled sample, resized to 640x360 and repeated. Decode, infer and encode are the very objects the command
uses, each run over the same frames with nothing beside it; the stages and the whole take turns, so that a drift of the
machine meets all alike. Memory is the peak of a process of its own.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

sys.path.insert(0, str(Path(__file__).parent))
from _report import ROOT, write

from upframe import Upscaler
from upframe.engine.cuts import no_cuts
from upframe.engine.films import FrameEnlarger
from upframe.engine.job import Settings, upscale_files
from upframe.engine.memory import keep_freed_memory
from upframe.engine.size import Target
from upframe.media.films.film import RawFrame
from upframe.media.films.reader import FilmReader
from upframe.media.films.writer import FilmWriter

FRAMES, ROUNDS = 120, 5


def clip(path: Path, frames: int) -> Path:
    """``frames`` frames of 640x360 from the bundled sample."""
    with av.open(str(ROOT / "examples" / "media" / "bunny.mp4")) as source:
        pictures = [frame.reformat(640, 360, interpolation="LANCZOS") for frame in source.decode(video=0)]
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"crf": "18", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(frames):
            frame = pictures[number % len(pictures)]
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 25), av.video.frame.PictureType.NONE
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


class Stages:
    """Each stage of the command, alone, on the frames of one clip."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source, self.folder = source, folder
        self.upscaler = Upscaler("rt4ksr-x2", device="cpu")
        with FilmReader(source) as reader:
            self.frames = [item for item in reader if isinstance(item, RawFrame)]
            info = reader.info
        kind = (info.layout, info.colour)
        self.enlarge = FrameEnlarger(self.upscaler, Target(), kind, kind)
        self.enlarged = [item for item in self.enlarge(self.frames, no_cuts) if isinstance(item, RawFrame)]

    def decode(self) -> None:
        with FilmReader(self.source) as reader:
            for _ in reader:
                pass

    def infer(self) -> None:
        for _ in self.enlarge(self.frames, no_cuts):
            pass

    def encode(self) -> None:
        output = self.folder / "encode.mp4"
        with FilmReader(self.source) as reader, FilmWriter(output, reader, (720, 1280)) as writer:
            for frame in self.enlarged:
                writer.write(frame)

    def whole(self) -> None:
        for event in upscale_files([str(self.source)], str(self.folder / "whole.mp4"), Settings(device="cpu", overwrite=True)):
            assert type(event).__name__ != "Failed", event


def peak_memory(source: Path, output: Path) -> int:
    """Megabytes at most of a process that upscales a clip, as Linux counts them."""
    code = (
        "import sys; from upframe.engine.job import Settings, upscale_files\n"
        "list(upscale_files([sys.argv[1]], sys.argv[2], Settings(device='cpu', overwrite=True)))\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code, source, output], capture_output=True, text=True, check=True)
    return round(int(done.stdout) / 1024)


def main() -> None:
    keep_freed_memory()
    figures: dict[str, object] = {"clip": f"640x360, {FRAMES} frames, H.264", "model": "rt4ksr-x2", "rounds": ROUNDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stages = Stages(clip(folder / "clip.mp4", FRAMES), folder)
        runs: dict[str, Callable[[], None]] = {
            "decode": stages.decode,
            "infer": stages.infer,
            "encode": stages.encode,
            "whole": stages.whole,
        }
        fps: dict[str, list[float]] = {stage: [] for stage in runs}
        share, ideal = [], []
        for number in range(ROUNDS + 1):
            seconds, processor = {}, {}
            for stage, run in runs.items():
                before = resource.getrusage(resource.RUSAGE_SELF)
                begun = time.perf_counter()
                run()
                seconds[stage] = time.perf_counter() - begun
                after = resource.getrusage(resource.RUSAGE_SELF)
                processor[stage] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if number:  # the first is a warm-up
                for stage, taken in seconds.items():
                    fps[stage].append(FRAMES / taken)
                slowest = max(seconds[stage] for stage in ("decode", "infer", "encode"))
                share.append(slowest / seconds["whole"])
                ideal.append(processor["whole"] / seconds["whole"])
        figures["fps"] = {stage: round(statistics.median(values), 2) for stage, values in fps.items()}
        figures["whole, as a share of the slowest stage alone"] = round(statistics.median(share), 3)
        figures["processors kept busy by the whole"] = round(statistics.median(ideal), 2)
        few, many = clip(folder / "few.mp4", FRAMES), clip(folder / "many.mp4", 10 * FRAMES)
        peaks = [peak_memory(source, folder / "memory.mp4") for source in (few, many)]
        figures["peak memory in MB"] = {f"{FRAMES} frames": peaks[0], f"{10 * FRAMES} frames": peaks[1]}
    write("upscale_pipeline", figures)


if __name__ == "__main__":
    main()
