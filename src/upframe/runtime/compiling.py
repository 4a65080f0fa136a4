"""Networks compiled by ``torch.compile``: what the compiler raises, as one error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from upframe.errors import DeviceError
from upframe.remedies import Remedy


@contextmanager
def compiler_errors(remedy: Remedy | str, place: str = "") -> Iterator[None]:
    """A compiler that fails is a lack of the machine. Raises DeviceError; ``place``: what stands before its message."""
    from torch._dynamo.exc import TorchDynamoException  # takes a second to import

    try:
        yield
    except TorchDynamoException as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise DeviceError(f"{place}torch cannot compile the network here ({reason[:160]})", remedy=remedy) from error
