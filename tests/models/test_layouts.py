"""The forms that are fast on a CPU give what the plain ones give, for every network."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from upframe.models.frvsr import FRVSR
from upframe.models.nsrr import NSRR
from upframe.models.rt4ksr import RT4KSR
from upframe.models.stssnet import STSSNet
from upframe.models.ttvsr import TTVSR

NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int]]] = {
    "rt4ksr": (lambda: RT4KSR(2).merge(), (26, 38)),
    "rt4ksr, odd width of the body": (lambda: RT4KSR(3, merged=True), (24, 42)),
    "frvsr": (lambda: FRVSR(4, channels=16, blocks=1, flow_channels=8), (21, 30)),
    "ttvsr": (lambda: TTVSR(channels=16, blocks=1), (64, 68)),
    "nsrr x4": (lambda: NSRR(4), (9, 14)),
    "nsrr x2": (lambda: NSRR(2, history=3), (18, 14)),
    "stssnet": (STSSNet, (48, 64)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_last_gives_the_same_image(name: str) -> None:
    build, size = NETWORKS[name]
    torch.manual_seed(0)
    plain = build().eval().requires_grad_(False)
    for parameter in plain.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, mean=float(parameter.mean() > 0.5), std=0.05)  # gains stay about 1
    fast = copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    inputs = plain.example_inputs(*size)  # type: ignore[operator]
    with torch.inference_mode():
        expected, result = plain(*inputs), fast(*inputs)
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))
