"""Videos of every kind come through ``upscale``: each frame at its time, with its sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.video_fixtures import FoundStream, describe, samples
from tests.media.video_zoo import FRAMES, zoo

from upframe.engine.events import Failed
from upframe.engine.size import Target
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import RunOptions, UpscaleOptions, VideoOptions
from upframe.media.video.encoders import EncoderSettings

_LOST = ("wma",)
_SOUNDING = [
    pytest.param(name, marks=pytest.mark.xfail(reason="encoded again")) if any(word in name for word in _LOST) else name
    for name, video in zoo().items()
    if video.sounds
]
MILLISECONDS = (".mkv", ".webm", ".flv")


@pytest.fixture(scope="module")
def upscaled(zoo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The results of one command for the whole zoo, by the names of their sources."""
    folder = tmp_path_factory.mktemp("upscaled")
    run = RunOptions(model="bicubic", target=Target(scale=2), threads=1)
    options = UpscaleOptions(run, video=VideoOptions(EncoderSettings(threads=1)))
    failures = [event for event in upscale_files([str(zoo_folder)], f"{folder}/", options) if isinstance(event, Failed)]
    assert [failure.error for failure in failures] == []
    results = {path.stem: path for path in folder.iterdir()}
    assert {Path(name).stem for name in zoo()} - set(results) == set()
    return {name: results[Path(name).stem] for name in zoo()}


@pytest.mark.parametrize("name", zoo())
def test_every_frame_of_every_kind_of_video_keeps_its_time(name: str, zoo_folder: Path, upscaled: dict[str, Path]) -> None:
    before, after = describe(zoo_folder / name), describe(upscaled[name])
    assert len(before.frames) == len(after.frames) == FRAMES
    assert after.size == (2 * before.size[0], 2 * before.size[1])
    if upscaled[name].suffix in MILLISECONDS:
        assert after.times == [Fraction(round(1000 * time), 1000) for time in before.times]
    else:
        assert after.times == before.times


@pytest.mark.parametrize("name", zoo())
def test_every_image_of_every_kind_of_video_is_in_its_place(name: str, zoo_folder: Path, upscaled: dict[str, Path]) -> None:
    before, after = _small(zoo_folder / name), _small(upscaled[name])
    distances = np.abs(before[:, None] - after[None]).mean(axis=(2, 3))
    assert distances.diagonal().max() < 8
    assert (distances.argmin(axis=0) == np.arange(FRAMES)).all()


@pytest.mark.parametrize("name", _SOUNDING)
def test_the_sound_of_every_kind_of_video_comes_through(name: str, zoo_folder: Path, upscaled: dict[str, Path]) -> None:
    (before,), (after,) = _sounds(zoo_folder / name), _sounds(upscaled[name])
    assert after.packets == before.packets
    if after.codec != before.codec and before.codec.startswith("pcm"):
        assert np.array_equal(samples(upscaled[name]), samples(zoo_folder / name))
    else:
        assert (after.codec, after.content) == (before.codec, before.content)
    if before.codec != "vorbis":  # whose last packet has no time in an Ogg
        assert max(abs(new - old) for new, old in zip(after.times, before.times, strict=True)) < Fraction(2, 1000)


def _sounds(path: Path) -> list[FoundStream]:
    return [stream for stream in describe(path).streams if stream.kind == "audio"]


def _small(path: Path) -> NDArray[Any]:
    """The brightness of every image: (frames, 48, 64), 0 to 255."""
    with av.open(str(path)) as video:
        frames = [frame.reformat(64, 48, "gray").to_ndarray() for frame in video.decode(video=0)]
    return np.stack(frames).astype(np.float32)
