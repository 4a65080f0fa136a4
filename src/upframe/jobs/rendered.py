"""A rendered clip on disk, supersampled: one image for each frame, scene-linear as the frames are."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from upframe.engine import events
from upframe.engine.events import Event
from upframe.engine.supersampler import Supersampler
from upframe.engine.upscaler import Upscaler
from upframe.errors import InputError
from upframe.media.atomic import refuse_filled
from upframe.media.image.file import write_image
from upframe.media.image.image import Image, ImageEncoding
from upframe.models.catalog import load
from upframe.ops.shift import centred
from upframe.rendered.clip import RenderedClip
from upframe.rendered.frame import RenderedFrame
from upframe.runtime.precision import Precision

Step = Callable[[RenderedFrame], NDArray[np.float32]]
Suffix = Literal["exr", "png"]


def supersample_clip(
    folder: Path,
    out: Path,
    *,
    model: str = "nsrr-x2",
    device: str = "auto",
    precision: Precision = "auto",
    suffix: Suffix = "exr",
    first: int = 1,
    overwrite: bool = False,
) -> Generator[Event, None, None]:
    """Upscale the frames of a rendered clip in order, to ``out/00001.exr`` and on; tell what happens.

    A network for rendered frames uses all it needs of them; one for images sees their colour alone. Results are on the
    centres of pixels, whatever the jitter. ``exr``: half floats, as linear as the clip. ``png``: of a linear clip, times its
    exposure, with the curve of sRGB. ``first``: the number of the first image. Raises InputError for what is not a rendered
    clip and for a network for video, CheckpointError, DeviceError, and OutputError for images that are there already.
    """
    clip = RenderedClip(folder)
    if not overwrite:
        refuse_filled(out)
    notes: list[str] = []
    told: set[str] = set()
    step, scale, device = _step(model, device, precision, notes.append)
    (width, height), count = clip.info.render_size, len(clip)
    name = str(folder)
    yield events.Started(name, str(out), "rendered", model, device, (width, height), (width * scale, height * scale), count)
    meter = events.Meter(name, count)
    for number, frame in enumerate(clip):
        pixels = step(frame) * np.float32(frame.gain if suffix == "png" and frame.linear else 1)
        image = Image(pixels, linear=frame.linear, format="exr", encoding=ImageEncoding(half=True))
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{first + number:05d}.{suffix}"
        write_image(path, image, depth=16, overwrite=overwrite, on_note=notes.append)
        yield from (events.Note(name, f"frame {number}: {note}") for note in dict.fromkeys(notes) if note not in told)
        told |= set(notes)
        notes.clear()
        yield meter.tick()
    yield meter.finished(str(out))


def _step(model: str, device: str, precision: Precision, on_note: Callable[[str], None]) -> tuple[Step, int, str]:
    """What makes an image of the next frame, how many times larger, and where."""
    loaded = load(model)
    if loaded.network.kind == "rendered":
        supersampler = Supersampler(loaded, device=device, precision=precision, on_note=on_note)
        return lambda frame: np.asarray(supersampler.step(frame)), supersampler.info.scale, str(supersampler.device)
    if loaded.network.kind == "video":
        raise InputError(f"{model}: is for video; rendered frames are upscaled by a network for them, or for images")
    upscaler = Upscaler(loaded, device=device, precision=precision, on_note=on_note)
    return lambda frame: _upscaled(upscaler, frame), upscaler.info.scale, str(upscaler.device)


def _upscaled(upscaler: Upscaler, frame: RenderedFrame) -> NDArray[np.float32]:
    """A frame's colour through a network for images."""
    if frame.colour is None:
        raise InputError("a rendered frame has no colour, which a network for images needs", remedy="render all shaded")
    light = np.asarray(frame.colour, np.float32) * np.float32(frame.gain)
    large, _ = upscaler.upscale_layers(light, None, linear=frame.linear)
    placed = centred(torch.from_numpy(large).permute(2, 0, 1)[None], upscaler.info.scale, frame.jitter)
    return placed[0].permute(1, 2, 0).clamp_min(0).div(frame.gain).contiguous().numpy()
