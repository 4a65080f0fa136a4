"""The frames of a film, enlarged in the planes they came in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.engine.clips import enlarge_in_order
from upframe.engine.cuts import Cuts
from upframe.engine.size import Target
from upframe.engine.timeline import Timeline
from upframe.engine.transfers import behind, transfers
from upframe.engine.upscaler import Upscaler
from upframe.media.films.colour import ColourTags
from upframe.media.films.film import CopiedPacket, PixelLayout, RawFrame
from upframe.media.pictures.picture import Picture
from upframe.ops.colour import planes_to_rgb, rgb_to_planes


class FrameEnlarger:
    """Enlarges decoded frames; the result lies in ``result_layout``, in the same colours.

    Transparency, where both layouts have it, is enlarged as a grey picture of full range.
    """

    def __init__(
        self,
        upscaler: Upscaler,
        target: Target,
        source: tuple[PixelLayout, ColourTags],
        result: tuple[PixelLayout, ColourTags],
        timeline: Timeline | None = None,
    ) -> None:
        self.upscaler, self.target, self._timeline = upscaler, target, timeline
        self._source_depth, self._result_depth = source[0].depth, result[0].depth
        self._transparent = source[0].alpha and result[0].alpha
        self._colours = source[0].planes - source[0].alpha
        self._from_planes = _conversion(*source)
        self._to_planes = _conversion(*result)
        self._transfers = transfers(upscaler.device)

    def __call__(self, items: Iterable[RawFrame | CopiedPacket], cuts: Cuts) -> Iterator[RawFrame | CopiedPacket]:
        """The same items in the same order, the frames larger: same time, same duration."""
        clip = self.upscaler.open_clip(self.target, layers=1 + self._transparent, cuts=cuts)
        begun = enlarge_in_order(items, clip, self._layers, self._result, self._timeline)
        return (arrived() for arrived in behind(begun, self._transfers.ahead))

    @torch.inference_mode()
    def _layers(self, item: RawFrame | CopiedPacket) -> list[Tensor]:
        if not isinstance(item, RawFrame):
            return []
        planes = [self._transfers.up(plane) for plane in item.planes]
        layers = [planes_to_rgb(planes[: self._colours], **self._from_planes)]
        if self._transparent:
            layers.append(planes_to_rgb(planes[self._colours :], **_opacity(self._source_depth)))
        return layers

    @torch.inference_mode()
    def _result(self, item: RawFrame | CopiedPacket, layers: tuple[Tensor, ...]) -> Callable[[], RawFrame | CopiedPacket]:
        if not isinstance(item, RawFrame):
            return lambda: item
        planes = rgb_to_planes(layers[0], **self._to_planes)
        if self._transparent:
            planes += rgb_to_planes(layers[1], **_opacity(self._result_depth))
        arrivals = [self._transfers.down(plane) for plane in planes]
        return lambda: replace(item, planes=tuple(arrived() for arrived in arrivals))


class FramePainter:
    """Turns decoded frames into pictures of RGB, 8 bits or 16 as the film has them, enlarged."""

    def __init__(
        self,
        upscaler: Upscaler,
        target: Target,
        source: tuple[PixelLayout, ColourTags],
        depth: int | None,
        timeline: Timeline | None = None,
    ) -> None:
        self.upscaler, self.target, self._timeline = upscaler, target, timeline
        self._colours = source[0].planes - source[0].alpha
        self._from_planes = _conversion(*source)
        self._depth = depth or (8 if source[0].depth == 8 else 16)

    def __call__(self, frames: Iterable[RawFrame], cuts: Cuts) -> Iterator[tuple[RawFrame, Picture]]:
        """Each frame, and a PNG-ready picture of it."""
        clip = self.upscaler.open_clip(self.target, cuts=cuts)
        return enlarge_in_order(frames, clip, self._layers, self._picture, self._timeline)

    @torch.inference_mode()
    def _layers(self, frame: RawFrame) -> list[Tensor]:
        planes = [torch.from_numpy(plane).to(self.upscaler.device) for plane in frame.planes[: self._colours]]
        return [planes_to_rgb(planes, **self._from_planes)]

    @torch.inference_mode()
    def _picture(self, frame: RawFrame, layers: tuple[Tensor, ...]) -> tuple[RawFrame, Picture]:
        codes = rgb_to_planes(layers[0], matrix="rgb", full_range=True, depth=self._depth)
        green, blue, red = (plane.cpu().numpy() for plane in codes)
        pixels: NDArray[Any] = np.stack((red, green, blue), axis=2)
        return frame, Picture(pixels)


def _conversion(layout: PixelLayout, colour: ColourTags) -> dict[str, Any]:
    """The arguments of ``planes_to_rgb`` and ``rgb_to_planes`` for a film's planes."""
    return {
        "matrix": colour.matrix,
        "full_range": colour.full_range,
        "depth": layout.depth,
        "chroma_location": colour.chroma_location,
        "subsampling": (1, 1) if layout.grey or layout.rgb else (1 << layout.sub_y, 1 << layout.sub_x),
    }


def _opacity(depth: int) -> dict[str, Any]:
    return {"matrix": "grey", "full_range": True, "depth": depth}
