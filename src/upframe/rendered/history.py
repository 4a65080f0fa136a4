"""The past of a rendered frame, moved to where it is now.

Functions on tensors first: motion over several frames, what was hidden before, the motion of occlusions. Then the two
histories that keep a stream's last frames on its device, one for each network's way of looking back.

Convention: tensors (n, c, h, w), float32. Motion in pixels, x then y, current to previous: what is seen at ``p`` was at
``p + motion(p)``. Depth along the view axis, background ``inf``. Masks are 1 where something is seen and 0 in a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.errors import InputError, ShapeError
from upframe.ops.warp import warp

FAINT = 1e-3  # a pixel read with less than this weight does not count: whole-pixel motion reads one pixel, not four
SAME_DISPARITY = 0.1  # two disparities are of one surface when they differ by less than this part of the larger one
SAME_MOTION = 0.5  # two pixels move together when their motions differ by less than this, in pixels


def accumulate_motion(motions: Tensor, *, published: bool = False) -> Tensor:
    """Where the newest frame's points were in each frame before it, from the motion of single frames.

    ``motions`` (n, t, 2, h, w), oldest first, each current to previous -> (n, t, 2, h, w): for each frame the displacement
    from the newest, so that ``warp(frame[k], displacement[k])`` looks like the newest frame; that of the newest is 0. The
    motion of the oldest frame is not read. Composed from new to old: where a path has left the image, the motion of the
    nearest pixel at its edge carries it on.

    ``published``: as the loader of the NSRR re-implementation has it (timmh/neural-supersampling, ``model/data.py``), for
    weights trained with that. Its sum begins one frame too new, so that steps are left out in turn: two frames back the
    newest step is missing. Outside the image it takes motion to be 0.
    """
    if motions.ndim != 5 or motions.shape[2] != 2:
        raise ShapeError(f"motions must be (n, frames, 2, h, w), not {tuple(motions.shape)}")
    frames = motions.shape[1]
    onto = 2 if published else 1  # how many frames nearer the displacement is that a step is added to
    displacements = [torch.zeros_like(motions[:, 0]), motions[:, -1]][:frames]
    for back in range(2, frames):
        nearer = displacements[max(back - onto, 0)]
        step = warp(motions[:, frames - back], nearer, padding="zeros" if published else "border")
        displacements.append(nearer + step)
    return torch.stack(displacements[::-1], dim=1)


class _Footprint(NamedTuple):
    """The four pixels of the previous frame between which each point lay, in a frame with a border (:func:`_bordered`)."""

    pixels: list[tuple[Tensor, Tensor]]  # of each of the four: its number, row by row, and whether it is read, (n, h*w)
    nearest: Tensor  # the number of the nearest of them, (n, h*w) int64


def _footprint(motion: Tensor) -> _Footprint:
    _, _, height, width = motion.shape
    x = torch.arange(width, device=motion.device, dtype=motion.dtype) + motion[:, 0]  # (n, h, w)
    y = torch.arange(height, device=motion.device, dtype=motion.dtype)[:, None] + motion[:, 1]
    # What is far outside is brought to the border, NaN too: as the number of a pixel it would stop a GPU for good.
    x, y = x.nan_to_num_(-1.0).clamp_(-1, width), y.nan_to_num_(-1.0).clamp_(-1, height)
    left, top = x.floor(), y.floor()
    x, y = (x - left).flatten(1), (y - top).flatten(1)
    stride = width + 3
    corner = ((top + 1) * stride + (left + 1)).flatten(1).long()
    columns, rows = ((0, x < 1 - FAINT), (1, x > FAINT)), ((0, y < 1 - FAINT), (stride, y > FAINT))
    pixels = [(corner + (down + right), read_y & read_x) for down, read_y in rows for right, read_x in columns]
    return _Footprint(pixels, corner + (x > 0.5) + stride * (y > 0.5))


def _bordered(image: Tensor) -> Tensor:
    """NaN around an image, 1 pixel left and above, 2 right and below: (n, c, h, w) -> (n, c, (h + 3) * (w + 3))."""
    return F.pad(image, (1, 2, 1, 2), value=torch.nan).flatten(2)


def _carry_back(motion: Tensor, depth: Tensor, places: Sequence[tuple[Tensor, Tensor | None]]) -> Tensor:
    """Each pixel's motion written to places of the previous frame, with a border: (n, 2, (h + 3) * (w + 3)).

    A place is a pixel's number and where it is written, or None for everywhere. Of several pixels that are written to one
    place the nearest to the viewer stays. NaN where nothing is written.
    """
    n, _, height, width = motion.shape
    nothing = torch.iinfo(torch.int64).max
    # Depth, then the pixel's own number, as one whole number: floats that are not negative have the order of their bits.
    own = torch.arange(height * width, device=motion.device)
    key = (depth.float().clamp_min(0).contiguous().view(torch.int32).long().view(n, -1) << 32) | own
    first = torch.full((n, (height + 3) * (width + 3)), nothing, device=motion.device, dtype=torch.int64)
    for number, written in places:
        first.scatter_reduce_(1, number, key if written is None else torch.where(written, key, nothing), "amin")
    first = first[:, None]
    source = (first & 0xFFFFFFFF).clamp_max_(height * width - 1)
    return motion.flatten(2).gather(2, source.expand(-1, 2, -1)).masked_fill_(first == nothing, torch.nan)


def forward_motion(motion: Tensor, depth: Tensor) -> Tensor:
    """The motion of what was seen at each pixel of the **previous** frame, as far as it is still seen.

    motion (n, 2, h, w) and depth (n, 1, h, w) of the current frame -> (n, 2, h, w) at the previous frame's pixels, still
    current to previous; NaN where nothing came from. Each pixel is written to the four between which it was, and of several
    the nearest to the viewer stays (Guo et al., ExtraNet, SIGGRAPH Asia 2021, and the shaders published with it).
    """
    n, _, height, width = motion.shape
    carried = _carry_back(motion, depth, _footprint(motion).pixels)
    return carried.view(n, 2, height + 3, width + 3)[..., 1:-2, 1:-2]


def seen_before(motion: Tensor, depth: Tensor, previous_depth: Tensor) -> Tensor:
    """1 where the point a pixel shows was seen in the previous frame, 0 where it was hidden or outside: (n, 1, h, w).

    motion (n, 2, h, w) and depth (n, 1, h, w) of the current frame, depth (n, 1, h, w) of the previous one. A point was
    hidden when one of the four pixels between which it lay shows something else. That is so when

    * it is outside the image,
    * the disparities (1 / depth) differ by more than a tenth, the slope of the surface allowed for; disparity is linear over
      a plane, so that floors seen at a grazing angle do not count as holes,
    * or something nearer came from there that moves otherwise, by more than half a pixel.

    ExtraNet marks the same holes from world positions, object numbers and normals, which a frame here need not have.
    """
    pixels, nearest = _footprint(motion)
    disparity, disparity_before = 1 / depth, _bordered(1 / previous_depth)[:, 0]
    now, slope = disparity.flatten(1), _slope(disparity).flatten(1)  # (n, h*w)
    moves_x, moves_y = motion.flatten(2).unbind(1)
    # To the nearest pixel alone: to all four, things would be half a pixel larger than they are.
    others_x, others_y = _carry_back(motion, depth, [(nearest, None)]).unbind(1)
    hidden = torch.zeros_like(now, dtype=torch.bool)
    for number, read in pixels:
        before = disparity_before.gather(1, number)
        # Comparisons with NaN are false: outside nothing is the same, and where nothing came from nothing moves otherwise.
        same = (before - now).abs() <= SAME_DISPARITY * torch.maximum(before, now) + slope
        otherwise = (others_x.gather(1, number) - moves_x).abs() > SAME_MOTION
        otherwise |= (others_y.gather(1, number) - moves_y).abs() > SAME_MOTION
        hidden |= read & (otherwise | ~same)
    return (~hidden).to(motion.dtype).view_as(depth)


def _slope(image: Tensor) -> Tensor:
    """How much a surface changes over one pixel in both directions: (n, 1, h, w), at least 0.

    Of the differences to the two neighbours along an axis the smaller one, and 0 where they have opposite signs: an edge
    and a thin wire are no slope. The outermost pixels have one neighbour.
    """
    total = torch.zeros_like(image)
    for axis in (2, 3):
        length = image.shape[axis]
        if length > 1:
            steps = image.diff(dim=axis)
            back = torch.cat((steps.narrow(axis, 0, 1), steps), dim=axis)
            ahead = torch.cat((steps, steps.narrow(axis, length - 2, 1)), dim=axis)
            total += torch.where(back * ahead > 0, torch.minimum(back.abs(), ahead.abs()), 0)
    return total


def occlusion_motion(motion: Tensor, forward: Tensor) -> Tensor:
    """The motion of occlusions: for each pixel the motion of what hid it in the previous frame, (n, 2, h, w).

    ``motion`` (n, 2, h, w), and ``forward`` its :func:`forward_motion`. Where a moving thing uncovers the background, the
    background's own motion leads to the thing; the thing's motion leads past it, to background beside it (Zeng et al.,
    Temporally Reliable Motion Vectors, 2021; Guo et al., ExtraNet, 2021). For what was seen it is its own motion, or that of
    a pixel beside it on the same thing; where nothing now seen was in the place it is 0, as published.
    """
    n, _, height, width = motion.shape
    x = torch.arange(width, device=motion.device, dtype=motion.dtype) + motion[:, 0]
    y = torch.arange(height, device=motion.device, dtype=motion.dtype)[:, None] + motion[:, 1]
    columns, rows = x.nan_to_num(0).round().clamp(0, width - 1).long(), y.nan_to_num(0).round().clamp(0, height - 1).long()
    index = (rows * width + columns).view(n, 1, -1).expand(-1, 2, -1)
    return forward.flatten(2).gather(2, index).nan_to_num(0).view(n, 2, height, width)


def normalised_depth(depth: Tensor, far: float | None = None) -> Tensor:
    """Depth in [0, 1] as STSSNet takes it: (n, 1, h, w) -> (n, 1, h, w), background 1.

    Published in two kinds. ``far=None``: stretched from the nearest to the farthest surface of the frame, as for the scene
    Lewis; here of those that fill 2x2 pixels, so that no bad sample decides. ``far``: in units of this many scene units,
    clipped at 1, as for the other scenes. On our own scenes the published networks differ by less than 0.4 dB between the
    two, either way (docs/rendered-frames.md); stretching needs no unit.
    """
    if far is not None:
        return (depth / far).clamp(0, 1)
    background = ~depth.isfinite()
    from_front, from_back = depth.masked_fill(background, torch.inf), depth.masked_fill(background, -torch.inf)
    window = (min(2, depth.shape[-2]), min(2, depth.shape[-1]))
    near, farthest = _least(F.max_pool2d(from_front, window, 1)), -_least(F.max_pool2d(-from_back, window, 1))
    near = near.where(near.isfinite(), _least(from_front))  # thin things alone
    farthest = farthest.where(farthest.isfinite(), -_least(-from_back))
    return ((depth - near) / (farthest - near + 1e-6)).nan_to_num(1.0).clamp(0, 1)  # NaN: a frame of background alone


def _least(image: Tensor) -> Tensor:
    return image.amin(dim=(1, 2, 3), keepdim=True)


def resampled(image: Tensor, size: Sequence[int]) -> Tensor:
    """Colours (n, c, h, w) at another size (height, width): by linear interpolation, widened where it is smaller."""
    return F.interpolate(image, size=list(size), mode="bilinear", antialias=True)


def nearest(image: Tensor, size: Sequence[int]) -> Tensor:
    """Depth, masks and the like, (n, c, h, w), at another size (height, width): nothing is mixed."""
    return F.interpolate(image, size=list(size), mode="nearest-exact")


def resized_motion(motion: Tensor, size: tuple[int, int]) -> Tensor:
    """Motion (n, 2, h, w) at another size (height, width), in pixels of that."""
    height, width = motion.shape[-2:]
    return nearest(motion, size) * motion.new_tensor((size[1] / width, size[0] / height)).view(1, 2, 1, 1)


class NSRRHistory:
    """The last frames of a stream as NSRR looks back at them: all warped by motion accumulated to the current one.

    ``length`` frames, the current one included. The buffers are allocated with the first frame and written in place.
    """

    def __init__(self, length: int = 5) -> None:
        self.length, self.count = length, 0
        self._newest = 0
        self._frames: tuple[Tensor, Tensor, Tensor] | None = None  # colour, depth, motion, each (length, c, h, w)

    def clear(self) -> None:
        """Forget all frames: after a cut."""
        self.count = 0

    def recolour(self, change: Callable[[Tensor], Tensor]) -> None:
        """Replace the remembered colours, (k, 3, h, w), for instance by what they are at another exposure."""
        if self._frames is not None and self.count:
            colour = self._frames[0]
            colour[: self.count] = change(colour[: self.count])

    def resize(self, size: tuple[int, int]) -> None:
        """Bring what is remembered to another size (height, width) of frames."""
        if self._frames is not None and self.count:
            colour, depth, motion = self._frames
            self._frames = resampled(colour, size), nearest(depth, size), resized_motion(motion, size)

    def step(self, colour: Tensor, depth: Tensor, motion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The current frame -> colour (1, t, 3, h, w), depth (1, t, 1, h, w), displacement (1, t, 2, h, w), oldest first.

        colour (1, 3, h, w), depth (1, 1, h, w), motion (1, 2, h, w). While fewer frames are known the oldest stands for those
        before it: it is repeated, without motion.
        """
        if self._frames is None or self._frames[0].shape[2:] != colour.shape[2:]:
            self._frames = (
                colour.new_empty((self.length, *colour.shape[1:])),
                depth.new_empty((self.length, *depth.shape[1:])),
                motion.new_empty((self.length, *motion.shape[1:])),
            )
            self.count = 0
        self._newest = (self._newest + 1) % self.length if self.count else 0
        self.count = min(self.count + 1, self.length)
        for kept, now in zip(self._frames, (colour, depth, motion), strict=True):
            kept[self._newest] = now[0]
        slots = [(self._newest - back) % self.length for back in range(self.count - 1, -1, -1)]
        colours, depths, motions = ([kept[slot] for slot in slots] for kept in self._frames)  # oldest first
        displacements = accumulate_motion(torch.stack(motions)[None])[0].unbind()
        missing = self.length - self.count
        return (
            torch.stack([colours[0]] * missing + colours)[None],
            torch.stack([depths[0]] * missing + depths)[None],
            torch.stack([displacements[0]] * missing + list(displacements))[None],
        )


class STSSNetInputs(NamedTuple):
    """What STSSNet takes beside this frame's G-buffers; the order of the published files is in ``STSSNet``'s docstring."""

    colour: Tensor  # (1, 6, h, w): newest colour with holes filled along the motion of occlusions; the same, unchecked
    mask: Tensor  # (1, 1, h, w)
    history: Tensor  # (1, length, 4, h, w): colour unchecked and its mask, oldest first


class STSSNetHistory:
    """The last shaded frames of a stream as STSSNet looks back at them: warped to the current frame, with their holes.

    A shaded frame is its own newest colour, without holes; one without colour takes the newest shaded frame, warped by its
    own motion. Shaded frames may come in any order: each carries its displacement to the current frame along, and the mask
    of what of it was seen at every step since. The buffers are allocated with the first frame and written in place.
    """

    def __init__(self, length: int = 3) -> None:
        self.length, self.count = length, 0
        self._newest = 0
        self._colour: Tensor | None = None  # (length, 4, h, w); the fourth channel is 1, and fades outside the image
        self._path = torch.empty(0)  # (length, 3, h, w): displacement to the current frame, and the mask
        self._depth = torch.empty(0)  # (1, 1, h, w) of the previous frame

    def clear(self) -> None:
        """Forget all frames: after a cut."""
        self.count = 0

    def recolour(self, change: Callable[[Tensor], Tensor]) -> None:
        """Replace the remembered colours, (k, 3, h, w), for instance by what they are at another exposure."""
        if self._colour is not None and self.count:
            self._colour[: self.count, :3] = change(self._colour[: self.count, :3])

    def resize(self, size: tuple[int, int]) -> None:
        """Bring what is remembered to another size (height, width) of frames."""
        if self._colour is not None and self.count:
            self._colour = resampled(self._colour, size)
            self._path = torch.cat((resized_motion(self._path[:, :2], size), nearest(self._path[:, 2:], size)), dim=1)
            self._depth = nearest(self._depth, size)

    def step(self, colour: Tensor | None, depth: Tensor, motion: Tensor) -> STSSNetInputs:
        """The current frame -> what the network takes of it.

        colour (1, 3, h, w) or None where it was not shaded, depth (1, 1, h, w), motion (1, 2, h, w). While fewer shaded
        frames are known the oldest stands for those before it. Raises InputError, and changes nothing, for a frame without
        colour when none has come before.
        """
        if self._colour is None or self._depth.shape != depth.shape:
            self._colour = depth.new_ones((self.length, 4, *depth.shape[2:]))
            self._path = depth.new_zeros((self.length, 3, *depth.shape[2:]))
            self._depth = torch.empty_like(depth)
            self.count = 0
        if colour is None and not self.count:
            raise InputError("the first frame of a stream and of every shot must have a colour: there is nothing before it")
        if self.count:
            self._advance(depth, motion)
        inputs = self._assemble(self._colour, colour, depth)
        self._depth.copy_(depth)
        if colour is not None:
            self._remember(self._colour, colour)
        return inputs

    def _advance(self, depth: Tensor, motion: Tensor) -> None:
        """Carry every remembered frame one step on."""
        seen = seen_before(motion, depth, self._depth)
        moved = warp(self._path.flatten(0, 1)[None], motion, padding="border").view_as(self._path)
        torch.add(moved[:, :2], motion, out=self._path[:, :2])
        self._path[:, 2:] = seen * (moved[:, 2:] > 1 - FAINT)

    def _assemble(self, stored: Tensor, colour: Tensor | None, depth: Tensor) -> STSSNetInputs:
        frames = [] if colour is None else [torch.cat((colour, torch.ones_like(depth)), dim=1)]  # newest first
        for back in range(min(self.count, self.length - len(frames))):
            slot = (self._newest - back) % self.length
            warped = warp(stored[slot][None], self._path[slot, :2][None], padding="zeros")
            frames.append(torch.cat((_without_edge(warped), self._path[slot, 2:][None]), dim=1))  # (1, 4, h, w)
        unchecked, mask = frames[0][:, :3], frames[0][:, 3:]
        filled = unchecked if colour is not None else self._fill(stored, unchecked, mask, depth)
        known = len(frames) - 1
        history = torch.stack([frames[min(back, known)] for back in range(self.length - 1, -1, -1)], dim=1)
        return STSSNetInputs(torch.cat((filled, unchecked), dim=1), mask, history)

    def _fill(self, stored: Tensor, unchecked: Tensor, mask: Tensor, depth: Tensor) -> Tensor:
        """The newest colour, its holes taken from along the motion of occlusions."""
        displacement = self._path[self._newest, :2][None]
        around = occlusion_motion(displacement, forward_motion(displacement, depth))
        return torch.where(mask > 0, unchecked, _without_edge(warp(stored[self._newest][None], around, padding="zeros")))

    def _remember(self, stored: Tensor, colour: Tensor) -> None:
        self._newest = (self._newest + 1) % self.length if self.count else 0
        self.count = min(self.count + 1, self.length)
        stored[self._newest, :3] = colour[0]
        self._path[self._newest, :2] = 0
        self._path[self._newest, 2] = 1


def _without_edge(warped: Tensor) -> Tensor:
    """(n, 4, h, w) with coverage as the last channel -> (n, 3, h, w): black where a pixel outside has a part in it."""
    return warped[:, :3] * (warped[:, 3:] > 1 - FAINT)
