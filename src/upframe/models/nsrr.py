"""NSRR: neural supersampling for real-time rendering (Xiao et al., SIGGRAPH 2020), in the form of an open re-implementation.

Of the current frame and four past ones, small features are computed, spread over the large grid (zero-upsampling), moved
to where the current frame has them (backward warp along the motion), weighted pixel by pixel (feature reweighting) and
joined by a U-Net (reconstruction). Colours are YCbCr inside, depth is disparity.

No weights were ever published. The names of the parameters are those of the open re-implementation, the repository
timmh/neural-supersampling (MIT); what it does otherwise than the paper or than one would expect is named where it happens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models.contract import Contract, ExportStep, TensorSpec, large
from upframe.models.info import ModelInfo
from upframe.models.network import Family, RenderedInputs
from upframe.ops.convolution import narrow_conv
from upframe.ops.spread import spread_conv, warp_spread
from upframe.ops.ycbcr import rgb_to_ycbcr_full, ycbcr_full_to_rgb
from upframe.remedies import Call, Option, way
from upframe.rendered.history import NSRRHistory, accumulate_motion

WEIGHT_LIMIT = 20.0  # of a reweighting map, (tanh + 1) x 10 as published; the paper's is 10


def disparity(depth: Tensor, longest_side: int | None = None) -> Tensor:
    """What NSRR takes for depth: 1 / max(depth, 1 / longest side), so in [0, longest side].

    ``depth``: any shape (..., h, w), the distance along the view axis in scene units; infinity becomes 0. ``longest_side``
    in pixels: of the frame unless it is given. The published code takes that of the crop in training (64) and that of the
    frame in testing (480), so that very near surfaces look different to the two.
    """
    side = max(depth.shape[-2:]) if longest_side is None else longest_side
    return 1 / depth.clamp_min(1 / side)


def _conv(channels: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, padding=1)


class FeatureExtraction(nn.Module):
    """A frame's YCbCr and disparity, and eight features of them behind: (n, 4, h, w) -> (n, 12, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = _conv(4, 32), _conv(32, 32), _conv(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))))  # (n, 8, h, w)
        return torch.cat((x, features), dim=1)


class FeatureReweighting(nn.Module):
    """How much each past pixel counts: (n, history*4, h, w) -> (n, history, scale*h, scale*w) in [0, 20].

    The published code takes the frames as they are, zero-upsampled but not warped as in the paper. The last map, the current
    frame's, is 1.
    """

    def __init__(self, history: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv1, self.conv2, self.conv3 = _conv(4 * history, 32), _conv(32, 32), _conv(32, history - 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(spread_conv(x, self.conv1, self.scale))  # (n, 32, s*h, s*w): of the zero-upsampled frames
        x = torch.tanh(narrow_conv(F.relu(self.conv2(x)), self.conv3))  # (n, history-1, s*h, s*w)
        past = (x + 1) * (WEIGHT_LIMIT / 2)
        return torch.cat((past, torch.ones_like(x[:, :1])), dim=1)


class Reconstruction(nn.Module):
    """The U-Net: (n, history*12, h, w) -> YCbCr (n, 3, h, w); h and w are multiples of 4.

    Published: twice as large means a transposed convolution that leaves out the last row and column, which are then
    repeated (``output_padding`` would compute them); and a ReLU after the last layer, though it is YCbCr.
    """

    def __init__(self, history: int) -> None:
        super().__init__()
        self.block1, self.block2 = self._block(history * 12, 64), self._block(64, 32)
        self.block3, self.block4 = self._block(32, 64), self._block(64, 64)
        self.block5, self.block6 = self._block(64, 128), self._block(128, 128, upscale=True)
        self.block7, self.block8 = self._block(128 + 64, 64), self._block(64, 64, upscale=True)
        self.block9, self.block10 = self._block(64 + 32, 32), self._block(32, 3)

    @staticmethod
    def _block(channels: int, width: int, *, upscale: bool = False) -> nn.Sequential:
        layers: list[nn.Module] = [_conv(channels, width), nn.ReLU(inplace=True)]
        if upscale:
            layers += [nn.ConvTranspose2d(width, width, 3, stride=2, padding=1), nn.ReplicationPad2d((0, 1, 0, 1))]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.block2(self.block1(x))  # (n, 32, h, w)
        half = self.block4(self.block3(F.max_pool2d(whole, 2)))  # (n, 64, h/2, w/2)
        y = self.block6(self.block5(F.max_pool2d(half, 2)))  # (n, 128, h/2, w/2)
        y = self.block8(self.block7(torch.cat((half, y), dim=1)))  # (n, 64, h, w)
        last = cast(nn.Conv2d, self.block10[0])
        return F.relu(narrow_conv(self.block9(torch.cat((whole, y), dim=1)), last))


class NSRR(nn.Module):
    """The network. Frames are in order of time: 0 is the oldest, the last one the current.

    * ``colour`` (n, history, 3, h, w), RGB in [0, 1]
    * ``depth`` (n, history, 1, h, w), as :func:`disparity` makes it
    * ``motion`` (n, history, 2, h, w): from each pixel of the current frame to its place in that frame, in pixels of
      (h, w), x to the right then y down; accumulated over the frames between; of the current frame 0

    Returns (n, 3, scale*h, scale*w), where both sides must be multiples of 4. In evaluation it is clamped to [0, 1], as
    kornia's conversion to RGB has it since; in training it is not, as at the time: a clamped pixel teaches nothing.

    :meth:`forward` is :meth:`features` of each frame, then :meth:`reconstruct`.
    """

    kind: Literal["rendered"] = "rendered"
    colours = ("colour",)
    positions = ("motion",)
    optional = ()
    undoes_jitter = False
    fills_in = False
    unit_range = True  # YCbCr of light beyond 1 has no meaning

    def __init__(self, scale: int = 4, history: int = 5) -> None:
        super().__init__()
        if scale < 1 or history < 2:
            raise ValueError(f"NSRR upscales from at least two frames, not x{scale} from {history}")
        self.scale, self.history = scale, history
        self.feature_extraction = FeatureExtraction()
        self.feature_reweighting = FeatureReweighting(history, scale)
        self.reconstruction = Reconstruction(history)

    def forward(self, colour: Tensor, depth: Tensor, motion: Tensor) -> Tensor:
        features = self.features(colour.flatten(0, 1), depth.flatten(0, 1))  # (n*history, 12, h, w)
        return self.reconstruct(features.reshape(*colour.shape[:2], *features.shape[1:]), motion)

    def features(self, colour: Tensor, depth: Tensor) -> Tensor:
        """What is kept of a frame: colour (n, 3, h, w) in RGB, depth (n, 1, h, w) -> YCbCr, depth, features (n, 12, h, w)."""
        _check("depth", depth, (colour.shape[0], 1, *colour.shape[-2:]))
        result: Tensor = self.feature_extraction(torch.cat((rgb_to_ycbcr_full(colour), depth), dim=1))
        return result

    def reweighting(self, features: Tensor) -> Tensor:
        """The reweighting maps of features (n, history, 12, h, w): (n, history, scale*h, scale*w) in [0, 20]."""
        frames = features[:, :, :4].flatten(1, 2).contiguous(memory_format=torch.channels_last)  # (n, history*4, h, w)
        result: Tensor = self.feature_reweighting(frames)
        return result

    def reconstruct(self, features: Tensor, motion: Tensor) -> Tensor:
        """The large current frame: features (n, history, 12, h, w), motion (n, history, 2, h, w) -> (n, 3, s*h, s*w)."""
        n, _, _, height, width = features.shape
        _check("features", features, (n, self.history, 12, height, width))
        _check("motion", motion, (n, self.history, 2, height, width))
        if height % self.multiple or width % self.multiple:
            raise ShapeError(
                f"NSRR: {height}x{width} (h x w) is no multiple of {self.multiple}: pad it by repeating the last row and column"
            )
        flow = F.interpolate(motion.flatten(0, 1), scale_factor=self.scale, mode="bilinear", align_corners=False)
        flow = self.scale * flow.view(n, self.history, *flow.shape[1:])  # (n, history, 2, s*h, s*w)
        # Zero-upsampled, warped, weighted and joined: (n, history*12, s*h, s*w).
        weighted = warp_spread(features, flow, self.reweighting(features), self.scale)
        output = ycbcr_full_to_rgb(self.reconstruction(weighted))  # (n, 3, s*h, s*w)
        return output if self.training else output.clamp(0, 1)

    @property
    def multiple(self) -> int:
        """What the sides of a frame must be multiples of, so that the U-Net can halve the large ones twice."""
        return 4 // math.gcd(self.scale, 4)

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random arguments of :meth:`forward` for one frame, the same at every call."""
        generator = torch.Generator().manual_seed(0)
        colour, depth, motion = (torch.rand(1, self.history, c, height, width, generator=generator) for c in (3, 1, 2))
        motion = 4 * motion - 2
        motion[:, -1] = 0
        device = self.feature_extraction.conv1.weight.device
        return colour.to(device), depth.to(device), motion.to(device)

    def new_history(self, *, far: float | None = None) -> NSRRPast:
        """The last ``history`` frames; disparity has no farthest depth."""
        return NSRRPast(self.history)

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def export_step(self) -> ExportStep:
        """A frame, with the past ones; their motion is accumulated inside."""

        def frame(name: str, channels: int, holds: str) -> TensorSpec:
            return TensorSpec(name, (1, channels, "h", "w"), holds)

        def frames(name: str, channels: int, holds: str) -> TensorSpec:
            return TensorSpec(name, (1, self.history - 1, channels, "h", "w"), f"{holds}, oldest first")

        inputs = (
            frame("colour", 3, "the frame, display-referred RGB, black 0, white 1"),
            frame("disparity", 1, "1 / max(depth, 1 / longest side in pixels); background 0"),
            frame("motion", 2, "current to previous, pixels, x right, y down, between samples; 0 in the first frame of a shot"),
            frames("past_colour", 3, "colour of the frames before"),
            frames("past_disparity", 1, "disparity of the frames before"),
            frames("past_motion", 2, "motion of the frames before"),
        )
        outputs = (
            TensorSpec("output", large(self.scale), "the larger frame, in [0, 1]"),
            frames("next_colour", 3, "past_colour of the next frame"),
            frames("next_disparity", 1, "past_disparity of the next frame"),
            frames("next_motion", 2, "past_motion of the next frame"),
        )
        state = {f"past_{name}": f"next_{name}" for name in ("colour", "disparity", "motion")}
        begin = "the frame's own colour and disparity repeated, motion 0"
        contract = Contract("rendered", inputs, outputs, state, begin)
        return ExportStep(ExportedFrame(self), contract, positions=frozenset(("motion", "past_motion", "next_motion")))

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""
        return ModelInfo(
            name=f"nsrr-x{self.scale}",
            family="nsrr",
            kind=self.kind,
            scale=self.scale,
            inputs=("colour", "depth", "motion"),
            multiple=self.multiple,
            radius=None,  # motion reaches anywhere
            past=self.history - 1,
            parameters=sum(p.numel() for p in self.parameters()),
        )

    @property
    def configuration(self) -> dict[str, int]:
        """What the parameters' shapes do not tell: the scale."""
        return {"scale": self.scale}


class NSRRPast(NSRRHistory):
    """The history of a running image, as arguments of :meth:`NSRR.forward`.

    All frames go in again. Kept features would save 2 % of the network, and be wrong once the exposure changed.
    """

    def inputs(self, frame: Mapping[str, Tensor]) -> RenderedInputs:
        colour, depth, motion = self.step(frame["colour"], disparity(frame["depth"]), frame["motion"])
        return RenderedInputs({"colour": colour, "depth": depth, "motion": motion}, newest=colour[:, -1])

    def remember(self, result: Tensor) -> None:
        """Nothing: the past is made of frames, not of results."""


class ExportedFrame(nn.Module):
    """A frame and the past ones, oldest first, -> the larger frame and the past of the next one."""

    def __init__(self, network: NSRR) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        colour: Tensor,
        disparity: Tensor,
        motion: Tensor,
        past_colour: Tensor,
        past_disparity: Tensor,
        past_motion: Tensor,
    ) -> tuple[Tensor, ...]:
        colours, disparities, motions = (
            torch.cat((past, now.unsqueeze(1)), dim=1)
            for past, now in ((past_colour, colour), (past_disparity, disparity), (past_motion, motion))
        )  # (1, history, c, h, w)
        output = self.network(colours, disparities, accumulate_motion(motions))
        return output, colours[:, 1:], disparities[:, 1:], motions[:, 1:]


def _check(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise ShapeError(f"NSRR: {name} must be {shape}, not {tuple(tensor.shape)}")


# Constants that published files hold as tensors beside the weights.
SCALE_KERNEL = "feature_zero_upsampling.kernel"  # (12, 1, scale, scale)
CONSTANTS = {
    SCALE_KERNEL,
    "rgbd_zero_upsampling.kernel",
    "upsampling_factor_tensor",
    "feature_reweighting.factor",
    "feature_reweighting.summand",
}


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is an NSRR of this form."""
    return {
        "feature_extraction.conv1.weight",
        "feature_reweighting.conv1.weight",
        "reconstruction.block6.2.weight",
    } <= state.keys()


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> NSRR:
    """The network a state dict was saved from: history off the shapes, scale off the zero-upsampling kernel.

    Files without that kernel, as this project writes them, have ``scale`` in ``configuration``. Raises CheckpointError when
    neither says it, when tensors are missing, left over or of another shape, and for other constants than the published.
    """
    scale = _scale(state, configuration)
    try:
        network = NSRR(scale, history=state["feature_reweighting.conv1.weight"].shape[1] // 4)
        network.load_state_dict({name: value for name, value in state.items() if name not in CONSTANTS})
    except (RuntimeError, IndexError, ValueError) as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like an NSRR but is a variant this version does not build: {first}") from error
    return network


def _scale(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> int:
    factor, summand = (state.get(f"feature_reweighting.{name}") for name in ("factor", "summand"))
    if (factor is not None and factor.tolist() != [WEIGHT_LIMIT / 2]) or (summand is not None and summand.tolist() != [1]):
        raise CheckpointError("looks like an NSRR but scales its reweighting in another way than (tanh + 1) x 10")
    kernel = state.get(SCALE_KERNEL)
    if kernel is None:
        scale = configuration.get("scale")
        if not isinstance(scale, int) or scale < 1:
            raise CheckpointError(
                f"an NSRR that does not say its scale: neither {SCALE_KERNEL} nor metadata is in the file",
                remedy=way(
                    "say it: ", Call("upframe.models.catalog.load_file", (Path("FILE"), Option("settings", {"scale": 4})))
                ),
            )
        return scale
    if kernel.ndim != 4 or kernel.shape[2] != kernel.shape[3]:
        raise CheckpointError(
            f"an NSRR of another scale across than down ({SCALE_KERNEL} is {tuple(kernel.shape)}) cannot be built"
        )
    return int(kernel.shape[2])


FAMILY = Family("nsrr", recognises, build, published={"nsrr-x4": lambda: NSRR(4)})
