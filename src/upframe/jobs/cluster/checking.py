"""Whether the machines of a cluster fit this one: packages, devices, the model, and what they make of a test image."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.engine.upscaler import Upscaler
from upframe.errors import UpframeError, as_upframe_error
from upframe.jobs.cluster.connection import Cluster, Node, connected
from upframe.jobs.cluster.worker import Machine, device_name, differing, model_mark
from upframe.jobs.fingerprint import versions
from upframe.models.cards import default_model

_SIZE = 72, 96  # (height, width) of the test image
_PATIENCE = 120.0  # seconds in which a machine that is busy or far must answer
CLOSE = 1.0
"""Of 255: how much a result may differ from one on another kind of device."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a machine. difference: the largest of its result from that of this machine, of 255; None where there
    is no result. problem: why it does not fit; empty where it does.
    """

    host: str
    node: str
    device: str
    versions: dict[str, str]
    model: str
    difference: float | None
    problem: str

    @property
    def fits(self) -> bool:
        return not self.problem


def self_test(model: str) -> tuple[Machine, NDArray[np.float32]] | UpframeError:
    """This machine, and its result of the test image: (h, w, 3), of full brightness 1. Runs on every machine."""
    try:
        upscaler = Upscaler(model, precision="fp32")
        machine = Machine(platform.node(), os.getpid(), device_name(upscaler), versions(), model_mark(upscaler), False)
        result: NDArray[np.float32] = np.asarray(upscaler.upscale(_image()), np.float32)
        return machine, result
    except Exception as error:  # noqa: BLE001  # sent to the machine that asks
        return as_upframe_error(error, platform.node())


def check_cluster(address: str, model: str | None = None) -> Iterator[Checked]:
    """Each machine of a cluster, once it has answered. Raises ClusterError, MissingExtra, and as loading the model does."""
    name = model or default_model(2)
    own = self_test(name)
    if isinstance(own, UpframeError):
        raise own
    with connected(address) as cluster:
        asked = {_asked(cluster, node, name): node for node in cluster.nodes()}
        waiting = list(asked)
        while waiting:
            ready, waiting = cluster.ray.wait(waiting, num_returns=1, timeout=_PATIENCE)
            for answer in ready:
                yield _judged(asked[answer], _got(cluster, answer), *own)
            if not ready:
                for answer in waiting:
                    yield _without(asked[answer], "does not answer: it is busy, or cannot be reached")
                return


def _asked(cluster: Cluster, node: Node, model: str) -> Any:
    options = {"num_cpus": 0, "num_gpus": min(node.gpus, 1), "scheduling_strategy": cluster.on(node), "max_retries": 0}
    return cluster.ray.remote(self_test).options(**options).remote(model)


def _got(cluster: Cluster, answer: Any) -> tuple[Machine, NDArray[np.float32]] | Exception:
    try:
        found: tuple[Machine, NDArray[np.float32]] | Exception = cluster.ray.get(answer)
    except Exception as error:  # noqa: BLE001  # Ray's own kinds are not of one tree
        return error
    return found


def _judged(
    node: Node, found: tuple[Machine, NDArray[np.float32]] | Exception, own: Machine, expected: NDArray[np.float32]
) -> Checked:
    if isinstance(found, Exception):
        return _without(node, str(found).strip().splitlines()[-1] if str(found).strip() else type(found).__name__)
    machine, result = found
    difference = None if result.shape != expected.shape else float(np.abs(result - expected).max() * 255)
    problems = differing(own.versions, machine.versions)
    if machine.model != own.model:
        problems.append("the model is another one")
    elif difference is None or difference > CLOSE or (difference > 0 and machine.device == own.device):
        much = "" if difference is None else f" (by {difference:.2f} of 255)"
        problems.append(f"its result is not that of this machine{much}")
    return Checked(node.host, node.number, machine.device, machine.versions, machine.model, difference, "; ".join(problems))


def _without(node: Node, problem: str) -> Checked:
    return Checked(node.host, node.number, "", {}, "", None, problem)


def _image() -> NDArray[np.float32]:
    """Slopes, edges and noise: (h, w, 3), of full brightness 1."""
    rows, columns = np.indices(_SIZE)
    waves = 0.5 + 0.25 * np.sin(rows / 3) + 0.25 * np.sign(np.sin((rows + 2 * columns) / 11))
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (*_SIZE, 3))
    return np.clip(waves[..., None] + noise, 0, 1).astype(np.float32)
