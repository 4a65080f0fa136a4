"""Videos of images that were made here."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from upframe.errors import OutputError, ShapeError
from upframe.media.video.recorder import Pixels, record_video


def record(path: Path, images: list[Pixels]) -> None:
    """A video of 25 frames a second."""
    with record_video(path, 25) as add:
        for pixels in images:
            add(pixels)


def colours(red: int) -> Pixels:
    """An image of two halves."""
    pixels = np.full((32, 64, 3), (red, 60, 200), np.uint8)
    pixels[:, 32:] = (20, 180, 90)
    return pixels


def test_a_video_shows_the_images_in_their_colours_and_times(tmp_path: Path) -> None:
    images = [colours(red) for red in (30, 120, 240)]
    record(tmp_path / "video.mp4", images)
    with av.open(tmp_path / "video.mp4") as video:
        stream = video.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == 25
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
        frames = list(video.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([0, 1 / 25, 2 / 25])
    for frame, pixels in zip(frames, images, strict=True):
        inside = np.s_[4:-4, 4:24]  # away from the border of the halves, where chroma is shared
        assert np.abs(frame.to_ndarray(format="rgb24")[inside].astype(int) - pixels[inside]).max() <= 6


def test_a_video_that_fails_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="in a video of"):
        record(tmp_path / "video.mp4", [colours(0), colours(0)[:16]])
    with pytest.raises(OutputError, match="there was no image to record"):
        record(tmp_path / "video.mp4", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [("video.webm", "does not hold H.264"), ("video.png", "not written as .png")])
def test_a_name_that_holds_no_such_video_is_refused_at_once(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=words), record_video(tmp_path / name, 25):
        pytest.fail("it was opened")


def test_a_image_with_an_odd_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="even"):
        record(tmp_path / "video.mkv", [colours(0)[:31]])
