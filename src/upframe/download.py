"""Files from the network: resumed where they broke off, verified, and under their name only once they are whole.

While a file is on its way, ``NAME.part`` holds what has come and ``NAME.part.json`` where it came from. A later call with the
same address goes on from there, unless the server says that the file has changed since.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, NoReturn

from upframe import locks
from upframe.errors import InputError, OutputError
from upframe.regular import refuse_irregular

SIZE_LIMIT = 4 * 2**30  # bytes
TIMEOUT = 30.0  # seconds without a single byte, after which a connection counts as broken
ATTEMPTS = 4
PAUSE = 0.5  # seconds before the second attempt, doubled with each further one
REDIRECTS = 5
_CHUNK = 2**18
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_HERE = ("localhost", "127.0.0.1", "::1")
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # HTTP states that pass

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and, where it is known, the bytes there will be."""


def _nothing(_done: int, _total: int | None) -> None:
    pass


class _BrokenOff(Exception):
    """The connection ended too early, or the server was busy: worth another attempt."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """What is known of a file before it is here."""

    size: int | None
    sha256: str | None
    md5: str | None
    limit: int

    @property
    def certain(self) -> bool:
        """Whether a file can be told to be the right one by its content."""
        return bool(self.sha256 or self.md5)

    def fault(self, path: Path) -> str:
        """What is wrong with a file; empty where nothing is."""
        length = path.stat().st_size
        if self.size is not None and length != self.size:
            return f"{length:,} bytes arrived, {self.size:,} were expected"
        for name, digest in (("sha256", self.sha256), ("md5", self.md5)):
            if digest and (found := _digest(path, name)) != digest.lower():
                return f"its {name.upper()} is {found}, expected {digest.lower()}"
        return ""

    def check_length(self, url: str, length: int) -> None:
        """Raise InputError for a length that is not, or cannot be, that of the file."""
        if self.size is not None and length != self.size:
            raise InputError(f"{url}: has {length:,} bytes, not the {self.size:,} expected: it is no longer the same file")
        if length > self.limit:
            raise InputError(f"{url}: has {length / 1e9:,.1f} GB, more than the {self.limit / 1e9:,.1f} GB allowed")


def download(
    url: str,
    target: Path | str,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    limit: int = SIZE_LIMIT,
    timeout: float = TIMEOUT,
    on_progress: Progress = _nothing,
) -> Path:
    """Download a file to ``target``, going on from where an earlier call broke off; returns ``target``.

    ``sha256``, ``md5`` (hexadecimal) and ``size`` (bytes) are verified, each where it is given. A target that is there and
    has the given digest is left as it is, without asking the network; any other is replaced, at the very end and at once.
    Without a digest a partial file is only resumed where the server gives it a version (a strong ETag or a date).

    Only ``https`` is spoken, and ``http`` with this machine itself; redirections are held to the same. Raises InputError for
    an address that is refused or cannot be reached, for a file that is missing there, larger than ``limit`` bytes, not the
    expected one, or a web page in its place; OutputError when it cannot be written here, also where a pipe, a device or a link
    has the name of the partial file: nothing is written through them.
    """
    _check_address(url)
    target, expected = Path(target), _Expected(size, sha256, md5, limit)
    refuse_irregular(target, OutputError)
    if expected.certain and target.is_file() and not expected.fault(target):
        return target
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; the result is a file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _Download(url, target, expected, timeout, on_progress).run()
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def _check_address(url: str, *, here: bool = True) -> None:
    """Raise InputError unless it is an https address, or ``here`` an http one of this machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        allowed = parts.scheme == "https" or (here and parts.scheme == "http" and parts.hostname in _HERE)
    except ValueError:
        allowed = False
    if not (allowed and parts.hostname):
        raise InputError(f"{url}: refused: files are downloaded only from https addresses")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirections, and none that leads away from https."""

    max_redirections = REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl, here=req.type == "http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, slots=True)
class _Download:
    """One file on its way."""

    url: str
    target: Path
    expected: _Expected
    timeout: float
    on_progress: Progress

    @property
    def partial(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def state(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part.json")

    def run(self) -> None:
        """Take the file in as many attempts as are allowed, and give it its name."""
        for path in (self.partial, self.state):
            _check_ours(path)
        with self._alone() as state:
            try:
                for attempt in range(ATTEMPTS):
                    if attempt:
                        time.sleep(PAUSE * 2 ** (attempt - 1))
                    if self._attempt(last=attempt == ATTEMPTS - 1):
                        return
            finally:
                if not self.partial.exists():  # it has its name now, or there is nothing to go on from
                    locks.remove_held(state, self.state)

    def _attempt(self, *, last: bool) -> bool:
        """Whether the file is whole; raises InputError where it is pointless to try again."""
        resumed = self._resumable()
        try:
            self._transfer(resumed)
        except _BrokenOff as broken:
            if last:
                kept = f"{self.partial.stat().st_size:,} bytes" if self.partial.exists() else "none of it"
                raise InputError(
                    f"{self.url}: broke off {ATTEMPTS} times ({broken}); {kept} arrived", remedy="run it again later"
                ) from broken
            return False
        fault = self.expected.fault(self.partial)
        if not fault:
            self.partial.replace(self.target)
            return True
        self.partial.unlink()
        if not resumed or last:  # else its beginning may have been of an older version: once more, from the start
            raise InputError(f"{self.url}: what arrived is not the file that was expected: {fault}; nothing of it was kept")
        return False

    def _transfer(self, offset: int) -> None:
        """Append what is missing behind ``offset`` to the partial file. Raises _BrokenOff when less came than was announced."""
        if offset and offset == self.expected.size:
            return
        headers = {"User-Agent": "upframe", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if version := self._saved().get("version"):
                headers["If-Range"] = version
        request = urllib.request.Request(self.url, headers=headers)
        try:
            response = urllib.request.build_opener(_Redirects).open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and _announced(error) == offset:
                    return  # all of it had come before
                self._refused(error)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        else:
            with response:
                self._receive(response, self._begin(response, offset))

    def _begin(self, response: Any, offset: int) -> int:
        """Where in the file the answer begins; what is at hand is given up unless it goes on exactly there."""
        if response.headers.get_content_type() == "text/html" and self.target.suffix not in (".html", ".htm"):
            raise InputError(f"{self.url}: a web page arrived instead of the file", remedy="open the address in a browser")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise InputError(f"{self.url}: arrived compressed although it was asked for as it is")
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != offset:
                self.partial.unlink(missing_ok=True)
                raise _BrokenOff("the server sent a different part than was asked for")
            return offset
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if version.startswith("W/"):  # says that two files mean the same, not that they are the same bytes
            version = ""
        self.partial.unlink(missing_ok=True)
        with open(self.state, "wb", opener=_ours) as file:
            file.write(json.dumps({"url": self.url, "version": version}).encode())
        return 0

    def _receive(self, response: Any, done: int) -> None:
        total = _announced(response)
        if total is not None:
            self.expected.check_length(self.url, total)
            if shutil.disk_usage(self.target.parent).free < total - done:
                raise OSError(errno.ENOSPC, "no room for what is to come")
        with open(self.partial, "ab", opener=_ours) as file:
            self.on_progress(done, total)
            while chunk := _read(response):
                done += len(chunk)
                if done > self.expected.limit:
                    raise InputError(f"{self.url}: is larger than the {self.expected.limit / 1e9:,.1f} GB allowed")
                file.write(chunk)
                self.on_progress(done, total)
        if total is not None and done != total:
            raise _BrokenOff(f"{done:,} of {total:,} bytes arrived")

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # it is shorter now than what is at hand
            self.partial.unlink(missing_ok=True)
            raise _BrokenOff("the file has changed on the server") from error
        if error.code in _BUSY:
            raise _BrokenOff(f"the server answered {error.code} {error.reason}") from error
        raise InputError(f"{self.url}: cannot be downloaded: the server answered {error.code} {error.reason}") from error

    def _unreachable(self, error: Exception) -> Exception:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ConnectionResetError | TimeoutError | http.client.RemoteDisconnected):
            return _BrokenOff(str(reason) or "no answer")
        host, words = urllib.parse.urlsplit(self.url).hostname, getattr(reason, "strerror", None) or reason
        return InputError(f"{self.url}: {host} cannot be reached ({words}); is there a network?")

    def _saved(self) -> dict[str, str]:
        """What was written down about the partial file; nothing where that cannot be read."""
        with suppress(OSError, ValueError):
            saved = json.loads(self.state.read_text(encoding="utf-8"))
            if isinstance(saved, dict):
                return {str(key): str(value) for key, value in saved.items()}
        return {}

    def _resumable(self) -> int:
        """How many bytes at hand are the beginning of the wanted file, as far as can be known."""
        saved = self._saved()
        same = saved.get("url") == self.url and (saved.get("version") or self.expected.certain)
        return self.partial.stat().st_size if same and self.partial.is_file() else 0

    @contextmanager
    def _alone(self) -> Iterator[IO[bytes]]:
        """Keep other processes from writing the same partial file. Raises InputError when one is at it."""
        with open(self.state, "ab", opener=_ours) as file:
            if not locks.taken(file):
                raise InputError(f"{self.target}: is already being downloaded by another program")
            yield file


def _check_ours(path: Path) -> None:
    """Raise OutputError where a file in the making has the name of something that is no regular file."""
    refuse_irregular(path, OutputError)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        words = "a link" if path.is_symlink() else "a folder"
        raise OutputError(
            f"{path}: is {words}; what is being downloaded is kept under this name", remedy="remove it and run it again"
        )


def _ours(path: str, flags: int) -> int:
    """Open a file in the making, but nothing else that came under its name meanwhile: no link, and no pipe to wait for."""
    opened = os.open(path, flags | _NO_LINK, 0o666)
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return opened
    os.close(opened)
    raise OSError(errno.EINVAL, "is not a regular file", path)


def _announced(response: Any) -> int | None:
    """The length of the whole file, as an answer states it."""
    text = response.headers.get("Content-Range", "").rpartition("/")[2] or response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _read(response: IO[bytes]) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(str(error) or type(error).__name__) from error


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


def _unwritable(target: Path, error: OSError) -> OutputError:
    """What an OSError while writing ``target`` means to a user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(target.parent).free
        return OutputError(
            f"{target}: the disk is full: {free / 1e6:,.0f} MB are free on it", remedy="make room and run it again"
        )
    return OutputError(f"{target}: cannot be written: {error.strerror or error}")
