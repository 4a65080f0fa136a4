"""Checkpoints of strangers: read as tensors, whatever wrapped them, and never run."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from upframe.errors import CheckpointError
from upframe.models import load
from upframe.models.checkpoint import read_checkpoint
from upframe.models.rt4ksr import RT4KSR


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"params_ema": state, "params": {}},
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}, "optimizer": {"lr": 1e-4}},
        lambda state: {"model": {"state_dict": {f"generator.module.{k}": v for k, v in state.items()}}},
    ],
    ids=["plain", "state_dict", "params_ema", "module", "nested"],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_the_same_network_comes_out_of_every_wrapping(wrap: Any, legacy: bool, tmp_path: Path) -> None:
    network = RT4KSR(3, channels=8, blocks=1, merged=True)
    path = tmp_path / "weights.pth"
    torch.save(wrap(network.state_dict()), path, _use_new_zipfile_serialization=not legacy)
    picture = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(load(path)(picture), network(picture))


class _Exploit:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code_is_refused_and_not_run(legacy: bool, tmp_path: Path) -> None:
    marker, path = tmp_path / "was-run", tmp_path / "evil.pth"
    torch.save({"state_dict": _Exploit(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match="would run code"):
        load(path)
    assert not marker.exists()


def test_a_bare_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path) -> None:
    marker, path = tmp_path / "was-run", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(_Exploit(marker)))
    with pytest.raises(CheckpointError):
        load(path)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"hello, these are no weights", b"PK\x03\x04 broken zip", b"\x80\x02."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".ckpt"])
def test_a_file_that_is_no_checkpoint_is_one_clear_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_checkpoint_of_another_network_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(3, 4).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"2 tensors with 16 values \(weight, bias"):
        load(path)


def test_a_checkpoint_without_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.pth"
    torch.save({"epoch": 3, "state_dict": {}}, path)
    with pytest.raises(CheckpointError, match="holds no network weights"):
        load(path)


def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    monkeypatch.setattr("upframe.models.checkpoint.SIZE_LIMIT", 10_000_000)
    assert path.stat().st_size < 10_000_000
    with pytest.raises(CheckpointError, match="unpacks to"):
        read_checkpoint(path)


def test_a_missing_file_says_how_to_list_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="upframe models"):
        load(tmp_path / "nowhere.pth")
    with pytest.raises(CheckpointError, match="rt4ksr-x2"):
        load("rt5ksr")
