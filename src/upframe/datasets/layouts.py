"""Published layouts of data sets, each read into clips."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from upframe.datasets.clips import EvaluationClip, EvaluationSet, make_clip
from upframe.datasets.degradation import Degradation, Kind
from upframe.datasets.frames import DegradedFrames, Frames, ImageFrames
from upframe.datasets.published_folders import (
    LowFolder,
    child,
    high_folder,
    images_in,
    low_folder,
    low_names,
    named_low,
    subfolders,
    videos_in,
)
from upframe.datasets.videos import VideoFrames
from upframe.errors import InputError
from upframe.regular import refuse_irregular

_VIMEO_LIST = "sep_testlist.txt"
_VIMEO_LOW: dict[Kind, tuple[str, ...]] = {
    "BI": ("sequences_BI", "../vimeo_septuplet_matlabLRx{s}/sequences"),
    "BD": ("sequences_BD", "../vimeo_septuplet_BDLRx{s}/sequences"),
}
_SRF = re.compile(r"(.+?)_SRF_(\d+)_HR", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SetOptions:
    """What a set is opened with: ``making`` is the degradation for what has no files, ``asked`` whether a user named it.

    low: a folder or file of low resolution that a user names. only: the clips that belong to the set; empty for all.
    """

    scale: int
    making: Degradation
    asked: bool = False
    low: Path | None = None
    only: tuple[str, ...] = ()

    def find_low(self, high: Path, root: Path) -> LowFolder | None:
        """Where low resolution is for a folder of high; None when it is to be made."""
        if self.low is not None:
            return named_low(self.low)
        return low_folder(high, root, self.scale, self.making.kind if self.asked else None)

    def low_frames(self, high: Frames, low: LowFolder | None, paths: Sequence[Path] = ()) -> Frames:
        """Stored frames where there is a folder of them, else made ones."""
        return DegradedFrames(high, self.making, self.scale) if low is None else ImageFrames(paths)


def open_images(root: Path, wanted: SetOptions) -> EvaluationSet:
    """An image, or a flat folder of them: Set5, Set14, BSD100, Urban100, DIV2K, or anybody's."""
    if root.is_file():
        folder, paths, low = root.parent, [root], named_low(wanted.low) if wanted.low else None
    else:
        together = child(root, f"image_SRF_{wanted.scale}") or root
        if wanted.low is None and any(_SRF.fullmatch(path.stem) for path in images_in(together)):
            return _open_together(root, together, wanted)
        folder = high_folder(root)
        paths, low = images_in(folder), wanted.find_low(folder, root)
    others = _paired(paths, folder, low.path, wanted.scale) if low else [()] * len(paths)
    clips = []
    for path, other in zip(paths, others, strict=True):
        high = ImageFrames((path,))
        clips.append(make_clip(path.stem, high, wanted.low_frames(high, low, other), wanted.scale))
    return _set(root, "image", wanted, low, clips)


def _open_together(root: Path, folder: Path, wanted: SetOptions) -> EvaluationSet:
    """Both resolutions in one folder, ``img_001_SRF_2_HR.png`` and ``..._LR.png``, as SelfExSR distributes them."""
    low = None if wanted.asked and wanted.making.kind != "BI" else LowFolder(folder, "BI")
    clips = []
    for path in images_in(folder):
        match = _SRF.fullmatch(path.stem)
        if match and int(match[2]) == wanted.scale:
            high, other = ImageFrames((path,)), path.with_stem(f"{path.stem[:-2]}LR")
            clips.append(make_clip(match[1], high, wanted.low_frames(high, low, (other,)), wanted.scale))
    if not clips:
        raise InputError(f"{folder}: holds no images of x{wanted.scale}, which are named NAME_SRF_{wanted.scale}_HR.png")
    return _set(root, "image", wanted, low, clips)


def _paired(paths: Sequence[Path], folder: Path, low: Path, scale: int) -> list[tuple[Path]]:
    """The low-resolution file of each image, by name. Raises InputError for the first that has none."""
    stored = {path.stem.lower(): path for path in images_in(low)} if low.is_dir() else {low.stem.lower(): low}
    if not stored:
        raise InputError(f"{low}: no images in the folder of low resolution")
    pairs = []
    for path in paths:
        found = next((stored[name.lower()] for name in low_names(path.stem, scale) if name.lower() in stored), None)
        if found is None and len(paths) == 1 and low.is_file():
            found = low
        if found is None:
            looked_for = " or ".join(f"{name}.png" for name in (path.stem, f"{path.stem}x{scale}"))
            raise InputError(f"{low}: no low-resolution file for {path.relative_to(folder.parent)}: {looked_for} is missing")
        pairs.append((found,))
    return pairs


def open_clips(root: Path, wanted: SetOptions) -> EvaluationSet:
    """A folder for each clip: REDS4, Vid4, ToS3, UDM10; both resolutions side by side, or within each clip's folder."""
    folder = high_folder(root, wanted.only)
    names = wanted.only or tuple(sub.name for sub in subfolders(folder) if _images_of(sub))
    low = wanted.find_low(folder, root)
    places = [_places(folder / name, low, wanted) for name in names]
    clips = [_open_clip(name, high, inner, wanted) for name, (high, inner) in zip(names, places, strict=True)]
    lows = [inner for _, inner in places]
    if any(inner is None for inner in lows) and any(lows):
        without = names[lows.index(None)]
        raise InputError(f"{folder / without}: has no low-resolution files; other clips of the set have")
    return _set(root, "video", wanted, lows[0] if lows else None, clips)


def _images_of(clip: Path) -> Path | None:
    """The folder that holds a clip's images: itself, or the one of high resolution in it (``truth``); None for no clip."""
    if images_in(clip):
        return clip
    high = high_folder(clip)
    return high if high != clip and images_in(high) else None


def _places(clip: Path, low: LowFolder | None, wanted: SetOptions) -> tuple[Path, LowFolder | None]:
    """Where the images of a clip lie, high and low."""
    high = _images_of(clip) if clip.is_dir() else None
    if high is None:
        raise InputError(f"{clip}: this clip belongs to the set, but there are no images of it")
    if low is not None:
        return high, LowFolder(low.path / clip.name, low.kind)
    return high, None if high == clip else wanted.find_low(high, clip)


def open_one_clip(root: Path, wanted: SetOptions) -> EvaluationSet:
    """A folder of frames that are one clip."""
    folder = high_folder(root)
    low = wanted.find_low(folder, root)
    return _set(root, "video", wanted, low, [_open_clip(root.name, folder, low, wanted)])


def _open_clip(name: str, folder: Path, low: LowFolder | None, wanted: SetOptions) -> EvaluationClip:
    paths = images_in(folder)
    if not paths:
        raise InputError(f"{folder}: no images in this folder")
    high = ImageFrames(paths)
    others = () if low is None else _frames_beside(paths, folder, low.path, wanted.scale)
    return make_clip(name, high, wanted.low_frames(high, low, others), wanted.scale)


def _frames_beside(paths: Sequence[Path], folder: Path, low: Path, scale: int) -> Sequence[Path]:
    """The low-resolution frames of a clip: by name, else in order where there are as many."""
    if not low.is_dir():
        raise InputError(f"{low}: not there; the low-resolution frames of {folder} are expected in it")
    stored = images_in(low)
    if len(stored) != len(paths):
        raise InputError(f"{low}: has {len(stored)} frames, but {folder} has {len(paths)}")
    try:
        return [other for (other,) in _paired(paths, folder, low, scale)]
    except InputError:
        return stored


def open_vimeo(root: Path, wanted: SetOptions) -> EvaluationSet:
    """Vimeo-90K's test set: ``sequences/00001/0266/im1.png`` to ``im7.png``, listed in ``sep_testlist.txt``.

    Models see all seven frames; the published scores are of the middle one (``SRVimeo90KDataset`` of TTVSR's code).
    """
    listed = [line.split()[0] for line in _lines(root / _VIMEO_LIST) if line.strip()]
    if not listed:
        raise InputError(f"{root / _VIMEO_LIST}: names no clip")
    low = named_low(wanted.low) if wanted.low else _vimeo_low(root, wanted)
    frames = [f"im{number}.png" for number in range(1, 8)]
    clips = []
    for name in listed:
        folder = root / "sequences" / name
        if ".." in Path(name).parts or Path(name).is_absolute() or not folder.is_dir():
            raise InputError(f"{root / _VIMEO_LIST}: lists {name}, but {folder} is not a folder")
        high = ImageFrames([folder / frame for frame in frames])
        others = [] if low is None else [low.path / name / frame for frame in frames]
        clips.append(make_clip(name, high, wanted.low_frames(high, low, others), wanted.scale, scored=(3,)))
    return _set(root, "video", wanted, low, clips)


def _vimeo_low(root: Path, wanted: SetOptions) -> LowFolder | None:
    for kind, patterns in _VIMEO_LOW.items():
        for pattern in patterns if not wanted.asked or wanted.making.kind == kind else ():
            folder = root / pattern.format(s=wanted.scale)
            if folder.is_dir():
                return LowFolder(folder, kind)
    return None


def _lines(path: Path) -> list[str]:
    refuse_irregular(path)
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def open_videos(root: Path, wanted: SetOptions) -> EvaluationSet:
    """A video, or a folder of videos, each a clip."""
    folder = root if root.is_file() else high_folder(root)
    paths = [root] if root.is_file() else videos_in(folder)
    low = wanted.find_low(folder, root) if wanted.low or not root.is_file() else None
    clips = []
    for path in paths:
        high = VideoFrames(path)
        small = DegradedFrames(high.again(), wanted.making, wanted.scale) if low is None else _video_beside(path, low.path)
        clips.append(make_clip(path.stem, high, small, wanted.scale))
    return _set(root, "video", wanted, low, clips)


def _video_beside(path: Path, low: Path) -> Frames:
    """The low-resolution video, or folder of frames, of a video."""
    if low.is_file():
        return VideoFrames(low)
    for video in videos_in(low):
        if video.stem == path.stem:
            return VideoFrames(video)
    frames = images_in(low / path.stem if (low / path.stem).is_dir() else low)
    if not frames:
        raise InputError(f"{low}: no low-resolution video or frames for {path.name}")
    return ImageFrames(frames)


def _set(
    root: Path, kind: Literal["image", "video"], wanted: SetOptions, low: LowFolder | None, clips: list[EvaluationClip]
) -> EvaluationSet:
    source, made = ("files", low.kind) if low else (str(wanted.making), wanted.making.kind)
    name = root.stem if root.is_file() else root.resolve().name
    return EvaluationSet(name, kind, wanted.scale, source, tuple(clips), wanted.scale, made)
