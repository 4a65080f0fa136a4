"""STSSNet's published frame files: warped colours and G-buffers of four game scenes (He et al., AAAI 2024).

A scene's test part is ``NPY/compressed.0006.NoWarp.npy`` for even frames, which were rendered and are only enlarged,
``NPY/compressed.0007.Warp.npy`` for odd ones, which are made of the warped past, and ``HR/compressedHR.0006.npy`` for both.
A frame is (h, w, 33 or 35) of float16, a target (2h, 2w, 3). What is below was read off ``dataloaders.py`` of the repository
ryanhe312/STSSNet-AAAI2024 (MIT), and gives the same tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from upframe.data.clips import EvaluationClip, EvaluationSet
from upframe.data.degradation import Pixels
from upframe.data.frames import CutFrames
from upframe.data.layouts import Wanted
from upframe.data.published_folders import child, subfolders
from upframe.errors import InputError

Depth = Literal["clip", "scale"]
"""Limited to [0, 1], or brought there by the frame's own smallest and largest value."""

SCALE = 2
_FRAME = re.compile(r"compressed\.(\d+)\.(Warp|NoWarp)\.np[yz]")
_EVALUATED = {"lewis": (5, 1000), "subway": (6, 1000), "arena": (500, 1500), "suntemple": (5, 1000)}
"""The first and last frame of the published scores, by scene."""
_SCALED_DEPTH = ("lewis",)

Planes = NDArray[np.float32]
"""(c, h, w)."""


class StoredFrame(NamedTuple):
    """What the network is given, in the order of its arguments; float32, without the dimension of the batch.

    colour (6, h, w): the last frame warped with occlusion motion, and warped without a check for holes, negatives as 0.
    features (9, h, w): normal 3, depth, roughness, metallic, albedo 3. mask (1, h, w): 0 in a hole of the warped last frame.
    history (3, 4, h, w): three past frames warped without a check for holes and the mask of each, the oldest first.
    """

    colour: Planes
    features: Planes
    mask: Planes
    history: NDArray[np.float32]


def read_frame(path: Path, depth: Depth = "clip") -> StoredFrame:
    """A frame file. Raises InputError for what cannot be read or has another shape; never unpickles."""
    stored = _array(path)
    if stored.ndim != 3 or stored.shape[2] not in (33, 35):
        raise InputError(f"{path}: a frame of STSSNet's is (h, w, 33) or (h, w, 35), not {stored.shape}")
    planes = stored.astype(np.float32).transpose(2, 0, 1)

    def rgb(first: int) -> Planes:
        return planes[first : first + 3][::-1]  # BGR on disk

    warped = [rgb(first) for first in (0, 3, 6)]  # of the last frame, t-2 and t-3; -1 in holes
    unchecked = [np.maximum(rgb(first), 0) for first in (12, 15, 18)]
    masks = [(colour[:1] != -1).astype(np.float32) for colour in warped]
    colour = np.concatenate((np.maximum(rgb(9), 0), unchecked[0]))
    features = np.concatenate((rgb(27), _depth(stored[..., 26][None], depth), planes[25:26], planes[24:25], rgb(21)))
    past = [np.concatenate(pair) for pair in zip(unchecked, masks, strict=True)]
    return StoredFrame(colour, features, masks[0], np.stack(past[::-1]))


def read_target(path: Path) -> Pixels:
    """The frame at display resolution: (2h, 2w, 3) RGB, float32. Raises InputError as :func:`read_frame`."""
    stored = _array(path)
    if stored.ndim != 3 or stored.shape[2] != 3:
        raise InputError(f"{path}: a target of STSSNet's is (h, w, 3), not {stored.shape}")
    return np.ascontiguousarray(stored[..., ::-1], dtype=np.float32)


def _depth(stored: NDArray[np.floating], kind: Depth) -> Planes:
    """(1, h, w) as stored -> within [0, 1]; in half precision, as the published loader has it."""
    if kind == "clip":
        clipped: Planes = stored.clip(0, 1).astype(np.float32)
        return clipped
    least = stored.min()
    scaled: Planes = ((stored - least) / (stored.max() - least + stored.dtype.type(1e-6))).astype(np.float32)
    return scaled


def _array(path: Path) -> NDArray[np.floating]:
    """The array of an .npy file, or the first of an .npz."""
    try:
        loaded = np.load(path, allow_pickle=False)
        stored: NDArray[np.floating] = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as an array of frames: {error}") from error
    if not np.issubdtype(stored.dtype, np.floating):
        raise InputError(f"{path}: holds {stored.dtype}, and frames are floating point")
    return stored


@dataclass(frozen=True, eq=False)
class StoredClip(EvaluationClip):
    """A rendered clip whose frames are stored as the network takes them.

    ``high`` is the target and ``low`` the last frame warped without a check for holes; both (h, w, 3) float32, not limited to
    [0, 1]. Even frames were rendered, odd ones were made from the past: ``frame_names`` are their numbers.
    """

    _read: Callable[[int], StoredFrame] = field(repr=False)

    def arguments(self, index: int) -> StoredFrame:
        """What the network is given for a frame."""
        return self._read(index)


class _Targets:
    def __init__(self, numbers: tuple[int, ...], paths: tuple[Path, ...]) -> None:
        self.names = tuple(f"{number:04d}" for number in numbers)
        self.paths = paths

    def read(self, index: int) -> Pixels:
        return read_target(self.paths[index])

    def label(self, index: int) -> str:
        return str(self.paths[index])


class _Warped(_Targets):
    def read(self, index: int) -> Pixels:
        return np.ascontiguousarray(read_frame(self.paths[index]).colour[3:].transpose(1, 2, 0))


def scenes_in(root: Path) -> list[tuple[str, Path]]:
    """Name and folder of each scene that lies in ``root``, is ``root``, or is the test part of it."""
    if not root.is_dir():
        return []
    places = [("", root), ("", root / "test"), *((sub.name, sub / "test") for sub in subfolders(root))]
    found = [(name, folder) for name, folder in places if _is_scene(folder)]
    return [(name or _scene_name(folder), folder) for name, folder in found]


def _is_scene(folder: Path) -> bool:
    frames = child(folder, "NPY") if folder.is_dir() else None
    return frames is not None and any(_FRAME.fullmatch(path.name) for path in frames.iterdir())


def _scene_name(folder: Path) -> str:
    folder = folder.resolve()
    return folder.parent.name if folder.name.lower() == "test" else folder.name


def open_stssnet(root: Path, wanted: Wanted) -> EvaluationSet:
    """The scenes of STSSNet's data set, the frames of each that the published scores are of. Raises InputError unless x2."""
    if wanted.scale != SCALE:
        raise InputError(f"{root}: STSSNet's frames are stored for x{SCALE}, not x{wanted.scale}")
    clips = tuple(_open_scene(name, folder) for name, folder in scenes_in(root))
    return EvaluationSet(root.resolve().name, "rendered", SCALE, "files", clips, SCALE)


def _open_scene(name: str, folder: Path) -> EvaluationClip:
    first, last = _EVALUATED.get(name.lower(), (0, 10**9))
    frames: dict[int, Path] = {}
    for path in sorted((child(folder, "NPY") or folder).iterdir()):
        match = _FRAME.fullmatch(path.name)
        if match and first <= int(match[1]) <= last and (match[2] == "Warp") == bool(int(match[1]) % 2):
            frames[int(match[1])] = path
    if not frames:
        raise InputError(f"{folder}: none of the frames {first} to {last} that {name} is scored by")
    numbers = tuple(sorted(frames))
    stored, high = tuple(frames[number] for number in numbers), child(folder, "HR") or folder / "HR"
    targets = tuple(high / f"compressedHR.{number:04d}{frames[number].suffix}" for number in numbers)
    depth: Depth = "scale" if name.lower() in _SCALED_DEPTH else "clip"
    every = tuple(range(len(numbers)))
    low = _Warped(numbers, stored)
    return StoredClip(
        name,
        low.names,
        SCALE,
        every,
        CutFrames(_Targets(numbers, targets), SCALE),
        low,
        lambda index: read_frame(stored[index], depth),
    )
