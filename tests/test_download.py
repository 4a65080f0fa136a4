"""Files from the network: whole, verified, resumed, or a plain word on why not."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import socket
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from tests.web_server import Site, serving

from upframe import download as module
from upframe.download import download
from upframe.errors import InputError, OutputError

CONTENT = bytes(range(256)) * 400
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "*")
    with serving(Site({"/file.bin": CONTENT})) as running:
        yield running


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_under_its_name(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "new" / "folder" / "file.bin"
    result = download(
        f"{site.address}/file.bin",
        target,
        sha256=SHA256.upper(),
        md5=MD5,
        size=len(CONTENT),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert result == target
    assert target.read_bytes() == CONTENT
    assert only(target.parent) == ["file.bin"]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_what_is_here_and_right_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(CONTENT)
    download(f"{site.address}/file.bin", target, sha256=SHA256)
    assert not site.asked


def test_what_is_here_and_wrong_is_replaced(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    download(f"{site.address}/file.bin", target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_breaks_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.break_after = [50_000, 7]
    download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert [asked.get("Range") for asked in site.asked] == [None, "bytes=50000-", "bytes=50007-"]
    assert site.asked[1]["If-Range"] == '"first"'


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(site: Site, tmp_path: Path) -> None:
    site.break_after = [40_000] + [0] * (module.ATTEMPTS - 1)
    with pytest.raises(InputError, match=r"broke off .* 40,000 bytes arrived\nRun it again"):
        download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()
    download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert site.asked[-1]["Range"] == "bytes=40000-"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert only(tmp_path) == ["file.bin"]


def test_a_file_that_changed_meanwhile_is_taken_from_its_beginning(site: Site, tmp_path: Path) -> None:
    site.break_after = [40_000] + [0] * (module.ATTEMPTS - 1)
    with pytest.raises(InputError):
        download(f"{site.address}/file.bin", tmp_path / "file.bin")
    newer = CONTENT[::-1]
    site.files["/file.bin"], site.etag = newer, '"second"'
    download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == newer


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_version_only_a_digest_lets_a_file_be_resumed(etag: str | None, site: Site, tmp_path: Path) -> None:
    site.etag, site.break_after = etag, [40_000]
    download(f"{site.address}/file.bin", tmp_path / "unknown.bin")
    assert "Range" not in site.asked[-1]
    site.break_after = [40_000]
    download(f"{site.address}/file.bin", tmp_path / "known.bin", sha256=SHA256)
    assert site.asked[-1]["Range"] == "bytes=40000-"
    assert (tmp_path / "unknown.bin").read_bytes() == (tmp_path / "known.bin").read_bytes() == CONTENT


def test_a_resumed_file_with_a_wrong_beginning_is_taken_again(site: Site, tmp_path: Path) -> None:
    site.etag, site.break_after = None, [40_000] + [0] * (module.ATTEMPTS - 1)
    site.files["/file.bin"] = b"x" * len(CONTENT)
    with pytest.raises(InputError):
        download(f"{site.address}/file.bin", tmp_path / "file.bin", sha256=SHA256)
    site.files["/file.bin"] = CONTENT
    download(f"{site.address}/file.bin", tmp_path / "file.bin", sha256=SHA256)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it(site: Site, tmp_path: Path) -> None:
    site.ranges, site.break_after = False, [50_000]
    download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_file_that_was_whole_but_not_yet_named_is_only_named(site: Site, tmp_path: Path) -> None:
    site.announce, site.break_after = True, [0] * module.ATTEMPTS
    with pytest.raises(InputError):
        download(f"{site.address}/file.bin", tmp_path / "file.bin")
    (tmp_path / "file.bin.part").write_bytes(CONTENT)  # all came, and the machine stopped
    taken = len(site.asked)
    download(f"{site.address}/file.bin", tmp_path / "file.bin", sha256=SHA256)
    assert site.asked[taken]["Range"] == f"bytes={len(CONTENT)}-"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.status = [503, 429]
    download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"sha256": "0" * 64}, f"its SHA256 is {SHA256}, expected 0000"),
        ({"md5": "0" * 32}, f"its MD5 is {MD5}"),
        ({"size": 12}, "102,400 bytes, not the 12 expected"),
        ({"limit": 1000}, "allowed"),
    ],
)
@pytest.mark.parametrize("announce", [True, False])
def test_another_file_than_was_expected_is_not_kept(
    wanted: dict[str, object], says: str, announce: bool, site: Site, tmp_path: Path
) -> None:
    site.announce = announce
    with pytest.raises(InputError) as raised:
        download(f"{site.address}/file.bin", tmp_path / "file.bin", **wanted)  # type: ignore[arg-type]
    assert says in str(raised.value) or (not announce and "102,400 bytes arrived, 12 were expected" in str(raised.value))
    assert not (tmp_path / "file.bin").exists()


def test_a_missing_file_is_said_to_be_missing(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="404"):
        download(f"{site.address}/nothing.bin", tmp_path / "file.bin")
    assert len(site.asked) == 1
    assert only(tmp_path) == []


def test_a_web_page_in_place_of_a_file_is_refused(site: Site, tmp_path: Path) -> None:
    site.content_type = "text/html; charset=utf-8"
    with pytest.raises(InputError, match=r"a web page arrived instead of the file\nOpen"):
        download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert only(tmp_path) == []


def test_no_network_is_one_plain_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match=r"127\.0\.0\.1 cannot be reached .* is there a network") as raised:
        download(f"http://127.0.0.1:{port}/file.bin", tmp_path / "file.bin")
    assert "\n" not in str(raised.value)
    assert only(tmp_path) == []


@pytest.mark.parametrize(
    "address", ["http://example.org/file", "file:///etc/passwd", "ftp://example.org/x", "data:,x", "", "https://", "https://["]
)
def test_only_https_is_spoken(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only from https addresses"):
        download(address, tmp_path / "file.bin")


def test_redirections_are_followed_but_not_away_from_https(site: Site, tmp_path: Path) -> None:
    site.redirects = {
        "/moved.bin": f"{site.address}/file.bin",
        "/out.bin": "http://example.org/file.bin",
        "/local.bin": "file:///etc/passwd",
        "/round.bin": f"{site.address}/round.bin",
    }
    download(f"{site.address}/moved.bin", tmp_path / "file.bin", sha256=SHA256)
    for trap in ("out", "local"):
        with pytest.raises(InputError, match=r"only from https addresses|not allowed"):
            download(f"{site.address}/{trap}.bin", tmp_path / "trap.bin")
    with pytest.raises(InputError):
        download(f"{site.address}/round.bin", tmp_path / "trap.bin")
    assert len(site.asked) < 12


def _slowly(address: str, target: Path, started: Event, go_on: Event) -> None:
    def wait(done: int, _total: int | None) -> None:
        if done:
            started.set()
            go_on.wait(30)

    download(address, target, on_progress=wait)


def test_two_at_once_do_not_spoil_each_others_file(site: Site, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started, go_on = context.Event(), context.Event()
    address, target = f"{site.address}/file.bin", tmp_path / "file.bin"
    first = context.Process(target=_slowly, args=(address, target, started, go_on))
    first.start()
    assert started.wait(60)
    with pytest.raises(InputError, match="already"):
        download(address, target)
    go_on.set()
    first.join(60)
    assert first.exitcode == 0
    assert target.read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        download(f"{site.address}/file.bin", tmp_path / "file" / "file.bin")
    with pytest.raises(OutputError, match="is a folder"):
        download(f"{site.address}/file.bin", tmp_path)


@pytest.mark.parametrize("name", ["file.bin.part", "file.bin.part.json"])
def test_nothing_is_written_through_a_link(name: str, site: Site, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_bytes(b"mine")
    for place in (private, tmp_path / "nowhere"):
        (tmp_path / name).symlink_to(place)
        with pytest.raises(OutputError, match=rf"{name}: is a link;.*\nRemove it"):
            download(f"{site.address}/file.bin", tmp_path / "file.bin")
        (tmp_path / name).unlink()
    assert private.read_bytes() == b"mine"
    assert only(tmp_path) == ["private"]
    assert not site.asked


def test_a_link_that_comes_meanwhile_is_not_followed(site: Site, tmp_path: Path) -> None:
    private, partial = tmp_path / "private", tmp_path / "file.bin.part"
    private.write_bytes(b"mine")
    site.break_after, site.etag = [40_000], None

    def put_link(done: int, _total: int | None) -> None:
        if done and not partial.is_symlink():  # between two attempts
            partial.unlink()
            partial.symlink_to(private)

    with pytest.raises(OutputError, match=r"file.bin: cannot be written"):
        download(f"{site.address}/file.bin", tmp_path / "file.bin", sha256=SHA256, on_progress=put_link)
    assert private.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["file.bin", "file.bin.part", "file.bin.part.json"])
def test_pipes_are_neither_waited_for_nor_replaced(name: str, site: Site, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(OutputError, match=rf"{name}: is a pipe"):
        download(f"{site.address}/file.bin", tmp_path / "file.bin")
    assert (tmp_path / name).is_fifo()
    assert only(tmp_path) == [name]
