"""Images of a report, kept while frames pass by: a window of one frame, a column over time, the worst and best blocks.

Of a clip no more is kept than what is shown of it. What the first subject shows decides what the others show, so that the
same places stand side by side.
"""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from upframe.metrics.frames import sampled, unit
from upframe.ops.ycbcr import luma_bt601

BLOCK = 96  # pixels of a crop's side: a multiple of 2, 3 and 4, so that the low-resolution crop has whole pixels
WINDOW = (384, 520)  # pixels of a window at most: twice as large, it is as wide as the page
PROFILE = (360, 600)  # rows, and frames, of a profile at most
WINDOWS = 4  # clips that a window and a profile are shown of
LOOKED_AT = 100  # clips in which blocks are looked for
KEPT = 3  # worst and best blocks of a clip
REFERENCE, LOW, RESULT = "reference", "low resolution", "result"
_QUALITY = 92  # of the JPEG windows
_PLAIN = 4.0 / 255  # standard deviation of luma below which a block shows nothing

Verdict = Literal["worst", "best"]
Layers = dict[str, bytes]
"""Encoded images of one place, by what they show."""


class BlockPlace(NamedTuple):
    """The top left corner of a block in a frame, in pixels of the reference, and why it is shown.

    value: PSNR of the luma there, or, for ``gain``, decibels above bicubic.
    """

    frame: int
    top: int
    left: int
    verdict: Verdict
    value: float
    gain: bool


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What is to be shown of a clip: the frame whose window is kept, whether a profile is, whether blocks are."""

    window: int | None = None
    profile: bool = False
    blocks: bool = False

    @property
    def empty(self) -> bool:
        return self.window is None and not self.profile and not self.blocks


@dataclass(slots=True)
class SubjectImages:
    """What is kept of one subject on one clip; with the reference and low resolution where it came first."""

    window: Layers = field(default_factory=dict)
    profile: Layers = field(default_factory=dict)
    blocks: dict[BlockPlace, Layers] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For a journal."""
        blocks = [{"place": list(place), "layers": _as_text(layers)} for place, layers in self.blocks.items()]
        return {"window": _as_text(self.window), "profile": _as_text(self.profile), "blocks": blocks}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SubjectImages:
        """The inverse of :meth:`as_json`. Raises ValueError, LookupError or TypeError for anything else."""
        blocks = {BlockPlace(*entry["place"]): _as_bytes(entry["layers"]) for entry in content["blocks"]}
        return cls(_as_bytes(content["window"]), _as_bytes(content["profile"]), blocks)


def _as_text(layers: Layers) -> dict[str, str]:
    return {name: b64encode(image).decode("ascii") for name, image in layers.items()}


def _as_bytes(layers: Mapping[str, str]) -> Layers:
    return {name: b64decode(text, validate=True) for name, text in layers.items()}


class ImageCollector:
    """Sees each frame of one subject on one clip, and keeps what the plan says.

    name: the subject's. places: the blocks to keep; None for the first subject, which finds them, and keeps the reference and
    low resolution, too. ``see`` takes frames (3, h, w) of one size, uint8 or in [0, 1], in order; ``low`` (3, h / scale,
    w / scale); ``plain`` the bicubic upscaling, against which the best blocks are found where there is one.
    """

    def __init__(self, name: str, plan: ImagePlan, *, scale: int = 1, places: Sequence[BlockPlace] | None = None) -> None:
        self._name, self._plan, self._scale, self._places = name, plan, scale, places
        self._images = SubjectImages()
        self._columns: dict[str, list[NDArray[np.uint8]]] = {}
        self._found: dict[Verdict, list[_Candidate]] = {"worst": [], "best": []}
        self._seen, self._compared = 0, False

    @torch.inference_mode()
    def see(
        self, index: int, result: Tensor, reference: Tensor, low: Tensor | None = None, plain: Tensor | None = None
    ) -> None:
        """The next frame, whose number in the clip is ``index``."""
        height, width = (min(a, b) for a, b in zip(result.shape[-2:], reference.shape[-2:], strict=True))
        shown = {self._name: result[:, :height, :width]}
        if self._places is None:
            shown |= {REFERENCE: reference[:, :height, :width]} | ({} if low is None else {LOW: low})
        if index == self._plan.window:
            area = self._window(height, width)
            self._images.window = {
                name: (_png if name == LOW else _jpeg)(self._cut(name, frame, *area)) for name, frame in shown.items()
            }
        if self._plan.profile and self._seen < PROFILE[1]:
            self._keep_column(shown)
        if self._plan.blocks and min(height, width) >= BLOCK:
            self._keep_blocks(index, shown, plain)
        self._seen += 1

    def finish(self) -> SubjectImages:
        """What was kept."""
        if self._seen > 1:
            self._images.profile = {name: _png(np.stack(columns, axis=1)) for name, columns in self._columns.items()}
        if self._places is None:
            for found in self._found.values():
                ranked = sorted(found, key=lambda entry: -entry.rank)
                self._images.blocks |= {entry.place: entry.layers for entry in ranked}
        return self._images

    def _window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of the middle of a frame; whole low-resolution pixels."""
        rows, columns = (
            min(side, most // self._scale * self._scale) for side, most in zip((height, width), WINDOW, strict=True)
        )
        top, left = ((side - part) // 2 // self._scale * self._scale for side, part in ((height, rows), (width, columns)))
        return top, left, rows, columns

    def _cut(self, name: str, frame: Tensor, top: int, left: int, rows: int, columns: int) -> NDArray[np.uint8]:
        """A part of a frame, as 8-bit codes (h, w, 3); of the low-resolution one the pixels that lie there."""
        if name == LOW:
            top, left, rows, columns = (value // self._scale for value in (top, left, rows, columns))
        return _codes(frame[:, top : top + rows, left : left + columns])

    def _keep_column(self, shown: Mapping[str, Tensor]) -> None:
        for name, frame in shown.items():
            if name != LOW:
                height, width = frame.shape[-2:]
                rows = min(height, PROFILE[0])
                top = (height - rows) // 2
                column = self._cut(name, frame, top, width // 2, rows, 1)[:, 0]
                self._columns.setdefault(name, []).append(column)

    def _keep_blocks(self, index: int, shown: Mapping[str, Tensor], plain: Tensor | None) -> None:
        if self._places is not None:
            for place in self._places:
                if place.frame == index:
                    self._images.blocks[place] = self._block(place, shown)
            return
        self._compared |= plain is not None
        for place, rank in _blocks(index, shown[self._name], shown[REFERENCE], plain):
            if self._compared and plain is None and place.verdict == "best":
                continue  # its rank is of another kind than that of frames with a bicubic upscaling
            found = self._found[place.verdict]
            rivals = [entry for entry in found if _overlap(entry.place, place)]
            if not rivals and len(found) == KEPT:
                rivals = [min(found, key=lambda entry: entry.rank)]
            if all(rank > entry.rank for entry in rivals):
                kept = [entry for entry in found if entry not in rivals]
                self._found[place.verdict] = [*kept, _Candidate(rank, place, self._block(place, shown))]

    def _block(self, place: BlockPlace, shown: Mapping[str, Tensor]) -> Layers:
        return {name: _png(self._cut(name, frame, place.top, place.left, BLOCK, BLOCK)) for name, frame in shown.items()}


class _Candidate(NamedTuple):
    """A block that is kept for now; the higher its rank, the longer."""

    rank: float
    place: BlockPlace
    layers: Layers


def _overlap(one: BlockPlace, other: BlockPlace) -> bool:
    """Whether two blocks show the same part of the image, in whatever frames."""
    return abs(one.top - other.top) < BLOCK and abs(one.left - other.left) < BLOCK


def _blocks(index: int, result: Tensor, reference: Tensor, plain: Tensor | None) -> list[tuple[BlockPlace, float]]:
    """The worst and the best blocks of a frame, and how much so.

    Worst: the greatest error of the luma. Best: the greatest gain over the bicubic upscaling, or without one the least error
    for what there is to see. Blocks overlap by half.
    """
    wanted = _luma(reference)
    error = _block_means((_luma(result) - wanted).square())
    contrast = (_block_means(wanted.square()) - _block_means(wanted).square()).clamp_min(0)
    if plain is None:
        merit = torch.log10(contrast / error.clamp_min(1e-12)).where(contrast > _PLAIN**2, -torch.inf)
    else:
        before = _block_means((_luma(plain)[..., : wanted.shape[-2], : wanted.shape[-1]] - wanted).square())
        merit = 10 * torch.log10(before.clamp_min(1e-12) / error.clamp_min(1e-12)).where(contrast > _PLAIN**2, -torch.inf)
    found = []
    ranked: tuple[tuple[Verdict, Tensor], ...] = (("worst", error.clone()), ("best", merit))
    for verdict, ranks in ranked:
        for _ in range(KEPT):
            rank = float(ranks.max())
            if rank == -torch.inf:
                break
            row, column = divmod(int(ranks.argmax()), ranks.shape[-1])
            gain = verdict == "best" and plain is not None
            psnr = -10 * float(error[row, column].clamp_min(1e-10).log10())
            place = BlockPlace(index, row * BLOCK // 2, column * BLOCK // 2, verdict, rank if gain else psnr, gain)
            found.append((place, rank))
            ranks[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = -torch.inf  # what overlaps it
    return found


def _luma(frame: Tensor) -> Tensor:
    """(3, h, w) -> (1, 1, h, w) in [0, 1]."""
    return luma_bt601(unit(frame).clamp(0, 1)[None])


def _block_means(plane: Tensor) -> Tensor:
    """(1, 1, h, w) -> (rows, columns): the means of blocks that overlap by half."""
    return F.avg_pool2d(plane, BLOCK, stride=BLOCK // 2)[0, 0]


def _codes(frame: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(sampled(frame, "round").permute(1, 2, 0).cpu().numpy())


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return out.getvalue()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return out.getvalue()
