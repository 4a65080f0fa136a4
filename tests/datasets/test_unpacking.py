"""Archives made to do harm are refused in a line, and nothing of them stays."""

from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from upframe.datasets import unpacking
from upframe.datasets.unpacking import unpack
from upframe.errors import InputError, OutputError

FINE = {"a/fine.txt": b"fine"}


def zipped(files: dict[str, bytes], *more: tuple[str, bytes], mode: int = 0) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in (*files.items(), *more):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return memory.getvalue()


def tarred(files: dict[str, bytes], *more: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """``kind`` and ``link``: of what comes after ``files``."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as archive:
        for number, (name, content) in enumerate((*files.items(), *more)):
            member = tarfile.TarInfo(name)
            if number >= len(files):
                member.type, member.linkname = kind, link
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return memory.getvalue()


def attacked(content: bytes, tmp_path: Path) -> str:
    """What is said of an archive that must not be unpacked, after a look at what it has left behind."""
    (tmp_path / "packed").write_bytes(content)
    with pytest.raises(InputError) as raised:
        unpack(tmp_path / "packed", tmp_path / "deep/er")
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
    said = str(raised.value)
    assert said.startswith(f"{tmp_path / 'packed'}: cannot be unpacked: ")
    assert said.isprintable()
    return said


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name",
    [
        "../escaped.txt",
        "a/../../escaped.txt",
        "a/..",
        "/tmp/escaped.txt",
        "//escaped.txt",
        r"..\escaped.txt",
        "C:/escaped.txt",
        "a\x1b[2J",
    ],
)
def test_names_that_lead_elsewhere_are_refused(pack: Callable[..., bytes], name: str, tmp_path: Path) -> None:
    assert "which leads out of its folder" in attacked(pack(FINE, (name, b"x")), tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("link", ["/etc/passwd", "../../escaped", "a/fine.txt"])
def test_links_and_devices_of_a_tar_are_refused(kind: bytes, link: str, tmp_path: Path) -> None:
    assert "'a/odd', which is a link or a device" in attacked(tarred(FINE, ("a/odd", b""), kind=kind, link=link), tmp_path)


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o666, stat.S_IFCHR | 0o666])
def test_links_and_devices_of_a_zip_are_refused(mode: int, tmp_path: Path) -> None:
    assert "'a/odd', which is a link or a device" in attacked(zipped({"a/odd": b"/etc"}, mode=mode), tmp_path)


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["a/fine.txt", "a//./fine.txt", "a", "a/fine.txt/below"])
def test_a_name_that_comes_twice_is_refused(pack: Callable[..., bytes], name: str, tmp_path: Path) -> None:
    assert f"it holds '{name}' twice" in attacked(pack(FINE, (name, b"another")), tmp_path)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_archives_that_hold_far_more_than_they_are_large_are_refused(
    pack: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "SMALL", 2**20)
    files = {f"{number}.txt": bytes(2**19) for number in range(3)}  # none too large by itself
    assert "it would unpack to more than" in attacked(pack(files), tmp_path)
    monkeypatch.setattr(unpacking, "SMALL", 2**21)
    unpack(tmp_path / "packed", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_claim_of_a_vast_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("vast.txt")
    member.size = 2**50
    assert "it would unpack to more than" in attacked(gzip.compress(member.tobuf()), tmp_path)


def test_a_header_of_vast_length_is_never_read_whole(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@PaxHeader")
    member.type, member.size = tarfile.XHDTYPE, 2**32
    fine = tarfile.TarInfo("fine.txt")
    assert "header in it is too long" in attacked(gzip.compress(fine.tobuf() + member.tobuf() + bytes(2**12)), tmp_path)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_there_must_be_room_for_it(pack: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packed").write_bytes(pack({"large.txt": bytes(1000)}))
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: unpacking.shutil._ntuple_diskusage(10**9, 10**9 - 999, 999))
    with pytest.raises(OutputError, match="the disk is full"):
        unpack(tmp_path / "packed", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_plain_archives_come_out_as_they_are(compression: str, tmp_path: Path) -> None:
    (tmp_path / "set/empty").mkdir(parents=True)
    (tmp_path / "set/one.txt").write_bytes(b"one")
    with tarfile.open(tmp_path / "packed", f"w:{compression}") as archive:
        archive.add(tmp_path / "set", "./set")
    unpack(tmp_path / "packed", tmp_path / "out", inside="set")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"empty", "one.txt"}
    assert (tmp_path / "out/one.txt").read_bytes() == b"one"


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_damaged_archive_is_said_to_be_one(compression: str, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(random.Random(0).randbytes(2**18))
    with tarfile.open(tmp_path / "whole", f"w:{compression}") as archive:
        archive.add(tmp_path / "noise", "noise")
    content = bytearray((tmp_path / "whole").read_bytes())
    content[2**17 : 2**17 + 99] = bytes(99)
    (tmp_path / "packed").write_bytes(content)
    with pytest.raises(InputError, match=r"packed: (cannot be unpacked|is neither)"):
        unpack(tmp_path / "packed", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_follows_the_end_of_a_tar_is_limited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL", 2**20)
    content = gzip.compress(gzip.decompress(tarred(FINE)) + bytes(2**22))
    assert "it would unpack to more than" in attacked(content, tmp_path)
