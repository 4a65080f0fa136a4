"""The way to a cluster of Ray, opened and closed. Nothing of it reports to anyone, or listens where it need not."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from upframe.errors import ClusterError, MissingExtra
from upframe.offline import REFUSALS

LOCAL = "local"
_REACHED_WITHIN = 5.0  # seconds
_HOST = re.compile(r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster that is there now. cpus, gpus: how many it offers."""

    number: str
    host: str
    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that this process is connected to. ray: the package, whose types are not known here."""

    ray: Any

    def nodes(self) -> list[Node]:
        """The machines that are alive."""
        found = []
        for entry in self.ray.nodes():
            if entry["Alive"]:
                offered = entry["Resources"]
                cpus, gpus = int(offered.get("CPU", 0)), int(offered.get("GPU", 0))
                found.append(Node(entry["NodeID"], entry["NodeManagerAddress"], cpus, gpus))
        return sorted(found, key=lambda node: (node.host, node.number))

    def on(self, node: Node) -> Any:
        """What keeps a piece of work on a machine, as an option of Ray's."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node.number, soft=False)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A cluster by its address: ``HOST:PORT`` or ``auto``, from one of its machines, or ``local``.

    ``local`` starts one on this machine alone, which ends with the block. A process that is connected already stays so. Raises
    MissingExtra, and ClusterError where there is no cluster, or one of another version.
    """
    ray = _import_ray(address)
    if ray.is_initialized():
        yield Cluster(ray)
        return
    if address not in (LOCAL, "auto"):
        _try_reaching(address)
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    alone = {"include_dashboard": False, "num_cpus": os.cpu_count()}
    ended = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, **quiet, **(alone if address == LOCAL else {}))
    except Exception as error:  # Ray's own kinds are not of one tree
        raise ClusterError(f"{address}: {_reason(error)}", remedy=_remedy(address)) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ended)  # Ray would leave at once
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _import_ray(address: str) -> Any:
    """The package, which looks at these variables when it is imported."""
    os.environ.update(REFUSALS)
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."  # else it prints what befalls workers on standard output
    os.environ["RAY_TQDM_PATCH_PRINT"] = "0"  # else it puts a print of its own in the place of Python's
    if address == LOCAL:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # it listens to this machine alone, as it does on those two
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("ray", "cluster", "a cluster") from error
    return ray


def _try_reaching(address: str) -> None:
    """Raise ClusterError where nobody listens: Ray itself would try for a minute."""
    match = _HOST.fullmatch(address)
    if match is None:
        raise ClusterError(f"{address}: is not the address of a cluster", remedy="give HOST:PORT, auto or local")
    try:
        socket.create_connection((match["host"].strip("[]"), int(match["port"])), _REACHED_WITHIN).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ClusterError(f"{address}: no cluster can be reached there ({reason})", remedy=_remedy(address)) from error


def _reason(error: Exception) -> str:
    """The fact in an error of Ray's, which come in paragraphs."""
    text = " ".join(str(error).split())
    if found := re.search(r"cluster was started with: (Ray: \S+ Python: \S+) This process .*? was started with: (.*)", text):
        return f"the cluster runs {found[1]}, this machine {found[2]}"
    if isinstance(error, ConnectionError) or "Could not find any running Ray instance" in text:
        return "no cluster of Ray answers there"
    if "Ray expects this IP address" in text or "Can't find a `node_ip_address.json`" in text:
        return "this machine is not one of the cluster's"
    return f"Ray cannot be started or reached: {text[:200]}"


def _remedy(address: str) -> str:
    if address == LOCAL:
        return "make segments on the devices of this machine without a cluster"
    return "start one with `ray start --head` and give the address that it prints, on one of its machines"
