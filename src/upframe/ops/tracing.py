"""Whether an operation is being written down for ncnn, which has fewer of them than torch.

Such a graph holds layers of fixed kinds: convolutions, sums, pixel shuffles. It has no sizes to compute with, no range of
numbers and no reading by index. An operation that needs those has a second form made of such layers, equal up to rounding.
"""

from __future__ import annotations

import torch


def is_traced() -> bool:
    """Whether ``torch.jit.trace`` is running; the other exporters record graphs in their own way, and keep the first form."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch has no types here
    return traced
