"""The header of a safetensors file, read without torch: what it holds, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from upframe.errors import CheckpointError
from upframe.models.header import LIMIT, read_header


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_file({"a": torch.zeros(3, 2), "b": torch.ones(5, dtype=torch.bfloat16)}, path, {"card": "ümlaut"})
    return path


def test_a_header_tells_metadata_and_types(file: Path) -> None:
    header = read_header(file)
    assert header.metadata == {"card": "ümlaut"}
    assert header.types == {"F32", "BF16"}


def test_a_file_without_metadata_or_tensors_has_an_empty_header(tmp_path: Path) -> None:
    save_file({}, tmp_path / "none.safetensors")
    header = read_header(tmp_path / "none.safetensors")
    assert (header.metadata, header.types) == ({}, frozenset())


def test_a_part_of_a_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 20, 8, 3, 0):
        file.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"net\.safetensors: "):
            read_header(file)
    file.write_bytes(whole + b"x")
    with pytest.raises(CheckpointError, match="a part of it is missing"):
        read_header(file)


@pytest.mark.parametrize("length", [LIMIT + 1, 2**63])
def test_a_header_that_claims_to_be_huge_is_not_read(length: int, tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(CheckpointError, match="does not begin with the length of a header"):
        read_header(path)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        300,
        {"a": 1},
        {"a": {}},
        {"a": {"dtype": "F32", "data_offsets": []}},
        {"a": {"dtype": "F32", "data_offsets": [0, "x"]}},
    ],
)
def test_a_header_of_another_kind_is_refused(entries: object, tmp_path: Path) -> None:
    text = json.dumps(entries).encode()
    path = tmp_path / "odd.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(CheckpointError, match=r"odd\.safetensors: not a safetensors file, or a damaged one"):
        read_header(path)


def test_a_header_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    path.write_bytes(struct.pack("<Q", 100_000) + b"[" * 100_000)
    with pytest.raises(CheckpointError, match="damaged"):
        read_header(path)
