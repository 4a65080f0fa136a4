"""Rendered frames: whether a capture keeps to the contract, and what it looks like."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from upframe.errors import InputError, ShapeError
from upframe.serve.desk import Desk
from upframe.serve.moments import Pixels
from upframe.serve.page.looks import paragraph, told_in_words

MOST_SHOWN = 8  # frames of a capture


def frames_tab(desk: Desk) -> None:
    """Build the tab. Called inside a tab of Gradio."""
    import gradio as gr

    gr.HTML(
        paragraph(
            "A capture of a game or renderer: colour, depth and motion of each frame, as docs/rendered-frames.md has them."
        )
    )
    if desk.places.folder is None:
        gr.HTML(paragraph("Captures are folders of this machine: start the page with --folder to name one."))
        return
    place = gr.Textbox(
        label="The folder of the capture", info=f"In {desk.places.folder}", placeholder=". for the folder itself"
    )
    go = gr.Button("Check it", variant="primary")
    told = gr.HTML(elem_id="uf-findings")
    images = gr.Gallery(
        label="Warped past, holes, motion, depth",
        columns=1,
        object_fit="contain",
        format="png",
        interactive=False,
        visible=False,
    )

    def check(named: str) -> tuple[str, Any]:
        with told_in_words():
            if not named.strip():
                raise InputError("there is no folder yet", remedy="write its name")
            words, shown = _checked(desk.places.allowed(named.strip()))
            return words, gr.update(value=shown, visible=bool(shown))

    for trigger in (go.click, place.submit):
        trigger(check, place, [told, images], api_visibility="private", concurrency_id="models", concurrency_limit=1)


def _checked(folder: Path) -> tuple[str, list[tuple[Pixels, str]]]:
    """The findings of all captures of a folder, and images of the first few frames of each."""
    from upframe.rendered.check.captures import open_captures
    from upframe.rendered.check.checker import check_frames
    from upframe.rendered.check.images import FrameTiles, sheet

    cards: list[str] = []
    shown: list[tuple[Pixels, str]] = []
    for capture in open_captures(folder):
        report = check_frames(capture.frames, capture.cameras)
        verdict = f"{len(report.mistakes)} wrong" if report.mistakes else "passed"
        lines = "".join(
            f'<li class="{"lost" if finding.kind == "mistake" else ""}">{escape(_words(finding.message, finding.remedy))}</li>'
            for finding in report.findings
        )
        facts = f"{report.frames} frames, {report.pairs} compared: <strong>{verdict}</strong>"
        cards.append(f'<article class="uf-card"><h3>{escape(capture.name)}</h3><p>{facts}</p><ul>{lines}</ul></article>')
        tiles = FrameTiles(report.reading)
        for number in range(min(len(capture.frames), MOST_SHOWN)):
            try:
                frame = capture.frames[number]
            except (InputError, ShapeError):
                continue  # is in the report
            shown.append((sheet(tiles.step(frame)), f"{capture.name}, frame {number}"))
    return f'<div class="uf-cards" role="status">{"".join(cards)}</div>', shown


def _words(message: str, remedy: str) -> str:
    return f"{message}; {remedy}" if remedy else message
