"""Checkpoints with the classes of strangers in them: read as tensors, nothing imported, nothing run; averages preferred."""

from __future__ import annotations

import collections
import datetime
import importlib
import os
import pickle
import struct
import sys
import types
from argparse import Namespace
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from upframe.errors import CheckpointError
from upframe.models import load
from upframe.models.checkpoint import read_checkpoint
from upframe.models.rt4ksr import RT4KSR

State = dict[str, Tensor]


def network() -> RT4KSR:
    torch.manual_seed(0)
    return RT4KSR(3, channels=8, blocks=1)


def same(path: Path, expected: nn.Module | State) -> bool:
    loaded = load(path, merge=False).network.state_dict()
    state = expected.state_dict() if isinstance(expected, nn.Module) else expected
    return all(torch.equal(loaded[name], value) for name, value in state.items())


def spoilt(state: State) -> State:
    return {name: value + 1 if value.is_floating_point() else value for name, value in state.items()}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of a training script, whose classes shout when they are used; it is gone when a file is loaded."""
    module = types.ModuleType("trainer_of_a_stranger")
    source = """
class Config(dict): pass
class History:
    def __init__(self): self.values = [1, 2]
class Slotted:
    __slots__ = ("a",)
    def __init__(self): self.a = 1
class Keyed:
    def __new__(cls, *, name): return object.__new__(cls)
    def __getnewargs_ex__(self): return (), {"name": "x"}
class Values(list): pass
class Made:
    def __reduce__(self): return made, (1, "two")
class Stated:
    def __getstate__(self): return ("any", 3)
    def __setstate__(self, state): raise SystemError("was run")
def made(*arguments): return Made()
def schedule(step): return 1
"""
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("legacy", [False, True])
def test_the_classes_of_a_training_script_are_passed_over(
    legacy: bool, protocol: int, script: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = network(), tmp_path / "epoch_3.pth"
    config = script.Config(name="x", inner=script.Config(rate=1e-4))
    config.attribute = script.History()
    beside = {
        "config": config,
        "classes": [script.Slotted(), script.Keyed(name="x"), script.Values([1, 2]), script.Made(), script.Stated()],
        "function": script.schedule,
        "class": script.History,
        "version": torch.__version__,
        "date": datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC),
        "took": datetime.timedelta(seconds=3),
        "defaults": collections.defaultdict(list, {"loss": [0.5]}),
        "counts": collections.Counter("aab"),
        "queue": collections.deque([1, 2], maxlen=4),
        "space": types.SimpleNamespace(a=1, b={"c"}),
        "arguments": Namespace(folder=PurePosixPath("data"), seed=np.int64(3), best=np.float32(0.5)),
        "array": np.arange(6.0).reshape(2, 3),
        "random": np.random.default_rng(0).bit_generator.state,
        "sets": {1, 2, ("a", "b")},
        "frozen": frozenset({3}),
        ("a", 1): complex(1, 2),
        3: slice(1, 2),
        "type": torch.float16,
        "device": torch.device("cpu"),
        "size": torch.Size([2, 3]),
        "optimizer": torch.optim.Adam(model.parameters()).state_dict(),
    }
    torch.save(
        {"model": model.state_dict(), **beside}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy
    )
    monkeypatch.delitem(sys.modules, script.__name__)
    imported = {*sys.modules}
    assert same(path, model)
    assert script.__name__ not in {*sys.modules} - imported


def test_a_network_inside_a_strangers_object_is_found(
    script: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network()
    trainer = script.History()
    trainer.network = script.Config(weights=types.SimpleNamespace(state_dict=model.state_dict()))
    torch.save(trainer, tmp_path / "trainer.pth")
    monkeypatch.delitem(sys.modules, script.__name__)
    assert same(tmp_path / "trainer.pth", model)


def test_weights_kept_as_arrays_are_read(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "weights.pkl"
    arrays: dict[str, Any] = {name: value.numpy() for name, value in model.state_dict().items()}
    arrays["head.0.weight"] = np.asfortranarray(arrays["head.0.weight"])
    arrays["upsample.0.weight"] = arrays["upsample.0.weight"].astype(">f4")
    for protocol in (2, 4, 5):
        path.write_bytes(pickle.dumps({"state_dict": arrays, "epoch": 2}, protocol=protocol))
        assert same(path, model)


def test_a_plain_pickle_of_tensors_is_read(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps(model.state_dict()))
    assert same(path, model)


def test_parameters_views_and_shared_values_are_read(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "weights.pth"
    state: dict[str, Any] = dict(model.named_parameters())
    row = torch.cat([value.detach().flatten() for value in state.values()])
    views = dict(zip(state, row.split([value.numel() for value in state.values()]), strict=True))
    shared = {name: views[name].view(value.shape) for name, value in state.items()}
    for content in (
        state,
        shared,
        {name: value.mT.contiguous().mT if value.ndim > 1 else value for name, value in shared.items()},
    ):
        for legacy in (False, True):
            torch.save(content, path, _use_new_zipfile_serialization=not legacy)
            assert same(path, {name: value.detach() for name, value in state.items()})


def test_an_archive_without_checksums_is_read(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "weights.pth"
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(model.state_dict(), path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert same(path, model)


def test_one_flipped_value_in_an_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(network().state_dict(), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load(path)


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize(
    "function",
    [os.mkdir, os.system, exec, eval, print, open, importlib.import_module, pickle.loads, os.makedirs],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_called_so_and_not_run(function: Any, protocol: int, tmp_path: Path) -> None:
    marker, path = tmp_path / "was-run", tmp_path / "evil.pth"
    torch.save({"model": network().state_dict(), "x": _Calls(function, str(marker))}, path, pickle_protocol=protocol)
    with pytest.raises(CheckpointError, match="would run code stored inside it"):
        load(path)
    assert not marker.exists()


def machine_code(*instructions: bytes) -> bytes:
    return b"\x80\x04" + b"".join(instructions) + b"."


@pytest.mark.parametrize(
    "content",
    [
        machine_code(b"cos\nsystem\n", b"(Vid\ntR"),
        machine_code(b"(Vid\nios\nsystem\n"),
        machine_code(b"(cos\nsystem\nVid\no"),
        machine_code(b"\x8c\x02os\x8c\x06system\x93", b"(Vid\nt\x81"),
        machine_code(b"\x8c\x05torch\x8c\x09os.system\x93", b"(Vid\ntR"),
        machine_code(b"cbuiltins\ngetattr\n(cos\npath\nVsystem\ntR", b"(Vid\ntR"),
        machine_code(b"coperator\nattrgetter\n(Vsystem\ntR", b"(cos\npath\ntR"),
        machine_code(b"\x82\x01"),
    ],
)
def test_every_way_to_call_a_program_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"would run code|not a PyTorch checkpoint"):
        read_checkpoint(path)


def test_a_pickle_that_grows_without_end_is_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pkl"
    nested = b"(l" + b"q\x00" + b"".join(b"(" + b"h\x00" * 9 + b"lq\x00" for _ in range(30))
    path.write_bytes(machine_code(nested))
    with pytest.raises(CheckpointError, match="holds no network weights"):
        read_checkpoint(path)
    text = b"X" + struct.pack("<I", 2**20) + b"a" * 2**20 + b"q\x00"
    path.write_bytes(machine_code(text, b"c_codecs\nencode\nq\x01", *[b"(h\x01(h\x00X\x06\x00\x00\x00latin1tRt"] * 100))
    with pytest.raises(CheckpointError, match="copies too much"):
        read_checkpoint(path)


def test_deep_nesting_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "deep.pkl"
    for instructions in (b")" + b"\x85" * 200_000 + b"N", b"}" + b")" + b"\x85" * 200_000 + b"Ns"):
        path.write_bytes(machine_code(instructions))
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


def averaged(model: nn.Module, state: State) -> State:
    """What torch's AveragedModel keeps of an average ``state``."""
    average = AveragedModel(model)
    average.module.load_state_dict(state)
    return dict(average.state_dict())


def lit_ema(state: State) -> State:
    return {name.replace(".", ""): value for name, value in state.items()}


AVERAGES: dict[str, Callable[[nn.Module, State, State], dict[str, Any]]] = {
    **{
        name: lambda _, raw, average, name=name: {"model": raw, name: average}  # type: ignore[misc]
        for name in (
            *(
                "modelEMA",
                "model_ema",
                "ema",
                "EMA",
                "params_ema",
                "net_g_ema",
                "netGema",
                "g_ema",
                "emaModel",
                "ema_state_dict",
            ),
            *(
                "swa",
                "SWA",
                "swa_state_dict",
                "swaModel",
                "model_swa",
                "averaged_model",
                "average_model_state",
                "state_dict_ema",
            ),
            *("modelAveraged", "ema_params", "model-ema", "Polyak", "avg_model", "emamodel"),
        )
    },
    "after the weights, deep": lambda _, raw, average: {
        "a": {"state_dict": raw},
        "callbacks": {"EMA": {"x": {"shadow": average}}},
    },
    "an averaged model": lambda model, raw, average: {"model": raw, "other": averaged(model, average)},
    "an averaged model alone": lambda model, _, average: averaged(model, average),
    "compiled and distributed": lambda _, raw, average: {
        "state_dict": {f"module.model._orig_mod.{name}": value for name, value in raw.items()}
        | {f"module.model_ema._orig_mod.{name}": value for name, value in average.items()}
    },
    "names without dots": lambda _, raw, average: {
        "state_dict": {f"model.{name}": value for name, value in raw.items()}
        | {f"model_ema.{name}": value for name, value in lit_ema(average).items()}
        | {"model_ema.decay": torch.tensor(0.9), "model_ema.num_updates": torch.tensor(3)}
    },
    "a list": lambda _, raw, average: {
        "model": raw,
        "ema": {"decay": 0.9, "shadow_params": [*average.values()], "collected_params": [*raw.values()]},
    },
    "of an optimiser": lambda _, raw, average: {
        "state_dict": raw,
        "optimizer_states": [{"state": {0: {}}, "param_groups": [], "ema": [*average.values()]}],
    },
    "whole networks": lambda model, _, average: {"model": deepcopy(model), "ema": loaded(model, average), "updates": 3},
    "mmengine, which swaps the two": lambda _, raw, average: {
        "meta": {"mmengine_version": "0.10.4"},
        "state_dict": average,
        "ema_state_dict": {"steps": torch.tensor(4)} | {f"module.{name}": value for name, value in raw.items()},
    },
    "lightning's average, in place of the weights": lambda _, raw, average: {
        "current_model_state": raw,
        "averaging_state": {"n_averaged": torch.tensor(3)},
        "state_dict": average,
    },
    "beside what an optimiser remembers": lambda _, raw, average: {
        "optimizer": {"exp_avg": spoilt(average), "exp_avg_sq": spoilt(average)},
        "model": raw,
        "model_ema": average,
    },
}


def loaded(model: nn.Module, state: State) -> nn.Module:
    other = deepcopy(model)
    other.load_state_dict(state)
    return other


@pytest.mark.parametrize("kind", AVERAGES)
def test_the_average_is_taken_and_said(kind: str, tmp_path: Path) -> None:
    model, path = network(), tmp_path / "last.pth"
    average = {name: value + 0.25 for name, value in model.state_dict().items()}
    torch.save(AVERAGES[kind](model, model.state_dict(), average), path)
    assert same(path, average)
    assert any("took the averaged" in sentence for sentence in load(path, merge=False).found)


@pytest.mark.parametrize("name", ["schema", "model", "cinema", "exp_avg", "momentum", "best", "state_dict_swapped"])
def test_what_only_sounds_like_an_average_is_not_called_one(name: str, tmp_path: Path) -> None:
    model, path = network(), tmp_path / "last.pth"
    torch.save({name: model.state_dict()}, path)
    assert same(path, model)
    assert not any("averaged" in sentence for sentence in load(path, merge=False).found)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module._orig_mod.net_g.generator.model.{name}",
        lambda name: name.replace("body.", "body._orig_mod."),
        lambda name: f"module.{name}" if "body" in name else name,
        lambda name: f"net_g.module.{name}" if "body" in name else f"net_g.{name}",
        lambda name: name.replace("body.0.", "body.0._checkpoint_wrapped_module."),
    ],
)
def test_the_names_of_wrappers_are_taken_off_wherever_they_stand(rename: Callable[[str], str], tmp_path: Path) -> None:
    model, path = network(), tmp_path / "last.pth"
    state = {rename(name): value for name, value in model.state_dict().items()}
    torch.save({"checkpoint": {"trainer": {"state_dict": state}}}, path)
    assert same(path, model)


def test_files_that_were_handed_in_load(shared: Path, subtests: pytest.Subtests) -> None:
    for file in ("ckpt_x_historybuffer.pth", "ckpt_proto5.pth", "ckpt_modelEMA.pt"):
        with subtests.test(file):
            model = load(shared / "cases" / "checkpoints" / file)
            assert model.info.family == "rt4ksr"
            assert any("averaged (EMA)" in sentence for sentence in model.found) == ("EMA" in file)
