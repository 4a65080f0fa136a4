"""What is checked, as images to look at: one a frame, of several tiles with a name above each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont
from torch import Tensor, nn

from upframe.ops.warp import warp
from upframe.rendered.check.motion import as_planes, image
from upframe.rendered.check.readings import Reading, as_tensor
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.history import accumulate_motion, seen_before

Pixels: TypeAlias = NDArray[np.uint8]
"""(h, w, 3)."""

HISTORY = 5  # frames over which motion is accumulated
COLUMNS = 3
LEAST_WIDTH = 320  # a tile is upscaled by whole pixels until it is this wide
LABEL = 18
HOLE = (230, 30, 200)
LARGEST_WEIGHT = 20.0  # of NSRR's reweighting maps


class CheckImage(NamedTuple):
    """An image and what it shows."""

    name: str
    pixels: Pixels


class FrameTiles:
    """The tiles of each frame of a clip, in order; ``reading``: what was found about motion and jitter."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._shot: list[RenderedFrame] = []

    def step(self, frame: RenderedFrame) -> list[CheckImage]:
        """Of the next frame."""
        if frame.cut or (self._shot and self._shot[-1].size != frame.size):
            self._shot = []
        self._shot = [*self._shot, frame][-HISTORY:]
        tiles = [CheckImage("colour", _colour(frame)), CheckImage("depth, near is bright", depth_tile(frame))]
        if len(self._shot) > 1:
            tiles += self._past()
        return tiles

    def _past(self) -> list[CheckImage]:
        before, now = self._shot[-2:]
        images = [image(frame, now.exposure) for frame in (before, now)]
        tiles = []
        if images[0] is not None and images[1] is not None:
            stated = warp(images[0], _step(before, now, Reading()), padding="zeros")
            tiles += [
                CheckImage("frame before, warped", _shown(stated)),
                CheckImage("difference, x4", _shown(4 * (stated - images[1]).abs())),
            ]
            if self.reading != Reading():
                meant = warp(images[0], _step(before, now, self.reading), padding="zeros")
                tiles.append(CheckImage("frame before, warped as it should be", _shown(meant)))
        if self.reading.motion.following:
            return tiles
        motions = [_step(*pair, self.reading)[0] for pair in pairwise(self._shot)]
        total = accumulate_motion(torch.stack([torch.zeros_like(motions[0]), *motions])[None])[0, 0]
        seen = seen_before(motions[-1][None], as_planes(now.depth), as_planes(before.depth))[0, 0] > 0
        marked = _colour(now)
        marked[~seen.numpy()] = HOLE
        wheel, longest = motion_wheel(total.numpy())
        span = f"{len(motions)} frame{'s' * (len(motions) > 1)}, up to {longest:.1f} pixels"
        return [*tiles, CheckImage("holes", marked), CheckImage(f"motion over {span}", wheel)]


def _step(before: RenderedFrame, now: RenderedFrame, reading: Reading) -> Tensor:
    """From the samples of a frame to those of the one before: (1, 2, h, w) in pixels."""
    height, width = now.size
    stored = as_planes(now.motion).nan_to_num(0, 0, 0)[0].flatten(1)
    change = reading.jitter.apply(as_tensor(now.jitter) - as_tensor(before.jitter), now.size)
    return (reading.motion.apply(stored, now.size) + change[:, None]).view(1, 2, height, width)


def _shown(image: Tensor) -> Pixels:
    """(1, 3, h, w) of display values."""
    return (image[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()


def _colour(frame: RenderedFrame) -> Pixels:
    tone_mapped = image(frame, frame.exposure)
    if tone_mapped is not None:
        return _shown(tone_mapped)
    return np.full((*frame.size, 3), 40, np.uint8)


def depth_tile(frame: RenderedFrame) -> Pixels:
    """Disparity from the farthest, black, to the nearest but a hundredth of the pixels, white; what is no distance is red."""
    depth = as_planes(frame.depth)[0, 0].numpy()
    valid = depth > 0
    disparity = np.divide(1, depth, out=np.zeros_like(depth), where=valid)
    brightest = float(np.quantile(disparity[valid], 0.99)) if valid.any() else 1.0
    grey = (np.clip(disparity / max(brightest, 1e-12), 0, 1) ** 0.7 * 255).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    pixels[~valid] = (200, 0, 0)
    return pixels


def motion_wheel(motion: NDArray[Any]) -> tuple[Pixels, float]:
    """Motion (2, h, w) by direction as hue and by length as brightness, and the length in pixels that is brightest.

    Red leads to the right, then clockwise: yellow-green down, cyan to the left, violet up.
    """
    length = np.hypot(motion[0], motion[1])
    longest = max(float(np.quantile(length, 0.99)), 1e-6)
    turn = (np.arctan2(motion[1], motion[0]) / (2 * np.pi)) % 1
    # Hue to RGB: each primary is full for a third of the wheel and falls off over a sixth on either side.
    hue = np.stack([np.clip(2 - np.abs(((turn - third / 3 + 0.5) % 1 - 0.5) * 6), 0, 1) for third in range(3)], axis=2)
    return (hue * np.clip(length / longest, 0, 1)[..., None] * 255).astype(np.uint8), longest


@contextmanager
def watched(modules: Iterable[tuple[str, nn.Module]]) -> Iterator[dict[str, Tensor]]:
    """While a network of these modules runs: the newest masks of its gated convolutions and its reweighting maps.

    ``modules``: as ``named_modules`` of the network gives them. The maps are on the CPU, by name.

    STSSNet's masks are (1, h, w) in (0, 1) at their own sizes, NSRR's maps (frames, H, W) in [0, 20].
    """
    maps: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        return lambda module, inputs, output: maps.__setitem__(name, output[0].detach().float().cpu())

    hooks = []
    for name, module in modules:
        if name.endswith("conv_mask.1"):
            hooks.append(module.register_forward_hook(keep(f"mask of {name.removesuffix('.conv_mask.1')}")))
        elif name == "feature_reweighting":
            hooks.append(module.register_forward_hook(keep("weight")))
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def map_tiles(maps: dict[str, Tensor], size: tuple[int, int]) -> list[CheckImage]:
    """What :func:`watched` saw, at the size of the frame: white is 1 for masks, 20 for weights."""
    tiles = []
    for name, values in maps.items():
        for index, plane in enumerate(values):
            is_weight = name == "weight"
            grey = (plane / (LARGEST_WEIGHT if is_weight else 1)).clamp(0, 1).mul(255).byte().numpy()
            back = len(values) - 1 - index
            if is_weight and back == 0:
                continue  # the current frame's, 1 everywhere
            label = f"weight of {back} frame{'s' * (back > 1)} ago, up to {float(plane.max()):.1f}" if is_weight else name
            upscaled = PIL.Image.fromarray(grey).resize((size[1], size[0]), PIL.Image.Resampling.BILINEAR)
            tiles.append(CheckImage(label, np.repeat(np.asarray(upscaled)[..., None], 3, axis=2)))
    return tiles


def sheet(tiles: Sequence[CheckImage]) -> Pixels:
    """Tiles side by side, a name above each, all of one size."""
    height, width = tiles[0].pixels.shape[:2]
    times = max(1, -(-LEAST_WIDTH // width))
    height, width = height * times, width * times
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    whole = PIL.Image.new("RGB", (columns * width, rows * (height + LABEL)), (24, 24, 24))
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    for number, (name, pixels) in enumerate(tiles):
        left, top = number % columns * width, number // columns * (height + LABEL)
        draw.text((left + 4, top + 1), name, fill=(235, 235, 235), font=font)
        whole.paste(PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.NEAREST), (left, top + LABEL))
    return np.asarray(whole)
