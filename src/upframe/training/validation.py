"""Validation and sample images: clips and images that are held out, scored by a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from upframe.datasets.degradation import DEGRADATIONS
from upframe.errors import InputError
from upframe.media import Image, write_image
from upframe.metrics import LPIPS, ClipScorer, Protocol, average, find_protocol, load_lpips
from upframe.models.network import Network
from upframe.ops.resize import upscale
from upframe.ops.sampling import sample_offset, sampling_of
from upframe.ops.shift import centred
from upframe.training.data.camera import video_image
from upframe.training.data.chance import for_image
from upframe.training.data.film_crops import degradation_of
from upframe.training.data.frames import DRAWN, Clip, Frame, open_clips, open_images
from upframe.training.data.rendered import HOLES, TARGET
from upframe.training.data.settings import FilmData, RenderedData
from upframe.training.objectives.objective import Objective
from upframe.training.objectives.recipe import Recipe
from upframe.training.sections import Validation

MULTIPLE = 8  # of the small frames, which suits every network
IMAGES = 3  # that are shown


@dataclass(frozen=True, slots=True)
class ValidationClip:
    """Frames that are not trained on.

    ``inputs``: what the network is given, all frames at once or one after the other, batches of one. ``shown`` (t, 3, h, w):
    the small frames; ``high`` (t, 3, s*h, s*w); ``holes`` (t, h, w), 1 in a hole, where the data have them.
    """

    name: str
    inputs: tuple[dict[str, Tensor], ...]
    shown: Tensor
    high: Tensor
    holes: Tensor | None = None


class Validator:
    """Scores a network on the recipe's held-out clips, and shows it beside bicubic and the truth.

    Raises InputError for sources that are missing or too small, CheckpointError for LPIPS files that do not fit.
    """

    def __init__(self, recipe: Recipe, settings: Validation) -> None:
        self.settings = settings
        self.protocol = _protocol(settings)
        self._lpips = _lpips(self.protocol, settings)
        self._scale, self._kind = recipe.scale, recipe.data.kind
        if isinstance(recipe.data, RenderedData):
            self._rendered = recipe.rendered_frames(settings.sources)
            self._runs = recipe.data.frames > 1  # of frames, each as the network's past has it
            self._offset = 0.0
        else:
            self._data = recipe.data
            self._offset = sample_offset(sampling_of(recipe.data.degradation), self._scale)
            images = self._kind == "images" or (isinstance(self._data, FilmData) and self._data.material == "photo")
            opened = open_images(settings.sources) if images else _clips(settings)
            self._clips = opened[: settings.limit]

    def __call__(self, objective: Objective, network: Network, device: torch.device, samples: Path) -> dict[str, float]:
        """The protocol's result of ``network``; writes an image for the first clips into ``samples``."""
        was_training = network.training
        network.eval()
        scored = []
        for number, held_out in enumerate(self._held_out(network)):
            result = self._upscaled(objective, network, device, held_out)
            with ClipScorer(self.protocol, scale=self._scale, name=held_out.name, lpips=self._lpips) as scorer:
                for index, (frame, reference) in enumerate(zip(result, held_out.high, strict=True)):
                    scorer.add(frame.clamp(0, 1), reference, hole=None if held_out.holes is None else held_out.holes[index])
                scored.append(scorer.finish())
            if number < IMAGES:
                _write_sample(samples.with_name(f"{samples.name}-{number}.png"), held_out, result, self._scale, self._offset)
        network.train(was_training)
        return {str(metric): value for metric, value in average(scored, self.protocol).result.items()}

    @torch.no_grad()
    def _upscaled(self, objective: Objective, network: Network, device: torch.device, held_out: ValidationClip) -> Tensor:
        """(t, 3, s*h, s*w)."""
        results = []
        for inputs in held_out.inputs:
            result = objective.upscale(network, {name: value.to(device) for name, value in inputs.items()})
            results.append(result.float().cpu().reshape(-1, *result.shape[-3:]))
        return torch.cat(results)

    def _held_out(self, network: Network) -> Iterator[ValidationClip]:
        return self._rendered_clips() if self._kind == "rendered" else self._stored_clips(single=network.kind == "image")

    def _stored_clips(self, *, single: bool) -> Iterator[ValidationClip]:
        side = self.settings.crop - self.settings.crop % (MULTIPLE * self._scale)
        for clip in self._clips:
            frames = [_middle(clip.read(i), side, clip.name) for i in range(min(len(clip), self.settings.frames))]
            high = torch.from_numpy(np.stack(frames).transpose(0, 3, 1, 2)).float() / 255
            low = self._low(clip, frames, high)
            yield ValidationClip(clip.name, ({"low": low if single else low[None]},), low, high)

    def _low(self, clip: Clip, frames: list[Frame], high: Tensor) -> Tensor:
        """(t, 3, h, w) in [0, 1], degraded as the training's data are; of a film degradation the first variant."""
        if isinstance(self._data, FilmData):
            small = list(degradation_of(self._data).clip(frames, self._scale, Path(clip.name).name))
            return torch.from_numpy(np.stack(small).transpose(0, 3, 1, 2)).float() / 255
        return DEGRADATIONS[self._data.degradation.lower()].tensor(high, self._scale)

    def _rendered_clips(self) -> Iterator[ValidationClip]:
        """The first frames of the scenes, ``limit`` times ``frames`` of them, each by itself; or their first runs of frames."""
        side = self.settings.crop // self._scale // MULTIPLE * MULTIPLE
        limit = self.settings.limit * (1 if self._runs else self.settings.frames)
        for index in range(min(len(self._rendered), limit)):
            name, arrays = self._rendered.name(index), self._rendered.read(index)
            height, width = arrays["colour"].shape[-2:]
            if side < 1 or min(height, width) < side:
                raise InputError(f"validation: {name} is {width}x{height}, too small for validation.crop={self.settings.crop}")
            cut = {}
            for key, array in arrays.items():
                times = self._scale if key == TARGET else 1
                y, x = (height - side) // 2 * times, (width - side) // 2 * times
                cut[key] = torch.from_numpy(array[..., y : y + side * times, x : x + side * times].copy())[None]
            if self._runs:
                yield ValidationClip(name, (cut,), cut["colour"][0], cut[TARGET][0])
                continue
            colour = cut["colour"] if cut["colour"].ndim == 4 else cut["colour"][:, -1]  # of a history the current frame
            holes = 1 - cut[HOLES][:, 0] if HOLES in cut else None
            yield ValidationClip(name, (cut,), colour[:, :3], cut[TARGET], holes)


@dataclass(frozen=True, eq=False)
class PannedImage:
    """A clip of a drawn image before a moving camera, always the same."""

    image: Clip
    frames: int
    side: int

    @property
    def name(self) -> str:
        return self.image.name

    def __len__(self) -> int:
        return self.frames

    def read(self, index: int) -> Frame:
        still = torch.from_numpy(self.image.read(0).transpose(2, 0, 1))
        filmed = video_image(still, self.frames, self.side, for_image(1, 0))
        return filmed[index].permute(1, 2, 0).numpy()


def _clips(settings: Validation) -> list[Clip]:
    """Clips, and filmed ones of images that are drawn."""
    drawn = [source for source in settings.sources if source.startswith(DRAWN)]
    filmed = [PannedImage(image, settings.frames, settings.crop) for image in open_images(drawn)]
    return [*open_clips([source for source in settings.sources if source not in drawn]), *filmed]


def _protocol(settings: Validation) -> Protocol:
    protocol = find_protocol(settings.protocol)
    return protocol.select(settings.metrics) if settings.metrics else protocol


def _lpips(protocol: Protocol, settings: Validation) -> LPIPS | None:
    if not {"lpips", "tlp"} & set(protocol.metrics):
        return None
    return load_lpips(*settings.lpips_files)


def _middle(frame: Frame, side: int, name: str) -> Frame:
    height, width = frame.shape[:2]
    if side < 1 or min(height, width) < side:
        raise InputError(f"validation: {name} is {width}x{height}, too small for validation.crop={side}")
    y, x = (height - side) // 2, (width - side) // 2
    return frame[y : y + side, x : x + side]


def _write_sample(path: Path, held_out: ValidationClip, result: Tensor, scale: int, offset: float) -> None:
    """The middle frame: upscaled by bicubic interpolation, by the network, and as it was; side by side.

    offset: how far samples lie from the middle of their cells, which bicubic does not know.
    """
    middle = len(result) // 2
    plain = centred(upscale(held_out.shown[middle], scale)[None], scale, (offset, offset))[0]
    views = (plain, result[middle], held_out.high[middle])
    pixels = torch.cat(views, dim=-1).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    write_image(path, Image(np.ascontiguousarray(pixels)), overwrite=True)
