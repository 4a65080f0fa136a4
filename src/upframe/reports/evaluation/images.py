"""What the page shows of images."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import PIL.Image

from upframe.evaluation.images import LOW, REFERENCE
from upframe.evaluation.panels import PLAIN_FAMILY, Panel

_WIDE, _TALL = 1040, 800  # CSS pixels
_ZOOMS = {1: "shown one to one", 2: "shown up to twice as large", 3: "shown up to three times as large"}


@dataclass(frozen=True, slots=True)
class Viewer:
    """A window of a clip with a divide between two images that can be chosen; ``left`` and ``right`` are shown first."""

    title: str
    layers: Mapping[str, bytes]
    left: str
    right: str
    width: int
    height: int

    @property
    def zoom(self) -> int:
        """How many times as large it is shown where there is room."""
        return max(1, min(_WIDE // self.width, _TALL // self.height, max(_ZOOMS)))

    @property
    def hint(self) -> str:
        """Its size, in words."""
        return f"{self.width} x {self.height} pixels, {_ZOOMS[self.zoom]}"

    def sides(self, name: str) -> str:
        """On which side a layer is shown first, as classes of the style."""
        return " ".join(side for side, chosen in (("left", self.left), ("right", self.right)) if name == chosen)


@dataclass(frozen=True, slots=True)
class BlockSection:
    """Blocks of one kind, under a heading."""

    title: str
    lead: str
    panels: Sequence[Panel]


def viewers(panels: Sequence[Panel]) -> Iterator[Viewer]:
    """Of each clip that has a window."""
    for panel in panels:
        if panel.kind == "window":
            left, right = _sides(list(panel.layers))
            with PIL.Image.open(io.BytesIO(panel.layers[REFERENCE])) as opened:
                width, height = opened.size
            yield Viewer(panel.title, panel.layers, left, right, width, height)


def _sides(names: Sequence[str]) -> tuple[str, str]:
    """What is shown first: bicubic against the first model, or the result against the reference."""
    others = [name for name in names if name not in (LOW, REFERENCE) and not name.startswith(PLAIN_FAMILY)]
    plain = [name for name in names if name.startswith(PLAIN_FAMILY)]
    if others and plain:
        return plain[0], others[0]
    return (others or plain or [names[0]])[0], REFERENCE


def blocks(panels: Sequence[Panel], first: str) -> Iterator[BlockSection]:
    """The blocks where the first subject, of this name, does worst and best."""
    for kind, lead in (
        ("worst", "The blocks of the greatest error, with the PSNR of their luma."),
        ("best", "The blocks of the greatest gain over bicubic, or without one those of the least error for their contrast."),
    ):
        if shown := [panel for panel in panels if panel.kind == kind]:
            yield BlockSection(f"Where {first} does {kind}", lead, shown)
