"""FRVSR: frame-recurrent video super-resolution (Sajjadi et al., CVPR 2018), in the form of TecoGAN (Chu et al., TOG 2020).

A flow network estimates the motion between the current and the previous small frame. The previous *output* is moved along the
upscaled flow, folded to the size of the small frame and joined with it; a residual network makes the current output of the two.
All memory is the previous frame and its output.

The names of the parameters are those of the PyTorch edition of TecoGAN (Deng, Zhuo), whose FRVSR and TecoGAN checkpoints load
as they are: ``fnet`` is the flow network, ``srnet`` the reconstruction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models.contract import Contract, ExportStep, TensorSpec, large
from upframe.models.info import ModelInfo
from upframe.models.network import Family
from upframe.models.streams import RecurrentStream, Stream
from upframe.ops.convolution import narrow_conv
from upframe.ops.interpolate import Degradation, interpolate, interpolate_bilinear
from upframe.ops.sampling import sampling_of
from upframe.ops.shuffle import space_to_depth
from upframe.ops.tracing import is_traced
from upframe.ops.warp import warp

CELL = 8  # pixels of the frame that are one pixel at the bottom of the flow network
LARGEST_FLOW = 24.0  # pixels of the frame

KERNEL_KEYS = ("upsample_func.kernels", "srnet.upsample_func.kernels")
"""Constants of the bicubic upscaling; the edition stores them with networks for BD, and only with those."""


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _conv_pair(inputs: int, outputs: int) -> list[nn.Module]:
    """Two 3x3 convolutions with leaky ReLU: (n, inputs, h, w) -> (n, outputs, h, w)."""
    return [_conv(inputs, outputs), nn.LeakyReLU(0.2, True), _conv(outputs, outputs), nn.LeakyReLU(0.2, True)]


def _mirrored(flow: Tensor, height: int, width: int) -> Tensor:
    """A flow (n, 2, at most 7 rows less, at most 7 columns less), mirrored beyond its end: (n, 2, h, w)."""
    if is_traced():
        return F.pad(flow, (0, CELL - 1, 0, CELL - 1), mode="reflect")[:, :, :height, :width]
    rows, columns = (_reflected(flow.shape[axis], wanted, flow.device) for axis, wanted in ((-2, height), (-1, width)))
    return flow[..., rows[:, None], columns]


def _reflected(length: int, wanted: int, device: torch.device) -> Tensor:
    """Where to read an axis of ``length`` samples to have ``wanted``: mirrored beyond the end without repeating the last one.

    Positions rather than ``F.pad``: in an exported graph they follow the size of the frames, multiples of 8 and others alike.
    """
    last = length - 1
    return last - (last - torch.arange(wanted, device=device)).abs()


class FlowNet(nn.Module):
    """Optical flow by an encoder and decoder (the paper's FNet): where each pixel of ``current`` was in ``previous``.

    Two (n, 3, h, w) -> (n, 2, 8 * (h // 8), 8 * (w // 8)), pixels, x then y, within +-24. Both sides at least 8.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        c = channels
        self.encoder1 = nn.Sequential(*_conv_pair(6, c), nn.MaxPool2d(2))
        self.encoder2 = nn.Sequential(*_conv_pair(c, 2 * c), nn.MaxPool2d(2))
        self.encoder3 = nn.Sequential(*_conv_pair(2 * c, 4 * c), nn.MaxPool2d(2))
        self.decoder1 = nn.Sequential(*_conv_pair(4 * c, 8 * c))
        self.decoder2 = nn.Sequential(*_conv_pair(8 * c, 4 * c))
        self.decoder3 = nn.Sequential(*_conv_pair(4 * c, 2 * c))
        self.flow = nn.Sequential(_conv(2 * c, c), nn.LeakyReLU(0.2, True), _conv(c, 2))

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        features = self.encoder1(torch.cat((current, previous), dim=1))  # (n, c, h // 2, w // 2)
        features = self.encoder3(self.encoder2(features))  # (n, 4c, h // 8, w // 8)
        features = interpolate_bilinear(self.decoder1(features), 2)  # (n, 8c, 2 * (h // 8), 2 * (w // 8))
        features = interpolate_bilinear(self.decoder2(features), 2)  # (n, 4c, 4 * (h // 8), 4 * (w // 8))
        features = interpolate_bilinear(self.decoder3(features), 2)  # (n, 2c, 8 * (h // 8), 8 * (w // 8))
        return torch.tanh(narrow_conv(self.flow[:2](features), cast(nn.Conv2d, self.flow[2]))) * LARGEST_FLOW


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, and the identity: (n, c, h, w) -> (n, c, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(channels, channels), nn.ReLU(True), _conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x)) + x


class ReconstructionNet(nn.Module):
    """The frame and the moved, folded previous output -> the output (the paper's SRNet).

    (n, 3, h, w) and (n, 3 * s**2, h, w) -> (n, 3, s*h, s*w), s being 2 or 4. It learns what the upscaled frame lacks.
    """

    def __init__(self, scale: int, *, channels: int, blocks: int, degradation: Degradation) -> None:
        super().__init__()
        self.scale, self.degradation = scale, degradation
        self.conv_in = nn.Sequential(_conv(3 + 3 * scale**2, channels), nn.ReLU(True))
        self.resblocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        doublings: list[nn.Module] = []
        for _ in range(scale // 2):  # one for 2, two for 4
            doublings += [nn.ConvTranspose2d(channels, channels, 3, 2, padding=1, output_padding=1), nn.ReLU(True)]
        self.conv_up = nn.Sequential(*doublings)
        self.conv_out = _conv(channels, 3)

    def forward(self, frame: Tensor, folded: Tensor) -> Tensor:
        features = self.conv_in(torch.cat((frame, folded), dim=1))  # (n, c, h, w)
        features = self.conv_up(self.resblocks(features))  # (n, c, s*h, s*w)
        detail = narrow_conv(features, self.conv_out)  # (n, 3, s*h, s*w)
        return detail.add_(interpolate(frame, self.scale, self.degradation))


@dataclass(frozen=True, slots=True)
class FRVSRState:
    """What a running video remembers: the last frame (n, 3, h, w) and its output (n, 3, s*h, s*w), unclamped."""

    frame: Tensor
    output: Tensor


@dataclass(frozen=True, slots=True)
class ClipResult:
    """A whole clip of t frames, with what the losses of a training need.

    ``output`` (n, t, 3, s*h, s*w); ``output_flow`` (n, t - 1, 2, s*h, s*w) from frame i + 1 to frame i in pixels of the output;
    ``flow`` (n * (t - 1), 2, h, w), the same in pixels of the frame; ``current`` and ``previous`` (n * (t - 1), 3, h, w), the
    frames it was estimated from. ``warp(previous, flow)`` should be ``current``: the warping loss.
    """

    output: Tensor
    output_flow: Tensor
    flow: Tensor
    current: Tensor
    previous: Tensor


class FRVSR(nn.Module):
    """The network. ``scale`` is 2 or 4; published: 64 channels, 10 blocks, flow widths from 32 to 256.

    ``degradation`` says how the small frames were made, and with it how frames and flows are upscaled: ``BD`` (Gaussian, then
    every scale-th pixel) bicubic, ``BI`` (MATLAB's bicubic) bilinear. Frames of any size.
    """

    kind: Literal["video"] = "video"

    def __init__(
        self, scale: int, *, channels: int = 64, blocks: int = 10, flow_channels: int = 32, degradation: Degradation = "BD"
    ) -> None:
        super().__init__()
        if scale not in (2, 4) or degradation not in ("BD", "BI"):
            raise ValueError(f"FRVSR upscales by 2 or 4, for BD or BI: got {scale!r} and {degradation!r}")
        self.scale, self.channels, self.blocks, self.flow_channels = scale, channels, blocks, flow_channels
        self.degradation: Degradation = degradation
        self.fnet = FlowNet(flow_channels)
        self.srnet = ReconstructionNet(scale, channels=channels, blocks=blocks, degradation=degradation)

    def forward(self, frame: Tensor, previous_frame: Tensor, previous_output: Tensor) -> Tensor:
        """One frame: two (n, 3, h, w) in [0, 1] and the previous (n, 3, s*h, s*w) -> (n, 3, s*h, s*w), not clamped."""
        flow = self.estimate_flow(frame, previous_frame)  # (n, 2, h, w)
        return self._reconstruct(frame, previous_output, self.upscale_flow(flow))

    def step(self, frame: Tensor, state: FRVSRState | None) -> tuple[Tensor, FRVSRState]:
        """The next frame of a running video: (n, 3, h, w) -> (n, 3, s*h, s*w), and what to remember.

        ``state=None`` begins a video, with a black frame before the first, as published. Raises ShapeError if the size of the
        frames has changed.
        """
        if state is None:
            n, c, height, width = frame.shape
            state = FRVSRState(torch.zeros_like(frame), frame.new_zeros(n, c, self.scale * height, self.scale * width))
        if state.frame.shape != frame.shape:
            raise ShapeError(f"a frame of {tuple(frame.shape)} cannot follow one of {tuple(state.frame.shape)}: start again")
        output = self(frame, state.frame, state.output)
        return output, FRVSRState(frame, output)

    def clip(self, frames: Tensor) -> ClipResult:
        """A whole clip for training: (n, t, 3, h, w), t at least 2. All flows at once, then frame after frame.

        The first frame follows a black output; no flow is estimated for it. Raises ShapeError for a clip of one frame.
        """
        n, t, c, height, width = frames.shape
        if t < 2:
            raise ShapeError(f"a clip of {t} frame has no motion to learn from: at least 2 frames are needed")
        current = frames[:, 1:].reshape(n * (t - 1), c, height, width)
        previous = frames[:, :-1].reshape(n * (t - 1), c, height, width)
        flow = self.estimate_flow(current, previous)  # (n * (t - 1), 2, h, w)
        output_flow = self.upscale_flow(flow).view(
            n, t - 1, 2, self.scale * height, self.scale * width
        )  # (n, t - 1, 2, s*h, s*w)
        outputs = [self.srnet(frames[:, 0], frames.new_zeros(n, c * self.scale**2, height, width))]
        for i in range(1, t):
            outputs.append(self._reconstruct(frames[:, i], outputs[-1], output_flow[:, i - 1]))
        return ClipResult(torch.stack(outputs, dim=1), output_flow, flow, current, previous)

    def estimate_flow(self, current: Tensor, previous: Tensor) -> Tensor:
        """The flow from ``current`` to ``previous``, for any size: two (n, 3, h, w) -> (n, 2, h, w), pixels, x then y.

        The flow network leaves out the last rows and columns of a size that is no multiple of 8: there the flow is mirrored, as
        published. Frames smaller than 8 pixels, which the edition cannot take, are extended by repeating their edge.
        """
        height, width = current.shape[-2:]
        if height < CELL or width < CELL:
            missing = (0, max(CELL - width, 0), 0, max(CELL - height, 0))
            current, previous = (F.pad(frame, missing, mode="replicate") for frame in (current, previous))
        flow: Tensor = self.fnet(current, previous)  # (n, 2, 8 * max(h // 8, 1), 8 * max(w // 8, 1))
        return _mirrored(flow, height, width)

    def upscale_flow(self, flow: Tensor) -> Tensor:
        """A flow in pixels of the frame (n, 2, h, w) -> in pixels of the output (n, 2, s*h, s*w)."""
        return self.scale * interpolate(flow, self.scale, self.degradation)

    def _reconstruct(self, frame: Tensor, previous_output: Tensor, output_flow: Tensor) -> Tensor:
        moved = warp(previous_output, output_flow, padding="border")  # (n, 3, s*h, s*w)
        return cast(Tensor, self.srnet(frame, space_to_depth(moved, self.scale)))

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name and licence of a particular training."""
        return ModelInfo(
            name=f"frvsr-x{self.scale}",
            family="frvsr",
            kind=self.kind,
            scale=self.scale,
            radius=None,
            border=4,  # measured: with less, flat frames change by more than 1 of 255
            past=1,
            parameters=sum(p.numel() for p in self.parameters()),
            degradation=self.degradation,
            sampling=sampling_of(self.degradation),
        )

    @property
    def configuration(self) -> dict[str, str]:
        """What a checkpoint's shapes do not tell."""
        return {"degradation": self.degradation}

    def stream(self) -> Stream:
        """Frame after frame, begun as the published evaluation begins."""
        return RecurrentStream(self)

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def export_step(self, *, frames: int) -> ExportStep:  # of one frame, always
        """A frame, with the frame before and its result."""
        inputs = (
            TensorSpec("rgb", (1, 3, "h", "w"), "the frame, display-referred RGB, black 0, white 1"),
            TensorSpec("previous_rgb", (1, 3, "h", "w"), "the frame before"),
            TensorSpec("previous_output", large(self.scale), "the result of the frame before, not clamped"),
        )
        outputs = (TensorSpec("output", large(self.scale), "the larger frame, not clamped"),)
        state = {"previous_rgb": "rgb", "previous_output": "output"}
        return ExportStep(self, Contract("recurrent", inputs, outputs, state, begin="zeros", minimum=8))

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random arguments of ``forward`` for a frame of this size, always the same ones."""
        generator = torch.Generator().manual_seed(0)
        sizes = ((height, width), (height, width), (self.scale * height, self.scale * width))
        frame, previous, output = (torch.rand(1, 3, *size, generator=generator) for size in sizes)
        device = next(self.parameters()).device
        return frame.to(device), previous.to(device), output.to(device)


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is an FRVSR, or the generator of a TecoGAN, which is the same network."""
    return "fnet.encoder1.0.weight" in state and "srnet.conv_in.0.weight" in state


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> FRVSR:
    """The network a state dict was saved from, its sizes read off the shapes.

    ``configuration`` may hold ``degradation``. Without it, a file that holds the constants of the bicubic upscaling is for
    BD, another for BI. Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    kept = {name: value.to(torch.float32, copy=True) for name, value in state.items() if name not in KERNEL_KEYS}
    degradation: Degradation = configuration.get("degradation") or ("BI" if len(kept) == len(state) else "BD")
    try:
        channels, inputs = kept["srnet.conv_in.0.weight"].shape[:2]
        with torch.device("meta"):  # no memory is taken before the shapes are known to agree
            network = FRVSR(
                math.isqrt(inputs // 3 - 1),
                channels=channels,
                blocks=len({name.split(".")[2] for name in kept if name.startswith("srnet.resblocks.")}),
                flow_channels=kept["fnet.encoder1.0.weight"].shape[0],
                degradation=degradation,
            )
        network.load_state_dict(kept, assign=True)
    except (RuntimeError, ValueError, IndexError) as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like an FRVSR but is a variant this version does not build: {first}") from error
    return network


def choices(state: Mapping[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    """The switches that no tensor of a state dict tells: how it upscales, unless the constants of one way are there."""
    return {} if any(name in state for name in KERNEL_KEYS) else {"degradation": ("BI", "BD")}


FAMILY = Family("frvsr", recognises, build, choices, published={"frvsr-x4": lambda: FRVSR(4)})
