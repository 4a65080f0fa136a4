"""Film degradations: the same faults for the same seed, samples in the middle of their cells, real codecs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from upframe.datasets.codecs import Compression, compressed, jpeg_compressed
from upframe.datasets.film_degradation import Faults, FilmDegradation, Material, degraded
from upframe.ops.resize import upscale

Pixels = NDArray[np.uint8]
CODECS = [
    Compression("x264", 23, "veryfast"),
    Compression("x265", 28, "veryfast"),
    Compression("mpeg2", 4),
    Compression("mpeg4", 4),
    Compression("vp9", 32),
]


def moving(frames: int = 4, height: int = 66, width: int = 98) -> list[Pixels]:
    """A smooth texture that moves to the right."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x - 3 * t) / 9) + np.cos(y / 7) + np.sin((x + y - 3 * t) / 13) for t in range(frames)]
    return [np.stack([128 + 30 * wave, 120 + 25 * wave, 110 - 20 * wave], axis=2).round().astype(np.uint8) for wave in waves]


def psnr(a: Pixels, b: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


@pytest.mark.parametrize("compression", CODECS, ids=str)
def test_a_codec_returns_every_frame_in_order_and_a_little_worse(compression: Compression) -> None:
    frames = moving()
    even = [frame[:64, :96] for frame in frames]
    returned = list(compressed(even, compression))
    assert [frame.shape for frame in returned] == [(64, 96, 3)] * len(frames)
    for index, frame in enumerate(returned):
        assert not np.array_equal(frame, even[index])
        closeness = [psnr(frame, other) for other in even]
        assert int(np.argmax(closeness)) == index
        assert closeness[index] > 30


def test_less_quality_is_worse() -> None:
    even = [frame[:64, :96] for frame in moving()]
    good, bad = (list(compressed(even, Compression("x264", crf, "veryfast"))) for crf in (18, 40))
    assert psnr(np.stack(good), np.stack(even)) > psnr(np.stack(bad), np.stack(even)) + 3
    assert psnr(jpeg_compressed(even[0], 95), even[0]) > psnr(jpeg_compressed(even[0], 10), even[0]) + 3


def test_the_same_seed_and_name_make_the_same_clip() -> None:
    degradation, frames = FilmDegradation("film", "strong", 3), moving()
    once, again = (list(degradation.clip(frames, 2, "clip.mp4", variant)) for variant in (2, 2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    draws = {str(degradation.faults("clip.mp4", variant)) for variant in range(8)}
    assert len(draws) > 4
    assert FilmDegradation("film", "strong", 4).faults("clip.mp4") != degradation.faults("clip.mp4")


@pytest.mark.parametrize("material", ["film", "photo"])
def test_levels_draw_what_they_promise(material: Material) -> None:
    mild, strong = ([FilmDegradation(material, level).faults(f"{n}") for n in range(300)] for level in ("mild", "strong"))
    for draws, least, most in ((mild, 0.12, 0.28), (strong, 0.04, 0.17)):
        clean = sum(faults.compression is None for faults in draws) / len(draws)
        assert least < clean < most
    assert np.mean([f.noise for f in strong]) > np.mean([f.noise for f in mild])
    if material == "photo":
        assert all(50 <= f.compression <= 95 for f in mild if isinstance(f.compression, int))
        assert not any(isinstance(f.compression, Compression) for f in mild)
    else:
        used = {f.compression.codec for f in strong if isinstance(f.compression, Compression)}
        assert used == {"x264", "x265", "mpeg2", "mpeg4", "vp9"}
        assert all(18 <= f.compression.quality <= 30 for f in mild if getattr(f.compression, "codec", "") == "x264")


@pytest.mark.parametrize(
    "faults", [Faults("area"), Faults("bicubic"), Faults("lanczos"), Faults(blur=0.6), Faults(sharpening=0.3)]
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_samples_lie_in_the_middle_of_their_cells(faults: Faults, scale: int) -> None:
    """A ramp keeps its values: a displacement of a tenth of a pixel would change them by a fifth of a code."""
    import torch

    ramp = np.repeat(np.repeat(np.arange(96, dtype=np.uint8)[None, :, None] * 2, 96, axis=0), 3, axis=2)
    (small,) = degraded([ramp], scale, faults, np.random.default_rng(0))
    large = upscale(torch.from_numpy(small.transpose(2, 0, 1).astype(np.float32)), scale).permute(1, 2, 0).numpy()
    inner = slice(8 * scale, -8 * scale)
    error = (large - ramp)[inner, inner]
    assert abs(float(error.mean())) < 0.5  # small values are whole codes
    assert np.abs(error).max() <= 1.2


def test_noise_is_as_strong_as_it_says() -> None:
    grey = np.full((128, 128, 3), 128, np.uint8)
    (noisy,) = degraded([grey], 2, Faults(noise=4.0), np.random.default_rng(0))
    assert noisy.astype(np.float64).std() == pytest.approx(4.0, rel=0.1)


def test_odd_sizes_are_cut_to_whole_cells_and_go_through_a_codec() -> None:
    frames = moving(2, 70, 102)
    small = list(degraded(frames, 2, Faults(compression=Compression("x264", 20, "veryfast")), np.random.default_rng(0)))
    assert [frame.shape for frame in small] == [(35, 51, 3)] * 2


@pytest.mark.parametrize("codec", ["x264", "x265"])
def test_the_smallest_frames_go_through_a_codec_too(codec: str) -> None:
    """x265 writes beyond its memory for frames of less than one block; they are made wider for it."""
    frames = moving(2, 32, 38)
    faults = Faults(compression=Compression(codec, 20, "veryfast"))  # type: ignore[arg-type]
    for _ in range(4):
        small = list(degraded(frames, 2, faults, np.random.default_rng(0)))
        assert [frame.shape for frame in small] == [(16, 19, 3)] * 2
