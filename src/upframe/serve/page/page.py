"""The whole page, and the same queue for programs."""

from __future__ import annotations

from typing import Any

from upframe.serve.desk import Desk
from upframe.serve.page.compare_tab import compare_tab
from upframe.serve.page.frames_tab import frames_tab
from upframe.serve.page.models_tab import models_tab
from upframe.serve.page.programs import add_endpoints
from upframe.serve.page.queue_tab import queue_tab
from upframe.serve.page.upscale_tab import UpscaleTab
from upframe.serve.previews import LoadedUpscalers


def build_page(desk: Desk) -> Any:
    """The page as Gradio's Blocks."""
    import gradio as gr

    upscalers = LoadedUpscalers()
    with gr.Blocks(title="Upframe", analytics_enabled=False, delete_cache=(3600, 24 * 3600)) as page:
        gr.HTML(
            '<header class="uf-head"><h1>Upframe</h1><p>Pictures and films made larger, on this machine alone.</p></header>'
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Upscale", id="upscale"):
                begun = UpscaleTab(desk, upscalers).build()
            with gr.Tab("Queue", id="queue", render_children=True):
                queue_tab(desk)
            with gr.Tab("Models", id="models"):
                models_tab(desk)
            with gr.Tab("Compare", id="compare"):
                compare_tab(desk)
            with gr.Tab("Rendered frames", id="frames"):
                frames_tab(desk)
        add_endpoints(desk)
        begun.success(lambda: gr.Tabs(selected="queue"), None, tabs, api_visibility="private")
    return page
