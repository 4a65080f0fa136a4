"""TAAU: temporal anti-aliasing with upsampling, as engines have it, without a network: what a network has to beat.

Every frame is sampled at another place in its pixels (jitter). Its samples are added, each by its distance from the pixels of
the display, to what earlier frames left there, which follows the motion, is forgotten where it was hidden, and is held within
what the current frame shows around it. All of it in linear light. Step by step in :meth:`TAAU.forward`, after

* Karis, High-quality temporal supersampling (SIGGRAPH 2014 courses): accumulation, the motion of the nearest depth, clipping
  to the neighbourhood in YCoCg;
* Salvi, An excursion in temporal supersampling (GDC 2016): that neighbourhood as mean and deviation;
* Epic Games' temporal upsample (Unreal Engine 4.19) and AMD's FSR 2 (2022): samples weighted by their distance from the
  pixels of the display, depth as the test for what was hidden, reactive masks;
* Yang, Liu and Salvi, A survey of temporal antialiasing techniques (Eurographics 2020).

There is nothing to train; the few numbers below were chosen on validation scenes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.models.cards import formula
from upframe.models.network import RenderedInputs
from upframe.ops.transfer import decode_linear, encode_linear
from upframe.ops.warp import warp
from upframe.rendered.history import nearest, resampled

RADIUS = 0.42  # deviation of a sample's weight around a pixel of the display, in such pixels
REMEMBERED = 12.0  # frames: so much of the past counts at most
ENOUGH = 0.3  # weight of samples below which the current frame's own interpolation fills in
STILL, MOVING = 6.0, 1.0  # deviations within which the past must be: what stands still may be finer than a frame can show
SPEED = 1.0  # pixels of the render size a frame, at which something counts as moving
DARKEST = 1e-6  # light: the slope of the display's curve is not finite at 0, and networks that build on this are trained
NEARER = 1.1  # times the disparity now: what was so much nearer hid what is seen now


class Gathered(NamedTuple):
    """What there is for each pixel of the display: (n, c, s*h, s*w), but for ``seen``. The past is as a display has it."""

    samples: Tensor  # 3: the sum of this frame's samples around it, weighted; light
    now: Tensor  # 1: the sum of their weights
    guess: Tensor  # 3: this frame, interpolated; light
    past: Tensor  # 3: the past, moved here
    held: Tensor  # 3: the same, within what this frame shows around it
    weight: Tensor  # 1: of the past
    seen: Tensor  # 1, (n, 1, h, w): 1 where the past may have seen this surface
    step: Tensor  # 2: from here to where it was, in pixels of the display


class TAAU(nn.Module):
    """Of every frame:

    * ``colour`` (n, 3, h, w), as a display has it; ``depth`` (n, 1, h, w), background ``inf``
    * ``motion`` (n, 2, h, w) of the scene, without jitter, current to previous, in pixels of (h, w)
    * ``jitter`` (n, 2, 1, 1): the samples less the centres of their pixels, x and y
    * ``reactive`` (n, 1, h, w) in [0, 1]: 1 where the past must not be trusted, as behind particles, which have no motion
    * ``past`` (n, 3, s*h, s*w), ``weight`` (n, 1, s*h, s*w), ``past_depth`` (n, 1, h, w): what the frame before left;
      0 at first

    Returns (n, 4, s*h, s*w): the image, not clamped, and its weight: ``past`` and ``weight`` of the next frame.
    """

    kind: Literal["rendered"] = "rendered"
    colours = ("colour", "past")
    positions = ("motion", "jitter", "depth", "past_depth")
    optional = ("reactive",)
    fills_in = False
    unit_range = False
    undoes_jitter = True

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.info = formula("taau", scale)
        self.configuration: dict[str, str] = {}

    def forward(
        self,
        colour: Tensor,
        depth: Tensor,
        motion: Tensor,
        jitter: Tensor,
        reactive: Tensor,
        past: Tensor,
        weight: Tensor,
        past_depth: Tensor,
    ) -> Tensor:
        found = self.gather(colour, depth, motion, jitter, past, weight, past_depth)
        # 4. What was hidden or outside is forgotten, and what is reactive counts less.
        weight = found.weight * self.enlarged(found.seen * (1 - reactive))
        image, total = self.accumulated(found, found.held, weight)
        return torch.cat((image, total), dim=1)

    def gather(
        self, colour: Tensor, depth: Tensor, motion: Tensor, jitter: Tensor, past: Tensor, weight: Tensor, past_depth: Tensor
    ) -> Gathered:
        """What the frame and its past have to say of each pixel of the display; arguments as of :meth:`forward`."""
        light = decode_linear(colour)
        # 1. Each sample counts for a display pixel by its distance: their sum, and that of the weights.
        samples = self.spread(light, jitter, self.weight_at, reach=1)
        now = self.spread(torch.ones_like(depth), jitter, self.weight_at, reach=1)
        guess = self.spread(light, jitter, cubic, reach=2)

        # 2. The past follows the motion of the nearest surface within 3x3: edges move with what they belong to.
        nearest, motion = dilated(depth, motion)
        step = self.enlarged(motion) * self.scale  # (n, 2, s*h, s*w), in pixels of the display
        moved = warp(torch.cat((past, weight), dim=1), step, padding="border", interpolation="bicubic")
        past, weight = moved[:, :3], moved[:, 3:].clamp_min(0) * is_inside(step)

        # 3. The past is held within what is around it now, more tightly where something moves.
        speed = (step.norm(dim=1, keepdim=True) / (SPEED * self.scale)).clamp_max(1)
        held = self.clipped(past, colour, STILL + (MOVING - STILL) * speed)
        return Gathered(samples, now, guess, past, held, weight, seen(nearest, motion, past_depth), step)

    def accumulated(self, found: Gathered, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """5. The mean of all samples so far, each by its weight; where they weigh little, of the interpolated frame too.

        ``past`` (n, 3, s*h, s*w) as a display has it, ``weight`` (n, 1, s*h, s*w) -> the image and its weight.
        """
        total = weight + found.now
        missing = (ENOUGH - total).clamp_min(0)
        image = (decode_linear(past) * weight + found.samples + found.guess * missing) / (total + missing)
        return encode_linear(image.clamp_min(DARKEST)), total.clamp_max(self.most)

    @property
    def most(self) -> float:
        """What the past weighs at most."""
        return REMEMBERED * self.mean_weight

    @property
    def mean_weight(self) -> float:
        """What the samples of one frame weigh for a pixel of the display, in the mean."""
        return 2 * torch.pi * RADIUS**2 / self.scale**2

    def weight_at(self, distance: Tensor) -> Tensor:
        """Of a sample, by its distance along one axis, in pixels of the render size."""
        return torch.exp(-0.5 * (distance * (self.scale / RADIUS)) ** 2)

    def spread(self, image: Tensor, jitter: Tensor, kernel: Callable[[Tensor], Tensor], *, reach: int) -> Tensor:
        """The samples around each pixel of the display, weighted by a kernel and added: (n, c, h, w) -> (n, c, s*h, s*w).

        The s * s pixels of the display within a pixel each see the samples at distances of their own, the same everywhere:
        one convolution for each. The outermost samples are repeated.
        """
        n, channels, height, width = image.shape
        taps = torch.arange(-reach, reach + 1, device=image.device, dtype=jitter.dtype)
        places = (torch.arange(self.scale, device=image.device, dtype=jitter.dtype) + 0.5) / self.scale - 0.5
        across, down = (kernel(taps - places[:, None] + jitter[:, axis]) for axis in (0, 1))  # (n, s, taps) each
        weights = (down[:, :, None, :, None] * across[:, None, :, None, :]).flatten(1, 2)  # (n, s*s, taps, taps)
        kernels = weights.repeat_interleave(channels, dim=0).flatten(0, 1)[:, None]  # (n*c*s*s, 1, taps, taps)
        around = F.pad(image, (reach,) * 4, mode="replicate").view(1, n * channels, height + 2 * reach, width + 2 * reach)
        found = F.conv2d(around, kernels.to(image.dtype), groups=n * channels).view(n, -1, height, width)  # (n, c*s*s, h, w)
        return F.pixel_shuffle(found, self.scale)

    def enlarged(self, image: Tensor) -> Tensor:
        """Each pixel of the display has the value of the pixel it is in."""
        return F.interpolate(image, scale_factor=self.scale, mode="nearest")

    def clipped(self, past: Tensor, colour: Tensor, deviations: Tensor) -> Tensor:
        """The past (n, 3, s*h, s*w), in YCoCg, within so many deviations of the 3x3 samples around, and not beyond them."""
        around = F.pad(to_ycocg(colour), (1, 1, 1, 1), mode="replicate")
        mean, square = F.avg_pool2d(around, 3, 1), F.avg_pool2d(around**2, 3, 1)
        spread = (square - mean**2).clamp_min(0).sqrt()
        mean, spread = (F.interpolate(image, scale_factor=self.scale, mode="bilinear") for image in (mean, spread))
        allowed = spread * deviations
        return from_ycocg(to_ycocg(past).maximum(mean - allowed).minimum(mean + allowed))

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """Random arguments of :meth:`forward`, the same at every call."""
        generator = torch.Generator().manual_seed(0)

        def random(channels: int, scale: int = 1) -> Tensor:
            return torch.rand(1, channels, height * scale, width * scale, generator=generator)

        still = torch.zeros(1, 2, height, width), torch.zeros(1, 2, 1, 1)
        depth = 1 + random(1)
        return random(3), depth, *still, torch.zeros_like(depth), random(3, self.scale), random(1, self.scale), depth

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def new_history(self, *, far: float | None = None) -> TAAUPast:
        """What the frame before left. ``far`` is not asked for: depths are compared with each other alone."""
        return TAAUPast(self.scale)

    def export_step(self) -> None:
        """Nothing: every engine has one of its own."""


class TAAUPast:
    """What one frame leaves for the next, as arguments of :meth:`TAAU.forward`."""

    def __init__(self, scale: int) -> None:
        self._scale = scale
        self._kept: Tensor | None = None  # (1, 4, s*h, s*w): the image before, and the weight of its samples
        self._depths = torch.empty(0)  # (2, 1, h, w), of the frame before and of this one in turn
        self._newest = 0
        self._begins = True

    def clear(self) -> None:
        """Forget all frames: after a cut."""
        self._begins = True

    def recolour(self, change: Callable[[Tensor], Tensor]) -> None:
        """Replace the remembered colours, for instance by what they are at another exposure."""
        if self._kept is not None:
            self._kept[:, :3] = change(self._kept[:, :3])

    def resize(self, size: tuple[int, int]) -> None:
        """Bring what is remembered to another size (height, width) of frames."""
        if self._kept is not None and not self._begins:
            self._kept = resampled(self._kept, (size[0] * self._scale, size[1] * self._scale))
            self._depths = nearest(self._depths, size)

    def inputs(self, frame: Mapping[str, Tensor]) -> RenderedInputs:
        """The next frame with what is left of those before."""
        depth = frame["depth"]
        if self._kept is None or self._depths.shape[2:] != depth.shape[2:]:
            height, width = (side * self._scale for side in depth.shape[2:])
            self._kept, self._depths = depth.new_zeros(1, 4, height, width), torch.ones_like(depth).repeat(2, 1, 1, 1)
        if self._begins:
            self._kept.zero_()
            self._depths[:] = depth
            self._begins = False
        before, self._newest = self._newest, 1 - self._newest
        self._depths[self._newest] = depth[0]
        arguments = {name: frame[name] for name in ("colour", "depth", "motion", "jitter")}
        arguments["reactive"] = frame.get("reactive", torch.zeros_like(depth))
        arguments |= {"past": self._kept[:, :3], "weight": self._kept[:, 3:]}
        arguments["past_depth"] = self._depths[before : before + 1]
        return RenderedInputs(arguments, newest=frame["colour"])

    def remember(self, result: Tensor) -> None:
        """What :meth:`TAAU.forward` gave for the frame."""
        assert self._kept is not None, "inputs come first"
        self._kept.copy_(result)


def dilated(depth: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """Disparity and motion of the nearest surface within 3x3: (n, 1, h, w) and (n, 2, h, w) of the same shapes.

    Only where it is another surface: along a floor the motion of the pixel before would be wrong by a little, every frame.
    """
    own = 1 / depth
    disparity, place = F.max_pool2d(own, 3, 1, padding=1, return_indices=True)
    others = motion.flatten(2).gather(2, place.flatten(2).expand(-1, 2, -1)).view_as(motion)
    return disparity, torch.where(disparity > own * NEARER, others, motion)


def seen(disparity: Tensor, motion: Tensor, past_depth: Tensor) -> Tensor:
    """1 where a surface may have been seen in the frame before, 0 where everything there was nearer: (n, 1, h, w).

    Of the frame before the farthest depth within 3x3 counts: with jitter the samples at an edge are of either side.
    """
    farthest = -F.max_pool2d(-1 / past_depth, 3, 1, padding=1)
    before = warp(farthest, motion, padding="border", interpolation="nearest")
    return (before <= disparity * NEARER).to(motion.dtype)


def is_inside(flow: Tensor) -> Tensor:
    """1 where a point was in the image, (n, 1, h, w), flow (n, 2, h, w) in pixels of it."""
    height, width = flow.shape[2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, :1]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1:]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return inside.to(flow.dtype)


def cubic(distance: Tensor) -> Tensor:
    """The kernel of Catmull and Rom: of one axis, in pixels."""
    x = distance.abs()
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def to_ycocg(rgb: Tensor) -> Tensor:
    """(n, 3, h, w): Y, Co, Cg."""
    red, green, blue = rgb.unbind(1)
    return torch.stack(((red + 2 * green + blue) / 4, (red - blue) / 2, (2 * green - red - blue) / 4), dim=1)


def from_ycocg(image: Tensor) -> Tensor:
    """The inverse of :func:`to_ycocg`."""
    luma, orange, green = image.unbind(1)
    return torch.stack((luma + orange - green, luma + green, luma - orange - green), dim=1)
