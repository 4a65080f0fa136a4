"""Two results, or a result and its reference: the numbers and the slider of the evaluation's own page."""

from __future__ import annotations

import secrets
from typing import Any

from upframe.errors import InputError
from upframe.media.atomic import atomic_output
from upframe.serve.desk import Desk
from upframe.serve.page.looks import paragraph, told_in_words

METRICS = ["psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y", "lpips", "vmaf", "niqe", "tof"]


def compare_tab(desk: Desk) -> None:
    """Build the tab. Called inside a tab of Gradio."""
    import gradio as gr

    gr.HTML(paragraph("Of one size: a result and the original that it should be like, or two results."))
    with gr.Row():
        result = gr.File(label="The result", height=130)
        reference = gr.File(label="What it is compared with", height=130)
    if desk.places.folder is not None:
        gr.HTML(paragraph(f"Or name two files or folders in {desk.places.folder}:"))
    with gr.Row(visible=desk.places.folder is not None):
        first = gr.Textbox(label="The result, by its name")
        second = gr.Textbox(label="Compared with, by its name")
    metrics = gr.CheckboxGroup(METRICS, value=METRICS[:2], label="Which numbers")
    go = gr.Button("Compare", variant="primary")
    shown = gr.HTML(elem_id="uf-comparison")
    bar = gr.Progress()

    def run(one: str | None, other: str | None, named: str, compared: str, wanted: list[str], progress: Any = bar) -> str:
        with told_in_words():
            from upframe.evaluation import Comparison, ScoringOptions, compare
            from upframe.reports.evaluation import page

            sides = [given or called.strip() for given, called in ((one, named), (other, compared))]
            if not all(sides):
                raise InputError("two files are needed", remedy="drop one on each side")
            left, right = (str(desk.places.allowed(side)) for side in sides)
            if any(metric not in METRICS for metric in wanted):
                raise InputError("there is no such number")
            wish = Comparison(left, right, ScoringOptions(metrics=tuple(wanted)), panels=True)
            evaluation, panels = compare(
                wish, on_step=lambda step: progress((step.done, step.frames), desc="Comparing", unit="frames")
            )
            name = secrets.token_hex(8)
            with atomic_output(desk.places.shown / f"{name}.html") as path:
                path.write_text(page(evaluation, panels), encoding="utf-8")
            return f'<iframe class="uf-frame" title="The comparison" src="upframe/shown/{name}"></iframe>'

    go.click(
        run,
        [result, reference, first, second, metrics],
        shown,
        api_visibility="private",
        concurrency_id="models",
        concurrency_limit=1,
    )
