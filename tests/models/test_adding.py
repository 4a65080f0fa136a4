"""A new network is its own file and a line in a table: CONTRIBUTING.md's example is followed, and one for video.

The files are put where they say, as far as Python can see: into a folder that is added to the packages' own.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import yaml

import upframe.models
import upframe.training.objectives
from upframe import Upscaler, load
from upframe.engine.profile import profile, published
from upframe.evaluation import EvaluationOptions, evaluate
from upframe.export.exporting import export_model
from upframe.models import families
from upframe.training import systems
from upframe.training.loop import train
from upframe.training.recipe import read_recipe

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
VIDEO = Path(__file__).parent / "adding"
PACKAGES = {"models": upframe.models, "training/objectives": upframe.training.objectives}
TABLES = {"models/families.py": (families, "FAMILIES"), "training/systems.py": (systems, "RECIPES")}
DATA = {
    "residual": {"images": ["drawn:0-1"], "crop": 16},
    "echo": {"photographs": ["drawn:0-1"], "frames": 3, "crop": 16},
}
"""What the example for images and the one for video are trained on."""


def blocks(name: str) -> Iterator[tuple[str, str]]:
    """The code of an example, each block with what its first line says of it."""
    if name == "residual":
        texts = re.findall(r"```(?:python)?\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    else:
        lines = {"models/families.py, in FAMILIES": "echo.FAMILY,", "training/systems.py, in RECIPES": "echo.EchoRecipe,"}
        texts = [path.read_text(encoding="utf-8") for path in sorted(VIDEO.glob("*.txt"))]
        texts += [f"# src/upframe/{place}\n{line}\n" for place, line in lines.items()]
    for text in texts:
        place, _, code = text.partition("\n")
        if place.startswith("# src/upframe/"):
            yield place.removeprefix("# src/upframe/"), code


@pytest.fixture(params=["residual", "echo"])
def added(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of a network that was added as CONTRIBUTING.md has it."""
    name = request.param
    places = dict(blocks(name))
    assert len(places) == 4, list(places)
    for folder, package in PACKAGES.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{name}.py").write_text(places[f"{folder}/{name}.py"], encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / folder)])
    importlib.invalidate_caches()
    for place, code in places.items():
        if ", in " in place:
            file, table = place.split(", in ")
            module, own = TABLES[file]
            assert own == table
            where = "upframe.models" if file.startswith("models") else "upframe.training.objectives"
            _, attribute = code.strip().removesuffix(",").split(".")
            entry = getattr(importlib.import_module(f"{where}.{name}"), attribute)
            monkeypatch.setattr(module, table, (*getattr(module, table), entry))
    yield sys.modules[f"upframe.models.{name}"]
    for package in PACKAGES.values():
        del sys.modules[f"{package.__name__}.{name}"]
        delattr(package, name)


def name_of(added: ModuleType) -> str:
    return added.__name__.rpartition(".")[2]


def picture(seed: int, height: int = 24, width: int = 32) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def checkpoint(added: ModuleType, folder: Path) -> Path:
    """A file as a training script of somebody's writes it."""
    torch.manual_seed(1)
    network = next(iter(added.FAMILY.published.values()))()
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, folder / "mine.pth")
    return folder / "mine.pth"


def test_a_file_of_a_new_network_is_known_and_upscales(added: ModuleType, tmp_path: Path) -> None:
    path = checkpoint(added, tmp_path)
    model = load(path)
    assert (model.info.family, model.info.scale, model.info.parameters > 0) == (name_of(added), 2, True)
    frames = [picture(seed) for seed in range(8)]
    if model.info.kind == "image":
        whole, tiled = (Upscaler(path, device="cpu", tile=tile).upscale(frames[0]) for tile in (None, 16))
        assert whole.shape == (48, 64, 3)
        assert np.abs(whole.astype(int) - tiled).max() <= 1
    else:
        results = list(Upscaler(path, device="cpu").stream(frames, cuts="off"))
        assert [result.shape for result in results] == [(48, 64, 3)] * 8
        again = next(iter(Upscaler(path, device="cpu").stream(frames[:1], cuts="off")))
        assert (results[0] != again).any()  # it remembers the reflected frames before


def test_a_new_network_is_trained_and_exported(added: ModuleType, tmp_path: Path) -> None:
    name = name_of(added)
    run = {"workers": 0, "accelerator": "cpu", "log_every": 1}
    validation = {"sources": ["drawn:3-3"], "every": 2, "protocol": "set-y", "crop": 32, "frames": 2}
    values: dict[str, Any] = {"version": 1, "name": "tiny", "system": name, "iterations": 2, "batch": 2, "run": run}
    values |= {"data": DATA[name], "optimiser": {"rate": 1e-3}, "validation": validation}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(values))
    train(read_recipe(str(tmp_path / "tiny.yaml")), tmp_path / "run", lambda _: None)
    trained = load(tmp_path / "run" / "tiny.safetensors")
    assert (trained.info.family, trained.info.kind) == (name, "image" if name == "residual" else "video")

    exported = export_model(trained, tmp_path / "tiny.onnx")  # and compared with PyTorch
    assert exported.checked
    frames = [picture(seed) for seed in range(7)]
    by_torch, by_onnx = (
        list(Upscaler(model, device="cpu").stream(frames, cuts="off")) for model in (trained, tmp_path / "tiny.onnx")
    )
    for one, other in zip(by_torch, by_onnx, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_a_new_network_is_evaluated_and_profiled(added: ModuleType, tmp_path: Path) -> None:
    path, name = checkpoint(added, tmp_path), name_of(added)
    for number in range(2):
        (tmp_path / "set" / "clip").mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(picture(number, 64, 64)).save(tmp_path / "set" / "clip" / f"{number:04d}.png")
    place = tmp_path / "set" / "clip" if name == "residual" else tmp_path / "set"
    evaluation, _ = evaluate(EvaluationOptions((str(path),), str(place), device="cpu"))
    assert [one.subject.name for one in evaluation.scored] == ["mine", "bicubic-x2"]

    costs = profile(load(path), 16, 24, device="cpu", repeats=1)
    layers = [module for module in load(path).network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert costs.convolution_multiply_adds == sum(layer.weight.numel() for layer in layers) * 16 * 24
    assert published(f"{name}-x2").info.parameters == costs.parameters
