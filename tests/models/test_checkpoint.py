"""Checkpoints of strangers: read as tensors, whatever wrapped them, and never run."""

from __future__ import annotations

import io
import os
import pickle
import sys
import tarfile
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PosixPath
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.reference.unpack import Reference
from torch import Tensor, nn

from upframe.errors import CheckpointError
from upframe.models import load
from upframe.models.checkpoint import read_checkpoint
from upframe.models.frvsr import FRVSR
from upframe.models.info import to_metadata
from upframe.models.nsrr import NSRR, SCALE_KERNEL
from upframe.models.ntaau import NTAAU
from upframe.models.published import published_name
from upframe.models.rt4ksr import RT4KSR
from upframe.models.spynet import SPyNet
from upframe.models.stssnet import STSSNet
from upframe.models.tecogan import SpatialDiscriminator, SpatioTemporalDiscriminator
from upframe.models.ttvsr import TTVSR

State = dict[str, Tensor]

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "rt4ksr": lambda: RT4KSR(3, channels=8, blocks=1),
    "frvsr": lambda: FRVSR(2, channels=8, blocks=1, flow_channels=8),
    "ttvsr": lambda: TTVSR(channels=8, blocks=1),
    "nsrr": lambda: NSRR(2),
    "stssnet": STSSNet,
    "ntaau": lambda: NTAAU(3, widths=(4, 6, 8)),
}


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


def spoilt(state: State) -> State:
    return {name: value + 1 if value.is_floating_point() else value for name, value in state.items()}


def lightning(state: State) -> dict[str, Any]:
    """What Lightning writes, with a loss network beside the model and a script's arguments as hyper-parameters."""
    return {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict(under("model.", state) | {"loss.vgg.0.weight": torch.rand(4, 3, 3, 3)}),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.5), "best_k_models": {}}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.rand(3)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}],
        "lr_schedulers": [],
        "hparams_name": "hparams",
        "hyper_parameters": {"args": Namespace(folder=PosixPath("data"), rate=1e-4), "lr": np.float64(1e-4)},
    }


def mmediting(state: State) -> dict[str, Any]:
    """What MMEditing writes: the generator, its moving average, a loss network and a counter, and a word on the training."""
    tensors = under("generator.", spoilt(state)) | under("generator_ema.", state)
    tensors |= {"step_counter": torch.zeros(1), "perceptual_loss.vgg.0.weight": torch.rand(4, 3, 3, 3)}
    return {"meta": {"iter": 400000, "mmcv_version": "1.3.9"}, "state_dict": OrderedDict(tensors), "optimizer": {"state": {}}}


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "params": lambda state: {"params": state},
    "params_ema": lambda state: {"params": spoilt(state), "params_ema": state},
    "module": lambda state: {"state_dict": under("module.", state), "optimizer": {"lr": 1e-4}},
    "nested": lambda state: {"model": {"state_dict": under("generator.module.", state)}},
    "compiled": lambda state: under("_orig_mod.", state),
    "half": lambda state: {name: value.half() if value.is_floating_point() else value for name, value in state.items()},
    "generator beside discriminator": lambda state: {
        "discriminator": SpatialDiscriminator(32, channels=4).state_dict(),
        "generator": state,
    },
    "lightning": lightning,
    "mmediting": mmediting,
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("family", NETWORKS)
def test_every_network_comes_out_of_every_wrapping(family: str, wrapping: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = NETWORKS[family]()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    if family == "nsrr":  # its published files tell the scale by this kernel
        state[SCALE_KERNEL] = torch.zeros(1, 1, 2, 2)
    path = tmp_path / "weights.pth"
    torch.save(WRAPPINGS[wrapping](state), path)
    model = load(path, merge=False)
    assert type(model.network) is type(network)
    assert model.info.family == family
    loaded = model.network.state_dict()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(
            loaded[name], value, rtol=1e-3 if wrapping == "half" else 0, atol=1e-4 if wrapping == "half" else 0
        )


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.pkl", "weights.ckpt", "weights.pth.tar", "weights"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_checkpoint_is_known_by_its_content_and_not_by_its_name(name: str, kind: str, tmp_path: Path) -> None:
    network, path = RT4KSR(3, channels=8, blocks=1, merged=True), tmp_path / name
    if kind == "safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    model = load(path)
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(model(image), network(image))
    assert model.info.name == "weights"


def test_what_was_found_is_said(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(mmediting(RT4KSR(3, channels=8, blocks=1).state_dict()), path)
    network, taken, left_out = load(path, merge=False).found
    assert network.startswith("RT4KSR x3, image, ")
    assert "channels 8, blocks 1" in network
    assert taken == "took the averaged (EMA) weights, state_dict / generator_ema"
    assert left_out.startswith("left out meta, optimizer, generator, step_counter and 1 more")


def test_a_moving_average_that_is_not_whole_gives_way_to_the_weights(tmp_path: Path) -> None:
    network, path = RT4KSR(3, channels=8, blocks=1), tmp_path / "weights.pth"
    average = spoilt(network.state_dict())
    del average["upsample.0.bias"]
    torch.save({"params": network.state_dict(), "params_ema": average}, path)
    torch.testing.assert_close(load(path, merge=False).network.state_dict(), network.state_dict())


def test_a_training_of_this_project_keeps_its_switches(tmp_path: Path) -> None:
    network, path = RT4KSR(3, channels=8, blocks=1, residual=True, skip=True), tmp_path / "last.ckpt"
    torch.save(lightning(network.state_dict()) | to_metadata(network.info, network.configuration), path)
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(load(path, merge=False)(image), network(image))


def test_the_published_files_load_and_are_known(shared: Path, subtests: pytest.Subtests) -> None:
    for file in (*(shared / "reference/rt4ksr").glob("rt4ksr_x[23].pth"), *(shared / "reference/stssnet").glob("*.pkl")):
        with subtests.test(file.name):
            model = load(file)
            entry = published_name(model.published)
            assert (model.info.family, model.info.scale) == (entry.family, entry.scale)
            assert (model.info.degradation, model.info.licence) == (entry.degradation, entry.licence)
            assert entry.size == file.stat().st_size


@pytest.mark.parametrize(
    ("file", "name", "found"),
    [
        ("frvsr/seeded_bd_x4_nb2", "frvsr-x4", "degradation BD"),
        ("frvsr/seeded_bi_x4_nb2", "frvsr-x4", "degradation BI"),
        ("frvsr/seeded_bd_x2_nb2", "frvsr-x2", "degradation BD"),
        ("ttvsr/seeded_nb2", "ttvsr-x4", "channels 64, blocks 2"),
        ("nsrr/seeded_x4", "nsrr-x4", "history 5"),
    ],
)
def test_files_with_the_published_names_load(file: str, name: str, found: str, reference: Reference) -> None:
    model = load(reference.file(f"{file}.safetensors"))
    assert f"{model.info.family}-x{model.info.scale}" == name
    assert found in model.found[0]
    assert "stored as float16" in model.found


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


def test_the_settings_of_a_training_script_are_left_out_without_running_their_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    script = ModuleType("parse_config")
    parser = type("ConfigParser", (), {"__module__": "parse_config", "__setstate__": lambda _, state: ran.append(state)})
    script.ConfigParser = parser  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parse_config", script)
    config = parser()
    config.folder = PosixPath("saved")
    network, path = RT4KSR(3, channels=8, blocks=1), tmp_path / "model_best.pth"
    torch.save({"state_dict": network.state_dict(), "monitor_best": np.float64(0.3), "config": config}, path)
    model = load(path, merge=False)
    torch.testing.assert_close(model.network.state_dict(), network.state_dict())
    assert any("left out monitor_best, config" in sentence for sentence in model.found)
    assert not ran


def test_a_whole_network_that_was_pickled_gives_its_tensors(tmp_path: Path) -> None:
    network, path = RT4KSR(3, channels=8, blocks=1), tmp_path / "whole-network.pth"
    torch.save(network, path)
    torch.testing.assert_close(load(path, merge=False).network.state_dict(), network.state_dict())


@pytest.mark.parametrize("content", [b"", b"hello, these are no weights", b"PK\x03\x04 broken zip", b"\x80\x02."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".ckpt"])
def test_a_file_that_is_no_checkpoint_is_one_clear_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.99])
def test_a_file_that_is_cut_short_is_one_clear_line(kind: str, kept: float, tmp_path: Path) -> None:
    network, path = RT4KSR(2, channels=8, blocks=1), tmp_path / "weights.pth"
    if kind == "safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(CheckpointError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("weights.pth")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"1234"))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.pth", b"1234")


def _torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"archive/{name}", b"")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (_tar, "archive of files: unpack it"),
        (_zip, "archive of files: unpack it"),
        (_torchscript, "TorchScript"),
        (lambda path: path.write_bytes(b"\n<!DOCTYPE html><html>Sign in"), "web page"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n"), "git lfs pull"),
    ],
)
def test_what_is_often_taken_for_weights_is_named(write: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth.tar"
    write(path)
    with pytest.raises(CheckpointError, match=says):
        load(path)


def test_a_checkpoint_of_another_network_says_what_it_holds_and_what_may_know_it(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(3, 4).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"2 tensors with 16 values \(weight, bias"):
        load(path)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (SPyNet, "a SPyNet"),
        (lambda: SpatialDiscriminator(32, channels=4), "a discriminator of TecoGAN"),
        (lambda: SpatioTemporalDiscriminator(32, channels=4), "Give the file of the generator"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_network_that_upscales_nothing_is_named(
    network: Callable[[], nn.Module], says: str, prefix: str, tmp_path: Path
) -> None:
    path = tmp_path / "part.pth"
    torch.save({"state_dict": under(prefix, network().state_dict())}, path)
    with pytest.raises(CheckpointError, match=says):
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


def _many_blocks(state: State) -> None:
    state["body.999999999.conv1.expand_conv.weight"] = torch.zeros(1)


def _wide(state: State) -> None:
    state["head.0.weight"] = torch.zeros(1).expand(1_000_000, 12, 3, 3)


def _wider_than_the_rest(state: State) -> None:
    state["head.0.weight"] = torch.zeros(60_000, 12, 3, 3)


def _flat(state: State) -> None:
    state["head.0.weight"] = torch.zeros(())


def _without_size(state: State) -> None:
    state["upsample.0.weight"] = torch.zeros(10**9, 0)


def _sparse(state: State) -> None:
    state["head.0.weight"] = state["head.0.weight"].to_sparse()


@pytest.mark.parametrize("claim", [_many_blocks, _wide, _wider_than_the_rest, _flat, _without_size, _sparse])
def test_a_network_that_claims_to_be_huge_or_has_no_shape_is_refused_at_once(
    claim: Callable[[State], None], tmp_path: Path
) -> None:
    state, path = dict(RT4KSR(2, channels=8, blocks=1).state_dict()), tmp_path / "weights.pth"
    claim(state)
    torch.save(state, path)
    with pytest.raises(CheckpointError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_metadata_that_lies_about_the_size_is_not_believed(tmp_path: Path) -> None:
    network, path = RT4KSR(2, channels=8, blocks=1), tmp_path / "weights.safetensors"
    lie = replace(network.info, scale=1000, multiple=0, radius=-5, parameters=10**12)
    save_file(network.state_dict(), path, to_metadata(lie, network.configuration))
    info = load(path, merge=False).info
    assert (info.scale, info.multiple, info.radius) == (2, 2, network.info.radius)
    assert info.parameters == network.info.parameters


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float, tmp_path: Path) -> None:
    network, path = RT4KSR(2, channels=8, blocks=1), tmp_path / "weights.pth"
    with torch.no_grad():
        network.head[0].weight[0, 0, 0, 0] = value  # type: ignore[operator]
    torch.save(network.state_dict(), path)
    with pytest.raises(CheckpointError, match=r"head\.0\.weight holds values that are no numbers"):
        load(path)


def test_a_missing_file_says_how_to_list_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="upframe models"):
        load(tmp_path / "nowhere.pth")
    with pytest.raises(CheckpointError, match="rt4ksr-x2"):
        load("rt5ksr")
