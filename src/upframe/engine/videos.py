"""The frames of a video, upscaled: each from the kind it is to the kind that is written, a video's or an image's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.engine.clips import upscale_in_order
from upframe.engine.cuts import Cuts
from upframe.engine.grain import Grain, GrainLayer
from upframe.engine.size import Target
from upframe.engine.timeline import Timeline
from upframe.engine.upscaler import Upscaler
from upframe.media.video.colour import ColourTags
from upframe.media.video.info import CopiedPacket, FrameKind, PixelLayout, RawFrame
from upframe.media.video.turning import Margins, QuarterTurn
from upframe.ops.colorimetry import Colorimetry, conversion
from upframe.ops.colour import planes_to_rgb, rgb_to_planes
from upframe.runtime.transfers import behind, transfers

Item = RawFrame | CopiedPacket


@dataclass(frozen=True, slots=True)
class VideoCanvas:
    """What all frames of a video are fitted into: the size (height, width) of the result, and the kind of its first frame.

    upright: frames are turned as a player would; else only those that are to be turned otherwise than the first. margins: what
    stays black of the canvas, left, right, above and below, in pixels of the source as it is stored.
    """

    size: tuple[int, int]
    first: FrameKind
    upright: bool = False
    margins: Margins = (0, 0, 0, 0)

    @property
    def edges(self) -> Margins:
        """The margins as they are on the canvas."""
        if not any(self.margins):
            return self.margins
        turn = self.turn(self.first)
        left, right, top, bottom = turn.margins(self.margins)
        rows, columns = turn.size(self.first.height, self.first.width)
        down, across = self.size[0] / (rows + top + bottom), self.size[1] / (columns + left + right)
        return (
            round(left * across / 2) * 2,
            round(right * across / 2) * 2,
            round(top * down / 2) * 2,
            round(bottom * down / 2) * 2,
        )

    @property
    def inside(self) -> tuple[int, int]:
        """(height, width) of the canvas without its margins."""
        left, right, top, bottom = self.edges
        return self.size[0] - top - bottom, self.size[1] - left - right

    def turn(self, kind: FrameKind) -> QuarterTurn:
        """How a frame is turned."""
        return kind.turn if self.upright else self.first.turn.undone().after(kind.turn)

    def box(self, kind: FrameKind) -> tuple[int, int]:
        """(height, width) of what a frame becomes: all inside the margins, or less in one direction if its shape differs."""
        height, width = inside = self.inside
        ratio = self._shape(kind) / self._shape(self.first)
        if ratio == 1:
            return inside
        box = (_even(height / ratio), width) if ratio > 1 else (height, _even(width * ratio))
        return inside if abs(box[0] - height) < 2 and abs(box[1] - width) < 2 else box

    def _shape(self, kind: FrameKind) -> Fraction:
        """Width over height, as shown, turned as it is on the canvas."""
        turn = self.turn(kind)
        height, width = turn.size(kind.height, kind.width)
        return Fraction(width, height) * (turn.aspect(kind.sample_aspect_ratio) or 1)


class FrameUpscaler:
    """Upscales decoded frames; the result is in ``result``'s layout, in its colours.

    Transparency, where the result has it, is upscaled as a grey image of full range. Frames whose ``kind`` differs from that
    of the first are converted to it, and with a ``canvas`` turned and fitted into it, on black. ``grain``, which a canvas goes
    with, is put over the results.
    """

    def __init__(
        self,
        upscaler: Upscaler,
        target: Target,
        source: tuple[PixelLayout, ColourTags],
        result: tuple[PixelLayout, ColourTags],
        timeline: Timeline | None = None,
        canvas: VideoCanvas | None = None,
        grain: Grain | None = None,
    ) -> None:
        self.upscaler, self.target, self._timeline = upscaler, target, timeline
        self._source, self._result, self._canvas = source, result, canvas
        self._to_planes = plane_conversion(*result)
        self._transfers = transfers(upscaler.device)
        self._grain: GrainLayer | None = None
        if grain is not None and canvas is not None:
            scale = canvas.inside[0] / canvas.turn(canvas.first).size(canvas.first.height, canvas.first.width)[0]
            self._grain = GrainLayer(grain, *result, canvas.size, scale)

    def __call__(self, items: Iterable[Item], cuts: Cuts) -> Iterator[Item]:
        """The same items in the same order, the frames larger: same time, same duration."""
        kind = self._canvas.first if self._canvas else None

        def kind_of(item: Item) -> FrameKind | None:
            nonlocal kind
            if isinstance(item, RawFrame) and self._canvas:
                kind = item.kind
            return kind

        started = chain.from_iterable(self._run(kind, run, cuts) for kind, run in groupby(items, kind_of))
        return (arrived() for arrived in behind(started, self._transfers.ahead))

    def _run(self, kind: FrameKind | None, items: Iterable[Item], cuts: Cuts) -> Iterator[Callable[[], Item]]:
        """Frames of one kind, and what is between them."""
        source = (kind.layout, kind.colour) if kind else self._source
        shape = _Shape(self._canvas, kind, self.target)
        work = _Conversion(source, self._result, shape, self)
        clip = self.upscaler.open_clip(shape.target, layers=1 + work.transparent, cuts=cuts)
        return upscale_in_order(items, clip, work.layers, work.result, self._timeline)

    def up(self, item: RawFrame) -> list[Tensor]:
        """A frame's planes on the device."""
        return [self._transfers.up(plane) for plane in item.planes]

    def down(self, item: RawFrame, layers: list[Tensor]) -> Callable[[], Item]:
        """A frame of upscaled colours and, if the result has it, opacity, (1, 3, height, width) each, on its way."""
        planes = rgb_to_planes(layers[0], **self._to_planes)
        if len(layers) > 1:
            planes += rgb_to_planes(layers[1], **_opacity(self._result[0].depth))
        arrivals = [self._transfers.down(plane) for plane in planes]
        return lambda: self._grained(replace(item, planes=tuple(arrived() for arrived in arrivals), kind=None))

    def _grained(self, frame: RawFrame) -> RawFrame:
        return frame if self._grain is None else self._grain(frame)


class _Shape:
    """Where frames of a kind lie in the result."""

    def __init__(self, canvas: VideoCanvas | None, kind: FrameKind | None, target: Target) -> None:
        self._turn, self.target = QuarterTurn(), target
        self._margins: tuple[int, ...] = (0, 0, 0, 0)
        if canvas is None or kind is None:
            return
        self._turn = canvas.turn(kind)
        (height, width), (rows, columns) = canvas.inside, canvas.box(kind)
        if kind.shape != canvas.first.shape or any(canvas.margins):
            self.target = Target(size=(rows, columns))
        top, left = (height - rows) // 4 * 2, (width - columns) // 4 * 2  # even, as chroma is
        beside = left, width - columns - left, top, height - rows - top
        self._margins = tuple(sum(pair) for pair in zip(beside, canvas.edges, strict=True))

    def turned(self, layer: Tensor) -> Tensor:
        """(1, 3, h, w) as it is in the result."""
        if self._turn.swaps:
            layer = layer.transpose(-1, -2)
        reversed_axes = [-2] * self._turn.reverses_rows + [-1] * self._turn.reverses_columns
        return layer.flip(reversed_axes) if reversed_axes else layer

    def placed(self, layer: Tensor) -> Tensor:
        """(1, 3, height, width) of the result, with black where there is nothing."""
        return F.pad(layer, self._margins) if any(self._margins) else layer


class _Conversion:
    """Between the planes of one kind of frame and the layers that a network sees."""

    def __init__(
        self,
        source: tuple[PixelLayout, ColourTags],
        result: tuple[PixelLayout, ColourTags],
        shape: _Shape,
        upscaler: FrameUpscaler,
    ) -> None:
        self.transparent = source[0].alpha and result[0].alpha
        self._opaque = result[0].alpha and not source[0].alpha
        self._depth, self._colours = source[0].depth, source[0].planes - source[0].alpha
        self._from_planes = plane_conversion(*source)
        self._recoloured = conversion(_colorimetry(source[1]), _colorimetry(result[1]))
        self._shape, self._upscaler = shape, upscaler

    @torch.inference_mode()
    def layers(self, item: Item) -> list[Tensor]:
        if not isinstance(item, RawFrame):
            return []
        planes = self._upscaler.up(item)
        rgb = planes_to_rgb(planes[: self._colours], **self._from_planes)
        layers = [rgb if self._recoloured is None else self._recoloured(rgb)]
        if self.transparent:
            layers.append(planes_to_rgb(planes[self._colours :], **_opacity(self._depth)))
        return [self._shape.turned(layer) for layer in layers]

    @torch.inference_mode()
    def result(self, item: Item, layers: tuple[Tensor, ...]) -> Callable[[], Item]:
        if not isinstance(item, RawFrame):
            return lambda: item
        if self._opaque:
            layers = layers[0], torch.ones_like(layers[0])
        return self._upscaler.down(item, [self._shape.placed(layer) for layer in layers])


def _even(number: Fraction | float) -> int:
    return max(round(number / 2) * 2, 2)


def _colorimetry(colour: ColourTags) -> Colorimetry:
    return Colorimetry(colour.primaries, colour.transfer)


def plane_conversion(layout: PixelLayout, colour: ColourTags) -> dict[str, Any]:
    """The arguments of ``planes_to_rgb`` and ``rgb_to_planes`` for a video's planes."""
    return {
        "matrix": colour.matrix,
        "full_range": colour.full_range,
        "depth": layout.depth,
        "chroma_location": colour.chroma_location,
        "subsampling": (1, 1) if layout.grey or layout.rgb else (1 << layout.sub_y, 1 << layout.sub_x),
    }


def _opacity(depth: int) -> dict[str, Any]:
    return {"matrix": "grey", "full_range": True, "depth": depth}
