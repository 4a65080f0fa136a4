"""Small pieces that several sections of the page share."""

from __future__ import annotations

from html import escape

from upframe.evaluation.panels import PLAIN_FAMILY
from upframe.evaluation.results import Evaluation

_COLOURS = 7  # of page.css


def colours(evaluation: Evaluation) -> dict[str, str]:
    """A CSS colour for each subject: grey for bicubic."""
    chosen: dict[str, str] = {}
    for one in evaluation.scored:
        name = one.subject.name
        if name.startswith(PLAIN_FAMILY):
            chosen[name] = "var(--plain)"
        else:
            number = sum(colour != "var(--plain)" for colour in chosen.values())
            chosen[name] = f"var(--s{number % _COLOURS})"
    return chosen


def section(title: str, lead: str, content: str) -> str:
    """A section under a heading; ``lead`` and ``content`` are HTML."""
    return f"<section><h2>{escape(title)}</h2>{f'<p class=lead>{lead}</p>' if lead else ''}{content}</section>"


def facts(evaluation: Evaluation) -> str:
    """The line below the title."""
    about = evaluation.about
    told = []
    if "scale" in about:
        told.append(f"x{about['scale']}")
    clips, frames = int(about.get("clips", 0)), int(about.get("frames", 0))
    if frames == clips:
        told.append(f"{clips} image{'s' * (clips != 1)}")
    else:
        told.append(f"{clips} clip{'s' * (clips != 1)}, {frames} frames")
    if "low resolution" in about:
        source = str(about["low resolution"])
        told.append("low resolution from files" if source == "files" else f"low resolution: {source}")
    told.append(f"protocol {evaluation.protocol.name}")
    return "".join(f"<span>{escape(fact)}</span>" for fact in told)


def notes(evaluation: Evaluation) -> str:
    """What a reader must know."""
    if not evaluation.notes:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in evaluation.notes)}</ul>'


def key(evaluation: Evaluation) -> str:
    """Which colour is whose, where there is a choice."""
    if len(evaluation.scored) < 2:
        return ""
    entries = "".join(
        f'<li><span class="chip" style="background:{colour}"></span>{escape(name)}</li>'
        for name, colour in colours(evaluation).items()
    )
    return f'<ul class="key">{entries}</ul>'
