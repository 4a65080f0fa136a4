"""When each stage of ``upframe upscale`` is busy, drawn: docs/pipeline.svg.

    python benchmarks/pipeline_timeline.py [--frames 24] [--size 1920x1080] [--model rt4ksr-x2] [--out docs/pipeline.svg]

The clip is the bundled sample, resized and repeated. The times are the stages' own (``upframe.engine.timeline``); how many
processors work is what the system counted for the program, encoder and decoder included. Run it on a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import torch
from _clips import clip
from _report import ROOT, machine

from upframe.engine.size import parse_size
from upframe.engine.timeline import Stage, StageSpan, Timeline
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions, VideoOptions
from upframe.jobs.videos import QUEUE

LEFT, WIDTH, RIGHT = 128, 800, 150
LANE, GAP, CHART = 26, 8, 44
COLOURS: dict[Stage, tuple[str, str]] = {  # of even and odd frames
    "read": ("#5f8f6b", "#8fb699"),
    "convert": ("#b0803c", "#cfa468"),
    "network": ("#2f6f9f", "#6ba0c7"),
    "convert back": ("#b0803c", "#cfa468"),
    "write": ("#8a5a8c", "#b18bb3"),
}
THREADS: tuple[tuple[str, tuple[Stage, ...]], ...] = (
    ("reader", ("read",)),
    ("network's", ("convert", "network", "convert back")),
    ("writer", ("write",)),
)
WAITING = QUEUE + 1  # in a queue, and in the hand of the thread that waits to put one there
REMARK = f"waiting, {WAITING} at most"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: spans, and (seconds, processors busy since the sample before), from its begin on."""

    spans: list[StageSpan]
    processors: list[tuple[float, float]]
    seconds: float

    def of(self, stage: Stage) -> list[StageSpan]:
        return [span for span in self.spans if span.stage == stage]

    def waiting(self, before: Stage, after: Stage) -> list[tuple[float, int]]:
        """How many frames one stage has done that another has not started, from each moment on."""
        changes = [(span.ended, 1) for span in self.of(before)[:-1]] + [(span.started, -1) for span in self.of(after)]
        level, levels = 0, []
        for moment, change in sorted(changes):
            level += change
            levels.append((moment, max(level, 0)))
        return levels


@contextmanager
def watched_processors(started: float) -> Iterator[list[tuple[float, float]]]:
    """Samples of how many processors this program keeps busy, ten a second, filled while the block runs."""
    samples: list[tuple[float, float]] = []
    over = threading.Event()

    def sample() -> None:
        before = (time.perf_counter(), time.process_time())
        while not over.wait(0.1):
            now = (time.perf_counter(), time.process_time())
            samples.append((now[0] - started, (now[1] - before[1]) / (now[0] - before[0])))
            before = now

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def watch(source: Path, model: str) -> Run:
    """Upscale a clip and keep the times."""
    timeline = Timeline()
    started = time.perf_counter()
    with watched_processors(started) as processors:
        settings = UpscaleOptions(
            RunOptions(model=model, device="cpu"), video=VideoOptions(timeline=timeline), files=FileOptions(overwrite=True)
        )
        for event in upscale_files([str(source)], str(source.with_name("large.mp4")), settings):
            assert type(event).__name__ != "Failed", event
    seconds = time.perf_counter() - started
    spans = [StageSpan(span.stage, span.started - started, span.ended - started) for span in timeline.spans]
    return Run(spans, processors, seconds)


class Drawing:
    """An SVG that grows downwards, with time to the right."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.y = seconds, 46.0
        self.parts: list[str] = []

    def x(self, moment: float) -> float:
        return LEFT + WIDTH * moment / self.seconds

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#222222", size: int = 12) -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{escape(text)}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def lane(self, stage: Stage, spans: Sequence[StageSpan]) -> None:
        """The frames of a stage one after the other, in two shades in turn; grey where it waits."""
        self.box(LEFT, self.y, WIDTH, LANE, "#eeeeee")
        for number, span in enumerate(spans):
            width = max(self.x(span.ended) - self.x(span.started), 0.7)
            self.box(self.x(span.started), self.y, width, LANE, COLOURS[stage][number % 2])
            if width > 16:
                middle = self.x(span.started) + width / 2
                self.text(middle, self.y + LANE / 2 + 4, str(number + 1), anchor="middle", colour="#ffffff", size=10)
        busy = sum(span.ended - span.started for span in spans)
        self.text(LEFT - 8, self.y + LANE / 2 + 4, stage, anchor="end")
        self.text(LEFT + WIDTH + 8, self.y + LANE / 2 + 4, f"{busy / self.seconds:.0%}, {1e3 * median(spans):,.0f} ms")
        self.y += LANE + GAP

    def last_frames(self, started: float) -> None:
        """On the lane drawn last: what the encoder still holds is written when there is no more to come."""
        top, x = self.y - LANE - GAP, self.x(started)
        self.box(x, top, self.x(self.seconds) - x, LANE, "#d3c3d4")
        self.text((x + self.x(self.seconds)) / 2, top + LANE / 2 + 4, "the encoder's last", anchor="middle", size=10)

    def steps(self, name: str, levels: Sequence[tuple[float, float]], top: float, colour: str, remark: str) -> None:
        """A value over time, each point's until the next."""
        self.box(LEFT, self.y, WIDTH, CHART, "#f6f6f6")
        for (moment, level), (until, _) in pairwise([*levels, (self.seconds, 0.0)]):
            height = CHART * min(level / top, 1)
            if height and until > moment:
                self.box(self.x(moment), self.y + CHART - height, self.x(until) - self.x(moment) + 0.2, height, colour)
        self.text(LEFT - 8, self.y + CHART / 2 + 4, name, anchor="end")
        self.text(LEFT + WIDTH + 8, self.y + CHART / 2 + 4, remark)
        self.y += CHART + GAP

    def axis(self) -> None:
        """Seconds below it all."""
        step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if self.seconds / step <= 16)
        for number in range(int(self.seconds / step) + 1):
            x = self.x(number * step)
            self.parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="46" y2="{self.y:.1f}" stroke="#00000022"/>')
            self.text(x, self.y + 16, f"{number * step:g} s", anchor="middle", colour="#555555", size=11)
        self.y += 26

    def svg(self, title: str) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {self.y:.0f}" '
            f'font-family="sans-serif"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>'
        )
        return "\n".join([head, *self.parts, "</svg>", ""])


def median(spans: Sequence[StageSpan]) -> float:
    return sorted(span.ended - span.started for span in spans)[len(spans) // 2]


def draw(run: Run, title: str, processors: int) -> str:
    """Lanes by thread, the two queues between them, and the processors."""
    image = Drawing(run.seconds)
    image.text(LEFT, 20, title, size=14)
    image.text(LEFT, 37, "one shade a frame, in turn; grey: the stage waits", colour="#555555", size=11)
    image.text(LEFT + WIDTH + 8, 37, "busy, a frame", colour="#555555", size=11)
    for thread, stages in THREADS:
        for stage in stages:
            image.lane(stage, run.of(stage))
        if thread == "reader":
            image.steps("frames read", run.waiting("read", "convert"), WAITING, "#5f8f6b", REMARK)
        elif thread == "writer":
            image.last_frames(run.of("write")[-1].ended)
        else:
            image.steps("frames upscaled", run.waiting("convert back", "write"), WAITING, "#8a5a8c", REMARK)
    mean = sum(level for _, level in run.processors) / max(len(run.processors), 1)
    levels = [(moment - 0.1, level) for moment, level in run.processors]
    image.steps("processors", levels, processors, "#777777", f"{mean:.2f} of {processors} busy")
    image.axis()
    return image.svg(title)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--frames", type=int, default=24)
    arguments.add_argument("--size", default="1920x1080")
    arguments.add_argument("--model", default="rt4ksr-x2")
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "pipeline.svg")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = clip(Path(folder) / "clip.mp4", chosen.frames, parse_size(chosen.size))
        run = watch(source, chosen.model)
    threads = torch.get_num_threads()
    title = (
        f"upframe upscale --model {chosen.model}, {chosen.frames} frames of {chosen.size}: {chosen.frames / run.seconds:.2f} "
        f"frames a second ({machine()['processor']}, {threads} threads)"
    )
    chosen.out.write_text(draw(run, title, threads))
    for thread, stages in THREADS:
        for stage in stages:
            spans = run.of(stage)
            busy = sum(span.ended - span.started for span in spans)
            print(f"{thread:10} {stage:13} {busy / run.seconds:4.0%} busy, {1e3 * median(spans):6.1f} ms a frame")
    print(f"{title}; {chosen.out}")


if __name__ == "__main__":
    main()
