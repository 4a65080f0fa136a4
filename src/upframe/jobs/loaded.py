"""The models of one command, each loaded once, and the notes that wait to be reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from upframe.engine import events
from upframe.engine.choice import about, choose, seconds_a_frame
from upframe.engine.condition import Condition
from upframe.engine.upscaler import Upscaler
from upframe.jobs.options import RunOptions
from upframe.media.files import Input
from upframe.media.memory import require_memory
from upframe.media.numbered import FrameNames
from upframe.models.cards import default_model, shipped
from upframe.runtime.memory import keep_freed_memory


class LoadedModels:
    """Opening it loads the first model. Raises CheckpointError, DeviceError, InputError or MissingExtra."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self._upscalers: dict[str, Upscaler] = {}
        self._notes: list[str] = []
        self._suited, self._reason = "", ""  # the model for the input at hand, and why
        keep_freed_memory()
        self.upscaler(1, 1)  # a model or device that is not there is found before anything is started

    def label(self) -> str:
        """What the name of a result says: ``x2``, ``x1.5``, or ``1920x1080``."""
        target = self.options.target
        if target.size is not None:
            return f"{target.size[1]}x{target.size[0]}"
        scale = 1 if target.same else target.scale
        return f"x{self._loaded(self._usual(1, 1)).info.scale if scale is None else scale:g}"

    def suit(self, look: Callable[[], Condition], size: tuple[int, int], frames: int | None) -> None:
        """Choose the model for the next input, by its condition, if none is named: ``upscaler`` is that one from here on.

        ``size``: its (height, width). ``frames``: 1 for an image, None if unknown.
        """
        self._suited = self._reason = ""
        if self.options.model is not None:
            return
        condition, effort, moving = look(), self.options.effort, frames != 1
        factor = self.options.target.factor(*size)
        choice = choose(condition, shipped(), factor, effort=effort or "fast", moving=moving)
        self._suited = choice.name
        if moving or effort is not None or not condition.clean:  # most images are clean, and come in hundreds
            self._reason = choice.reason
        if effort is not None and frames is not None and moving:
            seconds = frames * seconds_a_frame(self.upscaler(*size), *size)
            self._reason += f"; {about(seconds)} for {frames} frames"

    def upscaler(self, height: int, width: int) -> Upscaler:
        """The model named, else the one that suits the input, else the built-in one for the upscaling of this size."""
        return self._loaded(self._suited or self._usual(height, width))

    def _usual(self, height: int, width: int) -> str:
        factor = self.options.target.factor(height, width)
        return self.options.model or default_model(2 if factor is None else factor)

    def _loaded(self, name: str) -> Upscaler:
        options = self.options
        if name not in self._upscalers:
            self._upscalers[name] = Upscaler(
                name,
                device=options.device,
                precision=options.precision,
                backend=options.backend,
                provider=options.provider,
                tile=options.tile,
                sampling=options.sampling,
                compile=options.compile,
                graphs=options.graphs,
                on_note=self.note,
            )
            if caution := self._upscalers[name].info.caution:
                self.note(caution)
        return self._upscalers[name]

    @property
    def is_for_video(self) -> bool:
        """Whether the model named remembers what came before, so that numbered images are a clip to it."""
        return self._loaded(self._usual(1, 1)).info.kind == "video"

    def note(self, text: str) -> None:
        """Keep a note until it is asked for."""
        self._notes.append(text)

    def taken_notes(self) -> list[str]:
        """The notes that have come since the last time."""
        notes, self._notes = self._notes, []
        return notes

    def notes_on(self, item: Input) -> Iterator[events.Note]:
        """The notes that have come since the last time."""
        while self._notes:
            yield events.Note(str(item.path), self._notes.pop(0))

    def started(self, item: Input, target: Path | FrameNames, size: tuple[int, int], frames: int | None) -> events.Started:
        """The event of an input of ``size`` (height, width). Raises InputError where there is no memory for its result."""
        upscaler = self.upscaler(*size)
        height, width = self.options.target.of(*size, upscaler.info.scale)
        require_memory(3 * height * width, f"{item.path}, upscaled to {width}x{height}")
        return events.Started(
            str(item.path),
            str(target),
            item.kind,
            upscaler.info.name,
            str(upscaler.device) if upscaler.backend == "torch" else f"{upscaler.card or upscaler.device}, {upscaler.backend}",
            (size[1], size[0]),
            (width, height),
            frames,
            self._reason,
        )
