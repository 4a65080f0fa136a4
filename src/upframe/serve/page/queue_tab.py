"""The queue, and a look at what is done: the slider at any moment, both films in step, and what was kept."""

from __future__ import annotations

from html import escape
from typing import Any

from upframe.errors import InputError
from upframe.serve.desk import Desk, Result
from upframe.serve.kept import kept_of
from upframe.serve.moments import is_image, is_moving_image, length_of, shown_at
from upframe.serve.page.looks import paragraph, told_in_words
from upframe.serve.previews import enlarged

_EMPTY = """<div role="status" aria-live="polite" id="uf-live" class="uf-hidden"></div>
<p id="uf-lost" class="problem" hidden>The program does not answer.
Start it again with <code>upframe serve</code>: the queue goes on.</p>
<p id="uf-nothing" class="lead">Nothing is waiting.
What you start under “Upscale” comes here, and stays when this page is closed.</p>
<div id="uf-jobs" class="uf-cards"></div>"""
_NOT_PLAYED = "This browser cannot play this kind of video; the file itself is whole."


def queue_tab(desk: Desk) -> None:
    """Build the tab. Called inside a tab of Gradio."""
    import gradio as gr

    gr.HTML(_EMPTY, elem_id="uf-queue")
    asked = gr.Textbox(visible=False)
    look = gr.Button("Look at it", elem_id="uf-look", visible="hidden")
    with gr.Column(visible=False, elem_id="uf-result") as result:
        heading = gr.HTML()
        chosen = gr.Dropdown(label="Which file", visible=False, interactive=True)
        slider = gr.ImageSlider(label="Before and after: move the line", format="png", max_height=640, interactive=False)
        moment = gr.Slider(0, 1, 0, step=0.01, label="Moment, in seconds", interactive=True)
        players = gr.HTML()
    name = gr.State("")
    outputs = [result, name, heading, chosen, moment, slider, players]

    def open_result(job: str) -> tuple[Any, ...]:
        with told_in_words():
            results = desk.results(job)
            if not results:
                raise InputError("there is no result of this job yet")
            choices = [(each.path.name, number) for number, each in enumerate(results)]
            picker = gr.update(choices=choices, value=0, visible=len(results) > 1)
            return (gr.update(visible=True), job, *_opened(desk, job, 0)[:1], picker, *_opened(desk, job, 0)[1:])

    def choose(job: str, number: int) -> tuple[Any, ...]:
        with told_in_words():
            return _opened(desk, job, number)

    def move(job: str, number: int, at: float) -> Any:
        with told_in_words():
            return _pair(_result(desk, job, number), at)

    name_of_it = "() => [window.upframeLook || '']"  # which the script of the queue has set
    look.click(open_result, asked, outputs, js=name_of_it, api_visibility="private", show_progress="minimal")
    chosen.input(choose, [name, chosen], [heading, moment, slider, players], api_visibility="private")
    moment.release(move, [name, chosen, moment], slider, api_visibility="private", show_progress="minimal")


def _result(desk: Desk, job: str, number: int | None) -> Result:
    results = desk.results(job)
    if not 0 <= (number or 0) < len(results):
        raise InputError("this result is not there any more")
    return results[number or 0]


def _opened(desk: Desk, job: str, number: int) -> tuple[Any, ...]:
    """Heading, scrubber, slider and players of one result."""
    import gradio as gr

    result = _result(desk, job, number)
    still = is_image(result.path)
    length = length_of(result.path)
    points = "".join(
        f'<li class="{"" if point.kept else "lost"}">{escape(point.text)}</li>' for point in kept_of(result.source, result.path)
    )
    kept = f'<p class="lead">What was kept</p><ul class="kept">{points}</ul>' if points else ""
    heading = f'<div class="uf-card"><h3>{escape(result.path.name)}</h3>{kept}</div>'
    scrubber = gr.update(maximum=max(length, 0.01), value=0, visible=not still and length > 0)
    return heading, scrubber, _pair(result, 0.0), "" if still else _players(job, number, result)


def _pair(result: Result, at: float) -> Any:
    """Before and after at a time, both of the size of the result."""
    if not result.source.exists():
        raise InputError(f"{result.source.name}: the file it was made of is not there any more")
    after = shown_at(result.path, at)
    return enlarged(shown_at(result.source, at), after.shape[:2]), after


def _players(job: str, number: int, result: Result) -> str:
    if is_moving_image(result.path):
        place = f"upframe/jobs/{escape(job)}"
        figures = "".join(
            f'<figure><img alt="{words}" src="{place}/{side}/{number}"><figcaption>{words}</figcaption></figure>'
            for side, words in (("source", "Before"), ("result", "After"))
        )
        return f'<div class="uf-players">{figures}</div>'
    figures = "".join(
        f'<figure><video controls preload="metadata" playsinline {"muted" if side == "source" else ""} '
        f'aria-label="{words}" src="upframe/jobs/{escape(job)}/{side}/{number}"></video>'
        f'<figcaption>{words}<span class="cannot" hidden>: {_NOT_PLAYED}</span></figcaption></figure>'
        for side, words in (("source", "Before"), ("result", "After"))
    )
    return f'{paragraph("Both in step")}<div class="uf-players">{figures}</div>'
