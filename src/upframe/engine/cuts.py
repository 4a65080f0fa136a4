"""Where one shot ends and the next begins: what a network remembers of the old one would spoil the new one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import InputError
from upframe.regular import refuse_irregular
from upframe.remedies import Option, way

_THUMBNAIL = (36, 64)
_SHIFT = 4  # thumbnail pixels that an image may move between two frames: a sixteenth of its width
_BINS = 8
# Measured: 0.51 at most within the shots of a video of fast rides with a hand-held camera, 1.15 at least at its cuts. Of two
# unrelated photographs 99.6 % differ by more than 0.8; a pan by a tenth of the width a frame makes 0.5, by a fifth 1.0.
_THRESHOLD = 0.8
_LEAST_DIFFERENCE = 0.2  # of structure: a flash changes the brightness of an image, not what it shows

Cuts = Callable[[Tensor], bool]
"""Given each frame of a clip in turn, (1, 3, h, w) in [0, 1]: whether it is the first of a new shot."""


class CutDetector:
    """Tells cuts by two differences between thumbnails: of what they show, wherever it has moved, and of their colours."""

    def __init__(self) -> None:
        self._previous: tuple[Tensor, Tensor] | None = None
        self._last_difference = 0.0

    def __call__(self, frame: Tensor) -> bool:
        """Whether (1, 3, h, w) in [0, 1] begins a new shot; False for the first frame of all."""
        thumbnail = F.adaptive_avg_pool2d(frame.float(), _THUMBNAIL).cpu().clamp_(0, 1)
        current = thumbnail.mean(dim=1, keepdim=True), _colours(thumbnail)
        previous, self._previous = self._previous, current
        if previous is None:
            return False
        structure = _difference_of_structure(current[0], previous[0])
        difference = structure + 2 * float((current[1] - previous[1]).abs().sum() / 6)
        # A cut stands out from the frames before it; a whip pan or an explosion makes many great differences in a row.
        cut = difference > _THRESHOLD and structure > _LEAST_DIFFERENCE and difference > 2 * self._last_difference
        self._last_difference = 0.0 if cut else difference
        return cut


def _colours(thumbnail: Tensor) -> Tensor:
    """The shares of ``_BINS`` levels in each channel: (1, 3, h, w) -> (3, _BINS), linear between the levels."""
    levels = thumbnail[0].flatten(1) * (_BINS - 1)
    below = levels.floor().clamp_(max=_BINS - 2)
    above = levels - below
    shares = torch.zeros(3, _BINS)
    shares.scatter_add_(1, below.long(), 1 - above).scatter_add_(1, below.long() + 1, above)
    return shares / levels.shape[1]


def _difference_of_structure(grey: Tensor, other: Tensor) -> float:
    """1 - the highest correlation of the middle of one thumbnail with the other, over all shifts: 0 equal, 1 unrelated."""
    middle = grey[..., _SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    middle = middle - middle.mean()
    ones = torch.ones_like(middle)
    energy = F.conv2d(other * other, ones) - F.conv2d(other, ones) ** 2 / ones.numel()
    # The small number makes two flat images equal, whatever their noise.
    tiny = 1e-4 * ones.numel()
    correlation = (F.conv2d(other, middle) + tiny) / ((middle * middle).sum() * energy.clamp_(min=0)).sqrt_().add_(tiny)
    return 1 - float(correlation.max())


def no_cuts(_: Tensor) -> bool:
    """One single shot."""
    return False


class ListedCuts:
    """Cuts at known frames, counted from 0."""

    def __init__(self, first_frames: frozenset[int]) -> None:
        self._first_frames, self._next = first_frames, 0

    def __call__(self, _: Tensor) -> bool:
        self._next += 1
        return self._next - 1 in self._first_frames

    def pass_over(self, frames: int) -> None:
        """The next frame that is asked about is so many further on."""
        self._next += frames


def choose_cuts(choice: str | Path | Cuts) -> Callable[[], Cuts]:
    """What makes a fresh judge of cuts for each clip: ``auto``, ``off``, a file of frame numbers, or a judge as it is.

    The file has the number of the first frame of each shot on a line of its own, counted from 0; ``#`` begins a comment.
    Raises InputError for a file that is missing or has anything else in it.
    """
    if not isinstance(choice, str | Path):
        return lambda: choice
    if str(choice) == "auto":
        return CutDetector
    if str(choice) == "off":
        return lambda: no_cuts
    path = Path(choice)
    refuse_irregular(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: is not a list of cuts",
            remedy=way("set ", Option("cuts"), " to 'auto', 'off' or a text file of frame numbers"),
        ) from error
    words = ((number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1))
    first_frames = frozenset(_frame_number(path, number, word) for number, word in words if word)
    return lambda: ListedCuts(first_frames)


def _frame_number(path: Path, number: int, word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise InputError(f"{path}: line {number} is {word[:40]!r}; a frame number, counted from 0, was expected")
    return int(word)
