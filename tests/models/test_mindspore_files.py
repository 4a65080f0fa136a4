"""Checkpoints of MindSpore, written here by the public schema, checkpoint.proto, and read without MindSpore."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reference.unpack import Reference
from torch import Tensor

from upframe.errors import CheckpointError
from upframe.models import load
from upframe.models.checkpoint import read_checkpoint
from upframe.models.ttvsr import TTVSR

State = dict[str, Tensor]
KINDS = {
    torch.float32: "Float32",
    torch.float16: "Float16",
    torch.int32: "Int32",
    torch.int64: "Int64",
    torch.bfloat16: "BFloat16",
}


def number(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def counted(field: int, content: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(content)) + content


def value(tag: str, dims: tuple[int, ...], kind: str, content: bytes, *, packed: bool = False) -> bytes:
    numbers = [number(dim) for dim in dims]
    shape = counted(1, b"".join(numbers)) if packed else b"".join(number(1 << 3) + dim for dim in numbers)
    tensor = shape + counted(2, kind.encode()) + counted(3, content)
    return counted(1, counted(1, tag.encode()) + counted(2, tensor))


def written(state: State, *, piece: int | None = None, packed: bool = False) -> bytes:
    """A checkpoint; tensors of more than ``piece`` bytes in several values, as save_checkpoint writes those over 512 MiB."""
    out = b""
    for name, tensor in state.items():
        content = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        for start in range(0, max(len(content), 1), piece or max(len(content), 1)):
            part = content[start : start + (piece or len(content))]
            out += value(name, tuple(tensor.shape), KINDS[tensor.dtype], part, packed=packed)
    return out


@pytest.fixture
def network() -> TTVSR:
    torch.manual_seed(0)
    return TTVSR(channels=8, blocks=2)


@pytest.fixture
def state(network: TTVSR) -> State:
    """Its parameters as the MindSpore edition saves them: under the same names, without the normalisation of SPyNet."""
    return {name: value.detach() for name, value in network.named_parameters()}


def same(path: Path, state: State) -> bool:
    loaded = load(path, merge=False).network.state_dict()
    return all(torch.equal(loaded[name], value) for name, value in state.items())


@pytest.mark.parametrize(("packed", "piece"), [(False, None), (True, 1000)])
@pytest.mark.parametrize("prefix", ["", "generator.backbone."])
def test_the_ttvsr_of_mindspore_loads(prefix: str, piece: int | None, packed: bool, state: State, tmp_path: Path) -> None:
    path = tmp_path / "TTVSR_REDS.ckpt"
    path.write_bytes(written({f"{prefix}{name}": value for name, value in state.items()}, piece=piece, packed=packed))
    assert same(path, state)
    assert load(path).info.family == "ttvsr"


def test_seeded_weights_come_out_as_they_are(reference: Reference, tmp_path: Path) -> None:
    """The weights whose results are compared with the published implementation elsewhere."""
    weights = reference.tensors("ttvsr/seeded_nb2.safetensors")
    path = tmp_path / "seeded.ckpt"
    weights = {name: value for name, value in weights.items() if not name.startswith("spynet.m")}  # constants, not saved there
    path.write_bytes(written(weights))
    network = load(path).network.state_dict()
    assert all(torch.equal(network[name], value.float()) for name, value in weights.items())


def test_what_training_left_beside_the_weights_is_left_out(state: State, tmp_path: Path) -> None:
    path = tmp_path / "ttvsr-1_400.ckpt"
    optimiser = {f"{kind}.{name}": value + 1 for kind in ("moment1", "moment2") for name, value in state.items()}
    content = written({"global_step": torch.tensor([400], dtype=torch.int32), **optimiser, **state})
    content += value("learning_rate", (), "Float32", np.float32(1e-4).tobytes())
    content += value("epoch_num", (0,), "Int32", np.int32(3).tobytes())
    content += value("version", (0,), "str", "2.3".encode("utf-32-le")) + value("random_op", (0,), "random_op", b"\x01\x02")
    path.write_bytes(content)
    assert same(path, state)
    assert any("left out" in sentence and "moment1" in sentence for sentence in load(path).found)


def test_an_average_is_taken(state: State, tmp_path: Path) -> None:
    path = tmp_path / "ttvsr.ckpt"
    average = {name: value + 0.5 for name, value in state.items()}
    path.write_bytes(written({**state, **{f"ema.{name}": value for name, value in average.items()}}))
    assert same(path, average)


def test_layers_have_the_names_of_pytorch(tmp_path: Path) -> None:
    path = tmp_path / "layers.ckpt"
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    tensors = {f"bn.{name}": torch.full((3,), float(i)) for i, name in enumerate(names)}
    path.write_bytes(written({**tensors, "table.embedding_table": torch.ones(4, 2), "scaled.gamma": torch.ones(3)}))
    names_read = read_checkpoint(path).sets[0].state
    assert names_read["bn.weight"].tolist() == [0, 0, 0]
    assert names_read["bn.running_var"].tolist() == [3, 3, 3]
    assert {"bn.bias", "bn.running_mean", "table.weight", "scaled.gamma"} <= names_read.keys()


def test_the_checksum_of_later_versions_is_checked(state: State, tmp_path: Path) -> None:
    path = tmp_path / "ttvsr.ckpt"
    content = written(state)
    path.write_bytes(content + b"crc_num" + zlib.crc32(content).to_bytes(10, "big"))
    assert same(path, state)
    path.write_bytes(content[:-1] + b"\x00" + b"crc_num" + zlib.crc32(content + b"x").to_bytes(10, "big"))
    with pytest.raises(CheckpointError, match="checksum"):
        load(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content + b"\x12\x00",
        lambda content: content + value("x", (2**40, 2**40), "Float32", b"1234"),
        lambda content: content + value("x", (3,), "Float32", b"1234"),
        lambda content: content + b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        lambda content: content + counted(1, counted(1, b"x") + counted(2, b"\x0b\x0c")),
        lambda content: content + counted(1, counted(1, b"\xff\xfe") + counted(2, b"")),
    ],
)
def test_a_damaged_file_is_one_clear_line(spoil: Callable[[bytes], bytes], state: State, tmp_path: Path) -> None:
    path = tmp_path / "ttvsr.ckpt"
    path.write_bytes(spoil(written(state)))
    with pytest.raises(CheckpointError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "MindSpore" in str(raised.value)
    assert "\n" not in str(raised.value)
