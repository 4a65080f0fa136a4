"""Motion and jitter held against the images: which reading of them lays the previous frame on the current one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.ops.transfer import encode_linear
from upframe.rendered.check.readings import (
    JITTER_IN_MOTION,
    JITTER_READINGS,
    STATED_JITTER,
    STATED_MOTION,
    Axes,
    JitterMistake,
    MotionReading,
    Reading,
    as_tensor,
)
from upframe.rendered.frame import Buffer, RenderedFrame

PLACES = 4096  # pixels of a frame that are compared
LEAST_CONTRAST = 1 / 512  # a change from pixel to pixel that counts as texture
INSIDE = 0.25  # a reading that leads more pixels than this out of the image is not believed
BETTER_MOTION, BETTER_JITTER = 0.8, 0.9  # a mistake is said when its reading leaves less than this part of the stated error
SURELY, SURE_ERRORS, SURE_PAIRS = 0.97, 4.0, 5  # a sign alone: less than this part, by so many standard errors, of pairs
AS_GOOD = 1.05  # of readings that differ by less, the simplest is named
WINS = 0.75  # in this part of the frames that tell, at least
UNRELATED = 0.6  # two frames are of different shots when the error is above this part of the contrast ...
WORSE_THAN_USUAL = 3.0  # ... and above so many times the clip's median


def as_planes(buffer: Buffer) -> Tensor:
    """On the CPU: (1, c, h, w) float32."""
    tensor = buffer.detach().cpu() if isinstance(buffer, Tensor) else torch.from_numpy(buffer.copy())
    tensor = tensor.float()
    return tensor[None, None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)[None]


def image(frame: RenderedFrame, exposure: float) -> Tensor | None:
    """What two frames are compared by, (1, 3, h, w): colour as a display shows it, else the albedo; None without either."""
    if frame.colour is not None:
        colour = as_planes(frame.colour).nan_to_num(0, 0, 0)
        return encode_linear(colour * (exposure / frame.pre_exposure)) if frame.linear else colour
    return None if frame.albedo is None else as_planes(frame.albedo).nan_to_num(0, 0, 0)


def softened(image: Tensor) -> Tensor:
    """Without the finest detail, which one sample a pixel does not hold: (n, c, h, w) by 1-2-1 both ways."""
    n, c, h, w = image.shape
    kernel = image.new_tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])[None, None] / 16
    padded = F.pad(image.reshape(n * c, 1, h, w), (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernel).view(n, c, h, w)


def textured_places(image: Tensor) -> Tensor:
    """Row-by-row numbers of at most PLACES pixels of (1, c, h, w), spread over the image, where there is something to see."""
    across = F.pad(image.diff(dim=3).abs(), (0, 1, 0, 0))
    down = F.pad(image.diff(dim=2).abs(), (0, 0, 0, 1))
    contrast = (across + down).mean(dim=1).flatten()
    there = contrast[contrast > LEAST_CONTRAST]
    if not there.numel():
        return torch.empty(0, dtype=torch.long)
    places = (contrast >= there.median()).nonzero()[:, 0]
    return places[torch.linspace(0, len(places) - 1, min(PLACES, len(places))).long()]


def read_at(image: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Bilinear: (1, c, h, w) at (k, n) places -> (c, k, n), and where a place is inside the image, (k, n) bool."""
    height, width = image.shape[-2:]
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)[None]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)[0], inside


class NeighbourMatch(NamedTuple):
    """How well each reading lays one frame on its neighbour."""

    frame: int  # the number of the later one
    errors: Tensor  # (readings,) mean absolute difference of display values
    contrast: float  # mean absolute deviation of the later frame's display values from their mean
    size: tuple[int, int]
    motion: Tensor  # (2, 1) median of the stored motion
    jitter_change: Tensor  # (2,) stored
    upside_down: float  # the error of the contract's reading if both images are turned upside down, and nothing else is


def compare(
    earlier: RenderedFrame, later: RenderedFrame, index: int, exposure: float, tried: Sequence[Reading]
) -> NeighbourMatch | None:
    """Try every reading on two frames in order; None where they have no image with something to see in it."""
    if (earlier.colour is None) != (later.colour is None):
        earlier, later = _by_albedo(earlier), _by_albedo(later)
    images = [image(frame, exposure) for frame in (earlier, later)]
    if images[0] is None or images[1] is None:
        return None
    before, now = softened(images[0]), softened(images[1])
    backward = [number for number, reading in enumerate(tried) if not reading.motion.following]
    forward = [number for number, reading in enumerate(tried) if reading.motion.following]
    errors = torch.full((len(tried),), torch.inf)
    for numbers, frame, other, here, there in ((backward, later, earlier, now, before), (forward, earlier, later, before, now)):
        places = textured_places(here)
        if not len(places):
            return None
        if not numbers:
            continue
        errors[numbers] = _errors(frame, other, here, there, places, [tried[number] for number in numbers])
    upside_down = _errors(later, earlier, now.flip(2), before.flip(2), textured_places(now.flip(2)), tried[:1])
    motion = as_planes(later.motion).nan_to_num(0, 0, 0)[0].flatten(1)
    seen = now[0].flatten(1)[:, textured_places(now)]
    contrast = float((seen - seen.mean(dim=1, keepdim=True)).abs().mean())
    typical = motion.median(dim=1, keepdim=True).values
    change = as_tensor(later.jitter) - as_tensor(earlier.jitter)
    return NeighbourMatch(index, errors, contrast, later.size, typical, change, float(upside_down))


def _by_albedo(frame: RenderedFrame) -> RenderedFrame:
    """The frame as if it had not been shaded."""
    return RenderedFrame(
        colour=None, depth=frame.depth, motion=frame.motion, albedo=frame.albedo, jitter=frame.jitter, cut=frame.cut
    )


def _errors(
    frame: RenderedFrame, other: RenderedFrame, here: Tensor, there: Tensor, places: Tensor, tried: Sequence[Reading]
) -> Tensor:
    """The error of each reading of ``frame``'s motion, which leads from ``here`` to ``there``: (readings,)."""
    size, width = frame.size, frame.size[1]
    stored = as_planes(frame.motion).nan_to_num(0, 0, 0)[0].flatten(1)[:, places]  # (2, n)
    change = as_tensor(frame.jitter) - as_tensor(other.jitter)
    steps = [r.motion.apply(stored, size) + r.jitter.apply(change, size)[:, None] for r in tried]
    step = torch.stack(steps, dim=1)  # (2, k, n)
    found, inside = read_at(there, places % width + step[0], places // width + step[1])
    difference = (found - here[0].flatten(1)[:, None, places]).abs().mean(dim=0)  # (k, n)
    return torch.stack(
        [
            _typical(row[mask]) if mask.float().mean() > INSIDE else row.new_tensor(torch.inf)
            for row, mask in zip(difference, inside, strict=True)
        ]
    )


def _typical(errors: Tensor) -> Tensor:
    """The mean without the largest tenth: what was hidden before cannot be found again."""
    return errors.sort().values[: max(int(len(errors) * 0.9), 1)].mean()


def is_upside_down(pairs: Sequence[NeighbourMatch], number: int) -> bool:
    """Whether the images fit their motion only when they are turned; ``number``: of what fits best as they are."""
    turned = torch.tensor([pair.upside_down for pair in pairs])
    return _is_surely_less(turned, torch.stack([pair.errors[number] for pair in pairs]))


def _is_surely_less(errors: Tensor, others: Tensor) -> bool:
    """Whether the errors of each pair are less than others of the same, by a little, but nearly always."""
    gain = others - errors
    if len(gain) < SURE_PAIRS or not bool(gain.isfinite().all()):
        return False
    sure = float(gain.mean()) > SURE_ERRORS * float(gain.std() / len(gain) ** 0.5)
    return sure and float(errors.mean()) < SURELY * float(others.mean())


def missing_cuts(pairs: Sequence[NeighbourMatch]) -> list[int]:
    """Frames that no reading finds in the one before, though it finds the others."""
    ratios = torch.tensor([float(pair.errors.min()) / max(pair.contrast, 1e-6) for pair in pairs])
    found = []
    for number, pair in enumerate(pairs):
        others = torch.cat((ratios[:number], ratios[number + 1 :]))
        usual = float(others.median()) if len(others) else 0.0
        if ratios[number] > UNRELATED and ratios[number] > WORSE_THAN_USUAL * usual:
            found.append(pair.frame)
    return found


class MotionVerdict(NamedTuple):
    """The reading that fits a clip, the errors of it and of the stated one, and whether the other way in time fits too."""

    reading: Reading
    error: float
    stated: float
    either_way: bool


def judge(pairs: Sequence[NeighbourMatch], tried: Sequence[Reading]) -> MotionVerdict:
    """Which reading fits: the stated one unless another is clearly better; two mistakes only where one does not explain it."""
    table = torch.stack([pair.errors.where(pair.errors.isfinite(), pair.errors.new_tensor(pair.contrast)) for pair in pairs])
    scores = table.mean(dim=0)
    stated = float(scores[0])
    one, two = _least(scores, tried, 1), _least(scores, tried, 2)
    best = two if two is not None and scores[two] < BETTER_MOTION * min(float(scores[one or 0]), stated) else one
    if best is None or not _is_better(table, tried, best):
        best = 0
    rival = Reading(tried[best].motion.in_time(), tried[best].jitter)
    as_good = rival in tried and bool(scores[tried.index(rival)] <= AS_GOOD * scores[best])
    return MotionVerdict(tried[best], float(scores[best]), stated, as_good)


def _least(scores: Tensor, tried: Sequence[Reading], mistakes: int) -> int | None:
    """The simplest reading of so many mistakes that is as good as the best of them."""
    numbers = [number for number, reading in enumerate(tried) if reading.mistakes == mistakes]
    if not numbers:
        return None
    least = min(float(scores[number]) for number in numbers)
    good = [number for number in numbers if scores[number] <= AS_GOOD * least]
    return min(good, key=lambda number: tried[number].motion.oddity)


def _is_better(table: Tensor, tried: Sequence[Reading], best: int) -> bool:
    scores, reading = table.mean(dim=0), tried[best]
    limit = BETTER_JITTER if reading.motion == STATED_MOTION else BETTER_MOTION
    telling = (table[:, best] - table[:, 0]).abs() > 0.05 * table[:, 0]
    wins = (table[:, best] < table[:, 0])[telling].float()
    is_sign = reading == Reading(MotionReading(Axes(signs=reading.motion.axes.signs)))
    if is_sign and _is_surely_less(table[:, best], table[:, 0]):
        return True
    return bool(scores[best] < limit * scores[0]) and len(wins) > 0 and float(wins.mean()) >= WINS


def jitter_mistake(reading: Reading, pairs: Sequence[NeighbourMatch]) -> JitterMistake | None:
    """What is wrong with the jitter; None where nothing is."""
    if reading.jitter == STATED_JITTER:
        return None
    if reading.jitter == JITTER_IN_MOTION and not _motion_follows_jitter(reading, pairs):
        words = "colour does not move with the jitter: it is not jittered, or another jitter was used"
        return JitterMistake(words, "store what was used")
    return JITTER_READINGS[reading.jitter]


def _motion_follows_jitter(reading: Reading, pairs: Sequence[NeighbourMatch]) -> bool:
    """Whether the motion trembles with the jitter, rather than being that of the scene."""
    if len(pairs) < 3:
        return True
    motion = torch.stack([reading.motion.apply(pair.motion, pair.size)[:, 0] for pair in pairs]).diff(dim=0).flatten()
    jitter = torch.stack([pair.jitter_change for pair in pairs]).diff(dim=0).flatten()
    return float((motion * jitter).sum() / (jitter * jitter).sum().clamp_min(1e-12)) > 0.5
