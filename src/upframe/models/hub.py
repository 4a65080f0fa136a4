"""Weights from Hugging Face: ``hf:OWNER/REPO[/FILE][@REVISION]``.

Only safetensors are taken, which hold no code, of one commit, which is written down, and at most ``SIZE_LIMIT``. No account is
used and none is named: what wants one is downloaded by hand, and imported. ``HF_ENDPOINT`` names another server of the same
protocol, ``HF_HUB_OFFLINE`` keeps from asking any.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from upframe.download import Progress, download
from upframe.errors import CheckpointError, InputError
from upframe.folders import MODELS, made_writable
from upframe.models.cards import models_folder
from upframe.models.catalog import Model, load_file
from upframe.remedies import Call, Remedy, way

PREFIX = "hf:"
SIZE_LIMIT = 2 * 2**30  # bytes of a weights file
LISTING_LIMIT = 8 * 2**20  # bytes of what is said of a repository
ENDING = ".safetensors"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_REPOSITORY = re.compile(rf"{_PART}/{_PART}")
_ADDRESS = re.compile(rf"hf:(?P<repository>{_PART}/{_PART})(/(?P<file>[^@]+))?(@(?P<revision>[A-Za-z0-9._/-]+))?")
_COMMIT = re.compile("[0-9a-f]{40}")
_NAMELESS = ("model", "weights", "pytorch_model", "diffusion_pytorch_model")  # of files that are called what they all are


@dataclass(frozen=True, slots=True)
class Hosted:
    """A weights file of a repository at one commit. ``size`` (bytes) and ``sha256``: None where the server does not say it."""

    repository: str
    file: str
    commit: str
    licence: str
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The file's own, or the repository's where that says nothing."""
        stem = PurePosixPath(self.file).name.removesuffix(ENDING)
        return self.repository.partition("/")[2] if stem in _NAMELESS else stem

    @property
    def address(self) -> str:
        """Where this very file is found again."""
        return f"{PREFIX}{self.repository}/{self.file}@{self.commit}"

    @property
    def url(self) -> str:
        return f"{endpoint()}/{self.repository}/resolve/{self.commit}/{quote(self.file)}"


def endpoint() -> str:
    """The server, without a slash at its end."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def repository_of(address: str) -> str:
    """OWNER/REPO of ``hf:OWNER/REPO``. Raises InputError for anything else."""
    repository = address.removeprefix(PREFIX)
    if not address.startswith(PREFIX) or not _REPOSITORY.fullmatch(repository):
        raise InputError(f"{address}: not a repository", remedy="write it as hf:OWNER/REPO")
    return repository


def find(address: str) -> Hosted:
    """Ask which file an address means, at which commit.

    Raises CheckpointError for an address of another form, a repository that is not there or wants an account, a file that is
    not there or no safetensors, and where there are several and none is named.
    """
    found = _ADDRESS.fullmatch(address)
    file = found["file"] if found else None
    if found is None or (file and not _is_inside(file)):
        raise CheckpointError(f"{address}: not an address", remedy="write it as hf:OWNER/REPO, or hf:OWNER/REPO/FILE@REVISION")
    if file and not file.endswith(ENDING):
        raise CheckpointError(
            f"{address}: only {ENDING} files are taken from there",
            remedy=_by_hand(found["repository"], file, "of another kind"),
        )
    listing = _listing(address, found["repository"], found["revision"])
    file = file or _only_file(address, listing)
    about = listing["siblings"].get(file)
    if about is None:
        raise CheckpointError(f"{address}: there is no such file in the repository. {_offered(listing)}")
    stored = about.get("lfs") or {}
    return Hosted(
        found["repository"],
        file,
        listing["sha"],
        listing["licence"],
        size=stored.get("size") or about.get("size"),
        sha256=stored.get("sha256"),
    )


def _is_inside(file: str) -> bool:
    return "\\" not in file and all(part not in ("", ".", "..") for part in file.split("/"))


def _listing(address: str, repository: str, revision: str | None) -> dict[str, Any]:
    """What the server says: ``sha`` of the commit, ``licence``, and ``siblings``, the files by name."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise CheckpointError(f"{address}: nothing is fetched while HF_HUB_OFFLINE is set", remedy="unset HF_HUB_OFFLINE")
    url = f"{endpoint()}/api/models/{repository}" + (f"/revision/{quote(revision, safe='')}" if revision else "")
    try:
        with TemporaryDirectory() as folder:
            answer = json.loads(download(f"{url}?blobs=true", Path(folder) / "listing", limit=LISTING_LIMIT).read_bytes())
        commit, gated = str(answer["sha"]), bool(answer.get("gated"))
        files = {str(one["rfilename"]): dict(one) for one in answer["siblings"]}
        licence = str((answer.get("cardData") or {}).get("license") or "unknown")
    except InputError as error:
        why = "it is not there, or wants an account" if re.search(r"answered 40[134]", str(error)) else str(error)
        raise CheckpointError(f"{address}: {why}", remedy=_by_hand(repository)) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{address}: {endpoint()} does not answer as Hugging Face does") from error
    if not _COMMIT.fullmatch(commit):
        raise CheckpointError(f"{address}: {endpoint()} names no commit")
    if gated:
        raise CheckpointError(f"{address}: its owner gives it to those who asked for it", remedy=_by_hand(repository))
    return {"sha": commit, "licence": licence, "siblings": files}


def _only_file(address: str, listing: Mapping[str, Any]) -> str:
    names = [name for name in listing["siblings"] if name.endswith(ENDING)]
    if len(names) != 1:
        raise CheckpointError(f"{address}: holds {len(names)} {ENDING} files, and none is named. {_offered(listing)}")
    return str(names[0])


def _offered(listing: Mapping[str, Any]) -> str:
    names = sorted(name for name in listing["siblings"] if name.endswith(ENDING))
    more = f", and {len(names) - 8} more" if len(names) > 8 else ""
    return f"There are: {', '.join(names[:8])}{more}" if names else f"There is no {ENDING} file"


def _by_hand(repository: str, file: str = "FILE", kind: str = "") -> Remedy:
    what = f"a file {kind}" if kind else "it"
    return way(
        f"download {what} in a browser from {endpoint()}/{repository}, then: ",
        Call("upframe.models.catalog.load_file", (Path(PurePosixPath(file).name),)),
    )


def fetch(hosted: Hosted, on_progress: Progress) -> tuple[Path, Model]:
    """Download a file into the folder of models, verify it, and load it for training.

    Returns the file as it was hosted, which is the caller's to remove, and the model. Raises CheckpointError and OutputError.
    """
    path = made_writable(models_folder(), MODELS) / "downloads" / f"{hosted.name}{ENDING}"
    try:
        download(hosted.url, path, sha256=hosted.sha256, size=hosted.size, limit=SIZE_LIMIT, on_progress=on_progress)
    except InputError as error:
        with suppress(OSError):  # there is something in it
            path.parent.rmdir()
        raise CheckpointError(f"{hosted.address}: {error}", remedy=_by_hand(hosted.repository, hosted.file)) from error
    model = load_file(path, merge=False)
    info = model.info
    if info.licence == "unknown":
        info = replace(info, licence=hosted.licence)
    known = "verified by its SHA-256" if hosted.sha256 else "whose digest the server does not say"
    return path, replace(model, info=info, found=(*model.found, f"{hosted.address}, {known}"))
