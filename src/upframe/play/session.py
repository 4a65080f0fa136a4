"""The rasteriser and the supersampler together: frames rendered, upscaled and shown, and what each of it takes.

The rasteriser has a process of its own: it renders the next frame while the network upscales this one.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from upframe.engine.events import Event, Started
from upframe.engine.supersampler import Supersampler
from upframe.errors import InputError
from upframe.models.catalog import load
from upframe.play.canvas import (
    COMPOSE,
    FRAME,
    NETWORK,
    REFERENCE,
    RENDER,
    PaneImage,
    Pixels,
    PlayCanvas,
    View,
    display_referred,
)
from upframe.rendered.jitter import halton
from upframe.renderers.raster.process import AHEAD, FrameRequest, RasteriserProcess
from upframe.renderers.raster.process import Rendered as Delivered
from upframe.renderers.raster.rasteriser import TARGET_SAMPLES
from upframe.renderers.scene import Scene

JITTER_LENGTH = 16  # frames after which the jitter begins again
TEMPORAL = "taau"  # what every engine has, beside a network
STAGES = {"renderer": ("render", "reference"), "player": ("network", "compose", "show")}
"""The two processes, and what each does with a frame, one after the other."""

Show = Callable[[Pixels], bool]
"""Shows an image, and says whether to go on."""


@dataclass(frozen=True, slots=True)
class PlaySettings:
    """What is played.

    size: (height, width) of the rendered frames. scale: of what is made of them. repeat: whether it begins again after the last
    frame, until it is stopped. reference: whether the image a network should make is rendered too. jitter: whether frames are
    sampled off their pixels' centres. colour_every: frames from one that is shaded to the next; 2 leaves every other to the
    network. Raises InputError for numbers that are not positive.
    """

    size: tuple[int, int] = (270, 480)
    scale: int = 2
    frames: int = 60
    fps: float = 30.0
    repeat: bool = False
    reference: bool = False
    samples: int = TARGET_SAMPLES
    jitter: bool = True
    colour_every: int = 1

    def __post_init__(self) -> None:
        for name in ("scale", "frames", "samples", "colour_every"):
            if getattr(self, name) < 1:
                raise InputError(f"play: {name} must be at least 1, not {getattr(self, name)}")
        if not (self.fps > 0 and math.isfinite(self.fps)):
            raise InputError(f"play: frames a second must be above 0, not {self.fps}")


class Timing(NamedTuple):
    """When something began, since playing did, and how long it took: milliseconds."""

    at: float
    ms: float


@dataclass(frozen=True, slots=True)
class Shown(Event):
    """A frame is done. ``frame_ms``: since the one before was, or, of the first, since playing began.

    ``stages``: what was done for it and when; each ``at`` and ``ms`` as in :class:`Timing`.
    ``render`` and ``reference`` were done by the renderer's process, the others by the player's, at the same time as the
    renderer's of later frames. shaded: False for a frame the network made from G-buffers alone.
    """

    frame: int
    shaded: bool
    frame_ms: float
    stages: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Played(Event):
    """All frames are done. ``median_ms`` of ``frame`` and of each stage there was, over the frames after the first.

    limited_by: the longest stage of the process that takes longer, the one to make faster first.
    """

    frames: int
    seconds: float
    fps: float
    median_ms: dict[str, float]
    limited_by: str


class _Clock:
    """Measures stages, in milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def now(self) -> float:
        return (time.perf_counter() - self._started) * 1e3

    def span(self, times: tuple[float, float]) -> Timing:
        """Of when something began and ended by ``time.perf_counter``, in whichever process."""
        return Timing((times[0] - self._started) * 1e3, (times[1] - times[0]) * 1e3)

    @contextmanager
    def measure(self, stage: str, into: dict[str, Timing]) -> Iterator[None]:
        at = self.now()
        yield
        into[stage] = Timing(at, self.now() - at)


class _Rendered(NamedTuple):
    delivered: Delivered
    spans: dict[str, Timing]


def _rendered(renderer: RasteriserProcess, settings: PlaySettings, clock: _Clock) -> Iterator[_Rendered]:
    """The frames in order; those to come are asked for ahead, so that the renderer never waits."""
    numbers = (step % settings.frames for step in count()) if settings.repeat else iter(range(settings.frames))
    waiting = 0
    for number in numbers:
        renderer.ask(_wanted(number, settings))
        waiting += 1
        if waiting == AHEAD:
            yield _taken(renderer, clock)
            waiting -= 1
    for _ in range(waiting):
        yield _taken(renderer, clock)


def _taken(renderer: RasteriserProcess, clock: _Clock) -> _Rendered:
    delivered = renderer.take()
    return _Rendered(delivered, {stage: clock.span(times) for stage, times in delivered.times.items()})


def _wanted(number: int, settings: PlaySettings) -> FrameRequest:
    return FrameRequest(
        number,
        jitter=halton(1, number % JITTER_LENGTH)[0] if settings.jitter else (0.0, 0.0),
        texture_bias=-math.log2(settings.scale),  # textures as sharp as the result's, as in the clips networks learn from
        shaded=number % settings.colour_every == 0,
    )


def play(
    make_scene: Callable[[], Scene],
    settings: PlaySettings,
    supersampler: Supersampler | None = None,
    show: Show | None = None,
) -> Generator[Event, None, None]:
    """Play a scene: yields Started, a Shown for each frame once it was shown, and Played.

    ``make_scene``: called in the renderer's process, see :class:`upframe.renderers.raster.process.RasteriserProcess`.
    ``supersampler``: upscales the frames; its scale is the settings'. ``show`` is given each frame's image, of the low
    resolution, bicubic, TAAU, supersampled and reference side by side with graphs of the times, in the calling thread;
    without it nothing is put together. Ends early when ``show`` returns False.

    Raises InputError for a supersampler of another scale, DeviceError without OpenGL, MissingExtra without moderngl.
    """
    if supersampler is not None and supersampler.info.scale != settings.scale:
        raise InputError(f"{supersampler.info.name}: upscales {supersampler.info.scale} times, not {settings.scale}")
    done: list[Shown] = []
    height, width = settings.size
    large = (height * settings.scale, width * settings.scale) if settings.reference else None
    with RasteriserProcess(
        make_scene, settings.size, fps=settings.fps, target_size=large, samples=settings.samples
    ) as renderer:
        renderer.start()
        player = _Player(renderer.scene, settings, supersampler, show)
        yield _started(player.name, settings, supersampler, renderer.device)
        clock, last = _Clock(), 0.0
        for rendered in _rendered(renderer, settings, clock):
            goes_on = player.step(rendered, clock)
            now = clock.now()
            done.append(player.shown(rendered, now - last, first=not done))
            last = now
            yield done[-1]
            if not goes_on:
                break
    yield summary(done)


class _Player:
    """What is done with each rendered frame: upscaled, put together, shown."""

    def __init__(self, name: str, settings: PlaySettings, supersampler: Supersampler | None, show: Show | None) -> None:
        self.name = name
        self._settings, self._supersampler, self._show = settings, supersampler, show
        self._view = View(settings.size, settings.scale)
        panels = [RENDER, *([NETWORK] if supersampler else []), REFERENCE if settings.reference else COMPOSE, FRAME]
        self._canvas = PlayCanvas(panels)
        named = supersampler is not None and supersampler.info.family == TEMPORAL
        self._temporal = (
            None
            if named or show is None
            else Supersampler(
                load(TEMPORAL, scale=settings.scale), device="auto" if supersampler is None else str(supersampler.device)
            )
        )
        self._accumulated: NDArray[np.float32] | None = None
        self._colour: Tensor | None = None

    def step(self, rendered: _Rendered, clock: _Clock) -> bool:
        """Adds its stages to the frame's spans; whether to go on."""
        upscaled = None
        if self._supersampler is not None:
            with clock.measure("network", rendered.spans):
                upscaled = self._supersampler.step(rendered.delivered.frame)
        if self._show is None:
            return True
        with clock.measure("compose", rendered.spans):
            pixels = self._canvas.compose(self._tiles(rendered, np.asarray(upscaled) if upscaled is not None else None))
        with clock.measure("show", rendered.spans):
            return self._show(pixels)

    def shown(self, rendered: _Rendered, frame_ms: float, *, first: bool) -> Shown:
        """The frame's event; the graphs remember it, unless it was the first, beside which no other could be seen."""
        times = {stage: span.ms for stage, span in rendered.spans.items()}
        absent = dict.fromkeys((stage for lane in STAGES.values() for stage in lane), 0.0)
        if not first:
            self._canvas.remember(absent | times | {"frame": frame_ms})
        stages = {stage: {"at": round(span.at, 3), "ms": round(span.ms, 3)} for stage, span in rendered.spans.items()}
        delivered = rendered.delivered
        return Shown(self.name, delivered.number, delivered.frame.colour is not None, round(frame_ms, 3), stages)

    def _tiles(self, rendered: _Rendered, upscaled: NDArray[np.float32] | None) -> list[PaneImage]:
        frame, settings, view = rendered.delivered.frame, self._settings, self._view
        again = ""
        if frame.colour is not None:
            self._colour = display_referred(np.asarray(frame.colour), frame.exposure)
        else:  # without a network the last shaded frame would stay on the screen
            again = ", the frame before again"
        assert self._colour is not None, "the first frame is shaded"
        height, width = settings.size
        part = ", its middle" if view.is_part else ""
        tiles = [
            PaneImage(f"low resolution {width}x{height}{part}{again}", view.nearest(self._colour)),
            PaneImage(f"bicubic x{settings.scale}{again}", view.bicubic(self._colour)),
        ]
        if self._temporal is not None:
            if frame.colour is not None:
                self._accumulated = np.asarray(self._temporal.step(frame))
            assert self._accumulated is not None, "the first frame is shaded"
            tiles.append(PaneImage(f"{TEMPORAL} x{settings.scale}{again}", view.large(self._accumulated, frame.exposure)))
        if upscaled is not None and self._supersampler is not None:
            made = "" if frame.colour is not None else ", from G-buffers and the past"
            tiles.append(
                PaneImage(f"{self._supersampler.info.name} x{settings.scale}{made}", view.large(upscaled, frame.exposure))
            )
        if rendered.delivered.target is not None:
            name = f"reference, {settings.samples} samples a pixel"
            tiles.append(PaneImage(name, view.large(rendered.delivered.target, frame.exposure)))
        return tiles


def _started(name: str, settings: PlaySettings, supersampler: Supersampler | None, renderer: str) -> Started:
    height, width = settings.size
    model = "no network" if supersampler is None else supersampler.info.name
    device = renderer if supersampler is None else f"{supersampler.device}, rendered by {renderer}"
    large = width * settings.scale, height * settings.scale
    return Started(name, "", "play", model, device, (width, height), large, None if settings.repeat else settings.frames)


def summary(done: Sequence[Shown]) -> Played:
    """Of at least one frame. The first, in which everything is made ready, counts only where it is the only one."""
    steady = done[1:] or done
    frame_ms = [shown.frame_ms for shown in steady]
    medians = {"frame": statistics.median(frame_ms)}
    for stage in (stage for lane in STAGES.values() for stage in lane):
        times = [shown.stages[stage]["ms"] for shown in steady if stage in shown.stages]
        if times:
            medians[stage] = statistics.median(times)
    slower = max(STAGES.values(), key=lambda lane: sum(medians.get(stage, 0.0) for stage in lane))
    seconds = sum(shown.frame_ms for shown in done) / 1e3
    return Played(
        input=done[0].input,
        frames=len(done),
        seconds=round(seconds, 3),
        fps=round(1e3 * len(steady) / max(sum(frame_ms), 1e-6), 2),
        median_ms={stage: round(ms, 3) for stage, ms in medians.items()},
        limited_by=max(slower, key=lambda stage: medians.get(stage, 0.0)),
    )
