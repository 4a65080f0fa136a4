"""An installation in facts. None is private: no path, no name of a user, a machine or a model of somebody's own."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

import av
import torch

from upframe import __version__
from upframe.media.video.encoders import installed_encoders
from upframe.models.cards import imported, shipped
from upframe.runtime.device import choose_device, device_name, processor_name
from upframe.runtime.precision import has_bfloat16

Facts = dict[str, str]
"""What is said of each thing, by its name."""

PROGRAMS = ("ffmpeg", "mpv", "vspipe", "blender", "nvidia-smi")
"""What some tests and plug-ins use, where it is installed."""


def commit() -> str | None:
    """The commit of an installation from a repository or a checkout of one; None for a release."""
    try:
        stated = distribution("upframe").read_text("direct_url.json")
    except PackageNotFoundError:
        stated = None
    information = json.loads(stated or "{}").get("vcs_info", {})
    if found := information.get("commit_id"):
        return str(found)[:9]
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    asked = ("git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=9")
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def _device() -> str:
    """The device that ``--device auto`` takes, by its own name."""
    device = choose_device()
    return f"cpu, {torch.backends.cpu.get_cpu_capability()}" if device.type == "cpu" else device_name(device)


def version_line() -> str:
    """Upframe, torch and the device, in a line."""
    own = f"upframe {__version__}" + (f" ({found})" if (found := commit()) else "")
    return f"{own}, torch {torch.__version__}, {_device()}"


def facts() -> dict[str, Facts]:
    """All facts, in groups."""
    return {
        "upframe": {"version": __version__, "commit": commit() or "a release", **_models()},
        "system": _system(),
        "torch": _torch(),
        "video": _video(),
        "packages": dict(_packages()),
        "programs": {name: "found" if shutil.which(name) else "not found" for name in PROGRAMS},
    }


def _models() -> Facts:
    own = len(imported())
    return {"models": f"{len(shipped())} built in, {own} imported"}


def _system() -> Facts:
    memory = "unknown"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": processor_name(),
        "cores": str(_cores()),
        "memory": memory,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _torch() -> Facts:
    found = {
        "version": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": "yes" if has_bfloat16() else "no",
        "threads": str(torch.get_num_threads()),
        "cuda": torch.version.cuda or "built without",
        "hip": getattr(torch.version, "hip", None) or "built without",
        "mps": "available" if torch.backends.mps.is_available() else "not available",
    }
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        capability = f"compute {properties.major}.{properties.minor}"
        found[f"cuda:{number}"] = f"{properties.name}, {properties.total_memory / 2**30:.1f} GiB, {capability}"
    return found


def _video() -> Facts:
    libraries = {name: ".".join(map(str, numbers)) for name, numbers in av.library_versions.items()}
    return {"encoders": " ".join(installed_encoders()), **libraries}


def _packages() -> Iterator[tuple[str, str]]:
    """Each package that Upframe or one of its extras names, and which version is here."""
    seen = set()
    for line in requires("upframe") or ():
        name = re.split(r"[\s\[<>=!~;(]", line, maxsplit=1)[0]
        if name == "upframe" or name in seen:
            continue
        seen.add(name)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        missing = f"missing (extra {extra.group(1)})" if extra else "missing"
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, missing
