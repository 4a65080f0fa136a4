"""Where a model runs, and in which precision: nothing is chosen that is slow or inexact unless it is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upframe import Upscaler
from upframe.engine.device import Precision, choose_dtype, has_bfloat16
from upframe.errors import DeviceError

CPU = torch.device("cpu")


@pytest.mark.parametrize("fast", [False, True])
def test_left_alone_every_device_computes_in_single_precision(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upframe.engine.device.has_bfloat16", lambda: fast)
    for device in (CPU, torch.device("cuda"), torch.device("mps")):
        assert choose_dtype("auto", device) is torch.float32


@pytest.mark.parametrize(
    ("precision", "fast", "allowed"),
    [("bf16", True, True), ("bf16", False, False), ("fp16", True, False), ("fp16", False, False)],
)
def test_half_precision_on_a_cpu_needs_instructions_for_it(
    precision: Precision, fast: bool, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upframe.engine.device.has_bfloat16", lambda: fast)
    if allowed:
        assert choose_dtype(precision, CPU) is torch.bfloat16
    else:
        with pytest.raises(DeviceError, match="slower"):
            choose_dtype(precision, CPU)


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no instructions for bfloat16")
def test_a_picture_in_bfloat16_is_nearly_the_one_in_single_precision() -> None:
    rows, columns = np.mgrid[0:48, 0:64]
    picture = np.stack([rows * 5, columns * 4, (rows + columns) * 2], axis=2).astype(np.uint8)
    exact, rounded = (Upscaler("rt4ksr-x2", device="cpu", precision=kind).upscale(picture) for kind in ("fp32", "bf16"))
    difference = np.abs(exact.astype(int) - rounded.astype(int))
    assert 0 < difference.max() <= 6  # it was computed in another precision, and it shows by little
    assert difference.mean() < 1
