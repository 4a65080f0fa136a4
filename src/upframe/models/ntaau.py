"""NTAAU: the same temporal upsampling as :mod:`upframe.models.taau`, with a small network for what its formulas decide.

A network of this project, no published system, in the way that engines use networks for this today (Arm's Neural Super
Sampling, 2025; Intel's XeSS and Nvidia's DLSS 2 by what is told of them). Each pixel of the display has four answers:

* what TAAU would show: the past held within the colours around it, forgotten where depth says that it was hidden;
* the past as it is, with this frame's samples: right for wires and grids, which lie between the samples, wrong for ghosts;
* this frame alone, interpolated, and this frame alone, smoothed: right where there is no past.

A U-Net at the render size says how much of each is shown. It cannot make anything up: a pixel is always a mean of samples.
(Colours of its own, added to that, were learnt hardly at all.) Where it says 0 it is TAAU, nearly: training begins there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError
from upframe.models.contract import Contract, ExportStep, TensorSpec, large
from upframe.models.info import ModelInfo
from upframe.models.network import Configuration, Family, State
from upframe.models.taau import DARKEST, TAAU, TAAUPast
from upframe.ops.transfer import encode_linear

ANSWERS = 4
FASTEST = 4.0  # pixels a frame; beyond that all motion is alike
SMOOTH = 0.75  # deviation of the smoothing's kernel, in pixels of the render size
LEAK = 0.1  # of what is below 0; without it, whole layers died in the first steps
FIRST = 4.0  # what TAAU's answer is ahead of the others, before a softmax: it begins with 95 %


class UNet(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, h, w), of any size: over three levels, each half as large as the one before."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        whole, half, quarter = widths
        self.down1 = _two_convs(inputs, whole)
        self.down2 = _two_convs(whole, half)
        self.bottom = _two_convs(half, quarter)
        self.up2 = _two_convs(quarter + half, half)
        self.up1 = _two_convs(half + whole, whole)
        self.last = nn.Conv2d(whole, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % 4, 0, -height % 4), mode="replicate")
        whole = self.down1(x)
        half = self.down2(F.avg_pool2d(whole, 2))
        quarter = self.bottom(F.avg_pool2d(half, 2))
        y = self.up2(torch.cat((F.interpolate(quarter, scale_factor=2.0), half), dim=1))
        y = self.up1(torch.cat((F.interpolate(y, scale_factor=2.0), whole), dim=1))
        result: Tensor = self.last(y)
        return result[..., :height, :width]


def _two_convs(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, width, 3, padding=1),
        nn.LeakyReLU(LEAK, inplace=True),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(LEAK, inplace=True),
    )


class NTAAU(nn.Module):
    """Of every frame what :class:`upframe.models.taau.TAAU` takes, and the same result: (n, 4, s*h, s*w), image and weight."""

    kind: Literal["rendered"] = "rendered"
    colours = ("colour", "past")
    positions = ("motion", "jitter", "depth", "past_depth")
    optional = ("reactive",)
    fills_in = False
    unit_range = False
    undoes_jitter = True

    def __init__(self, scale: int, widths: tuple[int, int, int] = (32, 48, 64)) -> None:
        super().__init__()
        self.scale = scale
        self.taau = TAAU(scale)
        cell = scale * scale
        inputs = 3 + 4 + 2 + cell * (3 * 3 + 1)
        self.network = UNet(inputs, ANSWERS * cell, widths)
        nn.init.zeros_(self.network.last.weight)
        nn.init.zeros_(self.network.last.bias)  # type: ignore[arg-type]

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
        found = self.taau.gather(colour, depth, motion, jitter, past, weight, past_depth)
        seen = found.seen * (1 - reactive)

        # The answers, each with the weight of its samples.
        held = self.taau.accumulated(found, found.held, found.weight * self.taau.enlarged(seen))
        free = self.taau.accumulated(found, found.past, found.weight * self.taau.enlarged(1 - reactive))
        alone = encode_linear(found.guess.clamp_min(DARKEST)), found.now
        smooth = self.smoothed(colour, jitter), found.now
        answers = torch.stack([torch.cat(answer, dim=1) for answer in (held, free, alone, smooth)], dim=1)

        # How much of each, at the render size: the pixels of the display within a pixel side by side.
        speed = found.step[..., :: self.scale, :: self.scale].norm(dim=1, keepdim=True) / self.scale  # of the render size
        place = jitter.expand(-1, -1, *depth.shape[2:])
        about_pixel = (colour, seen, reactive, speed.clamp_max(FASTEST) / FASTEST, behind_edge(depth), place)
        about_display = (held[0], free[0] - held[0], alone[0] - held[0], found.weight / self.taau.most)
        folded = [F.pixel_unshuffle(image, self.scale) for image in about_display]
        told = self.network(torch.cat([image.to(colour.dtype) for image in (*about_pixel, *folded)], dim=1))
        ahead = told.new_tensor((FIRST, 0.0, 0.0, 0.0)).view(1, ANSWERS, 1, 1)
        shares = torch.softmax(F.pixel_shuffle(told, self.scale) + ahead, dim=1)
        return (shares.unsqueeze(2) * answers).sum(dim=1)

    def smoothed(self, colour: Tensor, jitter: Tensor) -> Tensor:
        """This frame, (n, 3, h, w) -> (n, 3, s*h, s*w), by a kernel so wide that the samples' own pattern does not show."""
        kernel = gaussian(SMOOTH)
        total = self.taau.spread(torch.ones_like(colour[:, :1]), jitter, kernel, reach=1)
        return self.taau.spread(colour, jitter, kernel, reach=1) / total

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """Random arguments of :meth:`forward`, the same at every call."""
        device = self.network.last.weight.device
        return tuple(tensor.to(device) for tensor in self.taau.example_inputs(height, width))

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def new_history(self, *, far: float | None = None) -> TAAUPast:
        """What the frame before left. ``far`` is not asked for: depths are compared with each other alone."""
        return TAAUPast(self.scale)

    def export_step(self) -> ExportStep:
        """A frame, with what the one before left."""

        def frame(name: str, channels: int, holds: str) -> TensorSpec:
            return TensorSpec(name, (1, channels, "h", "w"), holds)

        def kept(name: str, channels: int, holds: str) -> TensorSpec:
            return TensorSpec(name, (1, channels, *large(self.scale)[2:]), holds)

        inputs = (
            frame("colour", 3, "the frame, display-referred RGB, black 0, white 1"),
            frame("depth", 1, "along the view axis, scene units; background infinite or very large"),
            frame("motion", 2, "of the scene, without jitter: current to previous, pixels, x right, y down"),
            TensorSpec("jitter", (1, 2, 1, 1), "x, y of the samples less the centres of their pixels, pixels"),
            frame("reactive", 1, "in [0, 1]: 1 where the past must not be trusted; 0 where nothing is known"),
            kept("past", 3, "output of the frame before, at the exposure of this one"),
            kept("past_weight", 1, "next_weight of the frame before"),
            frame("past_depth", 1, "depth of the frame before"),
        )
        outputs = (
            TensorSpec("output", large(self.scale), "the larger frame, where the pixels are; not clamped"),
            kept("next_weight", 1, "past_weight of the next frame"),
        )
        state = {"past": "output", "past_weight": "next_weight", "past_depth": "depth"}
        begin = "past and past_weight 0, past_depth the frame's own depth"
        contract = Contract("rendered", inputs, outputs, state, begin)
        return ExportStep(ExportedFrame(self), contract, positions=frozenset(("motion", "jitter")))

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""
        return ModelInfo(
            name=f"ntaau-x{self.scale}",
            family="ntaau",
            kind=self.kind,
            scale=self.scale,
            inputs=("colour", "depth", "motion"),
            radius=None,  # motion reaches anywhere
            past=1,
            parameters=sum(p.numel() for p in self.parameters()),
        )

    @property
    def configuration(self) -> dict[str, int]:
        """Nothing: all is in the shapes."""
        return {}


class ExportedFrame(nn.Module):
    """A frame and what is left of the one before -> the larger frame, and what it leaves."""

    def __init__(self, network: NTAAU) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        colour: Tensor,
        depth: Tensor,
        motion: Tensor,
        jitter: Tensor,
        reactive: Tensor,
        past: Tensor,
        past_weight: Tensor,
        past_depth: Tensor,
    ) -> tuple[Tensor, ...]:
        result: Tensor = self.network(colour, depth, motion, jitter, reactive, past, past_weight, past_depth)
        return torch.split(result, [3, 1], dim=1)


def gaussian(deviation: float) -> Callable[[Tensor], Tensor]:
    """The weight of a sample by its distance along one axis, in the unit of ``deviation``."""
    return lambda distance: torch.exp(-0.5 * (distance / deviation) ** 2)


def behind_edge(depth: Tensor) -> Tensor:
    """How much farther a surface is than the nearest within 3x3, (n, 1, h, w) in [0, 1): 0 where none is nearer."""
    disparity = 1 / depth
    nearest = F.max_pool2d(disparity, 3, 1, padding=1)
    return torch.where(nearest > 0, 1 - disparity / nearest, 0)


def recognises(state: State) -> bool:
    """Whether a state dict (prefixes stripped) is an NTAAU."""
    return {"network.down1.0.weight", "network.bottom.0.weight", "network.last.weight"} <= state.keys()


def build(state: State, configuration: Configuration) -> NTAAU:
    """The network a state dict was saved from, all sizes off the shapes.

    Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    try:
        scale = math.isqrt(state["network.last.weight"].shape[0] // ANSWERS)
        whole, half, quarter = (state[f"network.{level}.0.weight"].shape[0] for level in ("down1", "down2", "bottom"))
        network = NTAAU(scale, (whole, half, quarter))
        network.load_state_dict(dict(state))
    except (RuntimeError, KeyError, ValueError) as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like an NTAAU but is a variant this version does not build: {first}") from error
    return network


FAMILY = Family("ntaau", recognises, build)
