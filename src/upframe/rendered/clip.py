"""A rendered clip on disk: ``clip.json`` beside one OpenEXR file a frame, and the images a network should make of them.

    clip.json            version, sizes, frames a second, and for each frame camera, jitter, exposure and cut
    frames/00000.exr     color.RGB  depth.Z  motion.XY  normal.XYZ  albedo.RGB  roughness.Y  metallic.Y  reactive.Y
                         transparency.Y
    target/00000.exr     RGB at display size, where there is one

Half floats, depth and motion float32, losslessly compressed. A clip that is being written has ``clip.unfinished.json``
instead of ``clip.json``, and those frames that are whole; a writer goes on where another stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from upframe.errors import InputError, MissingExtra, OutputError, ShapeError
from upframe.media.atomic import atomic_output, output_error, refuse_filled
from upframe.media.image.formats.exr import written_whole
from upframe.media.image.formats.exr_header import check_header
from upframe.regular import refuse_irregular
from upframe.remedies import WRITE_ELSEWHERE
from upframe.rendered.conventions import EngineConventions
from upframe.rendered.frame import CHANNELS, Buffer, FrameSequence, RenderedFrame
from upframe.rendered.layouts.channels import write_channels

NAME, UNFINISHED = "clip.json", "clip.unfinished.json"
LAYERS = {
    "colour": ("color.R", "color.G", "color.B"),
    "depth": ("depth.Z",),
    "motion": ("motion.X", "motion.Y"),
    "normal": ("normal.X", "normal.Y", "normal.Z"),
    "albedo": ("albedo.R", "albedo.G", "albedo.B"),
    "roughness": ("roughness.Y",),
    "metallic": ("metallic.Y",),
    "reactive": ("reactive.Y",),
    "transparency": ("transparency.Y",),
}
"""The channels of each buffer in a frame's file."""
FLOAT = {"depth", "motion"}  # the others are half
TARGET = ("R", "G", "B")
_LARGEST_HALF = 65504.0

Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]
Size = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ClipFrame(_Strict):
    """What ``clip.json`` knows of a frame.

    view: world to camera; projection: camera to clip coordinates, without jitter; both as in OpenGL (the camera looks along
    -z, y up), rows first, for column vectors; None where the maker does not know them. The rest: see ``RenderedFrame``.
    """

    view: Matrix | None = None
    projection: Matrix | None = None
    jitter: tuple[Annotated[float, Field(ge=-0.5, lt=0.5)], Annotated[float, Field(ge=-0.5, lt=0.5)]] = (0.0, 0.0)
    exposure: Annotated[float, Field(gt=0)] = 1.0
    pre_exposure: Annotated[float, Field(gt=0)] = 1.0
    frame_time: Annotated[float, Field(ge=0)] | None = None
    cut: bool = False


class ClipInfo(_Strict):
    """``clip.json``. Sizes are [width, height]; display_size None: no targets. maker: what can make the clip again.

    conventions: what the files hold where it is not what the contract says; it is converted when a frame is read.
    """

    format: Literal["upframe rendered clip"] = "upframe rendered clip"
    version: Literal[1] = 1
    render_size: Size
    display_size: Size | None = None
    fps: Annotated[float, Field(gt=0)]
    colour: Literal["linear", "display"] = "linear"
    conventions: EngineConventions = EngineConventions()
    maker: Mapping[str, str | int | float | None] = {}
    frames: Annotated[tuple[ClipFrame, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_sizes(self) -> ClipInfo:
        if self.display_size is not None:
            (width, height), (wide, high) = self.render_size, self.display_size
            if wide % width or high % height or wide // width != high // height:
                raise ValueError(f"display_size {wide}x{high} is not a whole multiple of render_size {width}x{height}")
        return self

    @property
    def scale(self) -> int | None:
        """Display size over render size."""
        return None if self.display_size is None else self.display_size[0] // self.render_size[0]


class RenderedClip(FrameSequence):
    """A clip to read: ``len(clip)``, ``clip[3]``, ``clip.target(3)``. Buffers are NumPy arrays of the kinds on disk.

    Raises InputError for a folder without a whole clip, for a ``clip.json`` with something wrong in it, and when a frame is
    read whose file is missing, damaged, or without depth or motion.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        path = self.folder / NAME
        if not path.is_file():
            if (self.folder / UNFINISHED).is_file():
                raise InputError(f"{folder}: this rendered clip is unfinished", remedy="run again what makes it")
            raise InputError(f"{folder}: is not a rendered clip: it holds no {NAME}")
        self.info = _read_info(path)

    def __len__(self) -> int:
        return len(self.info.frames)

    def _frame(self, number: int) -> RenderedFrame:
        path, known = frame_path(self.folder, number), self.info.frames[number]
        planes = _read(path, self.info.render_size)
        buffers: dict[str, Buffer] = {}
        for name, channels in LAYERS.items():
            if all(channel in planes for channel in channels):
                stacked = [planes[channel] for channel in channels]
                buffers[name] = stacked[0] if CHANNELS[name] == 1 else np.stack(stacked, axis=2)
        missing = [name for name in ("depth", "motion") if name not in buffers]
        if missing:
            raise InputError(f"{path}: has no {' and no '.join(missing)}; its channels are {', '.join(sorted(planes))}")
        before = self.info.frames[number - 1].jitter if number and not known.cut else None
        return self.info.conventions.frame(
            depth=buffers.pop("depth"),
            motion=buffers.pop("motion"),
            jitter=known.jitter,
            previous_jitter=before,
            colour=buffers.pop("colour", None),
            **buffers,
            linear=self.info.colour == "linear",
            exposure=known.exposure,
            pre_exposure=known.pre_exposure,
            frame_time=known.frame_time,
            cut=known.cut,
        )

    def target(self, number: int) -> NDArray[np.float16]:
        """The image at display size: (height, width, 3). Raises InputError where there is none, or it is damaged."""
        if self.info.display_size is None:
            raise InputError(f"{self.folder}: has no targets", remedy="render it with a scale")
        path = target_path(self.folder, range(len(self))[number])
        planes = _read(path, self.info.display_size)
        if any(channel not in planes for channel in TARGET):
            raise InputError(f"{path}: has no R, G and B; its channels are {', '.join(sorted(planes))}")
        return np.stack([planes[channel] for channel in TARGET], axis=2)


class ClipWriter:
    """Writes a clip, or the rest of one: each file appears when it is whole, ``clip.json`` when all are.

    writer = ClipWriter(folder, info)
    for number in writer.missing():
        writer.write(number, frame, target)
    writer.finish()

    Raises OutputError for a folder that holds something else, or a clip of other settings; MissingExtra without OpenEXR.
    """

    def __init__(self, folder: Path | str, info: ClipInfo) -> None:
        _openexr()
        self.folder, self.info = Path(folder), info
        self._check_folder()
        try:
            for name in ("frames", "target") if info.display_size else ("frames",):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self.folder, error) from error
        if not self.finished and not (self.folder / UNFINISHED).exists():
            self._write_info(UNFINISHED)

    @property
    def finished(self) -> bool:
        """Whether the clip is whole."""
        return (self.folder / NAME).exists()

    def missing(self) -> list[int]:
        """The numbers of frames that are still to be written."""
        return [
            number
            for number in range(len(self.info.frames))
            if not (
                frame_path(self.folder, number).exists()
                and (self.info.display_size is None or target_path(self.folder, number).exists())
            )
        ]

    def write(self, number: int, frame: RenderedFrame, target: NDArray[Any] | None = None) -> None:
        """One frame of NumPy arrays, and its target (height, width, 3). Raises ShapeError for another size than the clip's."""
        width, height = self.info.render_size
        if frame.size != (height, width):
            raise ShapeError(
                f"{self.folder}: frame {number} is {frame.size[1]}x{frame.size[0]}, but the clip is {width}x{height}"
            )
        planes: dict[str, NDArray[Any]] = {}
        for name, buffer in frame.buffers().items():
            if not isinstance(buffer, np.ndarray):
                raise InputError(
                    f"{self.folder}: frame {number}: {name} is a torch tensor; a clip is written from NumPy arrays"
                )
            planes |= _planes(LAYERS[name], buffer, half=name not in FLOAT)
        if self.info.display_size is not None:
            wide, high = self.info.display_size
            if target is None or target.shape != (high, wide, 3):
                raise ShapeError(f"{self.folder}: the target of frame {number} must be ({high}, {wide}, 3)")
            write_channels(target_path(self.folder, number), _planes(TARGET, target, half=True), overwrite=True)
        write_channels(frame_path(self.folder, number), planes, overwrite=True)

    def finish(self) -> None:
        """Make the clip known by its name. Raises OutputError while frames are missing."""
        missing = self.missing()
        if missing:
            raise OutputError(f"{self.folder}: frame {missing[0]} has not been written yet")
        if not self.finished:
            self._write_info(NAME)
            (self.folder / UNFINISHED).unlink(missing_ok=True)

    def _check_folder(self) -> None:
        for name in (NAME, UNFINISHED):
            path = self.folder / name
            if path.exists():
                if _read_info(path) != self.info:
                    raise OutputError(f"{self.folder}: holds a clip made with other settings", remedy=WRITE_ELSEWHERE)
                return
        check_place(self.folder)

    def _write_info(self, name: str) -> None:
        with atomic_output(self.folder / name) as temporary:
            temporary.write_text(self.info.model_dump_json(indent=1) + "\n", encoding="utf-8")


def check_place(folder: Path) -> None:
    """Raise OutputError where no clip can be started or gone on with: at a file, and in a folder that holds something else."""
    if any((folder / name).exists() for name in (NAME, UNFINISHED)):
        return
    if any(place.exists() and not place.is_dir() for place in (folder, *folder.parents)):
        raise OutputError(f"{folder}: cannot be made, because there is a file in its place or above it", remedy=WRITE_ELSEWHERE)
    refuse_filled(folder)


def frame_path(folder: Path, number: int) -> Path:
    """Where a frame's buffers lie."""
    return folder / "frames" / f"{number:05d}.exr"


def target_path(folder: Path, number: int) -> Path:
    """Where a frame's image at display size is."""
    return folder / "target" / f"{number:05d}.exr"


def _read_info(path: Path) -> ClipInfo:
    refuse_irregular(path)
    try:
        return ClipInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _openexr() -> Any:
    try:
        import OpenEXR  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingExtra("OpenEXR", "render", "reading and writing rendered clips") from error
    return OpenEXR


def _planes(names: Sequence[str], buffer: NDArray[Any], *, half: bool) -> dict[str, NDArray[Any]]:
    """One contiguous plane a channel; what is beyond the range of half floats becomes their largest value."""
    layers = [buffer] if buffer.ndim == 2 else [buffer[..., index] for index in range(buffer.shape[2])]
    kind = np.float16 if half else np.float32
    if half and buffer.dtype != np.float16:
        layers = [layer.clip(-_LARGEST_HALF, _LARGEST_HALF) for layer in layers]
    return {name: np.ascontiguousarray(layer, kind) for name, layer in zip(names, layers, strict=True)}


def _read(path: Path, size: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """The channels of a file by name. Raises InputError for one that is missing, damaged, or of another size."""
    package = _openexr()
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    check_header(path)
    try:
        (left, top), (right, bottom) = package.File(str(path), header_only=True).parts[0].header["dataWindow"]
        width, height = int(right) - int(left) + 1, int(bottom) - int(top) + 1
        if (width, height) != size:  # before memory is asked for
            raise InputError(f"{path}: is {width}x{height}, but {NAME} says {size[0]}x{size[1]}")
        if not written_whole(path):
            raise InputError(f"{path}: the file is cut short")
        channels = package.File(str(path), separate_channels=True).parts[0].channels
        return {name: channel.pixels for name, channel in channels.items()}
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as OpenEXR: {error}") from error
