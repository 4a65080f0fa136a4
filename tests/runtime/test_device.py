"""Where a model runs, and in which precision: nothing is chosen that is slow or inexact unless it is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upframe import Upscaler
from upframe.errors import DeviceError
from upframe.runtime.precision import Precision, choose_dtype, has_bfloat16

CPU = torch.device("cpu")


@pytest.mark.parametrize("fast", [False, True])
def test_left_alone_every_device_computes_in_single_precision(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upframe.runtime.precision.has_bfloat16", lambda: fast)
    for device in (CPU, torch.device("cuda"), torch.device("mps")):
        assert choose_dtype("auto", device) is torch.float32


@pytest.mark.parametrize(
    ("precision", "fast", "allowed"),
    [("bf16", True, True), ("bf16", False, False), ("fp16", True, False), ("fp16", False, False)],
)
def test_half_precision_on_a_cpu_needs_instructions_for_it(
    precision: Precision, fast: bool, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upframe.runtime.precision.has_bfloat16", lambda: fast)
    if allowed:
        assert choose_dtype(precision, CPU) is torch.bfloat16
    else:
        with pytest.raises(DeviceError, match="slower"):
            choose_dtype(precision, CPU)


@pytest.mark.parametrize(
    ("half", "chosen"),
    [(None, torch.float32), ((), torch.float32), (("bf16",), torch.bfloat16), (("fp16", "bf16"), torch.float16)],
)
def test_a_gpu_takes_the_half_precision_that_was_checked_for_the_model(
    half: tuple[str, ...] | None, chosen: torch.dtype
) -> None:
    assert choose_dtype("auto", torch.device("cuda"), half) is chosen
    for place in (CPU, torch.device("mps")):
        assert choose_dtype("auto", place, half) is torch.float32


def test_a_half_precision_that_failed_its_check_is_refused_on_a_gpu() -> None:
    cuda = torch.device("cuda")
    with pytest.raises(DeviceError, match=r"0\.05 dB.*\nSet precision to fp16 or fp32"):
        choose_dtype("bf16", cuda, ("fp16",))
    with pytest.raises(DeviceError, match=r"Set precision to fp32$"):
        choose_dtype("fp16", cuda, ())
    assert choose_dtype("fp16", cuda, ("fp16",)) is torch.float16
    assert choose_dtype("fp32", cuda, ()) is torch.float32
    assert choose_dtype("bf16", cuda, None) is torch.bfloat16, "not checked: it is the user's to judge"


@pytest.mark.parametrize(
    ("machine", "has"), [({"neon": True, "bf16": True}, True), ({"neon": True, "bf16": False}, False), ({}, False)]
)
def test_an_arm_processor_is_asked_for_bfloat16_and_not_known_by_its_name(
    machine: dict[str, bool], has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for question in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, question, lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: machine, raising=False)
    assert has_bfloat16() is has


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no instructions for bfloat16")
def test_a_image_in_bfloat16_is_nearly_the_one_in_single_precision() -> None:
    rows, columns = np.mgrid[0:48, 0:64]
    image = np.stack([rows * 5, columns * 4, (rows + columns) * 2], axis=2).astype(np.uint8)
    exact, rounded = (Upscaler("rt4ksr-x2", device="cpu", precision=kind).upscale(image) for kind in ("fp32", "bf16"))
    difference = np.abs(exact.astype(int) - rounded.astype(int))
    assert 0 < difference.max() <= 6  # it was computed in another precision, and it shows by little
    assert difference.mean() < 1
