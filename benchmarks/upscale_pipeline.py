"""The whole of ``upframe upscale``: beside each of its stages alone, from its start to the first frame, and as clips grow.

The clips are the bundled sample, resized and repeated. Decode, infer and encode are the very objects the command uses, each
run over the same frames with nothing beside it; what is compared takes turns, so that a drift of the machine meets all alike.
Start-up and memory are those of programs of their own. Run it on a machine that does nothing else; about two minutes.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _clips import clip
from _report import write

from upframe import Upscaler
from upframe.engine.cuts import no_cuts
from upframe.engine.size import Target
from upframe.engine.videos import FrameUpscaler
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader
from upframe.media.video.writer import VideoWriter
from upframe.runtime.memory import keep_freed_memory

MODEL = "rt4ksr-x2"
FRAMES, ROUNDS = 60, 3
STARTS = 5
LENGTHS = (30, 60, 120)  # frames of 640x360
SIZES = ((180, 320), (360, 640), (540, 960), (720, 1280), (1080, 1920))
FRAMES_OF_A_SIZE = 16
LONG = 10  # times as many frames for the second look at memory


class Stages:
    """Each stage of the command, alone, on the frames of one clip."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source, self.folder = source, folder
        self.upscaler = Upscaler(MODEL, device="cpu")
        with VideoReader(source) as reader:
            self.frames = [item for item in reader if isinstance(item, RawFrame)]
            info = reader.info
        kind = (info.layout, info.colour)
        self.upscale = FrameUpscaler(self.upscaler, Target(), kind, kind)
        self.upscaled = [item for item in self.upscale(self.frames, no_cuts) if isinstance(item, RawFrame)]

    def decode(self) -> None:
        with VideoReader(self.source) as reader:
            for _ in reader:
                pass

    def infer(self) -> None:
        for _ in self.upscale(self.frames, no_cuts):
            pass

    def encode(self) -> None:
        output = self.folder / "encode.mp4"
        with VideoReader(self.source) as reader, VideoWriter(output, reader, (720, 1280)) as writer:
            for frame in self.upscaled:
                writer.write(frame)

    def whole(self) -> None:
        upscale(self.source, self.folder)


def upscale(source: Path, folder: Path) -> None:
    """The command's work, in this program."""
    settings = UpscaleOptions(RunOptions(model=MODEL, device="cpu"), files=FileOptions(overwrite=True))
    for event in upscale_files([str(source)], str(folder / "whole.mp4"), settings):
        assert type(event).__name__ != "Failed", event


def seconds(run: Callable[[], None]) -> tuple[float, float]:
    """What a run takes on the wall, and on the processors."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run()
    ended, after = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    return ended - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beside_its_stages(folder: Path) -> dict[str, object]:
    """Frames a second of the whole and of each stage alone."""
    stages = Stages(clip(folder / "clip.mp4", FRAMES), folder)
    runs = {"decode": stages.decode, "infer": stages.infer, "encode": stages.encode, "whole": stages.whole}
    rounds = [{stage: seconds(run) for stage, run in runs.items()} for _ in range(ROUNDS + 1)][1:]  # the first warms up
    alone = [max(taken[stage][0] for stage in ("decode", "infer", "encode")) for taken in rounds]
    work = [sum(taken[stage][1] for stage in ("decode", "infer", "encode")) for taken in rounds]
    return {
        "clip": f"640x360, {FRAMES} frames, H.264",
        "rounds": ROUNDS,
        "fps": {stage: round(FRAMES / statistics.median(taken[stage][0] for taken in rounds), 2) for stage in runs},
        "whole, as a share of the slowest stage alone": share(alone, [taken["whole"][0] for taken in rounds]),
        "processors kept busy by the whole": share([t["whole"][1] for t in rounds], [t["whole"][0] for t in rounds]),
        "processor time of the stages alone, as a share of the whole's": share(work, [t["whole"][1] for t in rounds]),
    }


def share(parts: list[float], wholes: list[float]) -> float:
    return round(statistics.median(part / whole for part, whole in zip(parts, wholes, strict=True)), 3)


def start_up(folder: Path) -> dict[str, object]:
    """Seconds from the start of the program to its events, and to its end, for three frames of 320x180."""
    source = clip(folder / "start.mp4", 3, (180, 320))
    command = [sys.executable, "-m", "upframe", "upscale", source, "-o", folder / "start-x2.mp4", "--overwrite", "--json"]
    runs = []
    for _ in range(STARTS + 1):
        started, moments = time.perf_counter(), dict[str, float]()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            for line in program.stdout:
                moments.setdefault(json.loads(line)["event"], time.perf_counter() - started)
        assert program.returncode == 0
        runs.append(moments | {"exit": time.perf_counter() - started})
    names = {"started": "until it begins", "progress": "until the first frame is done", "exit": "until the program has ended"}
    return {text: round(statistics.median(run[name] for run in runs[1:]), 2) for name, text in names.items()}


def growth(folder: Path) -> dict[str, object]:
    """Milliseconds a frame as clips get longer, nanoseconds a pixel of the small frame as frames get larger."""
    longer = {frames: clip(folder / f"{frames}.mp4", frames) for frames in LENGTHS}
    larger = {size: clip(folder / f"{size[0]}.mp4", FRAMES_OF_A_SIZE, size) for size in SIZES}
    by_length: dict[int, list[float]] = {frames: [] for frames in LENGTHS}
    by_size: dict[tuple[int, int], list[float]] = {size: [] for size in SIZES}
    for _ in range(2):
        for frames, source in longer.items():
            by_length[frames].append(seconds(lambda source=source: upscale(source, folder))[0])
        for size, source in larger.items():
            by_size[size].append(seconds(lambda source=source: upscale(source, folder))[0])
    return {
        "milliseconds a frame, 640x360": {
            f"{frames} frames": round(1e3 * min(taken) / frames, 1) for frames, taken in by_length.items()
        },
        f"nanoseconds a pixel, {FRAMES_OF_A_SIZE} frames": {
            f"{width}x{height}": round(1e9 * min(taken) / FRAMES_OF_A_SIZE / height / width, 1)
            for (height, width), taken in by_size.items()
        },
    }


def peak_memory(source: Path, output: Path) -> int:
    """Megabytes at most of a program that upscales a clip, as Linux counts them."""
    code = (
        "import sys; from upframe.jobs.batch import upscale_files\n"
        "from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions\n"
        "options = UpscaleOptions(RunOptions(model=sys.argv[3], device='cpu'), files=FileOptions(overwrite=True))\n"
        "list(upscale_files([sys.argv[1]], sys.argv[2], options))\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code, source, output, MODEL], capture_output=True, text=True, check=True)
    return round(int(done.stdout) / 1024)


def memory(folder: Path) -> dict[str, object]:
    """For a clip, and for one of ten times the frames."""
    clips = {frames: clip(folder / f"memory-{frames}.mp4", frames) for frames in (FRAMES, LONG * FRAMES)}
    return {f"{frames} frames": peak_memory(source, folder / "memory.mp4") for frames, source in clips.items()}


def main() -> None:
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "model": MODEL,
            **beside_its_stages(folder),
            "seconds": start_up(folder),
            "growth": growth(folder),
            "peak memory in MB, 640x360": memory(folder),
        }
    write("upscale_pipeline", figures)


if __name__ == "__main__":
    main()
