"""Data sets from the network: downloaded once, verified, unpacked whole, or the steps for a person."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.web_server import Site, serving

from upframe import download
from upframe.datasets.catalog import named_entry
from upframe.datasets.catalog_entry import DownloadArchive, Entry
from upframe.datasets.fetching import fetch
from upframe.datasets.unpacking import unpack
from upframe.errors import InputError


def zipped(files: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return memory.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return memory.getvalue()


def below(folder: Path) -> set[str]:
    """Everything in a folder but the marks of what has been unpacked."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".done"}


HIGH = zipped({"GT/city/001.png": b"high"})
LOW = tarred({"set/BDx4/city/001.png": b"low", "other/BDx4/city/001.png": b"of another set"})


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "*")
    with serving(Site({"/GT.zip": HIGH, "/low.tar.gz": LOW})) as running:
        yield running


def entry_at(address: str, md5: str | None = None) -> Entry:
    archives = (
        DownloadArchive(f"{address}/GT.zip", "GT.zip", md5=md5 or hashlib.md5(HIGH).hexdigest()),
        DownloadArchive(f"{address}/low.tar.gz", "low.tar.gz", size=len(LOW), inside="set"),
    )
    return replace(named_entry("vid4"), archives=archives)


def silent(_name: str, _done: int, _total: int | None) -> None:
    pass


def test_a_set_arrives_unpacked_in_its_folder(site: Site, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    folder = fetch(entry_at(site.address), tmp_path, lambda *step: told.append(step))
    assert folder == tmp_path / "Vid4"
    assert below(tmp_path) == {"Vid4/GT/city/001.png", "Vid4/BDx4/city/001.png"}
    assert (folder / "GT/city/001.png").read_bytes() == b"high"
    assert ("GT.zip", len(HIGH), len(HIGH)) in told


def test_what_is_here_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    fetch(entry_at(site.address), tmp_path, silent)
    asked = len(site.asked)
    fetch(entry_at(site.address), tmp_path, silent)
    assert len(site.asked) == asked == 2


def test_a_download_that_broke_off_goes_on(site: Site, tmp_path: Path) -> None:
    site.break_after = [40]
    fetch(entry_at(site.address), tmp_path, silent)
    assert site.asked[1]["Range"] == "bytes=40-"
    assert (tmp_path / "Vid4/GT/city/001.png").read_bytes() == b"high"


def test_a_file_that_is_not_the_published_one_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vid4: .*MD5(.|\n)*By hand, into .*Vid4:\n  1\. Download"):
        fetch(entry_at(site.address, md5="0" * 32), tmp_path, silent)
    assert below(tmp_path) == set()


def test_without_a_network_the_steps_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(InputError) as error:
        fetch(entry_at(address), tmp_path, silent)
    for words in ("is there a network?", "By hand", f"1. Download {address}/GT.zip", "only set is needed"):
        assert words in f"{error.value}\n{error.value.remedy}"
    assert below(tmp_path) == set()


def test_a_set_that_is_for_people_alone_says_how(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"reds: cannot be downloaded by a program(.|\n)*Get it by hand:\n  1\. Download train_sharp"
    ):
        fetch(named_entry("reds"), tmp_path, silent)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>sign in first</html>", r"neither a \.zip nor a \.tar"),
        (zipped({"a.txt": b"words" * 999})[:-40], "neither|cannot be unpacked"),
        (zipped({"elsewhere/a.txt": b"x"}), "holds no set"),
    ],
    ids=["a page", "cut off", "of something else"],  # not the content: an archive holds the time
)
def test_what_is_no_archive_leaves_nothing_behind(tmp_path: Path, content: bytes, words: str) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(content)
    with pytest.raises(InputError, match=words):
        unpack(packed, tmp_path / "out", inside="set")
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
