"""Offline means offline: no command, with any backend, asks the network for anything or leaves anything in the home folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE

import PIL.Image
import pytest
import torch
from tests.cli.conftest import ENVIRONMENT, Forked
from tests.media.video_fixtures import Video
from tests.training.conftest import COMMON, TINY

from upframe.errors import UpframeError
from upframe.models.frvsr import FRVSR
from upframe.models.rt4ksr import RT4KSR
from upframe.offline import REFUSALS

# Put before the C library: every look-up of a name and every way out of this machine is written down, and fails.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
static void note(const char *what, const char *name) {
    char line[512];
    int length = snprintf(line, sizeof line, "%s %s\n", what, name ? name : "");
    int file = open(getenv("UPFRAME_NETWORK_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0666);
    if (file >= 0 && write(file, line, length) == length) close(file);
}
static int away(const struct sockaddr *to) { return to && (to->sa_family == AF_INET || to->sa_family == AF_INET6); }
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    note("getaddrinfo", node);
    return EAI_FAIL;
}
struct hostent *gethostbyname(const char *name) { note("gethostbyname", name); return NULL; }
int connect(int descriptor, const struct sockaddr *to, socklen_t length) {
    if (away(to)) { note("connect", ""); errno = ENETUNREACH; return -1; }
    return ((int (*)(int, const struct sockaddr *, socklen_t)) dlsym(RTLD_NEXT, "connect"))(descriptor, to, length);
}
ssize_t sendto(int descriptor, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    if (away(to)) { note("sendto", ""); errno = ENETUNREACH; return -1; }
    return ((ssize_t (*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t)) dlsym(RTLD_NEXT, "sendto"))(
        descriptor, data, size, flags, to, length);
}
"""


class Machine:
    """A home folder of its own, and no way out; ``looked_up`` is what was asked of the network."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
            pytest.skip("the network is counted by a library before the C library's: that needs Linux and gcc")
        self.home, self.work, self._log = folder / "home", folder / "work", folder / "network.log"
        self.home.mkdir()
        self.work.mkdir()
        (folder / "shim.c").write_text(SHIM)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True)
        left_out = {*REFUSALS, "CI", "UPFRAME_MODELS", "UPFRAME_DATA"}
        self.environment = {
            **{name: value for name, value in ENVIRONMENT.items() if name not in left_out and not name.startswith("XDG_")},
            "HOME": str(self.home),
            "LD_PRELOAD": str(folder / "shim.so"),
            "UPFRAME_NETWORK_LOG": str(self._log),
            "ORT_DISABLE_TELEMETRY": "",  # what is empty is not off
        }

    @property
    def looked_up(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def left_at_home(self) -> list[str]:
        return sorted(path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file())

    def run_all(self, commands: list[list[object]]) -> None:
        """Commands one after the other, each a process of its own that has to succeed."""
        out, err = self.work / "out.log", self.work / "err.log"
        # Everything is freed at the end, as a package may report when it is unloaded.
        every = {"cwd": str(self.work), "out": str(out), "err": str(err), "environment": self.environment, "free": True}
        with Forked(self.environment) as forked:
            for words in commands:
                assert forked.ask(arguments=[*map(str, words)], **every) == 0, f"{words}: {err.read_text()}"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_is_asked_of_the_network_is_counted(machine: Machine) -> None:
    script = "import socket\ntry: socket.create_connection(('example.org', 80))\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", script], env=machine.environment, check=True)
    script = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))"
    assert subprocess.run([sys.executable, "-c", script], env=machine.environment, stderr=PIPE, check=False).returncode
    assert machine.looked_up == ["getaddrinfo example.org", "sendto "]


@pytest.mark.parametrize("package", ["onnxruntime", "openvino"])
def test_a_package_that_reports_its_import_does_not_after_ours(machine: Machine, package: str) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    script = f"import upframe, {package}, threading\nfor t in threading.enumerate(): t is threading.main_thread() or t.join(5)"
    subprocess.run([sys.executable, "-c", script], env=machine.environment, check=True)
    assert (machine.looked_up, machine.left_at_home) == ([], [])


def has_opengl() -> bool:
    if find_spec("moderngl") is None:
        return False
    from upframe.renderers.raster.gpu import create_context

    try:
        create_context().release()
    except UpframeError:
        return False
    return True


def material(folder: Path) -> None:
    """Models, images, videos and clips, as small as they may be."""
    torch.manual_seed(0)
    torch.save(RT4KSR(2, channels=4, blocks=1).state_dict(), folder / "image.pth")
    torch.save(FRVSR(2, channels=4, blocks=1, flow_channels=4, degradation="BI").state_dict(), folder / "video.pth")
    (folder / "images").mkdir()
    (folder / "clips" / "one").mkdir(parents=True)
    for number in range(3):
        image = PIL.Image.effect_noise((48, 32), 40 + number).convert("RGB")
        image.save(folder / "images" / f"{number}.png")
        image.save(folder / "clips" / "one" / f"{number:08d}.png")
    Video().make(folder / "video.mkv")


def commands() -> list[list[object]]:
    small = ("--device", "cpu", "-q")
    found: list[list[object]] = [
        ["--version"],
        ["models"],
        ["models", "list", "--published"],
        ["models", "show", "image.pth"],
        ["models", "import", "image.pth", "--name", "mine"],
        ["upscale", "images", "-o", "large/", "-m", "mine", *small],
        ["upscale", "video.mkv", "-o", "large.mkv", "-m", "video.pth", *small],
        ["upscale", "video.mkv", "-o", "frames/%03d.png", "-m", "bicubic", *small],
        ["compare", "large/0.png", "large/1.png", "--csv", "scores.csv", "--device", "cpu"],
        ["degrade", "images", "small/", "--kind", "bd", "--scale", "2", "-q"],
        ["evaluate", "image.pth", "images", "--report", "scores.html", "--device", "cpu"],
        ["profile", "image.pth", "--size", "16x16", "--device", "cpu", "--repeats", "1"],
        ["data", "list"],
        ["data", "show", "reds"],
    ]
    if find_spec("lmdb"):
        found += [["pack", "clips", "packed.lmdb"]]
    if find_spec("lightning") and find_spec("tensorboard"):
        changes = ("iterations=2", "run.tensorboard=true")
        found += [["train", "frvsr-small", *COMMON, *TINY["frvsr-small"], *changes, "-o", "run"], ["monitor", "run"]]
    if find_spec("onnxruntime") and find_spec("onnxscript"):
        found += [["export", "image.pth", f"mine.{suffix}"] for suffix in ("onnx", "pt2")]
        for backend in ("onnxruntime", "openvino"):
            if find_spec(backend):
                with_it = ("--backend", backend, *small)
                found += [["upscale", "images/0.png", "-o", f"{backend}-1.png", "-m", "mine", *with_it]]
                found += [["upscale", "images/0.png", "-o", f"{backend}-2.png", "-m", "mine.onnx", *with_it]]
        found += [["upscale", "images/0.png", "-o", "torch-2.png", "-m", "mine.pt2", *small]]
        if find_spec("openvino"):
            found += [["export", "image.pth", "mine.xml"]]
            found += [["upscale", "images/0.png", "-o", "openvino-3.png", "-m", "mine.xml", *small]]
    if has_opengl():
        size = ("--size", "32x24", "--frames", "2", "--texture-size", "32", "--samples", "1")
        found += [["render", "yard", "clip", *size], ["check-frames", "clip"]]
    return found


@pytest.mark.long
def test_no_command_asks_the_network_or_leaves_anything_at_home(machine: Machine) -> None:
    material(machine.work)
    machine.run_all(commands())
    assert machine.looked_up == []
    # What the user has asked for, the exports that backends run, and the shaders that a driver of OpenGL has compiled.
    expected = (".local/share/upframe/models/mine.safetensors", ".cache/upframe/exports/", ".cache/mesa_shader_cache")
    assert [name for name in machine.left_at_home if not name.startswith(expected)] == []
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1", "set by the import of Upframe in this process"
