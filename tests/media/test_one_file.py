"""Nothing but the file that was given is opened, whatever is written in it; and only regular files are read and replaced."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.media.video_fixtures import Video

from upframe.errors import InputError, OutputError
from upframe.media.atomic import atomic_output
from upframe.media.files import find_inputs
from upframe.media.image.file import read_image, write_image
from upframe.media.image.image import Image
from upframe.media.video.reader import VideoReader, probe
from upframe.regular import irregular

_IN_OPEN = 0x20  # of Linux's inotify(7)


@contextlib.contextmanager
def opened_in(folder: Path) -> Iterator[set[str]]:
    """The names of the files in a folder that are opened meanwhile, by anyone; filled at the end."""
    if not sys.platform.startswith("linux"):
        pytest.skip("who opens a file is asked of Linux")
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(folder), _IN_OPEN) >= 0
    names: set[str] = set()
    try:
        yield names
        try:
            events = os.read(watch, 2**20)
        except BlockingIOError:
            events = b""
        while events:
            length = struct.unpack_from("=iIII", events)[3]
            names.add(os.fsdecode(events[16 : 16 + length].rstrip(b"\0")))
            events = events[16 + length :]
    finally:
        os.close(watch)


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n",
    "hls-key": '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n',
    "hls-master": '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{0}\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{0}"\n',
    "concat": "ffconcat version 1.0\nfile {0}\n",
    "concat-after-a-mark": "\ufeffffconcat version 1.0\nfile '{0}'\nduration 1\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
    'bandwidth="1"><BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "imf": '<?xml version="1.0"?>\n<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>{0}</Id>'
    "</CompositionPlaylist>",
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:00:000, filepos: 000000000\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.mpd", "list.ts", "secret.idx"])
def test_a_playlist_opens_no_other_file(tmp_path: Path, kind: str, name: str) -> None:
    video = Video().make(tmp_path / "secret.ts")
    shutil.copy(video, tmp_path / "secret.sub")
    for number, named in enumerate(
        ("secret.ts", str(video), f"file:{video}", f"subfile,,start,0,end,0,,:{video}", f"concat:{video}")
    ):
        playlist = tmp_path / f"{number}-{name}"
        playlist.write_text(PLAYLISTS[kind].format(named), encoding="utf-8")
        with opened_in(tmp_path) as opened, pytest.raises(InputError) as refusal:
            probe(playlist)
        assert opened <= {playlist.name}
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "start", ["concat:", "subfile,,start,0,end,0,,:", "file:", "async:", "cache:", "crypto:", "http://127.0.0.1:9/"]
)
def test_a_name_is_never_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    monkeypatch.chdir(tmp_path)
    Video().make(tmp_path / "secret.ts")
    with opened_in(tmp_path) as opened:
        for named in ("secret.ts", "secret.ts|secret.ts", "%03d.ts"):
            with pytest.raises(InputError, match=r"no such file|no file|no number"):
                probe(Path(f"{start}{named}"))
            with pytest.raises(InputError):
                find_inputs([f"{start}{named}"])
    assert opened == set()


def _boxes(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An MP4 whose data references are changed, and with them the sizes of all boxes around."""
    made, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            body = _boxes(body, change)
        elif kind == b"dref":
            body = change(body)
        made += struct.pack(">I4s", 8 + len(body), kind) + body
        at += size
    return made


def test_a_video_whose_samples_lie_in_another_file_opens_no_other_file(tmp_path: Path) -> None:
    other = Video().make(tmp_path / "other.mov")
    path = str(other).encode()

    def alias(_: bytes) -> bytes:
        """One entry of the kind QuickTime has for files: an alias, with the POSIX path (18) and the name of the volume."""
        record = bytes(150)  # the fixed part; FFmpeg reads its names' lengths at known places
        record = record[:10] + bytes([4]) + b"root" + record[15:50] + bytes([9]) + b"other.mov" + record[60:]
        entry = record + struct.pack(">hh", 2, len(path)) + path + bytes(len(path) % 2) + struct.pack(">hh", -1, 0)
        entry = struct.pack(">I", 0) + entry
        return struct.pack(">II", 0, 1) + struct.pack(">I4s", 8 + len(entry), b"alis") + entry

    video = tmp_path / "reference.mov"
    video.write_bytes(_boxes(other.read_bytes(), alias))
    with opened_in(tmp_path) as opened, contextlib.suppress(InputError), VideoReader(video) as reader:
        list(reader)
    assert opened <= {video.name}


@pytest.fixture(params=["pipe", "socket", "device"])
def odd(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Path]]:
    """A function that makes something under a name that is neither a file nor a folder."""
    made: list[socket.socket] = []

    def make(path: Path) -> Path:
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "socket":
            before = Path.cwd()
            os.chdir(path.parent)  # a socket's path has 108 characters at most
            try:
                made.append(socket.socket(socket.AF_UNIX))
                made[-1].bind(path.name)
            finally:
                os.chdir(before)
        else:
            try:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # as /dev/zero, which never ends
            except OSError:
                path.symlink_to("/dev/zero")
        return path

    yield make
    for each in made:
        each.close()


def test_what_is_neither_file_nor_folder_is_refused_as_an_input(tmp_path: Path, odd: Callable[[Path], Path]) -> None:
    for name in ("a.png", "a.mp4", "a.gif", "a", "a.exr", "a.tif"):
        path = odd(tmp_path / name)
        for read in (lambda path: find_inputs([path]), probe, read_image):
            with pytest.raises(InputError, match=rf"{name}: is a {irregular(path)[2:]}, not a file") as refusal:  # type: ignore[index]
                read(path)
            assert "\n" not in str(refusal.value)
        path.unlink()


def test_what_is_neither_file_nor_folder_in_a_folder_is_never_waited_for(tmp_path: Path, odd: Callable[[Path], Path]) -> None:
    write_image(tmp_path / "b.png", Image(np.zeros((4, 4, 3), np.uint8)))
    for name in ("a.gif", "a.mp4", "a.png"):
        odd(tmp_path / name)
    assert (tmp_path / "b.png") in {item.path for item in find_inputs([tmp_path])}


@pytest.mark.parametrize("linked", [False, True])
def test_only_regular_files_are_replaced(tmp_path: Path, odd: Callable[[Path], Path], linked: bool) -> None:
    there = odd(tmp_path / "there")
    target = tmp_path / "out.png"
    target.symlink_to(there) if linked else there.rename(target)
    before = target.stat()
    for folder in (False, True):
        for overwrite in (False, True):
            refused = pytest.raises(OutputError, match=r"out.png: is a .*, which no result replaces")
            with refused, atomic_output(target, overwrite=overwrite, folder=folder):
                pytest.fail("the work has started")
    assert target.stat() == before
    assert target.is_symlink() == linked


def test_what_appears_during_the_work_is_not_replaced_either(tmp_path: Path, odd: Callable[[Path], Path]) -> None:
    refused = pytest.raises(OutputError, match="no result replaces")
    with refused, atomic_output(tmp_path / "out.png", overwrite=True) as temporary:
        temporary.write_text("result")
        odd(tmp_path / "out.png")
    assert irregular(tmp_path / "out.png")
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_moved_into_a_folder_where_one_name_is_taken_by_a_pipe(tmp_path: Path, odd: Callable[[Path], Path]) -> None:
    target = tmp_path / "frames"
    target.mkdir()
    (target / "1.png").write_text("old")
    odd(target / "2.png")
    refused = pytest.raises(OutputError, match=r"2.png: is a .*, which no result replaces")
    with refused, atomic_output(target, overwrite=True, folder=True) as folder:
        for name in ("1.png", "2.png"):
            (folder / name).write_text("new")
    assert (target / "1.png").read_text() == "old"


def test_a_link_to_a_file_stays_and_the_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.bin").write_text("old")
    (tmp_path / "out.png").symlink_to("elsewhere/real.bin")
    with pytest.raises(OutputError, match="exists already"), atomic_output(tmp_path / "out.png"):
        pass
    with atomic_output(tmp_path / "out.png", overwrite=True) as temporary:
        assert temporary.suffix == ".png"
        temporary.write_text("new")
    assert (tmp_path / "out.png").is_symlink()
    assert (tmp_path / "elsewhere" / "real.bin").read_text() == "new"
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["real.bin"]


@pytest.mark.parametrize("to", ["nowhere.png", "out.png"])
def test_a_link_to_nowhere_is_refused(tmp_path: Path, to: str) -> None:
    (tmp_path / "out.png").symlink_to(to)
    for folder in (False, True):
        refused = pytest.raises(OutputError, match=rf"out.png: is a link to {to}, which is not there")
        with refused, atomic_output(tmp_path / "out.png", overwrite=True, folder=folder):
            pass
    assert (tmp_path / "out.png").readlink() == Path(to)


def test_a_folder_is_not_replaced_by_a_file_nor_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("folder", "link"):
        with pytest.raises(OutputError, match="is a folder"), atomic_output(tmp_path / name, overwrite=True):
            pass
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "1.png").symlink_to("../file")
    refused = pytest.raises(OutputError, match=r"1.png: is a link")
    with refused, atomic_output(tmp_path / "folder", overwrite=True, folder=True) as made:
        (made / "1.png").write_text("new")
    assert (tmp_path / "file").read_text() == "x"
