"""The condition of what is upscaled, on clips that were really encoded, and the weights that are chosen for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from upframe.engine.choice import about, choose
from upframe.engine.condition import Condition, condition_of_image, condition_of_video, noise, sharpness
from upframe.models.cards import shipped
from upframe.models.info import ModelInfo

Pixels = NDArray[np.uint8]
LIMIT = 10**7


def scene(frames: int = 8, height: int = 144, width: int = 192, deviation: float = 0.0) -> list[Pixels]:
    """Detail of every size that moves to the right, beside an even sky, with noise."""
    random = np.random.default_rng(3)
    wide = np.zeros((height, width + 64), np.float32)
    for size in (1, 2, 4, 8):
        coarse = random.normal(0, 9 * size**0.5, (height // size, (width + 64) // size)).astype(np.float32)
        wide += np.asarray(PIL.Image.fromarray(coarse).resize((width + 64, height), PIL.Image.Resampling.BICUBIC))
    wide[: height // 3] = np.linspace(0, 20, width + 64)
    frames_ = [110 + wide[:, 2 * t : 2 * t + width] for t in range(frames)]
    noisy = [frame + random.normal(0, deviation, frame.shape) for frame in frames_]
    return [np.repeat(frame.clip(0, 255).round().astype(np.uint8)[:, :, None], 3, axis=2) for frame in noisy]


def encoded(path: Path, codec: str, frames: list[Pixels], **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def step_of(path: Path) -> float:
    step = condition_of_video(path, max_pixels=LIMIT).step
    assert step is not None
    return step


def test_the_quantisers_of_h264_are_found_in_the_stream(tmp_path: Path) -> None:
    steps = [
        step_of(encoded(tmp_path / f"{crf}.mp4", "libx264", scene(), crf=crf, preset="veryfast")) for crf in ("10", "23", "33")
    ]
    assert steps == sorted(steps)
    for step, crf in zip(steps, (10, 23, 33), strict=True):
        assert 2 ** ((crf - 4 - 4) / 6) < step < 2 ** ((crf + 8 - 4) / 6)


@pytest.mark.parametrize(
    ("codec", "good", "bad"),
    [
        ("libx264", {"crf": "8"}, {"crf": "26"}),
        ("libx265", {"crf": "8", "x265-params": "log-level=none"}, {"crf": "26", "x265-params": "log-level=none"}),
        ("mpeg2video", {"qmin": "1", "qmax": "1"}, {"qmin": "8", "qmax": "8"}),
        ("mpeg4", {"qmin": "1", "qmax": "1"}, {"qmin": "8", "qmax": "8"}),
        ("libvpx-vp9", {"crf": "4", "b": "0"}, {"crf": "40", "b": "0"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_compressed_video_is_told_from_good_video(
    codec: str, good: dict[str, str], bad: dict[str, str], tmp_path: Path
) -> None:
    for name, options, clean in (("good", good, True), ("bad", bad, False)):
        condition = condition_of_video(encoded(tmp_path / f"{name}.mkv", codec, scene(), **options), max_pixels=LIMIT)
        assert condition.clean is clean, str(condition)
        assert clean or "compressed" in str(condition)


def test_lossless_video_is_clean_and_its_noise_is_not(tmp_path: Path) -> None:
    for deviation, clean in ((0.0, True), (4.0, False)):
        path = encoded(tmp_path / f"{deviation}.mkv", "ffv1", scene(deviation=deviation))
        condition = condition_of_video(path, max_pixels=LIMIT)
        assert condition.step is None
        assert condition.clean is clean, str(condition)
    assert condition.noise == pytest.approx(4, rel=0.3)


def test_blocks_that_another_codec_left_are_seen(tmp_path: Path) -> None:
    once = encoded(tmp_path / "mpeg2.mkv", "mpeg2video", scene(), qmin="10", qmax="10")
    with av.open(str(once)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    condition = condition_of_video(encoded(tmp_path / "again.mkv", "ffv1", frames), max_pixels=LIMIT)
    assert condition.faults == ("blocky",)


@pytest.mark.parametrize(("quality", "clean"), [(40, False), (70, False), (95, True)])
def test_a_jpeg_says_how_coarse_it_is(quality: int, clean: bool, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    PIL.Image.fromarray(scene(1)[0]).save(path, quality=quality)
    condition = condition_of_image(path, np.asarray(PIL.Image.open(path)))
    assert condition.clean is clean, str(condition)
    assert condition.step == pytest.approx({40: 20.6, 70: 9.9, 95: 1.7}[quality], rel=0.1)


def test_an_enlargement_is_softer_than_what_it_was_made_of() -> None:
    image = PIL.Image.fromarray(scene(1)[0][60:])
    large = image.resize((2 * image.width, 2 * image.height), PIL.Image.Resampling.BICUBIC)
    own, enlarged = (sharpness(np.asarray(one.convert("L"), np.float32)) for one in (image, large))
    assert enlarged < 0.6 * own


def test_noise_is_measured_beside_detail() -> None:
    frame = scene(1, deviation=2.5)[0][..., 0].astype(np.float32)
    assert noise(frame) == pytest.approx(2.5, rel=0.2)


def test_a_file_that_cannot_be_decoded_counts_as_clean(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    assert condition_of_video(tmp_path / "no.mp4", max_pixels=LIMIT).clean


WORN = Condition("h264", 20.0, "stream")


def card(name: str, degradation: str, scale: int = 2, *, experimental: bool = False) -> ModelInfo:
    family = name.partition("-")[0]
    kind = "image" if family == "rt4ksr" else "video"
    return ModelInfo(name, family, kind, scale, degradation=degradation, experimental=experimental)  # type: ignore[arg-type]


CARDS = [
    card("rt4ksr-x2", "BI"),
    card("rt4ksr-x4", "BI", 4),
    card("rt4ksr-film-x2", "film mild v1"),
    card("frvsr-film-x2", "film mild v1"),
    card("frvsr-x4", "BD", 4),
    card("ttvsr-x4", "BI", 4),
]


@pytest.mark.parametrize(
    ("condition", "factor", "effort", "moving", "name"),
    [
        (Condition(), None, "fast", True, "rt4ksr-x2"),
        (WORN, None, "fast", True, "rt4ksr-film-x2"),
        (WORN, None, "good", True, "frvsr-film-x2"),
        (WORN, 1, "fast", True, "rt4ksr-film-x2"),
        (WORN, 4, "good", True, "rt4ksr-x4"),
        (Condition(), 4, "good", True, "rt4ksr-x4"),
        (Condition(), 4, "best", True, "ttvsr-x4"),
        (Condition("jpeg", 20.0), None, "best", False, "rt4ksr-film-x2"),
        (Condition(), 7, "fast", False, "rt4ksr-x4"),
    ],
)
def test_weights_are_chosen_by_condition_scale_and_effort(
    condition: Condition, factor: float | None, effort: str, moving: bool, name: str
) -> None:
    choice = choose(condition, CARDS, factor, effort=effort, moving=moving)  # type: ignore[arg-type]
    assert choice.name == name
    assert str(condition) in choice.reason


def test_experimental_weights_are_named_and_not_taken() -> None:
    cards = [replace(info, experimental="film" in info.name) for info in CARDS]
    choice = choose(WORN, cards, None, moving=True)
    assert choice.name == "rt4ksr-x2"
    assert "rt4ksr-film-x2, for compressed or noisy video, is experimental" in choice.reason
    for factor in (None, 1.5, 3, 4):
        for condition in (Condition(), WORN):
            taken = choose(condition, shipped(), factor, effort="best", moving=True).name
            assert not next(info for info in shipped() if info.name == taken).experimental


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "less than a minute"), (61, "about 1 minute"), (720, "about 12 minutes"), (12600, "about 3.5 hours")],
)
def test_an_estimate_is_said_as_roughly_as_it_is_known(seconds: float, words: str) -> None:
    assert about(seconds) == words
