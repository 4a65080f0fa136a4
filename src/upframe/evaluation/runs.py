"""A model run over the clips of a set, each frame timed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.datasets.rendered_clips import RenderedEvaluationClip
from upframe.datasets.stssnet_files import StoredClip
from upframe.engine.cuts import choose_cuts
from upframe.engine.layers import to_layers
from upframe.engine.supersampler import Supersampler
from upframe.engine.upscaler import Upscaler
from upframe.errors import InputError
from upframe.evaluation.clips import ScoredClip
from upframe.models.catalog import Model
from upframe.models.fitting import fit
from upframe.models.info import ModelInfo
from upframe.ops.sampling import Sampling, sample_offset
from upframe.ops.shift import centred
from upframe.rendered.frame import RenderedFrame
from upframe.runtime.device import choose_device
from upframe.runtime.precision import Precision, choose_dtype
from upframe.runtime.rates import wait


@dataclass(frozen=True, slots=True)
class UpscaledFrame:
    """A result (3, scale*h, scale*w), the frame at low resolution (3, h, w), and the milliseconds it took the network.

    Both float32, nominally in [0, 1] and not clamped, on the model's device. low: None for a frame that was not drawn.
    offset: how far its pixels lie from the middle of what they stand for, right and down, in such pixels.
    """

    index: int
    image: Tensor
    low: Tensor | None
    milliseconds: float
    offset: tuple[float, float] = (0.0, 0.0)


class ModelRun(Protocol):
    """A model that is ready."""

    info: ModelInfo
    device: torch.device

    def __call__(self, clip: ScoredClip) -> Iterator[UpscaledFrame]:
        """Every frame of a clip in order."""


class RunSettings(NamedTuple):
    """How models are run: ``cuts`` as :func:`upframe.engine.cuts.choose_cuts`, the others as :class:`upframe.Supersampler`.

    sampling: where the pixels of low resolution lie in the cells they stand for.
    """

    device: str
    precision: Precision
    cuts: str
    far: float | None
    sampling: Sampling = "centre"


def make_run(model: Model, clips: Sequence[ScoredClip], settings: RunSettings) -> ModelRun:
    """A model made ready for the clips of a set. Raises InputError where it wants frames of another kind."""
    device, precision, cuts, far, sampling = settings
    if model.info.kind != "rendered":
        return UpscalerRun(Upscaler(on_bare_frames(model), device=device, precision=precision, sampling=sampling), cuts)
    if all(isinstance(clip, RenderedEvaluationClip) for clip in clips):
        return RenderedRun(model, Supersampler(model, device=device, precision=precision, far=far))
    if not all(isinstance(clip, StoredClip) for clip in clips):
        raise InputError(
            f"{model.info.name}: upscales rendered frames from their depth and motion, but the set holds no such frames"
        )
    if model.info.family != StoredClip.family:
        raise InputError(
            f"{model.info.name}: the frames of this set are stored as STSSNet takes them; no other network can use them"
        )
    return StoredRun(model, device=device, precision=precision)


def on_bare_frames(model: Model) -> Model:
    """The model on frames as they are, which ``Upscaler`` else extends beyond their border: published numbers are made so."""
    return replace(model, info=replace(model.info, border=0))


class UpscalerRun:
    """Models for images and video; ``cuts`` as :class:`RunSettings`. Results of jittered frames are moved to the pixels."""

    def __init__(self, upscaler: Upscaler, cuts: str) -> None:
        self.upscaler, self.info, self.device = upscaler, upscaler.info, upscaler.device
        self._cuts = choose_cuts(cuts)
        self._sizes: set[torch.Size] = set()

    def __call__(self, clip: ScoredClip) -> Iterator[UpscaledFrame]:
        stream = self.upscaler.open_clip(cuts=self._cuts())
        clock, waiting, drawn = _Clock(self.device), deque[tuple[int, Tensor]](), 0
        for index in (*range(len(clip.frame_names)), None):
            if index is not None:
                if not clip.has_low(index):
                    continue
                layers = to_layers(clip.low(index), None, self.device)
                waiting.append((index, layers[0][0]))
                drawn += 1
                self._warm_up(layers[0])
            with clock:
                ready = stream.finish() if index is None else stream.feed(layers)
            share = clock.share(len(ready))
            for (image,) in ready:
                done, low = waiting.popleft()
                jitter = clip.jitter(done) if isinstance(clip, RenderedEvaluationClip) else (0.0, 0.0)
                offset = sample_offset(self.upscaler.sampling, self.info.scale)
                offsets = offset + jitter[0], offset + jitter[1]
                yield UpscaledFrame(done, centred(image, self.info.scale, jitter)[0], low, share, offsets)
        if not drawn:
            raise InputError(f"{clip.name}: none of its frames has a colour, without which {self.info.name} cannot upscale it")

    @torch.inference_mode()
    def _warm_up(self, frame: Tensor) -> None:
        """The first run at a size chooses algorithms and asks for memory, which no later one does."""
        if self.info.kind == "image" and frame.shape not in self._sizes and len(self._sizes) < 8:
            self._sizes.add(frame.shape)
            self.upscaler.upscale_tensor(frame)


class StoredRun:
    """STSSNet on frames that are stored as it takes them."""

    def __init__(self, model: Model, *, device: str, precision: Precision) -> None:
        self.info, self.device = model.info, choose_device(device)
        self._dtype = choose_dtype(precision, self.device, model.info.half)
        self._network = model.network.to(self.device, self._dtype)

    @torch.inference_mode()
    def __call__(self, clip: ScoredClip) -> Iterator[UpscaledFrame]:
        if not isinstance(clip, StoredClip):
            raise InputError(f"{clip.name}: {self.info.name} needs frames stored with its own inputs")
        clock = _Clock(self.device)
        for index in range(len(clip.frame_names)):
            stored = clip.arguments(index)
            height, width = stored.mask.shape[-2:]
            arguments = [self._placed(array) for array in stored]
            with clock:
                image = self._network(*arguments).float()
            cut = image[0, :, : height * self.info.scale, : width * self.info.scale]
            low = torch.from_numpy(stored.colour[3:]).to(self.device)
            yield UpscaledFrame(index, cut, low, clock.share(1))

    def _placed(self, array: NDArray[np.float32]) -> Tensor:
        """(c, h, w) or (t, c, h, w) as the network takes it: with a dimension of the batch, its sides fitting."""
        tensor = torch.from_numpy(array).to(self.device, self._dtype)
        return fit(tensor, self.info)[None] if tensor.ndim == 4 else fit(tensor[None], self.info)


class RenderedRun:
    """NSRR and STSSNet on rendered clips, as the supersampler runs them; bringing the past to the frame is timed with them."""

    def __init__(self, model: Model, supersampler: Supersampler) -> None:
        self.info, self.device = model.info, supersampler.device
        self._supersampler = supersampler
        self._interleaved = supersampler.network.fills_in

    def __call__(self, clip: ScoredClip) -> Iterator[UpscaledFrame]:
        if not isinstance(clip, RenderedEvaluationClip):
            raise InputError(f"{clip.name}: {self.info.name} needs rendered frames")
        clock = _Clock(self.device)
        self._supersampler.reset()
        for index in range(len(clip.frame_names)):
            frame = self._placed(clip.interleaved(index) if self._interleaved else clip.frame(index))
            try:
                with clock:
                    light = self._supersampler.step(frame)
            except InputError as error:
                raise InputError(f"{clip.label(index)}: {error}") from error
            image = clip.shown(index, torch.as_tensor(light).permute(2, 0, 1))
            yield UpscaledFrame(index, image, self._low(clip, index), clock.share(1), clip.jitter(index))

    def _placed(self, frame: RenderedFrame) -> RenderedFrame:
        """The frame on the device, where a renderer would have it."""
        placed = {name: torch.tensor(np.asarray(b, np.float32), device=self.device) for name, b in frame.buffers().items()}
        return replace(frame, **placed)  # type: ignore[arg-type]  # the names are those of the fields

    def _low(self, clip: RenderedEvaluationClip, index: int) -> Tensor | None:
        return to_layers(clip.low(index), None, self.device)[0][0] if clip.has_low(index) else None


class _Clock:
    """Milliseconds spent in its ``with`` blocks since results were last shared out, the device waited for."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._spent, self._started = device, 0.0, 0.0

    def __enter__(self) -> None:
        wait(self._device)
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        wait(self._device)
        self._spent += time.perf_counter() - self._started

    def share(self, results: int) -> float:
        """What each of the results took: frames that were only taken in count for those that come out later."""
        if not results:
            return 0.0
        spent, self._spent = self._spent, 0.0
        return spent * 1e3 / results
