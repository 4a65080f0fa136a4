"""Files dropped, what they are, what is advised, a preview, and the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upframe.errors import InputError, UpframeError
from upframe.media.video.containers import container_for
from upframe.models.cards import imported, shipped
from upframe.serve.desk import Desk
from upframe.serve.facts import EFFORTS, Facts, facts_of
from upframe.serve.page.looks import bullets, problem, told_in_words
from upframe.serve.page.words import KEEP_DAMAGED, in_page_words
from upframe.serve.previews import MOST, LoadedUpscalers, Preview, candidates
from upframe.serve.wishes import Wishes

if TYPE_CHECKING:
    from upframe.engine.choice import Effort

SCALES = [("2 times", "2"), ("3 times", "3"), ("4 times", "4"), ("No larger, but restored", "same")]
EFFORT_WORDS = {"fast": "Fast", "good": "Good", "best": "Best"}
PURPOSES = [("To watch", ""), ("A smaller file", "x265"), ("To keep: more quality, a larger file", "crf")]
_SHOWN = 12  # files that are looked at; the rest are counted
_CODECS = ["x264", "x265", "av1", "vp9", "ffv1", "prores", "h264-nvenc", "hevc-nvenc"]
_AUTOMATIC = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choices as the page has them."""

    scale: str
    effort: str
    purpose: str
    model: str | None
    size: str
    codec: str
    crf: float | None
    device: str
    precision: str
    quality: float | None
    allow_truncated: bool

    @property
    def factor(self) -> float | None:
        """How many times larger; 1 for restored."""
        return 1.0 if self.scale == "same" else float(self.scale)

    def wishes(self, facts: Facts) -> Wishes:
        """What is asked of the command for a file. Raises ValueError for an expert's word that is none."""
        codec, crf = self.codec or None, self.crf
        if facts.moving and codec is None and crf is None:
            codec, crf = self._by_purpose(facts.path)
        sized = self.size.strip().replace("×", "x") or None
        return Wishes(
            scale=None if sized or self.scale == "same" else float(self.scale),
            size=sized or ("same" if self.scale == "same" else None),
            effort=self.effort if facts.moving and not self.model else None,  # type: ignore[arg-type]  # checked there
            model=self.model or None,
            codec=codec if facts.moving else None,  # type: ignore[arg-type]  # checked there
            crf=crf if facts.moving else None,
            device=self.device,
            precision=self.precision,  # type: ignore[arg-type]  # checked there
            quality=None if facts.moving or not self.quality else int(self.quality),
            allow_truncated=self.allow_truncated,
        )

    def _by_purpose(self, path: Path) -> tuple[str | None, float | None]:
        """The encoder and its quality, as far as the container of a file has a place for them."""
        try:
            encoders = container_for(path).encoders
        except UpframeError:
            return None, None
        if self.purpose == "x265":
            return ("x265" if "x265" in encoders else None), None
        return None, 12.0 if self.purpose == "crf" and encoders[0] == "x264" else None


@lru_cache(maxsize=256)
def _facts(path: Path, allow_truncated: bool, _stamp: tuple[int, int]) -> Facts:
    return facts_of(path, allow_truncated=allow_truncated)


def known(path: Path, allow_truncated: bool = False) -> Facts:
    """The facts of a file, looked up once as long as it stays the same."""
    try:
        status = path.stat()
    except OSError:
        return facts_of(path)
    return _facts(path, allow_truncated, (status.st_size, status.st_mtime_ns))


class UpscaleTab:
    """Builds the tab; every answer is computed from what the page sends, so that nothing is lost when it is loaded again."""

    def __init__(self, desk: Desk, upscalers: LoadedUpscalers) -> None:
        self.desk, self.upscalers = desk, upscalers

    def build(self) -> Any:
        """The components and what they do, inside a tab of Gradio. Returns the event after which jobs are in the queue."""
        import gradio as gr

        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                files = gr.File(label="Drop pictures and films here, or click to choose", file_count="multiple", height=170)
                place = gr.Textbox(
                    label="Or a file or folder of this machine",
                    info=f"In {self.desk.places.folder}" if self.desk.places.folder else "",
                    placeholder=". for all of it",
                    visible=self.desk.places.folder is not None,
                    elem_id="uf-place",
                )
                scale = gr.Radio(SCALES, value="2", label="How much larger")
                effort = gr.Radio(
                    [(word, key) for key, word in EFFORT_WORDS.items()], value="fast", label="Quality against time"
                )
                purpose = gr.Radio(PURPOSES, value="", label="What for (films)")
                experts = self._experts()
                start = gr.Button("Start", variant="primary", interactive=False, elem_id="uf-start")
                started = gr.HTML(elem_id="uf-started")
            with gr.Column(scale=6, min_width=320):
                facts = gr.HTML(_facts_html([], [], None), elem_id="uf-facts")
        sliders, controls = self._preview_parts()
        asked = [files, place, scale, effort, purpose, *experts]
        self._connect(asked, facts, start, sliders, controls)
        return start.click(self.start, asked, [started, files, place], api_visibility="private", show_progress="minimal")

    def _connect(self, asked: list[Any], facts: Any, start: Any, sliders: list[Any], controls: list[Any]) -> None:
        """What follows on a change: the facts or the advice at once, and then the preview, one at a time."""
        item, moment, across, down, again, box, told = controls
        files, place, scale, effort, _, model, *_, truncated = asked
        quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal", "trigger_mode": "always_last"}
        slow: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "models", "concurrency_limit": 1}
        preview = (self.preview, [*asked, item, moment, across, down], [told, effort, *sliders])
        for trigger in (files.change, place.submit, truncated.change):
            trigger(self.look, asked, [facts, start, box, item, moment], **quick).then(*preview, **slow)
        for choice in (scale, effort, model):
            choice.input(self.advise, asked, facts, **quick).then(*preview, **slow)
        item.input(self.choose, item, moment, **quick).then(*preview, **slow)
        for control in (moment.release, across.release, down.release, again.click):
            control(*preview, **slow, trigger_mode="always_last")

    def _experts(self) -> list[Any]:
        import gradio as gr

        with gr.Accordion("For experts", open=False):
            offered = [("Chosen for each file", _AUTOMATIC)]
            offered += [
                (f"{card.name}: {card.purpose}", card.name) for card in (*shipped(), *imported()) if card.kind != "rendered"
            ]
            model = gr.Dropdown(offered, value=_AUTOMATIC, label="Model", filterable=True)
            with gr.Row():
                size = gr.Textbox(label="Exact size instead", placeholder="1920x1080", max_length=11)
                quality = gr.Textbox(label="JPEG quality, 1 to 100", placeholder="95", max_length=3)
            with gr.Row():
                codec = gr.Dropdown(
                    [("As usual (x264)", ""), *((name, name) for name in _CODECS)], value="", label="Video codec"
                )
                crf = gr.Textbox(label="Video quality (CRF): lower is better", placeholder="as usual", max_length=4)
            with gr.Row():
                device = gr.Dropdown(["auto", "cpu", "cuda", "cuda:0", "cuda:1", "mps"], value="auto", label="Device")
                precision = gr.Dropdown(["auto", "fp32", "fp16", "bf16"], value="auto", label="Precision")
            truncated = gr.Checkbox(label=KEEP_DAMAGED)
        return [model, size, codec, crf, device, precision, quality, truncated]

    def _preview_parts(self) -> tuple[list[Any], list[Any]]:
        import gradio as gr

        with gr.Column(visible=False, elem_id="uf-preview") as box:
            told = gr.HTML("<h2>Preview</h2>")
            with gr.Row():
                item = gr.Dropdown(label="Which file", interactive=True, visible=False)
                moment = gr.Slider(0, 1, 0, step=0.04, label="Moment, in seconds", interactive=True, visible=False)
                across = gr.Slider(0, 100, 50, step=1, label="Left to right, %", interactive=True)
                down = gr.Slider(0, 100, 50, step=1, label="Top to bottom, %", interactive=True)
            with gr.Row(elem_id="uf-previews"):
                sliders = [
                    gr.ImageSlider(
                        label=f"Preview {number + 1}",
                        format="png",
                        interactive=False,
                        visible=False,
                        min_width=300,
                        max_height=400,
                    )
                    for number in range(MOST)
                ]
            again = gr.Button("Show the preview again", size="sm")
        return sliders, [item, moment, across, down, again, box, told]

    # --- what happens

    def _asked(self, asked: Sequence[Any]) -> tuple[list[Facts], list[str], int, Chosen]:
        """The facts of the first files, what was refused, how many there are, and the choices."""
        files, place, scale, effort, purpose, model, size, codec, crf, device, precision, quality, truncated = asked
        named = [str(place).strip()] if place and str(place).strip() else []
        found, refused = self.desk.find([*(files or []), *named])
        chosen = Chosen(
            scale, effort, purpose, model, size or "", codec or "", crf, device, precision, quality, bool(truncated)
        )
        return [known(path, chosen.allow_truncated) for path in found[:_SHOWN]], refused, len(found), chosen

    def look(self, *asked: Any) -> tuple[Any, ...]:
        """What the files are."""
        import gradio as gr

        with told_in_words():
            facts, refused, count, chosen = self._asked(asked)
            good = [fact for fact in facts if not fact.error]
            choices = [(fact.path.name, str(fact.path)) for fact in good]
            item = gr.update(choices=choices, value=choices[0][1] if choices else None, visible=len(choices) > 1)
            several = count - len(facts) + len(good)
            words = f"Start {several} files" if several > 1 else "Start"
            return (
                _facts_html(facts, refused, chosen, count - len(facts)),
                gr.update(interactive=bool(good), value=words),
                gr.update(visible=bool(good)),
                item,
                self._scrubber(good[0] if good else None),
            )

    def advise(self, *asked: Any) -> str:
        """The facts again, with what other choices make of the advice."""
        with told_in_words():
            facts, refused, count, chosen = self._asked(asked)
            return _facts_html(facts, refused, chosen, count - len(facts))

    def choose(self, item: str | None) -> Any:
        """The scrubber of another file."""
        with told_in_words():
            return self._scrubber(known(self.desk.places.allowed(item)) if item else None)

    def _scrubber(self, fact: Facts | None) -> Any:
        import gradio as gr

        if fact is None or not fact.moving or fact.seconds <= 0:
            return gr.update(visible=False, value=0)
        return gr.update(visible=True, maximum=round(fact.seconds, 2), value=round(fact.seconds / 3, 2))

    def preview(self, *values: Any) -> tuple[Any, ...]:
        """Two or three models on a part of a file, and how long each effort would take for all of it."""
        import gradio as gr

        *asked, item, moment, across, down = values
        nothing = [gr.update(visible=False)] * MOST
        with told_in_words():
            facts, _, _, chosen = self._asked(asked)
            good = [fact for fact in facts if not fact.error]
            fact = next((fact for fact in good if str(fact.path) == item), good[0] if good else None)
            if fact is None:
                return "", gr.update(choices=[(word, key) for key, word in EFFORT_WORDS.items()]), *nothing
            models = candidates(fact, chosen.factor, chosen.model or None)
            centre = ((across or 0) / 100, (down or 0) / 100)
            made = self.upscalers.previews(
                fact, list(models), at=float(moment or 0), centre=centre, scale=chosen.factor, device=chosen.device
            )
            sliders = [self._slider(preview, models[preview.model], fact) for preview in made]
            heading = (
                f'<h2>Preview</h2><p class="lead">A part of {escape(fact.path.name)}, pixel by pixel: '
                "before on the left of each line, after on the right.</p>"
            )
            return heading, self._efforts(good, chosen), *sliders, *nothing[len(sliders) :]

    def _slider(self, preview: Preview, why: str, fact: Facts) -> Any:
        import gradio as gr

        from upframe.engine.choice import about

        frames = fact.frames if fact.moving else None
        takes = f", {about(preview.seconds * frames)}" if frames else ""
        return gr.update(value=(preview.before, preview.after), label=f"{preview.model}: {why}{takes}", visible=True)

    def _efforts(self, facts: Sequence[Facts], chosen: Chosen) -> Any:
        """The choices of quality against time, with what each would take for all films."""
        import gradio as gr

        from upframe.engine.choice import about

        films = [fact for fact in facts if fact.moving and fact.frames]
        choices = []
        for effort in EFFORTS:
            seconds = 0.0
            for fact in films:
                model = fact.advised(chosen.factor, effort).name
                seconds += self.upscalers.seconds(model, chosen.device, fact.size) * (fact.frames or 0)
            choices.append((f"{EFFORT_WORDS[effort]}{f' ({about(seconds)})' if films else ''}", effort))
        return gr.update(choices=choices, value=chosen.effort)

    def start(self, *asked: Any) -> tuple[Any, ...]:
        """Put what is good into the queue, and say what is not."""
        import gradio as gr

        with told_in_words():
            files, place = asked[0], asked[1]
            named = [str(place).strip()] if place and str(place).strip() else []
            found, _ = self.desk.find([*(files or []), *named])
            _, _, _, chosen = self._asked(asked)
            facts = [known(path, chosen.allow_truncated) for path in found]
            good, bad = [fact for fact in facts if not fact.error], [fact for fact in facts if fact.error]
            if not good:
                raise InputError("there is nothing that could be upscaled", remedy="drop a picture or a film")
            jobs = self._submit([fact for fact in good if not fact.moving], chosen)
            for fact in good:
                jobs += self._submit([fact], chosen) if fact.moving else 0
            words = f"{jobs} job{'s are' if jobs > 1 else ' is'} in the queue. You may close this page: the work goes on."
            left = "".join(problem(fact.error, in_page_words(fact.remedy)) for fact in bad)
            return f'<p class="lead" role="status">{words}</p>{left}', None, gr.update(value="")

    def _submit(self, facts: list[Facts], chosen: Chosen) -> int:
        if not facts:
            return 0
        try:
            wishes = chosen.wishes(facts[0])
        except ValueError as error:
            raise InputError("one of the experts' options is not possible", remedy="write a size as 1920x1080") from error
        return len(self.desk.submit([fact.path for fact in facts], wishes))


def _facts_html(facts: Sequence[Facts], refused: Sequence[str], chosen: Chosen | None, more: int = 0) -> str:
    if chosen is None or not (facts or refused):
        return (
            '<div class="uf-card"><h3>What happens here</h3><p class="soft">Drop a picture or a film. You see what it is, '
            "what is advised for it, and a preview; then it is made larger on this machine. Nothing leaves it.</p></div>"
        )
    cards = "".join(_card(fact, chosen) for fact in facts)
    rest = f'<p class="lead">and {more} more</p>' if more > 0 else ""
    return f'<div class="uf-cards">{cards}{"".join(problem(words) for words in refused)}{rest}</div>'


def _card(fact: Facts, chosen: Chosen) -> str:
    name = f"<h3>{escape(fact.path.name)}</h3>"
    if fact.error:
        return f'<article class="uf-card">{name}{problem(fact.error, in_page_words(fact.remedy))}</article>'
    told = f'<p class="soft">{escape(" · ".join(fact.told))}</p>{bullets(list(fact.faults))}'
    effort: Effort = next((each for each in EFFORTS if each == chosen.effort), "fast")
    if chosen.model:
        advice = f"<strong>{escape(chosen.model)}</strong>, as you chose."
    else:
        choice = fact.advised(chosen.factor, effort)
        advice = f"Advised: <strong>{escape(choice.name)}</strong><br>{escape(_sentence(choice.reason))}"
    return f'<article class="uf-card">{name}{told}<p class="advice">{advice}</p></article>'


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _number(text: str | None, what: str) -> float | None:
    """A number that was written into a field; None for an empty one. Raises InputError for anything else.

    Gradio's own fields for numbers turn an empty one into 0 as soon as they are seen, which is lossless video.
    """
    try:
        return float(text) if text and text.strip() else None
    except ValueError:
        raise InputError(f"{what} is a number, and {text!r} is none") from None
