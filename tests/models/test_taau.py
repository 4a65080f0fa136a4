"""TAAU on scenes whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tests.rendered import planes

from upframe.engine.supersampler import Supersampler
from upframe.ops.resize import upscale
from upframe.ops.shift import centred
from upframe.ops.transfer import encode_linear
from upframe.rendered import RenderedFrame
from upframe.rendered.jitter import halton

SIZE = (48, 72)
Array = NDArray[Any]


def psnr(image: Any, reference: Any, where: Any = 1.0) -> float:
    """Of light (h, w, 3) as a display shows it, without a border of 8, where a mask (h, w) is 1."""
    shown, wanted = (encode_linear(torch.as_tensor(np.asarray(light))).clamp(0, 1) for light in (image, reference))
    inside = torch.zeros(shown.shape[:2])
    inside[8:-8, 8:-8] = 1
    mask = inside * where
    return float(-10 * torch.log10((((shown - wanted) ** 2).mean(2) * mask).sum() / mask.sum()))


def mean_of(large: Array, samples: int) -> Array:
    """The mean of so many samples each way in each pixel."""
    height, width = large.shape[0] // samples, large.shape[1] // samples
    return large.reshape(height, samples, width, samples, 3).mean(axis=(1, 3))


def stripes(time: float, jitter: tuple[float, float] = (0.0, 0.0), size: tuple[int, int] = SIZE) -> RenderedFrame:
    """Slanted stripes with hard edges before a camera that pans by 1.3 and 0.4 pixels of 48x72 a frame."""
    y, x = ((np.mgrid[: size[0], : size[1]] + 0.5).T + jitter[::-1]).T * (SIZE[0] / size[0])
    bright = np.floor((x + 1.3 * time + 0.23 * (y + 0.4 * time)) / 5.3) % 2
    motion = np.broadcast_to(np.float32((1.3, 0.4)), (*size, 2)).copy()
    colour = (0.1 + 0.7 * np.stack([bright] * 3, axis=2)).astype(np.float32)
    return RenderedFrame(colour=colour, depth=np.full(size, 5, np.float32), motion=motion, jitter=jitter)


def test_a_still_camera_converges_to_the_supersampled_truth() -> None:
    height, width = SIZE
    truth = mean_of(planes.of(planes.render(3, size=(8 * height, 8 * width)), "colour"), 4)
    supersampler = Supersampler("taau-x2", device="cpu")
    still = np.zeros((*SIZE, 2), np.float32)
    scores = [
        psnr(supersampler.step(replace(planes.render(3, jitter, size=SIZE), motion=still)), truth) for jitter in halton(16)
    ]
    assert scores[-1] > 34
    assert scores[-1] > scores[0] + 6


def test_a_pan_keeps_its_edges() -> None:
    supersampler = Supersampler("taau-x2", device="cpu")
    for time, jitter in enumerate(halton(12)):
        frame = stripes(time, jitter)
        result = supersampler.step(frame)
    height, width = SIZE
    truth = mean_of(np.asarray(stripes(11, size=(8 * height, 8 * width)).colour), 4)
    shown = encode_linear(torch.from_numpy(np.asarray(frame.colour))).permute(2, 0, 1)[None]
    plain = centred(upscale(shown, 2), 2, frame.jitter)[0].permute(1, 2, 0)
    edges = torch.zeros(truth.shape[:2])
    edges[:, 1:] = torch.from_numpy(np.abs(np.diff(truth[..., 0], axis=1)) > 0.1).float()
    wanted = encode_linear(torch.from_numpy(truth))
    mask = edges[8:-8, 8:-8]
    of_bicubic = -10 * torch.log10((((plain - wanted) ** 2).mean(2)[8:-8, 8:-8] * mask).sum() / mask.sum())
    assert psnr(result, truth, edges) > float(of_bicubic) + 3


def test_what_a_reactive_mask_marks_leaves_no_trace() -> None:
    """A spark without motion of its own, in front of something as varied as it, one frame long."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    spark = ((y - 20) ** 2 + (x - 30) ** 2 < 30).astype(np.float32)
    traces = []
    for marked in (False, True):
        supersampler = Supersampler("taau-x2", device="cpu")
        plain = Supersampler("taau-x2", device="cpu")
        for time, jitter in enumerate(halton(6)):
            frame = replace(stripes(0, jitter), motion=np.zeros((*SIZE, 2), np.float32))
            clean = plain.step(frame)
            if time < 5:
                colour = np.asarray(frame.colour) * (1 - 0.6 * spark[..., None])
                result = supersampler.step(replace(frame, colour=colour))
            else:
                result = supersampler.step(replace(frame, reactive=spark if marked else None))
        traces.append(float(np.abs(np.asarray(result) - np.asarray(clean)).mean()))
    assert traces[1] < traces[0] / 2
    assert traces[0] > 1e-3, "without the mask there is one"


def test_every_scale_is_one_of_its() -> None:
    for scale in (1, 3):
        result = Supersampler(f"taau-x{scale}", device="cpu").step(stripes(0))
        assert result.shape == (scale * SIZE[0], scale * SIZE[1], 3)
