"""What no tensor tells of a network: found out from what it makes of a test image, said with --set, or not run by guess."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.reference.unpack import Reference
from torch import nn
from torch.nn import functional as F

from upframe.errors import CheckpointError
from upframe.models import load
from upframe.models.catalog import load_file, save
from upframe.models.info import ModelInfo
from upframe.models.nsrr import NSRR
from upframe.models.rt4ksr import RT4KSR
from upframe.models.switches import settle


@pytest.mark.parametrize("name", ["rt4ksr-x2", "rt4ksr-x4", "frvsr-lite-x2"])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_plain_state_dict_of_a_trained_network_gets_its_switches_back(name: str, kind: str, tmp_path: Path) -> None:
    network, path = load(name).network, tmp_path / f"plain.{kind}"
    state = dict(network.state_dict())
    torch.save(state, path) if kind == "pth" else save_file(state, path)
    model = load(path)
    assert model.network.configuration == network.configuration
    assert not model.info.experimental
    assert any("a test image came out right" in sentence for sentence in model.found)


@pytest.mark.parametrize("scale", [2, 3])
def test_published_files_keep_their_switches(scale: int, reference: Reference) -> None:
    model = load(reference.file(f"rt4ksr/rt4ksr_x{scale}.safetensors"))
    assert model.network.configuration == {"activation": "gelu", "high_frequency": "none", "residual": False, "skip": False}
    assert not model.info.experimental


def test_a_network_that_makes_no_image_is_called_uncertain_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "untrained.pth"
    torch.save(RT4KSR(2, channels=8, blocks=1).state_dict(), path)
    model = load(path)
    assert "no tensor tells activation gelu, residual no, skip no" in model.info.caution
    assert "import it with the settings it was trained with" in model.info.caution


def test_what_was_set_is_kept(tmp_path: Path) -> None:
    path, kept = tmp_path / "untrained.pth", tmp_path / "kept.safetensors"
    torch.save(RT4KSR(2, channels=8, blocks=1).state_dict(), path)
    settings = {"activation": "relu", "residual": True, "skip": True}
    model = load_file(path, merge=False, settings=settings)
    assert settings.items() <= model.network.configuration.items()
    assert not model.info.experimental
    save(model, kept)
    assert load(kept, merge=False).network.configuration == model.network.configuration


def test_what_was_set_goes_before_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    save(load("rt4ksr-x2", merge=False), path)
    assert load_file(path, settings={"skip": False}).network.configuration["skip"] is False


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"residul": True}, "residul is no switch of a RT4KSR: it has activation, high_frequency, residual, skip"),
        ({"channels": 32}, "channels is no switch"),
        ({"activation": "swish"}, "one of gelu, lrelu, relu"),
    ],
)
def test_what_cannot_be_set_is_said(settings: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = tmp_path / "untrained.pth"
    torch.save(RT4KSR(2, channels=8, blocks=1).state_dict(), path)
    with pytest.raises(CheckpointError, match=says):
        load_file(path, settings=settings)


def test_an_nsrr_without_its_scale_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "nsrr.pth"
    torch.save(NSRR(3).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"settings=\{'scale': 4\}"):
        load(path)
    assert load_file(path, settings={"scale": 3}).info.scale == 3


class Upscaling(nn.Module):
    """A network whose one switch spoils its image more or less."""

    kind = "image"
    info = ModelInfo(name="x", family="x", kind="image", scale=2)

    def __init__(self, added: float) -> None:
        super().__init__()
        self.added = added

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode="bicubic") + self.added


def build(settings: Mapping[str, Any]) -> nn.Module:
    return Upscaling({"right": 0.001, "alike": -0.001, "wrong": 0.5, "worse": 0.7}[settings["way"]])


def test_the_setting_that_makes_a_image_is_taken_and_doubt_is_not_run_by_guess() -> None:
    assert settle({"way": ("wrong", "right")}, {}, build).settings == {"way": "right"}
    assert settle({"way": ("right", "alike")}, {}, build).settings == {"way": "right"}
    assert settle({"way": ("wrong", "right")}, {"way": "wrong"}, build).settings == {"way": "wrong"}
    assert not settle({"way": ("wrong", "worse")}, {}, build).sure
    with pytest.raises(CheckpointError, match=r"'way': 'wrong\|right\|alike'"):
        settle({"way": ("wrong", "right", "alike")}, {}, build)
