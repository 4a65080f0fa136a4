"""STSSNet's published frames (He et al., AAAI 2024): read for what they hold, and written from rendered frames.

What is below was read off ``dataloaders.py`` of the repository ryanhe312/STSSNet-AAAI2024 (MIT), and gives the same tensors.

A scene is a folder with ``NPY/compressed.0006.NoWarp.npy`` for even frames, which were rendered and are only upscaled, and
``NPY/compressed.0007.Warp.npy`` for odd ones, which are made of the warped past and their G-buffers; and for both
``HR/compressedHR.0006.npy``, twice as large. A frame is (h, w, 33 or 35) of half floats:

| channels | hold |
| --- | --- |
| 0-2, 3-5, 6-8 | the last, the second and the third last shaded frame, warped to this one; -1 in holes |
| 9-11 | the last one, its holes filled along the motion of occlusions |
| 12-14, 15-17, 18-20 | the three again, warped without a check for holes |
| 21-23, 24, 25, 26, 27-29 | base colour, metallic, roughness, depth, normal |
| 30-32, or 31-33 of 35 | motion: third, y, x; current to previous with x reversed, in pixels, y down |

Every group of three runs backwards (blue, green, red; z, y, x). Of a shaded frame the "last shaded frame" is itself. A frame
thus holds no colour of its own that an odd one could be given, and its past only as it was warped: it cannot be taken back
into a clip of rendered frames, and the reader does not try. :class:`STSSNetFrame` is what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError, ShapeError
from upframe.media.atomic import atomic_output
from upframe.rendered.frame import Buffer, RenderedFrame
from upframe.rendered.history import STSSNetHistory, normalised_depth
from upframe.rendered.layouts.arrays import read_array
from upframe.rendered.preparation import FramePreparation, as_shown, planes

Depth = Literal["clip", "scale"]
"""Limited to [0, 1], or brought there by the frame's own smallest and largest value; the second is for the scene Lewis."""

Floats = NDArray[np.float32]
SCALE = 2
HOLE = -1.0
NEEDED = ("normal", "albedo", "roughness", "metallic")


class NetworkInputs(NamedTuple):
    """The arguments of the network in their order, float32, without the dimension of the batch.

    colour (6, h, w), features (9, h, w), mask (1, h, w), history (3, 4, h, w): see :class:`upframe.models.stssnet.STSSNet`.
    """

    colour: Floats
    features: Floats
    mask: Floats
    history: Floats


@dataclass(frozen=True, eq=False)
class STSSNetFrame:
    """What a frame file holds: float32, (h, w) or (h, w, channels), RGB and xyz. Colours are display-referred.

    * ``warped``, ``unchecked`` (3, h, w, 3): the three last shaded frames, newest first, with holes as -1, and without.
    * ``filled`` (h, w, 3): the newest, its holes filled along the motion of occlusions.
    * ``albedo``, ``normal`` (h, w, 3), ``roughness``, ``metallic`` (h, w), ``depth`` (h, w) in the unit of the file.
    * ``motion`` (h, w, 2): x, y in pixels, current to previous, y down, as in :class:`RenderedFrame`.
    """

    warped: Floats
    unchecked: Floats
    filled: Floats
    albedo: Floats
    normal: Floats
    roughness: Floats
    metallic: Floats
    depth: Floats
    motion: Floats

    def network_inputs(self, depth: Depth = "clip") -> NetworkInputs:
        """As the published loader hands them over: negatives in colours are 0, holes are known from the first channel."""
        masks = (self.warped[..., :1] != HOLE).astype(np.float32)
        past = np.maximum(self.unchecked, 0)
        colour = np.concatenate((np.maximum(self.filled, 0), past[0]), axis=2)
        planes = [_depth(self.depth, depth), self.roughness, self.metallic]
        features = np.concatenate((self.normal, np.stack(planes, axis=2), self.albedo), axis=2)
        history = np.concatenate((past, masks), axis=3)[::-1]
        return NetworkInputs(*(np.ascontiguousarray(np.moveaxis(a, -1, -3)) for a in (colour, features, masks[0], history)))


def _depth(depth: Floats, kind: Depth) -> Floats:
    if kind == "clip":
        return depth.clip(0, 1)
    half = depth.astype(np.float16)  # as the published loader computes it, and the files store it
    least = half.min()
    return np.asarray((half - least) / (half.max() - least + np.float16(1e-6)), np.float32)


def read_stssnet_frame(path: Path) -> STSSNetFrame:
    """A frame file, .npy or .npz. Raises InputError for what cannot be read, is too large, or has another shape."""
    stored = read_array(path)
    if stored.ndim != 3 or stored.shape[2] not in (33, 35):
        raise InputError(f"{path}: a frame of STSSNet is (h, w, 33) or (h, w, 35), not {stored.shape}")
    frame = stored.astype(np.float32)

    def group(first: int) -> Floats:
        return np.ascontiguousarray(frame[..., first : first + 3][..., ::-1])

    motion = group(30 if stored.shape[2] == 33 else 31)[..., :2] * np.array((-1, 1), np.float32)
    return STSSNetFrame(
        warped=np.stack([group(first) for first in (0, 3, 6)]),
        unchecked=np.stack([group(first) for first in (12, 15, 18)]),
        filled=group(9),
        albedo=group(21),
        normal=group(27),
        roughness=frame[..., 25],
        metallic=frame[..., 24],
        depth=frame[..., 26],
        motion=motion,
    )


def read_stssnet_target(path: Path) -> Floats:
    """The frame at display size: (2h, 2w, 3) RGB, float32. Raises InputError as :func:`read_stssnet_frame`."""
    stored = read_array(path)
    if stored.ndim != 3 or stored.shape[2] != 3:
        raise InputError(f"{path}: a target of STSSNet is (h, w, 3), not {stored.shape}")
    return np.ascontiguousarray(stored[..., ::-1], dtype=np.float32)


# Writing


def write_stssnet(
    folder: Path,
    frames: Iterable[tuple[RenderedFrame, Buffer]],
    *,
    first: int = 0,
    far: float | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write frames and their targets, (2h, 2w, 3) in the frame's own kind of light, as a scene of STSSNet's; the frame files.

    Even numbers are written as rendered, odd ones as made from the past: their own colour is left out, whatever it is.
    Linear light is multiplied by the frame's exposure and bent as ``ops.transfer`` does, targets too. ``far``: the depth that
    becomes 1; without it each frame's own range does. Motion is written without jitter, but the past is warped from samples
    to samples, as ``Supersampler`` does it. ``first`` must be even. A cut at an odd number would leave nothing to make it of:
    that frame is left out.

    Raises InputError for frames without the G-buffers, ShapeError for targets of another size, and OutputError.
    """
    if first % 2:
        raise InputError(f"the first frame must have an even number, not {first}: odd ones are made from the past")
    written = []
    for number, stored, target in _stored_frames(frames, first, far):
        kind = "Warp" if number % 2 else "NoWarp"
        path = folder / "NPY" / f"compressed.{number:04d}.{kind}.npy"
        _save(path, stored, overwrite)
        _save(folder / "HR" / f"compressedHR.{number:04d}.npy", target, overwrite)
        written.append(path)
    return written


def _save(path: Path, array: NDArray[np.float16], overwrite: bool) -> None:
    with atomic_output(path, overwrite=overwrite) as temporary:
        np.save(temporary, array, allow_pickle=False)


def _stored_frames(
    frames: Iterable[tuple[RenderedFrame, Buffer]], first: int, far: float | None
) -> Iterator[tuple[int, NDArray[np.float16], NDArray[np.float16]]]:
    """Number, frame and target, as they are on disk."""
    history = STSSNetHistory()
    prepare = FramePreparation(history)
    for number, (frame, target) in enumerate(frames, first):
        _check(frame, target, number)
        shaded = number % 2 == 0
        wanted = ("colour", "depth", "motion") if shaded else ("depth", "motion")
        now = prepare(frame, {name: planes(buffer) for name, buffer in frame.buffers().items() if name in wanted})
        if not shaded and not history.count:
            continue
        inputs = history.step(now.get("colour"), now["depth"], now["motion"])
        past, masks = inputs.history[0, :, :3].flip(0), inputs.history[0, :, 3:].flip(0)  # newest first
        groups = [*torch.where(masks > 0, past, HOLE), inputs.colour[0, :3], inputs.colour[0, 3:], past[1], past[2]]
        yield (
            number,
            _laid_out(frame, groups, normalised_depth(now["depth"], far)),
            _half(as_shown(planes(target), frame)[0].flip(0)),
        )


def _check(frame: RenderedFrame, target: Buffer, number: int) -> None:
    missing = frame.missing(NEEDED if number % 2 else ("colour", *NEEDED))
    if missing:
        raise InputError(
            f"frame {number}: STSSNet's layout needs {', '.join(missing)}, which this rendered frame does not have"
        )
    height, width = frame.size
    if tuple(target.shape) != (SCALE * height, SCALE * width, 3):
        expected = (SCALE * height, SCALE * width, 3)
        raise ShapeError(
            f"frame {number}: the target of a {height}x{width} frame must be {expected}, not {tuple(target.shape)}"
        )


def _laid_out(frame: RenderedFrame, colours: list[Tensor], depth: Tensor) -> NDArray[np.float16]:
    """(h, w, 33); ``colours`` are the seven groups in their order, (3, h, w) each in RGB."""
    motion = planes(frame.motion)[0]
    layers = [colour.flip(0) for colour in colours]
    layers += [_materials(frame, "albedo").flip(0), _materials(frame, "metallic"), _materials(frame, "roughness"), depth[0]]
    layers += [_materials(frame, "normal").flip(0), torch.zeros_like(motion[:1]), motion[1:], -motion[:1]]
    return _half(torch.cat(layers))


def _materials(frame: RenderedFrame, name: str) -> Tensor:
    return planes(getattr(frame, name))[0]


def _half(planes: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy(), np.float16)
