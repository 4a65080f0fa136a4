"""``upframe pack`` as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tests.cli.conftest import Command, is_one_error
from tests.datasets.samples import get, put

from upframe.datasets.lmdb_clips import LmdbClips


def test_a_folder_of_clips_becomes_an_lmdb(upframe: Command, tmp_path: Path) -> None:
    for index in range(3):
        put(tmp_path / f"Raw/city/{index:04d}.png", seed=index)
    outcome = upframe("pack", "Raw", "GT.lmdb")
    assert outcome.code == 0, outcome.err
    assert outcome.out.strip() == "GT.lmdb: 1 clips, 3 frames, 0.0 MB"
    np.testing.assert_array_equal(LmdbClips(tmp_path / "GT.lmdb").frame("city", 2), get(tmp_path / "Raw/city/0002.png"))


def test_json_is_one_object_and_nothing_else(upframe: Command, tmp_path: Path) -> None:
    for clip in ("a", "b"):
        put(tmp_path / f"Raw/{clip}/0.png")
    (tmp_path / "list.txt").write_text("b\n\n")
    outcome = upframe("pack", "Raw", "GT.lmdb", "--only", "list.txt", "--json")
    assert json.loads(outcome.out) == {"output": "GT.lmdb", "clips": 1, "frames": 1, "bytes": 16 * 24 * 3}
    assert list(LmdbClips(tmp_path / "GT.lmdb").clips) == ["b"]


def test_what_cannot_be_packed_is_said_in_one_line(upframe: Command, tmp_path: Path) -> None:
    put(tmp_path / "Raw/a/0.png")
    put(tmp_path / "Raw/a/1.png", 8, 8)
    (tmp_path / "none.txt").write_text("\n")
    cases = (
        (("nowhere", "x.lmdb"), "no such folder"),
        (("Raw", "x.lmdb"), "1.png: is 8x8"),
        (("Raw", "x.lmdb", "--only", "none.txt"), "names no clip"),
        (("Raw", "x.lmdb", "--only", "nowhere.txt"), "cannot be read"),
        (("Raw", "Raw"), "stay as they are"),
        (("Raw", "Raw/a", "--overwrite"), "stay as they are"),
    )
    for arguments, words in cases:
        outcome = upframe("pack", *arguments)
        assert outcome.code == 1
        assert words in outcome.err
        assert is_one_error(outcome.err)
    assert not (tmp_path / "x.lmdb").exists()
