"""A model as others publish theirs: a repository of Hugging Face with its card, or an entry of OpenModelDB.

Everything is made here and can be looked at; only :func:`upload` asks the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from upframe.errors import CheckpointError, InputError, MissingExtra
from upframe.models.cards import card_of, card_text, named_file, shipped
from upframe.models.header import read_header, sha256
from upframe.models.hub import endpoint
from upframe.models.info import ModelInfo, from_metadata
from upframe.remedies import Call, Option, way

_LICENCES = frozenset(
    {"apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "bsd-2-clause"}
    | {"bsd-3-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "unlicense"}
)
"""Those that Hugging Face knows by these names; any other is ``other`` there, with its own name beside it."""
_TASKS = {"image": "image-to-image", "video": "video-to-video", "rendered": "image-to-image"}


@dataclass(frozen=True, slots=True)
class Publication:
    """A model that can be published. ``file``: its safetensors. ``text``: its card in Markdown, which may be empty."""

    file: Path
    info: ModelInfo
    text: str = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """How a model did on one data set: ``values`` by the name of the metric, and the protocol they were computed by."""

    data_set: str
    protocol: str
    values: dict[str, float]


def publication(name: str) -> Publication:
    """A built-in or imported model by its name, or a safetensors file with a card of ours.

    Raises CheckpointError for a model without such a file, and for one that nobody knows the licence of.
    """
    path = named_file(name) or Path(name)
    known = card_of(name) if named_file(name) else None
    info = known.info if known else None
    if info is None and path.suffix == ".safetensors":
        described, _ = from_metadata(read_header(path).metadata)
        info = described and replace(described, name=path.stem, sha256=sha256(path))
    if info is None:
        raise CheckpointError(
            f"{name}: no model that can be published: it has no card",
            remedy=way("give it one: ", Call("upframe.models.catalog.load_file", (path,))),
        )
    if info.licence == "unknown":
        raise CheckpointError(
            f"{name}: its licence is not known, so that nobody could use it",
            remedy=way("say it: ", Call("upframe.models.catalog.load_file", (path, Option("licence", "Apache-2.0")))),
        )
    return Publication(path, info, card_text(info.name))


def read_scores(path: Path, info: ModelInfo) -> Scores:
    """The scores of a model from what ``upframe evaluate --json`` printed. Raises InputError where they are not in it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        mine = [one for one in found["scores"] if info.name == one["name"] or info.sha256 == one.get("sha256")]
        values = {str(name): round(float(value), 4) for name, value in mine[0]["result"].items()}
        data_set = str(found["title"]).rpartition(" on ")[2]
        return Scores(data_set, str(found["protocol"]["description"]), values)
    except IndexError:
        raise InputError(f"{path}: has no scores of {info.name}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is not what an evaluation prints as JSON") from error


def card(model: Publication, repository: str, scores: Scores | None = None) -> str:
    """The README of a repository of Hugging Face: what programs read of a model, then what people do."""
    info = model.info
    licence = info.licence.lower()
    head: dict[str, Any] = {"license": licence if licence in _LICENCES else "other"}
    if head["license"] == "other":
        head["license_name"] = info.licence
    head |= {
        "library_name": "upframe",
        "pipeline_tag": _TASKS[info.kind],
        "tags": ["super-resolution", "upscaling", info.kind, info.family, f"x{info.scale}"],
        "scale": info.scale,
        "degradation": info.degradation,
        "sampling": info.sampling,
        "experimental": info.experimental,
    }
    if scores:
        head |= {"protocol": scores.protocol, "model-index": [_results(info, scores)]}
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)
    text = model.text or f"# {info.name}\n\n{info.summary or f'An upscaler x{info.scale} for {info.purpose}.'}\n"
    return f"---\n{front}---\n\n{text.rstrip()}\n\n{_use(model, repository)}"


def _results(info: ModelInfo, scores: Scores) -> dict[str, Any]:
    kind = re.sub(r"[^a-z0-9]+", "-", scores.data_set.lower()).strip("-")
    result = {
        "task": {"type": _TASKS[info.kind], "name": "super-resolution"},
        "dataset": {"type": kind, "name": scores.data_set},
        "metrics": [{"type": name, "value": value} for name, value in scores.values.items()],
    }
    return {"name": info.name, "results": [result]}


def _use(model: Publication, repository: str) -> str:
    name = model.info.name
    taken = any(info.name == name for info in shipped())  # the built-in one keeps its name
    here = f"{name}-hub" if taken else name
    lines = [f"upframe models fetch hf:{repository}/{model.file.name}" + (f" --name {here}" if taken else "")]
    if model.info.kind != "rendered":
        lines.append(f"upframe upscale {'clip.mp4' if model.info.kind == 'video' else 'photo.png'} --model {here}")
    return "## Use\n\n```\n" + "\n".join(lines) + f"\n```\n\nSHA-256 of `{model.file.name}`: `{model.info.sha256}`\n"


def token() -> str | None:
    """The user's token, from ``HF_TOKEN`` or where that site's own program keeps it; None where there is none."""
    try:
        from huggingface_hub import get_token
    except ImportError:
        return None
    return get_token()


def upload(model: Publication, repository: str, readme: str, key: str) -> str:
    """Make the repository where it is not there yet, and put weights and card into it as one commit. Returns its address.

    Raises MissingExtra, and InputError for what the server refuses.
    """
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    except ImportError as error:
        raise MissingExtra("huggingface_hub", "hub", "publishing on Hugging Face") from error
    api = HfApi(endpoint=endpoint(), token=key, library_name="upframe")
    operations = [
        CommitOperationAdd("README.md", readme.encode()),
        CommitOperationAdd(model.file.name, model.file.read_bytes()),
    ]
    try:
        api.create_repo(repository, exist_ok=True)
        commit = api.create_commit(repository, operations, commit_message=f"{model.info.name}, by Upframe")
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        raise InputError(f"hf:{repository}: was not published: {str(error).splitlines()[0]}") from error
    return str(commit.commit_url)


def entry(model: Publication, *, author: str, url: str, scores: Scores | None = None) -> tuple[str, str]:
    """The name of a file and what belongs in it: a model's entry in OpenModelDB, for a pull request there.

    ``url``: where its weights can be had. Raises CheckpointError for a network that is not for images.
    """
    info = model.info
    if info.kind != "image":
        raise CheckpointError(f"{info.name}: OpenModelDB has networks for images, and this is for {info.purpose}")
    words = [info.summary or f"{info.family.upper()} x{info.scale} for {info.purpose}.", f"Trained for {info.degradation}."]
    if scores:
        values = ", ".join(f"{name} {value:g}" for name, value in scores.values.items())
        words.append(f"{scores.data_set}: {values} ({scores.protocol}).")
    content: Mapping[str, Any] = {
        "name": info.name,
        "author": author,
        "license": info.licence,
        "tags": ["general-upscaler" if info.material == "clean" else "compression-removal"],
        "description": " ".join(words),
        "date": datetime.now(UTC).date().isoformat(),
        "architecture": info.family,
        "size": None,
        "scale": info.scale,
        "inputChannels": 3,
        "outputChannels": 3,
        "resources": [
            {
                "platform": "pytorch",
                "type": "safetensors",
                "size": model.file.stat().st_size,
                "sha256": info.sha256,
                "urls": [url],
            }
        ],
        "images": [],
    }
    stem = re.sub(r"[^A-Za-z0-9]+", "-", info.name.removesuffix(f"-x{info.scale}")).strip("-")
    return f"{info.scale}x-{stem}.json", json.dumps(content, indent=4, ensure_ascii=False) + "\n"
