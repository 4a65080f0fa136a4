"""What the nodes take from their host, as small as it can be: a bar, a device, a way to cancel, folders and a VIDEO."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest
import torch

ROOT = Path(__file__).parents[2]
PACK = ROOT / "plugins" / "comfyui"


class Cancelled(BaseException):
    """The host's own: nobody's `except Exception` may swallow it."""


class VideoFromFile:
    """A VIDEO; ``seconds``: of one that was cut by another node."""

    def __init__(self, file: str, seconds: float | None = None) -> None:
        self.file, self.seconds = file, seconds

    def get_stream_source(self) -> str:
        return self.file

    def get_duration(self) -> float:
        with av.open(self.file) as container:
            return self.seconds or (container.duration or 0) / 1e6

    def save_to(self, path: str) -> None:
        """Its first frames, as many as its seconds say."""
        with av.open(self.file) as source, av.open(path, "w") as result:
            given = source.streams.video[0]
            made = result.add_stream("libx264", rate=given.average_rate, options={"qp": "0"})
            made.width, made.height, made.pix_fmt = given.width, given.height, "yuv420p"
            for number, frame in enumerate(source.decode(given)):
                if number < self.get_duration() * float(given.average_rate or 1):
                    frame.pts = None
                    result.mux(made.encode(frame))
            result.mux(made.encode())


class Host:
    """What it has been told, and when it cancels: at the so-manyth question whether it does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cancels_at, self.asked = folder, 10**9, 0
        self.shown: list[tuple[int, int]] = []
        (folder / "models" / "upframe").mkdir(parents=True)
        (folder / "output").mkdir()

    def throw_exception_if_processing_interrupted(self) -> None:
        self.asked += 1
        if self.asked >= self.cancels_at:
            raise Cancelled

    def modules(self) -> dict[str, ModuleType]:
        host, own = self, self.folder / "models" / "upframe"

        class ProgressBar:
            def __init__(self, total: int) -> None:
                self.total = total

            def update_absolute(self, value: int, total: int | None = None) -> None:
                host.shown.append((value, total or self.total))

        def full_path(_: str, name: str) -> str | None:
            return str(own / name) if (own / name).is_file() else None

        def save_path(prefix: str, folder: str) -> tuple[str, str, int, str, str]:
            place = Path(folder) / Path(prefix).parent
            place.mkdir(parents=True, exist_ok=True)
            count = len(list(place.glob(f"{Path(prefix).name}_*")))
            return str(place), Path(prefix).name, count + 1, str(Path(prefix).parent), prefix

        made = {
            "comfy": {},
            "comfy.utils": {"ProgressBar": ProgressBar},
            "comfy.model_management": {
                "get_torch_device": lambda: torch.device("cpu"),
                "throw_exception_if_processing_interrupted": self.throw_exception_if_processing_interrupted,
            },
            "comfy_api": {},
            "comfy_api.input_impl": {"VideoFromFile": VideoFromFile},
            "folder_paths": {
                "models_dir": str(self.folder / "models"),
                "add_model_folder_path": lambda *_: None,
                "get_filename_list": lambda _: sorted(path.name for path in own.iterdir()),
                "get_full_path": full_path,
                "get_save_image_path": save_path,
                "get_output_directory": lambda: str(self.folder / "output"),
            },
        }
        modules = {name: ModuleType(name) for name in made}
        for name, members in made.items():
            vars(modules[name]).update(members)
        return modules


def load_pack(monkeypatch: pytest.MonkeyPatch, modules: dict[str, ModuleType]) -> Any:
    """The pack, loaded as the host loads a folder: as a package of a name of its own."""
    for name in [name for name in sys.modules if name.startswith("pack_under_test")]:
        monkeypatch.delitem(sys.modules, name)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = spec_from_file_location("pack_under_test", PACK / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    pack = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "pack_under_test", pack)
    spec.loader.exec_module(pack)
    return pack
