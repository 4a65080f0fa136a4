"""Clips in an LMDB: the keys and bytes that TecoGAN's code expects, read back in every process, never by way of a pickle."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path

import lmdb
import numpy as np
import pytest
from tests.datasets.samples import get, noise, put

from upframe.datasets.lmdb_clips import ClipShape, LmdbClips
from upframe.datasets.pack import pack
from upframe.errors import InputError, OutputError
from upframe.media import Image, write_image


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for clip, count, size in (("scene_2000", 3, (20, 12)), ("scene_2001", 2, (8, 16))):
        for index in range(count):
            put(tmp_path / f"Raw/{clip}/col_high_{index:04d}.png", *size, seed=index)
    return tmp_path / "Raw"


@pytest.fixture
def packed(raw: Path, tmp_path: Path) -> Path:
    pack(raw, tmp_path / "GT.lmdb")
    return tmp_path / "GT.lmdb"


def entries(path: Path) -> dict[str, bytes]:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as reading:
        return {bytes(key).decode(): bytes(value) for key, value in reading.cursor()}


def test_keys_and_bytes_are_those_of_the_published_form(packed: Path, raw: Path) -> None:
    stored = entries(packed)
    keys = [f"scene_2000_3x20x12_{index:04d}" for index in range(3)] + [f"scene_2001_2x8x16_{index:04d}" for index in range(2)]
    assert sorted(stored) == keys
    assert stored["scene_2001_2x8x16_0001"] == get(raw / "scene_2001/col_high_0001.png").tobytes(), "RGB, row by row"
    assert {path.name for path in packed.iterdir()} == {"data.mdb", "lock.mdb", "meta_info.pkl"}
    assert pickle.loads((packed / "meta_info.pkl").read_bytes()) == {"name": "Raw", "color": "RGB", "keys": keys}  # noqa: S301  # just made


def test_frames_come_back(packed: Path, raw: Path) -> None:
    clips = LmdbClips(packed)
    assert clips.clips == {"scene_2000": ClipShape(3, 20, 12), "scene_2001": ClipShape(2, 8, 16)}
    for name, shape in clips.clips.items():
        for index in range(shape.frames):
            np.testing.assert_array_equal(clips.frame(name, index), get(raw / f"{name}/col_high_{index:04d}.png"))
    clips.frame("scene_2000", 0)[:] = 0
    assert clips.frame("scene_2000", 0).any(), "what is handed out may be changed"


def test_an_lmdb_of_the_published_script_is_read_without_its_pickle(tmp_path: Path) -> None:
    frames = [noise(8, 12, seed) for seed in range(3)]
    with lmdb.open(str(tmp_path / "their.lmdb"), map_size=2**22) as environment, environment.begin(write=True) as writing:
        for index, frame in enumerate(frames):
            writing.put(f"a_b_3x8x12_{index:04d}".encode(), frame.tobytes())
    (tmp_path / "their.lmdb/meta_info.pkl").write_bytes(b"cos\nabort\n(tR.")  # ends the program that unpickles it
    clips = LmdbClips(tmp_path / "their.lmdb")
    np.testing.assert_array_equal(clips.frame("a_b", 2), frames[2])


def checksum(clips: LmdbClips) -> int:
    return int(clips.frame("scene_2000", 2).sum())


def open_elsewhere(packed: Path, method: str) -> None:
    clips = LmdbClips(packed)
    expected = checksum(clips)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map(checksum, [clips] * 4) == [expected] * 4
    assert checksum(clips) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_open_it_for_themselves(packed: Path, method: str) -> None:
    """From a process that is new: a fork of this one would have the locks of whatever threads other tests have left."""
    process = multiprocessing.get_context("spawn").Process(target=open_elsewhere, args=(packed, method))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_folders_of_folders_are_clips_named_with_an_underscore(tmp_path: Path) -> None:
    put(tmp_path / "sequences/00001/0266/im1.png")
    put(tmp_path / "sequences/00001/0268/im1.png")
    assert pack(tmp_path / "sequences", tmp_path / "a.lmdb").clips == 2
    assert list(LmdbClips(tmp_path / "a.lmdb").clips) == ["00001_0266", "00001_0268"]


def test_frames_are_packed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        put(tmp_path / f"Raw/a/{number}.png", seed=number)
    pack(tmp_path / "Raw", tmp_path / "a.lmdb")
    np.testing.assert_array_equal(LmdbClips(tmp_path / "a.lmdb").frame("a", 2), noise(16, 24, 10))


def test_some_clips_may_be_chosen_and_progress_is_told(raw: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    done = pack(raw, tmp_path / "a.lmdb", only=["scene_2001"], on_progress=lambda *counts: told.append(counts))
    assert (done.clips, done.frames, done.size, told) == (1, 2, 2 * 8 * 16 * 3, [(1, 2), (2, 2)])
    with pytest.raises(InputError, match="has no clip scene_9"):
        pack(raw, tmp_path / "b.lmdb", only=["scene_9"])


def test_many_small_frames_fit(tmp_path: Path) -> None:
    put(tmp_path / "Raw/a/0.png", 1, 1)
    for index in range(1, 3000):
        (tmp_path / f"Raw/a/{index}.png").hardlink_to(tmp_path / "Raw/a/0.png")
    assert pack(tmp_path / "Raw", tmp_path / "a.lmdb").frames == 3000


def test_nothing_is_left_of_an_lmdb_that_failed(raw: Path, tmp_path: Path) -> None:
    put(raw / "scene_2001/col_high_0002.png", 8, 17)
    with pytest.raises(InputError, match=r"col_high_0002\.png: is 17x8, but col_high_0000\.png of the same clip is 16x8"):
        pack(raw, tmp_path / "GT.lmdb")
    assert [path.name for path in tmp_path.iterdir()] == ["Raw"]


def test_an_lmdb_that_exists_is_kept_unless_it_may_be_replaced(packed: Path, raw: Path) -> None:
    before = (packed / "data.mdb").read_bytes()
    with pytest.raises(OutputError, match="not empty"):
        pack(raw, packed)
    assert (packed / "data.mdb").read_bytes() == before
    pack(raw, packed, only=["scene_2001"], overwrite=True)
    assert list(LmdbClips(packed).clips) == ["scene_2001"]


def test_what_cannot_be_packed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        pack(tmp_path / "nowhere", tmp_path / "a.lmdb")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no clips"):
        pack(tmp_path / "empty", tmp_path / "a.lmdb")
    write_image(tmp_path / "deep/a/0.png", Image(noise(4, 4).astype(np.uint16) * 257))
    with pytest.raises(InputError, match=r"0\.png: has samples of uint16"):
        pack(tmp_path / "deep", tmp_path / "a.lmdb")
    put(tmp_path / "named/Straße/0.png")
    with pytest.raises(InputError, match=r"Straße: .* ASCII"):
        pack(tmp_path / "named", tmp_path / "a.lmdb")
    put(tmp_path / "twice/a_b/0.png")
    put(tmp_path / "twice/a/b/0.png")
    with pytest.raises(InputError, match="two clips would be called a_b"):
        pack(tmp_path / "twice", tmp_path / "a.lmdb")


def test_what_is_no_lmdb_of_clips_is_refused(tmp_path: Path, packed: Path) -> None:
    clips = LmdbClips(packed)
    for name, index, words in (
        ("x", 0, "no clip of this name"),
        ("scene_2001", 2, "2 frames of it"),
        ("scene_2001", -1, "2 frames"),
    ):
        with pytest.raises(InputError, match=words):
            clips.frame(name, index)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/data.mdb").write_bytes(b"not a database" * 1000)
    for name in ("nowhere", "broken"):
        with pytest.raises(InputError, match="cannot be opened as an LMDB"):
            LmdbClips(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()
    other = tmp_path / "other.lmdb"
    with lmdb.open(str(other), map_size=2**20) as environment, environment.begin(write=True) as writing:
        writing.put(b"a_2x8x8_0000", b"too short")
    with pytest.raises(InputError, match="a: 1 of 2 frames are there"):
        LmdbClips(other)
    with lmdb.open(str(other), map_size=2**20) as environment, environment.begin(write=True) as writing:
        writing.put(b"a_2x8x8_0002", b"of a number that is not asked for")
    with pytest.raises(InputError, match="has 9 bytes, not 192"):
        LmdbClips(other).frame("a", 0)
    with pytest.raises(InputError, match="is missing"):
        LmdbClips(other).frame("a", 1)
    with lmdb.open(str(other), map_size=2**20) as environment, environment.begin(write=True) as writing:
        writing.put(b"0001_s001.png", b"of another program")
    with pytest.raises(InputError, match="its keys are not"):
        LmdbClips(other)


def test_an_lmdb_that_is_cut_short_is_refused_with_its_name(packed: Path) -> None:
    data = (packed / "data.mdb").read_bytes()
    for length in (0, 100, 4096, 8192, len(data) // 2, len(data) - 1):
        (packed / "data.mdb").write_bytes(data[:length])
        with pytest.raises(InputError, match=r"data\.mdb: cannot be opened as an LMDB"):
            LmdbClips(packed)


def test_an_lmdb_that_is_cut_while_it_is_read_is_told(packed: Path) -> None:
    clips = LmdbClips(packed)
    with (packed / "data.mdb").open("r+b") as file:
        file.truncate(8192)
    with pytest.raises(InputError, match="cut short"):
        clips.frame("scene_2000", 0)


def test_a_damaged_lmdb_is_read_or_refused_and_ends_no_process(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), map_size=2**24) as environment, environment.begin(write=True) as writing:
        for clip in range(40):
            for index in range(8):
                writing.put(f"clip_{clip:03d}_8x4x4_{index:04d}".encode(), bytes(48))
    data, random = (tmp_path / "data.mdb").read_bytes(), np.random.default_rng(3)
    refused = 0
    for _ in range(300):
        broken = bytearray(data)
        for place in random.integers(0, len(data), 20):
            broken[place] = int(random.integers(256))
        (tmp_path / "data.mdb").write_bytes(broken)
        try:
            clips = LmdbClips(tmp_path)
            for name, shape in clips.clips.items():
                clips.frame(name, shape.frames - 1)
        except InputError:
            refused += 1
    assert refused > 100


def test_large_trees_are_read_in_full(tmp_path: Path) -> None:
    frames = {f"c_{count}x2x2_{index:04d}": bytes([index % 256]) * 12 for count in (9000,) for index in range(count)}
    with lmdb.open(str(tmp_path), map_size=2**24) as environment, environment.begin(write=True) as writing:
        for key, value in frames.items():
            writing.put(key.encode(), value)
    clips = LmdbClips(tmp_path)
    assert clips.clips == {"c": ClipShape(9000, 2, 2)}
    assert [int(clips.frame("c", index)[0, 0, 0]) for index in (0, 255, 4000, 8999)] == [0, 255, 4000 % 256, 8999 % 256]
