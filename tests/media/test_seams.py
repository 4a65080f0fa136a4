"""Where a video is divided inside a shot, the frames on both sides are as good as in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.video_fixtures import Video, samples_of, steady

from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import Plane, RawFrame
from upframe.media.video.parts import JoiningWriter, PartWriter
from upframe.media.video.reader import VideoReader
from upframe.media.video.writer import VideoWriter

FRAMES, SEAM, SIZE = 64, 30, (96, 128)
_GROUND = np.random.default_rng(3).normal(128, 30, (160, 200))


def drifting(index: int) -> Sequence[Plane]:
    """A rough texture that moves by a fraction of a pixel each frame, under a little grain."""
    place = 0.3 * index
    left, part = int(place), place % 1
    rows = _GROUND[:96]
    luma = (1 - part) * rows[:, left : left + 128] + part * rows[:, left + 1 : left + 129]
    luma += np.random.default_rng(index).normal(0, 2, SIZE)
    return [luma.clip(16, 235).astype(np.uint8), *(np.full((48, 64), 128, np.uint8) for _ in range(2))]


def psnr(path: Path, reference: list[tuple[Plane, ...]]) -> NDArray[np.float64]:
    errors = [np.square(a[0].astype(float) - b[0]).mean() for a, b in zip(samples_of(path), reference, strict=True)]
    return np.array(10 * np.log10(255**2 / np.array(errors)))


def in_two_parts(result: Path, reader: VideoReader, frames: list[RawFrame], settings: EncoderSettings, *, shown: bool) -> None:
    """The video in two parts; the encoder of the first is shown the frames after it, or is not."""
    parts = [result.with_suffix(f".{number}.part") for number in range(2)]
    with JoiningWriter(result, reader, SIZE, settings) as joined:
        with PartWriter(parts[0], reader, SIZE, settings, name=result, last=SEAM - 1 if shown else None) as writer:
            for frame in frames[:SEAM]:
                writer.write(frame)
            for frame in frames[SEAM : SEAM + joined.tail] if shown else ():
                writer.show(frame)
        with PartWriter(parts[1], reader, SIZE, settings, name=result, is_cut=not shown) as writer:
            for frame in frames[SEAM:]:
                writer.write(frame)
        joined.write_parts(parts, ())


@pytest.mark.parametrize(("codec", "gain"), [("x264", 0.4), ("x265", 0.0)])
def test_frames_beside_a_seam_are_as_good_as_in_one_piece(tmp_path: Path, codec: str, gain: float) -> None:
    source = Video("ffv1", size=SIZE, times=steady(FRAMES), rate=Fraction(25), images=drifting).make(tmp_path / "source.mkv")
    settings, reference = EncoderSettings(codec, threads=1), samples_of(source)
    with VideoReader(source) as reader:
        frames = [item for item in reader if isinstance(item, RawFrame)]
        with VideoWriter(tmp_path / "whole.mkv", reader, SIZE, settings) as whole:
            for frame in frames:
                whole.write(frame)
        in_two_parts(tmp_path / "shown.mkv", reader, frames, settings, shown=True)
        in_two_parts(tmp_path / "alone.mkv", reader, frames, settings, shown=False)
    one, shown, alone = (psnr(tmp_path / f"{name}.mkv", reference) for name in ("whole", "shown", "alone"))
    before = slice(SEAM - 8, SEAM)
    assert (shown - one)[before].mean() > -0.2
    assert (shown - alone)[before].mean() > gain
    assert shown[SEAM] < alone[SEAM]  # the key frame stands out less
