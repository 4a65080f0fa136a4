"""What this machine can: figures of the right size, and a limit that follows from them."""

from __future__ import annotations

import pytest
import torch

from upframe.runtime.rates import Rates, measure_rates


def test_the_limit_is_what_takes_longer_arithmetic_or_traffic() -> None:
    rates = Rates(convolution=1e9, matrix=2e9, bandwidth=4e9)
    assert rates.limit_seconds(3 * 10**9, 4 * 10**9) == pytest.approx(3)
    assert rates.limit_seconds(10**9, 20 * 10**9) == pytest.approx(5)


def test_the_rates_of_this_machine_are_measured() -> None:
    rates = measure_rates(torch.device("cpu"), torch.float32)
    assert 1e8 < rates.convolution < 1e14
    assert 1e8 < rates.matrix < 1e14
    assert 1e7 < rates.bandwidth < 1e13
