"""A model run over the clips of a set, each frame timed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.data.stssnet_files import StoredClip
from upframe.engine.cuts import choose_cuts
from upframe.engine.device import Precision, choose_device, choose_dtype
from upframe.engine.fitting import fit
from upframe.engine.layers import to_layers
from upframe.engine.upscaler import Upscaler
from upframe.errors import InputError
from upframe.evaluation.clips import Clip
from upframe.models.catalog import Model
from upframe.models.info import ModelInfo
from upframe.models.stssnet import STSSNet


@dataclass(frozen=True, slots=True)
class Enlarged:
    """A result (3, scale*h, scale*w), what it was made of (3, h, w), and the milliseconds it took the network.

    Both float32, nominally in [0, 1] and not clamped, on the model's device.
    """

    index: int
    picture: Tensor
    low: Tensor
    milliseconds: float


class Run(Protocol):
    """A model that is ready."""

    info: ModelInfo
    device: torch.device

    def __call__(self, clip: Clip) -> Iterator[Enlarged]:
        """Every frame of a clip in order."""


def make_run(model: Model, *, rendered: bool, device: str, precision: Precision, cuts: str) -> Run:
    """A model made ready for the clips of a set. Raises InputError where it wants frames of another kind."""
    if model.info.kind == "rendered":
        if not rendered or not isinstance(model.network, STSSNet):
            raise InputError(
                f"{model.info.name}: enlarges rendered frames from their depth and motion, and the set holds no such frames"
            )
        return StoredRun(model, device=device, precision=precision)
    return UpscalerRun(Upscaler(model, device=device, precision=precision), cuts)


class UpscalerRun:
    """Models for pictures and video. ``cuts``: where one for video forgets, as :func:`upframe.engine.cuts.choose_cuts`."""

    def __init__(self, upscaler: Upscaler, cuts: str) -> None:
        self.upscaler, self.info, self.device = upscaler, upscaler.info, upscaler.device
        self._cuts = choose_cuts(cuts)
        self._sizes: set[torch.Size] = set()

    def __call__(self, clip: Clip) -> Iterator[Enlarged]:
        stream = self.upscaler.open_clip(cuts=self._cuts())
        clock, lows, done = _Clock(self.device), deque[Tensor](), 0
        count = len(clip.frame_names)
        for index in range(count + 1):
            if index < count:
                layers = to_layers(clip.low(index), None, self.device)
                lows.append(layers[0][0])
                self._warm_up(layers[0])
            with clock:
                ready = stream.feed(layers) if index < count else stream.finish()
            share = clock.share(len(ready))
            for (picture,) in ready:
                yield Enlarged(done, picture[0], lows.popleft(), share)
                done += 1

    @torch.inference_mode()
    def _warm_up(self, frame: Tensor) -> None:
        """The first run at a size chooses algorithms and asks for memory, which no later one does."""
        if self.info.kind == "image" and frame.shape not in self._sizes and len(self._sizes) < 8:
            self._sizes.add(frame.shape)
            self.upscaler.enlarge(frame)


class StoredRun:
    """STSSNet on frames that are stored as it takes them."""

    def __init__(self, model: Model, *, device: str, precision: Precision) -> None:
        self.info, self.device = model.info, choose_device(device)
        self._dtype = choose_dtype(precision, self.device)
        self._network = model.network.to(self.device, self._dtype)

    @torch.inference_mode()
    def __call__(self, clip: Clip) -> Iterator[Enlarged]:
        if not isinstance(clip, StoredClip):
            raise InputError(f"{clip.name}: {self.info.name} needs frames that are stored with what it takes")
        clock = _Clock(self.device)
        for index in range(len(clip.frame_names)):
            stored = clip.arguments(index)
            height, width = stored.mask.shape[-2:]
            arguments = [self._placed(array) for array in stored]
            with clock:
                picture = self._network(*arguments).float()
            cut = picture[0, :, : height * self.info.scale, : width * self.info.scale]
            low = torch.from_numpy(stored.colour[3:]).to(self.device)
            yield Enlarged(index, cut, low, clock.share(1))

    def _placed(self, array: NDArray[np.float32]) -> Tensor:
        """(c, h, w) or (t, c, h, w) as the network takes it: with a dimension of the batch, its sides fitting."""
        tensor = torch.from_numpy(array).to(self.device, self._dtype)
        return fit(tensor, self.info)[None] if tensor.ndim == 4 else fit(tensor[None], self.info)


def hole_of(clip: Clip, index: int) -> Tensor:
    """The map of holes of a rendered frame, (h, w), 1 = hole. Raises InputError for a clip that has none."""
    if not isinstance(clip, StoredClip):
        raise InputError(f"{clip.name}: holes are to be counted, and only rendered frames have any")
    return 1 - torch.from_numpy(clip.arguments(index).mask)[0]


class _Clock:
    """Milliseconds spent in its ``with`` blocks since results were last shared out, the device waited for."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._spent, self._begun = device, 0.0, 0.0

    def __enter__(self) -> None:
        self._wait()
        self._begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._wait()
        self._spent += time.perf_counter() - self._begun

    def share(self, results: int) -> float:
        """What each of the results took: frames that were only taken in count for those that come out later."""
        if not results:
            return 0.0
        spent, self._spent = self._spent, 0.0
        return spent * 1e3 / results

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()
