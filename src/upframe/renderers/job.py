"""A clip, or a named set of clips, rendered to disk; what has been rendered before is kept."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from upframe.errors import InputError
from upframe.remedies import leave_out
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter, Matrix, check_place
from upframe.rendered.jitter import halton
from upframe.renderers.blender.blender import Blender
from upframe.renderers.environment import environment_file
from upframe.renderers.makers import TARGET_SAMPLES, Maker, MakerName, open_maker, provenance
from upframe.renderers.scene import Matrix as Array
from upframe.renderers.scene import Scene
from upframe.renderers.scenes import THEMES, generate
from upframe.renderers.scenes.drawn import photographs
from upframe.renderers.scenes.generator import VERSION

JITTER_LENGTH = 16  # frames after which the jitter begins again
LARGEST_SIDE = 16384  # pixels of an image, what OpenGL can draw into nearly everywhere


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How a clip is rendered.

    size: (height, width). scale: of the targets; None makes none. jitter: whether frames are sampled off their pixels' centres.
    colour: ``even`` leaves every other frame without colour, as a network that makes frames from G-buffers alone finds them.
    samples: in each pixel of a target; None: as many as are usual for the maker. textures: a folder of photographs;
    texture_pixels: the side of a texture; environment: an OpenEXR panorama.
    """

    size: tuple[int, int] = (540, 960)
    scale: int | None = 2
    frames: int = 60
    fps: float = 30.0
    samples: int | None = None
    jitter: bool = True
    colour: Literal["all", "even"] = "all"
    textures: Path | None = None
    texture_pixels: int = 512
    environment: Path | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("frames", self.frames),
            ("samples", 1 if self.samples is None else self.samples),
            ("scale", self.scale or 1),
            ("size", min(self.size)),
        ):
            if value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        if (side := max(self.size) * (self.scale or 1)) > LARGEST_SIDE:
            raise InputError(f"images with a side of {side} pixels are too large: the limit is {LARGEST_SIDE}")
        if not (self.fps > 0 and math.isfinite(self.fps)):
            raise InputError(f"frames a second must be above 0, not {self.fps}")


@dataclass(frozen=True, slots=True)
class RenderProgress:
    """How many frames of a clip are there, and of how many; what is worth knowing of the scene."""

    done: int
    frames: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipName:
    """A scene of a theme and a seed, and the folder its clip goes to, below the set's. The theme may be a ``.blend`` file."""

    theme: str
    seed: int
    folder: str


def _clips(part: str, first_seed: int, count: int) -> list[ClipName]:
    """So many scenes of every theme; each part of a set has seeds of its own."""
    return [
        ClipName(theme, seed, f"{part}/{theme}-{seed:04d}")
        for seed in range(first_seed, first_seed + count)
        for theme in THEMES
    ]


_SMALL = _clips("train", 1000, 5) + _clips("validation", 8000, 1) + _clips("test", 9000, 1)
SETS: MappingProxyType[str, tuple[RenderSettings, list[ClipName]]] = MappingProxyType(
    {
        "tiny": (RenderSettings(size=(90, 160), frames=8), _clips("train", 1000, 1) + _clips("test", 9000, 1)),
        "small": (RenderSettings(size=(144, 256), frames=16), _SMALL),
        "small-x4": (RenderSettings(size=(108, 192), scale=4, frames=16), _SMALL),
    }
)
"""Named, reproducible sets: their settings, and their clips. No scene is in two parts."""


def render_clip(
    theme: str, seed: int, folder: Path, settings: RenderSettings, maker: MakerName = "raster"
) -> Generator[RenderProgress, None, None]:
    """Render a scene to a folder: yields how many frames were there before, then how many there are after each new one.

    theme: of a generated scene; or a ``.blend`` file for Blender, which has no more frames than the file, and its frames a
    second. Goes on where an earlier run with the same settings stopped. Raises InputError for a theme that does not exist or
    a file that cannot be rendered, OutputError for a folder that holds something else, DeviceError without OpenGL or Blender,
    MissingExtra without the packages.
    """
    check_place(folder)
    scene = _scene(theme, seed, settings)
    settings = replace(settings, samples=settings.samples or TARGET_SAMPLES[maker])
    with open_maker(maker, scene, fps=settings.fps, samples=settings.samples or 1) as renderer:
        if isinstance(renderer, Blender) and renderer.frames is not None:
            settings = replace(settings, frames=min(settings.frames, renderer.frames), fps=renderer.fps)
        notes = tuple(renderer.notes) if isinstance(renderer, Blender) else ()
        writer = ClipWriter(folder, _info(scene, renderer, settings))
        missing = writer.missing()
        yield RenderProgress(settings.frames - len(missing), settings.frames, notes)
        for done, number in enumerate(missing, start=settings.frames - len(missing) + 1):
            _render_frame(renderer, writer, number, settings)
            yield RenderProgress(done, settings.frames)
        writer.finish()


def _scene(theme: str, seed: int, settings: RenderSettings) -> Scene | Path:
    """The scene of a theme and a seed, or the path of a ``.blend`` file."""
    if theme.endswith(".blend"):
        if settings.textures or settings.environment:
            raise InputError(f"{theme}: has textures and light of its own", remedy=leave_out("textures", "environment"))
        return Path(theme)
    images = photographs(settings.textures, settings.texture_pixels) if settings.textures else []
    light = environment_file(settings.environment) if settings.environment else None
    return generate(
        theme,
        seed,
        seconds=settings.frames / settings.fps,
        texture_pixels=settings.texture_pixels,
        photographs=images,
        environment=light,
    )


def _render_frame(maker: Maker, writer: ClipWriter, number: int, settings: RenderSettings) -> None:
    height, width = settings.size
    shaded = settings.colour == "all" or number % 2 == 0 or maker.is_cut(number)
    bias = -math.log2(settings.scale or 1)
    frame = maker.render(number, settings.size, jitter=_jitter(number, settings), texture_bias=bias, shaded=shaded)
    target = None
    if settings.scale is not None:
        target = maker.target(number, (height * settings.scale, width * settings.scale), samples=settings.samples or 1)
    writer.write(number, frame, target)


def _jitter(number: int, settings: RenderSettings) -> tuple[float, float]:
    return halton(1, number % JITTER_LENGTH)[0] if settings.jitter else (0.0, 0.0)


def _info(scene: Scene | Path, maker: Maker, settings: RenderSettings) -> ClipInfo:
    height, width = settings.size
    frames = []
    for number in range(settings.frames):
        view, projection = maker.camera(number, height, width)
        frames.append(
            ClipFrame(
                view=_rows(view),
                projection=_rows(projection),
                jitter=_jitter(number, settings),
                exposure=maker.exposure(number),
                cut=maker.is_cut(number),
            )
        )
    return ClipInfo(
        render_size=(width, height),
        display_size=None if settings.scale is None else (width * settings.scale, height * settings.scale),
        fps=settings.fps,
        maker={
            **provenance(maker),
            **(_generated(scene, settings) if isinstance(scene, Scene) else {}),
            "samples": settings.samples,
            "colour": settings.colour,
        },
        frames=tuple(frames),
    )


def _generated(scene: Scene, settings: RenderSettings) -> dict[str, str | int | None]:
    """What makes a generated scene again."""
    return {
        "scene": scene.name,
        "seed": scene.seed,
        "generator": VERSION,
        "texture_pixels": settings.texture_pixels,
        "textures": None if settings.textures is None else settings.textures.name,
        "environment": None if settings.environment is None else settings.environment.name,
    }


def _rows(matrix: Array) -> Matrix:
    a, b, c, d = (tuple(float(value) for value in row) for row in matrix)
    return a, b, c, d  # type: ignore[return-value]
