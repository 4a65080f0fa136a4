"""The networks, sizes and inputs that are measured: always the same, with random weights that make a lively image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.engine.profile import Network
from upframe.models.frvsr import FRVSR
from upframe.models.nsrr import NSRR
from upframe.models.rt4ksr import RT4KSR
from upframe.models.stssnet import STSSNet
from upframe.models.ttvsr import TTVSR


@dataclass(frozen=True, slots=True)
class Case:
    """A published configuration at a published size, (height, width) of the frame before upscaling."""

    name: str
    build: Callable[[], Network]
    size: tuple[int, int]
    frames: int = 1  # of a clip that goes in at once

    @property
    def label(self) -> str:
        height, width = self.size
        return f"{self.name} {width}x{height}"

    def network(self) -> Network:
        torch.manual_seed(0)
        network = self.build()
        for parameter in network.parameters():
            if parameter.ndim == 1 and not isinstance(network, RT4KSR):
                nn.init.normal_(parameter, std=0.02)  # published initialisations have no bias: equal maps would hide mistakes
        return network.eval().requires_grad_(False)

    def inputs(self, network: Network) -> tuple[Tensor, ...]:
        """Smooth images instead of the noise of ``example_inputs`` where motion is estimated from them."""
        inputs = network.example_inputs(*self.size)
        if isinstance(network, TTVSR):
            return (clip(self.frames, *self.size).unsqueeze(0),)
        if isinstance(network, FRVSR):
            return (*clip(2, *self.size).split(1), inputs[2])
        return inputs


def clip(frames: int, height: int, width: int) -> Tensor:
    """A smooth image in motion, a pixel and a half a frame: (frames, 3, height, width) in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 4 + 2, (width + 2 * frames) // 4 + 2, generator=generator)
    whole = F.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False).clamp(0, 1)
    first = [round(1.5 * i) for i in range(frames)]
    return torch.cat([whole[..., :height, x : x + width] for x in first])


def sizes_of(case: Case, shares: Sequence[float]) -> list[tuple[int, int]]:
    """Smaller sizes of a case: shares of its sides, in multiples of 8 and at least 64."""
    return [(max(round(case.size[0] * s / 8) * 8, 64), max(round(case.size[1] * s / 8) * 8, 64)) for s in shares]


RT4KSR_720, RT4KSR_1080 = (Case("rt4ksr-x2", lambda: RT4KSR(2, merged=True), size) for size in ((720, 1280), (1080, 1920)))
FRVSR_CASE = Case("frvsr-x4", lambda: FRVSR(4), (134, 320))
TTVSR_CASE = Case("ttvsr-x4", TTVSR, (180, 320), frames=4)
NSRR_CASE = Case("nsrr-x4", lambda: NSRR(4), (270, 480))
STSSNET_CASE = Case("stssnet-x2", STSSNet, (544, 960))  # 960x540, filled up to a multiple of 8
CASES = (RT4KSR_720, RT4KSR_1080, FRVSR_CASE, TTVSR_CASE, NSRR_CASE, STSSNET_CASE)
