"""TecoGAN: temporally coherent adversarial training for video super-resolution (Chu et al., ACM TOG 2020).

The generator is FRVSR (``upframe.models.frvsr``), unchanged: a TecoGAN checkpoint that upscales is an FRVSR checkpoint. Here
are the networks of its training alone: the spatio-temporal discriminator, which looks at three frames at once as they are and
moved onto the middle one, the spatial one of the ablation, which looks at single frames, and the flows the former needs.

The names of the parameters and the order of the channels are those of the PyTorch edition (Deng, Zhuo; STNet and SNet there).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models.frvsr import FRVSR
from upframe.models.info import ModelInfo
from upframe.ops.warp import warp

FRAMES = 3  # that the spatio-temporal discriminator sees at once
SHRINKAGE = 16  # of the discriminators' four blocks
KERNEL_KEY = "upsample_func.kernels"  # a constant the edition stores with discriminators for BD


@dataclass(frozen=True, slots=True)
class DiscriminatorOutput:
    """Of m inputs: ``logits`` (m, 1), high for real, and the ``features`` of the four blocks, from large to small."""

    logits: Tensor
    features: tuple[Tensor, ...]


class DiscriminatorBlocks(nn.Module):
    """Four strided convolutions with batch normalisation and leaky ReLU.

    (m, c, s, s) -> (m, c, s/2, s/2), (m, c, s/4, s/4), (m, 2c, s/8, s/8), (m, 4c, s/16, s/16).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block1 = self._block(channels, channels)
        self.block2 = self._block(channels, channels)
        self.block3 = self._block(channels, 2 * channels)
        self.block4 = self._block(2 * channels, 4 * channels)

    @staticmethod
    def _block(inputs: int, outputs: int) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, True))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features = []
        for block in (self.block1, self.block2, self.block3, self.block4):
            x = block(x)
            features.append(x)
        return tuple(features)


def _first_layer(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), nn.LeakyReLU(0.2, True))


def _last_layer(size: int, channels: int) -> nn.Linear:
    if size < SHRINKAGE or size % SHRINKAGE:
        raise ValueError(f"a discriminator looks at squares of a multiple of {SHRINKAGE} pixels, not of {size}")
    return nn.Linear(4 * channels * (size // SHRINKAGE) ** 2, 1)


class SpatioTemporalDiscriminator(nn.Module):
    """Judges triplets of frames: as they are, moved onto their middle frame, and upscaled from the small frames.

    Made for squares of ``size`` output pixels, a multiple of 16. Of the moved frames only the middle part is shown,
    ``crop_ratio`` of the size, as the border shows what came from outside; around it is black. Published: 128 and 0.75.
    """

    def __init__(self, size: int, *, channels: int = 64, crop_ratio: float = 0.75) -> None:
        super().__init__()
        self.size, self.channels, self.crop_ratio = size, channels, crop_ratio
        self.conv_in = _first_layer(3 * 3 * FRAMES, channels)
        self.discriminator_block = DiscriminatorBlocks(channels)
        self.dense = _last_layer(size, channels)

    def forward(self, clip: Tensor, upscaled: Tensor, flows: Tensor) -> DiscriminatorOutput:
        """A verdict of n * k triplets, k = t // 3; the frames left over at the end are not looked at.

        clip (n, t, 3, size, size): real frames or outputs; upscaled (n, t, 3, size, size): the small frames, upscaled as in the
        generator; flows (n * k * 3, 2, size, size): from :func:`ping_pong_flows` or :func:`forward_flows`, the same for real
        and output. Gradients reach ``clip`` both directly and through the moved frames, and never the flows.
        Raises ShapeError for another size and for fewer than three frames.
        """
        _check_size(clip, self.size)
        _check_frames(clip.shape[1])
        triplets = clip[:, : clip.shape[1] // FRAMES * FRAMES]  # (n, 3k, 3, s, s)
        moved = warp(triplets.flatten(0, 1), flows.detach(), padding="border")  # (n * 3k, 3, s, s)
        shown = (_as_channels(triplets), _as_channels(self._crop(moved).view_as(triplets)), _as_channels(upscaled))
        x = self.conv_in(torch.cat(shown, dim=1))  # (n * k, 27, s, s) -> (n * k, c, s, s)
        features = self.discriminator_block(x)
        return DiscriminatorOutput(self.dense(features[-1].flatten(1)), features)

    def _crop(self, moved: Tensor) -> Tensor:
        """Black outside the middle part; the size stays."""
        kept = int(self.size * self.crop_ratio)
        before = (self.size - kept) // 2
        after = self.size - kept - before
        return F.pad(moved[..., before : before + kept, before : before + kept], (before, after, before, after))

    @property
    def info(self) -> ModelInfo:
        """The card of a network that upscales nothing."""
        return _info("A TecoGAN discriminator of three frames, used for training only.", self)

    @property
    def configuration(self) -> dict[str, float]:
        """What a checkpoint's shapes do not tell."""
        return {"crop_ratio": self.crop_ratio}


class SpatialDiscriminator(nn.Module):
    """Judges single frames, ``conditional`` ones beside the upscaled small frame. Squares of ``size``, a multiple of 16."""

    def __init__(self, size: int, *, channels: int = 64, conditional: bool = True) -> None:
        super().__init__()
        self.size, self.channels, self.conditional = size, channels, conditional
        self.conv_in = _first_layer(6 if conditional else 3, channels)
        self.discriminator_block = DiscriminatorBlocks(channels)
        self.dense = _last_layer(size, channels)

    def forward(self, clip: Tensor, upscaled: Tensor) -> DiscriminatorOutput:
        """A verdict of n * t frames. Two (n, t, 3, size, size), the second one used where ``conditional``.

        Raises ShapeError for another size.
        """
        _check_size(clip, self.size)
        frames = clip.flatten(0, 1)  # (n * t, 3, s, s)
        x = torch.cat((upscaled.flatten(0, 1), frames), dim=1) if self.conditional else frames
        features = self.discriminator_block(self.conv_in(x))
        return DiscriminatorOutput(self.dense(features[-1].flatten(1)), features)

    @property
    def info(self) -> ModelInfo:
        """The card of a network that upscales nothing."""
        return _info("A TecoGAN discriminator of single frames, used for training only.", self)

    @property
    def configuration(self) -> dict[str, float]:
        """Nothing: the shapes tell all."""
        return {}


def ping_pong(clip: Tensor) -> Tensor:
    """A clip there and back: (n, t, ...) -> (n, 2t - 1, ...), the last frame once."""
    return torch.cat((clip, clip.flip(1)[:, 1:]), dim=1)


def ping_pong_flows(output_flow: Tensor) -> Tensor:
    """The flows of the triplets of a clip that runs there and back, so that every flow's inverse is among its own.

    output_flow (n, t - 1, 2, H, W), of ``FRVSR.clip`` on a :func:`ping_pong` clip -> (n * (t // 3) * 3, 2, H, W): from the
    middle frame of each triplet to its first, to itself (0) and to its last. Detached. Raises ShapeError for fewer than three
    frames.
    """
    frames = output_flow.shape[1] + 1
    _check_frames(frames)
    used = frames // FRAMES * FRAMES
    # Counted from the end, the flow from frame i + 1 to i is the one from frame i to i + 1 counted from the beginning.
    return _triplet_flows(output_flow[:, 0:used:FRAMES], output_flow.flip(1)[:, 1:used:FRAMES])


def forward_flows(generator: FRVSR, frames: Tensor, output_flow: Tensor) -> Tensor:
    """The flows of the triplets of any clip, those to the last frames estimated by the generator.

    frames (n, t, 3, h, w) and output_flow (n, t - 1, 2, s*h, s*w), of ``FRVSR.clip`` on them -> as :func:`ping_pong_flows`.
    """
    _check_frames(frames.shape[1])
    used = frames.shape[1] // FRAMES * FRAMES
    middle, last = (frames[:, start:used:FRAMES] for start in (1, 2))  # (n, k, 3, h, w)
    with torch.no_grad():
        onward = generator.upscale_flow(generator.estimate_flow(middle.flatten(0, 1), last.flatten(0, 1)))
    return _triplet_flows(output_flow[:, 0:used:FRAMES], onward.view(*middle.shape[:2], *onward.shape[1:]))


def _triplet_flows(back: Tensor, onward: Tensor) -> Tensor:
    """Twice (n, k, 2, H, W) -> (n * k * 3, 2, H, W)."""
    return torch.stack((back, torch.zeros_like(back), onward), dim=2).flatten(0, 2).detach()


def _as_channels(clip: Tensor) -> Tensor:
    """(n, t, 3, s, s) -> (n * (t // 3), 9, s, s): the reds of three frames, then their greens, then their blues."""
    n, t, c, height, width = clip.shape
    triplets = clip[:, : t // FRAMES * FRAMES].reshape(n * (t // FRAMES), FRAMES, c, height, width)
    return triplets.transpose(1, 2).flatten(1, 2)


def _check_size(clip: Tensor, size: int) -> None:
    if clip.shape[-2:] != (size, size):
        raise ShapeError(f"this discriminator is for frames of {size}x{size}, not {tuple(clip.shape[-2:])} (h, w)")


def _check_frames(count: int) -> None:
    if count < FRAMES:
        raise ShapeError(f"a clip of {count} frames has no triplet: at least {FRAMES} are needed")


def _info(summary: str, network: nn.Module) -> ModelInfo:
    parameters = sum(p.numel() for p in network.parameters())
    return ModelInfo("tecogan-discriminator", "tecogan-discriminator", "video", scale=1, parameters=parameters, summary=summary)


def recognises(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict (prefixes stripped) is a discriminator of either kind."""
    return {"conv_in.0.weight", "discriminator_block.block1.0.weight", "dense.weight"} <= state.keys()


def build(state: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> SpatioTemporalDiscriminator | SpatialDiscriminator:
    """The discriminator a state dict was saved from, its kind and sizes read off the shapes.

    ``configuration`` may hold ``crop_ratio``; without it the published 0.75 is taken.
    Raises CheckpointError when tensors are missing, left over or of another shape.
    """
    kept = {name: value.clone() for name, value in state.items() if name != KERNEL_KEY}
    kept = {name: value.float() if value.is_floating_point() else value for name, value in kept.items()}
    try:
        channels, inputs = kept["conv_in.0.weight"].shape[:2]
        size = SHRINKAGE * math.isqrt(kept["dense.weight"].shape[1] // (4 * channels))
        with torch.device("meta"):  # no memory is taken before the shapes are known to agree
            network: SpatioTemporalDiscriminator | SpatialDiscriminator
            if inputs == 3 * 3 * FRAMES:
                crop_ratio = float(configuration.get("crop_ratio", 0.75))
                network = SpatioTemporalDiscriminator(size, channels=channels, crop_ratio=crop_ratio)
            else:
                network = SpatialDiscriminator(size, channels=channels, conditional=inputs == 6)
        network.load_state_dict(kept, assign=True)
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"looks like a TecoGAN discriminator but is a variant not built here: {first}") from error
    return network
