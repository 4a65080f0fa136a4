"""The sections of the page that show images."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import PIL.Image

from upframe.evaluation.images import LOW, REFERENCE
from upframe.evaluation.panels import PLAIN_FAMILY, Panel
from upframe.reports.parts import section

_WIDE, _TALL = 1040, 800  # CSS pixels
_ZOOMS = {1: "shown one to one", 2: "shown up to twice as large", 3: "shown up to three times as large"}


def viewers(panels: Sequence[Panel]) -> str:
    """A window of some clips with a divide between two images that can be chosen."""
    shown = [panel for panel in panels if panel.kind == "window"]
    if not shown:
        return ""
    tabs = "".join(
        f'<button type="button" role="tab" id="tab{number}" aria-controls="viewer{number}" '
        f'aria-selected="{str(number == 0).lower()}" tabindex="{0 if number == 0 else -1}">{escape(panel.title)}</button>'
        for number, panel in enumerate(shown)
    )
    tabs = f'<div class="tabs" role="tablist" aria-label="Clips">{tabs}</div>' if len(shown) > 1 else ""
    stages = "".join(_viewer(number, panel) for number, panel in enumerate(shown))
    lead = (
        "The middle of an image, or of a clip's middle frame. Drag the divide, or use the arrow keys; choose what stands on "
        "either side of it."
    )
    return section("Side by side", lead, tabs + stages)


def _viewer(number: int, panel: Panel) -> str:
    names = list(panel.layers)
    left, right = _sides(names)
    width, height = _size(panel.layers[REFERENCE])
    zoom = max(1, min(_WIDE // width, _TALL // height, max(_ZOOMS)))
    images = "".join(
        f'<img alt="{escape(name)}" class="{_classes(name, left, right)}" src="{_uri(image)}">'
        for name, image in panel.layers.items()
    )
    choices = "".join(
        f'<select class="{side}" aria-label="Shown on the {side}">{_options(names, chosen)}</select>'
        for side, chosen in (("left", left), ("right", right))
    )
    return (
        f'<div class="viewer" role="tabpanel" id="viewer{number}" aria-label="{escape(panel.title)}"'
        f'{" hidden" if number else ""} style="--w:{width};--h:{height};--zoom:{zoom}">'
        f'<div class="choice">{choices}</div><div class="stage">{images}'
        '<div class="handle" role="slider" tabindex="0" aria-label="Divide" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="50"></div></div><p class="hint">{width} x {height} pixels, {_ZOOMS[zoom]}</p></div>'
    )


def _sides(names: Sequence[str]) -> tuple[str, str]:
    """What is shown first: bicubic against the first model, or the result against the reference."""
    others = [name for name in names if name not in (LOW, REFERENCE) and not name.startswith(PLAIN_FAMILY)]
    plain = [name for name in names if name.startswith(PLAIN_FAMILY)]
    if others and plain:
        return plain[0], others[0]
    return (others or plain or [names[0]])[0], REFERENCE


def _classes(name: str, left: str, right: str) -> str:
    return " ".join(side for side, chosen in (("left", left), ("right", right)) if name == chosen)


def _options(names: Sequence[str], chosen: str) -> str:
    return "".join(
        f'<option value="{number}"{" selected" if name == chosen else ""}>{escape(name)}</option>'
        for number, name in enumerate(names)
    )


def crops(panels: Sequence[Panel], first: str) -> str:
    """The blocks where the first subject, of this name, does worst and best."""
    sections = []
    for kind, lead in (
        ("worst", "The blocks of the greatest error, with the PSNR of their luma."),
        ("best", "The blocks of the greatest gain over bicubic, or without one those of the least error for their contrast."),
    ):
        shown = [panel for panel in panels if panel.kind == kind]
        if shown:
            content = "".join(_crops(panel, first) for panel in shown)
            sections.append(section(f"Where {first} does {kind}", lead, content))
    return "\n".join(sections)


def _crops(panel: Panel, first: str) -> str:
    figures = _figures(panel, first)
    return f'<div class="crops"><h3>{escape(panel.title)}</h3><div class="row">{figures}</div></div>'


def _figures(panel: Panel, first: str = "") -> str:
    mark = {first: ' class="first"'}
    return "".join(
        f'<figure{mark.get(name, "")}><img alt="{escape(f"{name}, {panel.title}")}" src="{_uri(image)}" loading="lazy">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, image in panel.layers.items()
    )


def profiles(panels: Sequence[Panel]) -> str:
    """The middle column of each frame, side by side in time."""
    shown = [panel for panel in panels if panel.kind == "profile"]
    if not shown:
        return ""
    lead = (
        "The middle column of every frame, one beside the other: time runs to the right. Smooth lines are steady motion; "
        "a comb or grain that the reference does not have is flicker."
    )
    content = "".join(f'<h3>{escape(panel.title)}</h3><div class="columns">{_figures(panel)}</div>' for panel in shown)
    return section("Over time", lead, content)


def _uri(image: bytes) -> str:
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(image).decode('ascii')}"


def _size(image: bytes) -> tuple[int, int]:
    with PIL.Image.open(io.BytesIO(image)) as opened:
        return opened.size
