"""How the page looks: fonts of the machine alone, light and dark, and pieces of HTML with everything in them escaped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from importlib import resources
from typing import Any

from upframe.errors import UpframeError, as_upframe_error
from upframe.serve.page.words import in_page_words

FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Arial", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Consolas", "DejaVu Sans Mono", "monospace"]


def theme() -> Any:
    """Gradio's plain theme in our colours. No font is fetched: those of the system are named."""
    import gradio as gr

    blue = gr.themes.Color(
        "#eef7fb", "#d6ebf4", "#b0d8e8", "#7fc0da", "#489fc3", "#0f6b8f", "#0d5f7f", "#0b4f6a", "#093e53", "#072f3f", "#041d27"
    )
    return gr.themes.Base(primary_hue=blue, secondary_hue=blue, neutral_hue="zinc", font=FONT, font_mono=MONO).set(
        body_background_fill="#fbfaf8",
        body_background_fill_dark="#14171a",
        link_text_color="#0f6b8f",
        link_text_color_dark="#6fc3e3",
        link_text_color_hover_dark="#a4dcf1",
        link_text_color_visited_dark="#6fc3e3",
        link_text_color_active_dark="#6fc3e3",
        block_radius="10px",
        button_primary_background_fill="*primary_500",
        button_primary_background_fill_hover="*primary_600",
        button_primary_text_color="white",
    )


def asset(name: str) -> str:
    """A style sheet or script of this package."""
    return (resources.files("upframe.serve") / "page" / name).read_text(encoding="utf-8")


def head() -> str:
    """What is added to the page's head: our script."""
    return f"<script>{asset('queue.js')}</script>"


def paragraph(text: str, kind: str = "lead") -> str:
    """A paragraph of a class of the style."""
    return f'<p class="{kind}">{escape(text)}</p>'


def bullets(lines: list[str], kind: str = "plain") -> str:
    """A list; empty without lines."""
    return f'<ul class="{kind}">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>' if lines else ""


def problem(message: str, remedy: str = "") -> str:
    """What is wrong, and what to do."""
    way = f"<br>{escape(remedy)}" if remedy else ""
    return f'<p class="problem" role="alert">{escape(message)}{way}</p>'


@contextmanager
def told_in_words() -> Iterator[None]:
    """What is raised in the block, as a message on the page and an error of the API, without a traceback."""
    import gradio as gr

    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        known: UpframeError = as_upframe_error(error)
        way = in_page_words(known.remedy)
        raise gr.Error(
            escape(f"{known}. {way}".strip(), quote=False), title="That did not work", print_exception=False
        ) from error
