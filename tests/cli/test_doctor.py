"""What ``upframe doctor`` says of an installation."""

from __future__ import annotations

import getpass
import platform
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.cli.conftest import Command

import upframe as package
from upframe.doctor import facts, trial
from upframe.engine.upscaler import Upscaler


def test_it_names_versions_codecs_and_extras_and_tries_an_image_and_a_video(upframe: Command) -> None:
    outcome = upframe("doctor")
    assert outcome.code == 0, outcome
    assert re.search(rf"(?m)^  version +{re.escape(package.__version__)}$", outcome.out)
    assert re.search(r"(?m)^  encoders +x264 x265 ", outcome.out)
    assert re.search(r"(?m)^  safetensors +\d", outcome.out)
    assert "image: rt4ksr-x2 on cpu: as expected" in outcome.out
    assert "video: 12 frames decoded, upscaled and encoded" in outcome.out


def test_it_says_nothing_private() -> None:
    found = str(facts.facts())
    private = [str(Path.home()), str(Path(package.__file__ or "").parent), getpass.getuser(), platform.node()]
    assert not [name for name in private if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", found)]


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["torch>=2.6", 'no-such-package>=1; extra == "cluster"', "nor-this-one"]
    monkeypatch.setattr(facts, "requires", lambda _: wanted)
    found = facts.facts()["packages"]
    assert found.pop("torch")[0].isdigit()
    assert found == {"no-such-package": "missing (extra cluster)", "nor-this-one": "missing"}


def test_an_installation_that_computes_something_else_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def darker(self: Upscaler, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.repeat(np.repeat(image, 2, axis=0), 2, axis=1) * np.float32(0.9)

    monkeypatch.setattr(Upscaler, "upscale", darker)
    first = next(iter(trial.trials()))
    assert first.name == "image"
    assert first.problem is not None
    assert "of full brightness from what it must be" in first.problem


def test_the_version_is_printed_with_that_of_torch_and_the_device(upframe: Command) -> None:
    line = upframe("--version").out.strip()
    version, torch_version = re.escape(package.__version__), re.escape(torch.__version__)
    assert re.fullmatch(rf"upframe {version}( \(\w+\+?\))?, torch {torch_version}, .+", line)
