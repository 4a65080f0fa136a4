"""Models: what there is and how good it is, a checkpoint of one's own, and those that others have published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upframe.errors import InputError
from upframe.folders import MODELS, made_writable
from upframe.media.atomic import atomic_output
from upframe.models.cards import card_text, imported, models_folder, shipped
from upframe.models.info import ModelInfo
from upframe.models.published import PUBLISHED
from upframe.serve.desk import Desk
from upframe.serve.page.looks import paragraph, told_in_words
from upframe.serve.places import safe_name

if TYPE_CHECKING:
    from upframe.models.catalog import Model

_MOST_SCORES = 3


def models_tab(desk: Desk) -> None:
    """Build the tab. Called inside a tab of Gradio."""
    import gradio as gr

    cards = gr.HTML(_cards())
    name = gr.Dropdown([card.name for card in shipped()], value=None, label="Show the card of a model: data, licence, scores")
    card = gr.Markdown(elem_id="uf-model-card")
    name.input(lambda chosen: card_text(chosen) if chosen else "", name, card, api_visibility="private")
    gr.HTML("<h2>A model of your own</h2>" + paragraph("A checkpoint is read safely: nothing that is in it is run."))
    file = gr.File(label="Drop a checkpoint (.safetensors, .pth, .ckpt, …)", height=130)
    with gr.Row():
        called = gr.Textbox(label="What it is to be called", placeholder="as its file", max_length=80)
        licence = gr.Textbox(label="What it may be used for (licence)", placeholder="unknown", max_length=80)
    add = gr.Button("Import it")
    gr.HTML("<h2>Published models</h2>" + paragraph("These are fetched from their authors: this alone needs the network."))
    offered = [(f"{entry.name}: {entry.summary}", entry.name) for entry in PUBLISHED if entry.address]
    published = gr.Dropdown(offered, value=None, label="Which one")
    fetch = gr.Button("Fetch it")
    told = gr.HTML()
    bar = gr.Progress()

    def import_file(path: str | None, wanted: str, terms: str) -> tuple[str, str]:
        with told_in_words():
            if not path:
                raise InputError("there is no checkpoint yet", remedy="drop one first")
            model = _imported(desk.places.allowed(path), wanted.strip(), terms.strip())
            return _told(model), _cards()

    def fetch_one(wanted: str | None, progress: Any = bar) -> tuple[str, str]:
        with told_in_words():
            if not wanted:
                raise InputError("choose a model first")
            model = _fetched(wanted, lambda done, total: progress((done, total or None), desc=wanted, unit="bytes"))
            return _told(model), _cards()

    add.click(import_file, [file, called, licence], [told, cards], api_visibility="private", concurrency_id="models")
    fetch.click(fetch_one, published, [told, cards], api_visibility="private")


def _cards() -> str:
    shown = "".join(_card(info, own=False) for info in shipped()) + "".join(_card(info, own=True) for info in imported())
    return f'<div class="uf-grid">{shown}</div>'


def _card(info: ModelInfo, *, own: bool) -> str:
    facts = [
        f"×{info.scale}" if info.degradation != "none" else "any scale",
        {"image": "pictures and films", "video": "films"}.get(info.kind, "rendered frames"),
    ]
    if info.parameters:
        facts.append(f"{info.parameters / 1e6:.2g} million parameters")
    facts += ["yours"] * own + ["experimental"] * info.experimental
    scores = "".join(f"<li>{escape(line)}</li>" for line in scores_of(info.name))
    return (
        f'<article class="uf-card"><h3>{escape(info.name)}</h3><p class="soft">{escape(" · ".join(facts))}</p>'
        f"<p>For {escape(info.purpose)}.</p><ul>{scores}</ul></article>"
    )


def scores_of(name: str) -> list[str]:
    """The first scores in a model's card, against bicubic interpolation; empty where it has none."""
    found: list[str] = []
    heading: list[str] = []
    for line in card_text(name).splitlines():
        row = [cell.strip(" *`") for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if "over bicubic" in row:
            heading = row
        elif not row:
            heading = []
        elif heading and len(row) == len(heading):
            found += _score(dict(zip(heading, row, strict=True)))
    return found[:_MOST_SCORES]


def _score(row: dict[str, str]) -> Iterator[str]:
    """A line of a table that compares models on images, or one model by several metrics."""
    if row.get("", "") == "these weights":
        yield f"PSNR {row['mean']} dB on average, {row['over bicubic']} over bicubic"
    elif "these weights" in row and not set(row["metric"]) <= set("-: "):
        yield f"{row['on']}, {row['metric']}: {row['these weights']}, {row['over bicubic']} over bicubic"


def _imported(path: Path, wanted: str, licence: str) -> Model:
    from upframe.models.catalog import load_file, name_for

    model = load_file(path, merge=False)
    name = name_for(model, safe_name(wanted) if wanted else None)
    return _kept(replace(model, info=replace(model.info, name=name, licence=licence or model.info.licence)), path)


def _fetched(name: str, on_progress: Callable[[int, int | None], None]) -> Model:
    from upframe.models import catalog

    original, model = catalog.fetch(name, on_progress)
    kept = _kept(model, original)
    original.unlink(missing_ok=True)
    return kept


def _kept(model: Model, original: Path) -> Model:
    from upframe.models.catalog import save

    target = made_writable(models_folder(), MODELS) / f"{model.info.name}.safetensors"
    with atomic_output(target) as temporary:
        save(model, temporary, source=f"{original.name}, SHA-256 {model.info.sha256}")
    return model


def _told(model: Model) -> str:
    found = "".join(f"<li>{escape(sentence)}</li>" for sentence in model.found)
    name = escape(model.info.name)
    return (
        f'<div class="uf-card" role="status"><h3>{name} is here</h3><p>Choose it under “For experts”.</p><ul>{found}</ul></div>'
    )
