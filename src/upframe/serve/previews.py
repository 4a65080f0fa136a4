"""What models make of a small part, in seconds, before hours are spent; and how long they would take for all of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from upframe.errors import InputError
from upframe.models.cards import shipped
from upframe.serve.facts import EFFORTS, Facts
from upframe.serve.moments import Pixels, crop_at, frames_at, shown_at

if TYPE_CHECKING:
    from upframe.engine.upscaler import Upscaler

SHOWN = (360, 480)
"""Rows and columns of a result that are shown, a pixel of it for each."""
MOST = 3  # models side by side
_WARM = 4  # frames before, for networks that remember: within 1/255 of what they make of the whole film (docs/jobs.md)
_KEPT = 4  # models that stay loaded


@dataclass(frozen=True, slots=True)
class Preview:
    """A part before and after, both of one size. ``seconds``: for a whole frame, by what was measured."""

    model: str
    before: Pixels
    after: Pixels
    seconds: float


class LoadedUpscalers:
    """The models of previews: each loaded once, the last few kept, one at work at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: OrderedDict[tuple[str, str], Upscaler] = OrderedDict()
        self._pace: dict[tuple[str, str], float] = {}  # seconds a pixel of the input

    def _upscaler(self, name: str, device: str) -> Upscaler:
        from upframe.engine.upscaler import Upscaler

        key = name, device
        if key not in self._loaded:
            self._loaded[key] = Upscaler(name, device=device)
        self._loaded.move_to_end(key)
        while len(self._loaded) > _KEPT:
            self._loaded.popitem(last=False)
        return self._loaded[key]

    def seconds(self, name: str, device: str, size: tuple[int, int]) -> float:
        """How long a model takes for a frame of (height, width), measured on a part once. Raises UpframeError."""
        from upframe.engine.choice import seconds_a_frame

        with self._lock:
            if (name, device) not in self._pace:
                rows, columns = 192, 320
                self._pace[name, device] = seconds_a_frame(self._upscaler(name, device), rows, columns) / (rows * columns)
            return self._pace[name, device] * size[0] * size[1]

    def previews(
        self,
        facts: Facts,
        models: Sequence[str],
        *,
        at: float = 0.0,
        centre: tuple[float, float] = (0.5, 0.5),
        scale: float | None = None,
        device: str = "auto",
    ) -> list[Preview]:
        """The same part by several models, at the scale of the job. Raises UpframeError."""
        if facts.error:
            raise InputError(facts.error, remedy=facts.remedy)
        frames = frames_at(facts.path, at, _WARM) if facts.moving else [shown_at(facts.path, at)]
        return [self._preview(frames, model, facts, centre, scale, device) for model in models[:MOST]]

    def _preview(
        self, frames: list[Pixels], model: str, facts: Facts, centre: tuple[float, float], scale: float | None, device: str
    ) -> Preview:
        from upframe.engine.size import Target

        seconds = self.seconds(model, device, facts.size)
        with self._lock:
            upscaler = self._upscaler(model, device)
            factor = scale or upscaler.info.scale
            rows, columns = (max(round(length / factor), 16) for length in SHOWN)
            parts = [crop_at(frame, centre, (rows, columns)) for frame in frames]
            if upscaler.info.kind != "video":
                parts = parts[-1:]
            results = list(upscaler.stream(parts, Target(scale=scale), cuts="off"))
        return Preview(model, enlarged(parts[-1], results[-1].shape[:2]), np.asarray(results[-1]), seconds)


def enlarged(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """An image as a player shows it at (height, width): what a result is compared with."""
    image = PIL.Image.fromarray(pixels).resize((size[1], size[0]), PIL.Image.Resampling.BICUBIC)
    return np.asarray(image)


def candidates(facts: Facts, scale: float | None, chosen: str | None) -> dict[str, str]:
    """The models to show side by side, with why each: the one that was chosen, what each effort takes, and the plain one."""
    found: dict[str, str] = {} if chosen is None else {chosen: "your choice"}
    for effort in EFFORTS:
        name = facts.advised(scale, effort).name
        found.setdefault(name, effort if facts.moving else "advised")
    factor = next((each for each in (2, 3, 4) if each >= (scale or 2)), 4)
    wanted = () if facts.condition is None or facts.condition.clean else ("film",) if facts.moving else ("photo", "film")
    for card in shipped():
        if card.material in wanted and card.scale == factor and card.kind == "image":
            found.setdefault(card.name, "experimental" if card.experimental else f"for {card.purpose}")
    for name, why in ((f"rt4ksr-x{factor}", "for clean material"), (f"bicubic-x{factor}", "no network")):
        found.setdefault(name, why)
    return dict(list(found.items())[:MOST])
