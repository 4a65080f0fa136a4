"""STSSNet: low-latency space-time supersampling for real-time rendering (He et al., AAAI 2024).

Twice the size from a colour that is always a warped one: of every second frame the engine draws the G-buffers alone. The
colour is the last drawn frame moved along the motion vectors; where nothing could be moved to, it has holes. An encoder of
gated convolutions ignores the holes, the reshading module fills them at an eighth of the size from places whose G-buffers
look alike, a second encoder reads three older frames, and a U-shaped decoder upscales.

The names of the parameters are those of the published checkpoints (repository ryanhe312/STSSNet-AAAI2024, MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models.contract import Contract, ExportStep, TensorSpec, large
from upframe.models.info import ModelInfo
from upframe.models.network import Family, RenderedInputs
from upframe.ops.convolution import LANES, is_channels_last_inference, shuffled_conv
from upframe.ops.triton import are_wanted
from upframe.rendered.history import STSSNetHistory, normalised_depth

FEATURES = ("normal", "depth", "roughness", "metallic", "albedo")  # the order of the nine published G-buffer channels
REACH = 2  # of the reshading attention: it looks at 5x5 pixels of an eighth of the size


def _convolutions(channels: int, *widths: int, stride: int = 1) -> list[nn.Module]:
    """3x3 convolutions, each with a ReLU after it; ``stride`` is the first one's."""
    layers: list[nn.Module] = []
    for index, width in enumerate(widths):
        layers += [nn.Conv2d(channels, width, 3, stride if index == 0 else 1, padding=1), nn.ReLU(inplace=True)]
        channels = width
    return layers


class GatedConv(nn.Module):
    """Light-weight gated convolution: a 3x3 convolution times one sigmoid mask for all its channels.

    (n, c, h, w) -> (n, width, h / stride, w / stride). Equal to running the two convolutions of the checkpoint; here they
    are one, as a convolution with a single output channel takes nearly as long as one with a dozen. On a CPU the outputs are
    filled up to whole registers: 24 + 1 of them take a sixth more time than 32. A forward hook on
    ``conv_mask[1]`` sees the mask, (n, 1, h / stride, w / stride) in (0, 1).
    """

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv_feature = nn.Conv2d(channels, width, 3, stride, padding=1)
        self.conv_mask = nn.Sequential(nn.Conv2d(channels, 1, 3, stride, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        feature, mask = self.conv_feature, cast(nn.Conv2d, self.conv_mask[0])
        weight = torch.cat((feature.weight, mask.weight))
        bias = torch.cat((feature.bias, mask.bias))  # type: ignore[arg-type]
        width = feature.out_channels
        if is_channels_last_inference(x):
            missing = -(width + 1) % LANES
            weight, bias = F.pad(weight, (0, 0, 0, 0, 0, 0, 0, missing)), F.pad(bias, (0, missing))
        both = F.conv2d(x, weight, bias, feature.stride, padding=1)  # (n, width + 1 or more, h / stride, w / stride)
        result: Tensor = both[:, :width] * self.conv_mask[1](both[:, width : width + 1])
        return result


class Down(nn.Module):
    """Half the size by gated convolutions: (n, c, h, w) -> (n, width, h/2, w/2)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.downsample = GatedConv(channels, channels, stride=2)
        self.conv1 = GatedConv(channels, width)
        self.conv2 = GatedConv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.conv2(F.relu_(self.conv1(self.downsample(x)))))


class DoubleConv(nn.Module):
    """Two 3x3 convolutions with ReLU: (n, c, h, w) -> (n, width, h, w)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(*_convolutions(channels, channels // 2, width))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.double_conv(x)
        return result


class Up(nn.Module):
    """Twice the size, joined with the encoder: (n, c, h, w), (n, skip, 2h, 2w) -> (n, width, 2h, 2w).

    ``channels`` counts both. The upscaling aligns the corners, as published.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = DoubleConv(channels, width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        large = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        result: Tensor = self.conv(torch.cat((skip, large), dim=1))
        return result


def gather_alike(latent: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """The mean of ``latent`` over 5x5 neighbours, weighted by how alike their keys are; holes give nothing.

    latent (n, c, h, w), keys (n, k, h, w) of length 1, mask (n, 1, h, w) with 0 = hole -> (n, c, h, w). The weight of a
    neighbour is the cosine of the two keys times the neighbour's mask, no less than 0; outside the image it is 0. Where
    all weights are 0 the result is 0. Adds up neighbour after neighbour: twenty-five times the input is never in memory.
    """
    if are_wanted(latent, keys, mask):
        from upframe.ops.triton.gathering import gather

        return gather(latent, keys, mask, reach=REACH)
    height, width = keys.shape[-2:]
    around = (REACH, REACH, REACH, REACH)
    masked, latent = F.pad(keys * mask, around), F.pad(latent, around)
    total, weights = torch.zeros_like(latent[..., :height, :width]), torch.zeros_like(mask)
    for row in range(2 * REACH + 1):
        for column in range(2 * REACH + 1):
            window = (..., slice(row, row + height), slice(column, column + width))
            weight = F.relu((masked[window] * keys).sum(dim=1, keepdim=True))  # (n, 1, h, w)
            total = torch.addcmul(total, latent[window], weight)
            weights = weights + weight
    return total / weights.clamp_min(1e-6)


class STSSNet(nn.Module):
    """The network; every side a multiple of 8.

    * ``colour`` (n, 6, h, w): the last drawn frame, warped with holes set to 0, then the same without a check for holes.
      Published: the first with the motion of occlusions (channels 9-11 of the files), the second channels 12-14.
    * ``features`` (n, 9, h, w): the G-buffers of this frame in the order of :data:`FEATURES`. Normals in [-1, 1], the rest
      in [0, 1]. Depth as published: of the scene Lewis stretched to [0, 1] frame by frame, of the others clipped.
    * ``mask`` (n, 1, h, w): 0 where ``colour`` has a hole, 1 elsewhere.
    * ``history`` (n, 3, 4, h, w): three drawn frames, oldest first, warped without a check for holes, each with its mask as
      fourth channel.

    Returns (n, 3, 2h, 2w), not clamped. Published: 9 feature channels, 3 frames of history, 417,241 parameters.
    """

    kind: Literal["rendered"] = "rendered"
    scale = 2
    colours = ("colour", "history")
    positions = ()
    optional = ()
    undoes_jitter = False
    fills_in = True
    unit_range = False

    def __init__(self, *, features: int = 9, history: int = 3) -> None:
        super().__init__()
        self.features, self.history = features, history
        self.convHis1 = nn.Sequential(*_convolutions(4, 24, 24, 24, stride=2))
        self.convHis2 = nn.Sequential(*_convolutions(24, 32, 32, 32, stride=2))
        self.convHis3 = nn.Sequential(*_convolutions(32, 32, 32, 32, stride=2))
        self.latentEncoder = nn.Sequential(*_convolutions(32 + features, 64, 64), nn.Conv2d(64, 64, 3, padding=1))
        self.KEncoder = nn.Sequential(*_convolutions(features, 32, 32), nn.Conv2d(32, 32, 3, padding=1))
        self.lowlevelGated = GatedConv(32 * history, 32)
        self.conv1 = GatedConv(6 + 6 + features, 24)
        self.conv2 = GatedConv(24, 24)
        self.down1, self.down2, self.down3 = Down(24, 24), Down(24, 32), Down(32, 32)
        self.up1, self.up2, self.up3 = Up(64 + 32 + 32, 32), Up(32 + 24, 24), Up(24 + 24, 24)
        self.outc = nn.Conv2d(24, 3 * 4, 1)

    def forward(self, colour: Tensor, features: Tensor, mask: Tensor, history: Tensor) -> Tensor:
        self._check(colour, features, mask, history)
        past = self.read_history(history)  # (n, 32, h/8, w/8)

        # The colours go in twice, with and without the holes cut out.
        x1 = F.relu_(self.conv1(torch.cat((colour, colour * mask, features), dim=1)))  # (n, 24, h, w)
        x1 = F.relu_(self.conv2(x1))
        x2 = self.down1(x1)  # (n, 24, h/2, w/2)
        x3 = self.down2(x2)  # (n, 32, h/4, w/4)
        x4 = self.down3(x3)  # (n, 32, h/8, w/8)
        reshaded = self.reshade(x4, features, mask)  # (n, 64, h/8, w/8)

        x = self.up1(torch.cat((reshaded, past), dim=1), x3)  # (n, 32, h/4, w/4)
        x = self.up2(x, x2)  # (n, 24, h/2, w/2)
        x = self.up3(x, x1)  # (n, 24, h, w)
        # The skip is the first colour: the one with the holes.
        upscaled = F.interpolate(colour[:, :3], scale_factor=2, mode="bilinear", align_corners=False)
        return shuffled_conv(x, self.outc, 2).add_(upscaled)  # (n, 3, 2h, 2w)

    def read_history(self, history: Tensor) -> Tensor:
        """The three warped older frames, encoded each by itself and joined: (n, 3, 4, h, w) -> (n, 32, h/8, w/8)."""
        encoded = self.convHis3(self.convHis2(self.convHis1(history.flatten(0, 1))))  # (n*3, 32, h/8, w/8)
        result: Tensor = self.lowlevelGated(encoded.reshape(history.shape[0], -1, *encoded.shape[-2:]))
        return result

    def reshade(self, x: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        """The efficient reshading module: holes take from neighbours whose G-buffers look alike.

        x (n, 32, h/8, w/8) of the encoder, features (n, 9, h, w), mask (n, 1, h, w) -> (n, 64, h/8, w/8).
        """
        # An eighth without antialiasing: the mean of the middle 2x2 pixels of each 8x8.
        mask = F.interpolate(mask, scale_factor=1 / 8, mode="bilinear", align_corners=False)
        features = F.interpolate(features, scale_factor=1 / 8, mode="bilinear", align_corners=False)
        latent = self.latentEncoder(torch.cat((x, features), dim=1)) * mask  # (n, 64, h/8, w/8)
        keys = F.normalize(self.KEncoder(features), dim=1)  # (n, 32, h/8, w/8)
        return gather_alike(latent, keys, mask)

    def _check(self, colour: Tensor, features: Tensor, mask: Tensor, history: Tensor) -> None:
        n, _, height, width = colour.shape
        for name, tensor, channels in (
            ("colour", colour, (6,)),
            ("features", features, (self.features,)),
            ("mask", mask, (1,)),
            ("history", history, (self.history, 4)),
        ):
            expected = (n, *channels, height, width)
            if tensor.shape != expected:
                raise ShapeError(f"STSSNet: {name} must be {expected}, not {tuple(tensor.shape)}")
        if height % 8 or width % 8:
            raise ShapeError(
                f"STSSNet: {height}x{width} (h x w) is no multiple of 8: pad it by repeating the last row and column"
            )

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Random arguments of :meth:`forward` for one frame, the same at every call."""
        generator = torch.Generator().manual_seed(0)

        def random(*shape: int) -> Tensor:
            return torch.rand(*shape, height, width, generator=generator).to(self.outc.weight.device)

        colour, features, history = random(1, 6), random(1, self.features), random(1, self.history, 4)
        return colour, features, (random(1, 1) > 0.1).float(), history

    def new_history(self, *, far: float | None = None) -> STSSNetPast:
        """The last ``history`` shaded frames; see :func:`upframe.rendered.history.normalised_depth` for ``far``."""
        return STSSNetPast(self.history, far)

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def export_step(self) -> ExportStep:
        """A frame whose past has been warped to it by the host, as the published files hold it."""
        warped = "the last shaded frame warped to this one by its motion"
        inputs = (
            TensorSpec(
                "colour", (1, 6, "h", "w"), f"{warped}, holes filled along the motion of occlusions; the same, unchecked"
            ),
            TensorSpec("features", (1, self.features, "h", "w"), f"G-buffers of this frame: {', '.join(FEATURES)}"),
            TensorSpec("mask", (1, 1, "h", "w"), "0 where colour has a hole, else 1"),
            TensorSpec("history", (1, self.history, 4, "h", "w"), "shaded frames warped to this one, and masks; oldest first"),
        )
        outputs = (TensorSpec("output", large(self.scale), "the larger frame, not clamped"),)
        return ExportStep(self, Contract("rendered", inputs, outputs))

    @property
    def info(self) -> ModelInfo:
        """The card of this network, without the name, licence and degradation of a particular training."""
        return ModelInfo(
            name="stssnet-x2",
            family="stssnet",
            kind=self.kind,
            scale=self.scale,
            inputs=("colour", "motion", *FEATURES),
            multiple=8,
            radius=None,  # the decoder aligns corners: what a pixel sees depends on the size of the whole image
            past=self.history,
            parameters=sum(p.numel() for p in self.parameters()),
        )

    @property
    def configuration(self) -> dict[str, bool]:
        """The switches that a checkpoint's shapes do not tell: none."""
        return {}


class STSSNetPast(STSSNetHistory):
    """The history of a running image, as arguments of :meth:`STSSNet.forward`; ``far`` as in :meth:`STSSNet.new_history`."""

    def __init__(self, length: int, far: float | None) -> None:
        super().__init__(length)
        self._far = far

    def inputs(self, frame: Mapping[str, Tensor]) -> RenderedInputs:
        colour, mask, history = self.step(frame.get("colour"), frame["depth"], frame["motion"])
        shown = {**frame, "depth": normalised_depth(frame["depth"], self._far)}
        features = torch.cat([shown[name] for name in FEATURES], dim=1)
        arguments = {"colour": colour, "features": features, "mask": mask, "history": history}
        return RenderedInputs(arguments, newest=colour[:, :3])

    def remember(self, result: Tensor) -> None:
        """Nothing: the past is made of frames, not of results."""


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is an STSSNet."""
    return {"convHis1.0.weight", "KEncoder.0.weight", "lowlevelGated.conv_feature.weight", "outc.weight"} <= state.keys()


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> STSSNet:
    """The network a state dict was saved from, its sizes read off the shapes; ``configuration`` holds nothing.

    Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    try:
        network = STSSNet(
            features=state["KEncoder.0.weight"].shape[1], history=state["lowlevelGated.conv_feature.weight"].shape[1] // 32
        )
        network.load_state_dict(state)
    except (RuntimeError, IndexError) as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like an STSSNet but is a variant this version does not build: {first}") from error
    return network


FAMILY = Family("stssnet", recognises, build, published={"stssnet-x2": STSSNet})
