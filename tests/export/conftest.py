"""A small network of every family and its ONNX file, which takes many seconds to make."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from upframe.export.exporting import Exported, export_model
from upframe.models.catalog import Model
from upframe.models.frvsr import FRVSR
from upframe.models.nsrr import NSRR
from upframe.models.ntaau import NTAAU
from upframe.models.rt4ksr import RT4KSR
from upframe.models.stssnet import STSSNet
from upframe.models.ttvsr import TTVSR


def small_ttvsr() -> TTVSR:
    """Two of the six levels of its flow: the other four are the same again, and each takes many seconds to export."""
    network = TTVSR(channels=4, blocks=1)
    network.spynet.basic_module = network.spynet.basic_module[:2]
    return network


SMALL: dict[str, Callable[[], nn.Module]] = {
    "rt4ksr": lambda: RT4KSR(2, channels=8, blocks=1).merge(),
    "frvsr": lambda: FRVSR(2, channels=8, blocks=1, flow_channels=4, degradation="BD"),
    "ttvsr": small_ttvsr,
    "nsrr": lambda: NSRR(2, history=3),
    "stssnet": STSSNet,
    "ntaau": lambda: NTAAU(2, widths=(8, 8, 8)),
}
Exports = Callable[[str], tuple[Model, Exported]]


def small(family: str) -> Model:
    torch.manual_seed(0)
    network = SMALL[family]().eval().requires_grad_(False)
    return Model(network, network.info)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """A family's small network and the ONNX file of it, exported once for all processes that run the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "exported"

    def one(family: str) -> tuple[Model, Exported]:
        place: Path = folder / family
        place.mkdir(parents=True, exist_ok=True)
        record = folder / f"{family}.pickle"
        with (folder / f"{family}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not record.exists():
                record.write_bytes(pickle.dumps(export_model(small(family), place / f"{family}.onnx", frames=2)))
        result: Exported = pickle.loads(record.read_bytes())  # noqa: S301  # written by these tests
        return small(family), result

    return one
