"""Films of pictures that were made here."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from upframe.errors import OutputError, ShapeError
from upframe.media.films.recorder import Pixels, record_film


def record(path: Path, pictures: list[Pixels]) -> None:
    """A film of 25 frames a second."""
    with record_film(path, 25) as add:
        for pixels in pictures:
            add(pixels)


def colours(red: int) -> Pixels:
    """A picture of two halves."""
    pixels = np.full((32, 64, 3), (red, 60, 200), np.uint8)
    pixels[:, 32:] = (20, 180, 90)
    return pixels


def test_a_film_shows_the_pictures_in_their_colours_and_times(tmp_path: Path) -> None:
    pictures = [colours(red) for red in (30, 120, 240)]
    record(tmp_path / "film.mp4", pictures)
    with av.open(tmp_path / "film.mp4") as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == 25
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
        frames = list(film.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([0, 1 / 25, 2 / 25])
    for frame, pixels in zip(frames, pictures, strict=True):
        inside = np.s_[4:-4, 4:24]  # away from the border of the halves, where chroma is shared
        assert np.abs(frame.to_ndarray(format="rgb24")[inside].astype(int) - pixels[inside]).max() <= 6


def test_a_film_that_fails_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="in a film of"):
        record(tmp_path / "film.mp4", [colours(0), colours(0)[:16]])
    with pytest.raises(OutputError, match="no picture was made"):
        record(tmp_path / "film.mp4", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [("film.webm", "does not hold H.264"), ("film.png", "not written as .png")])
def test_a_name_that_holds_no_such_film_is_refused_at_once(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=words), record_film(tmp_path / name, 25):
        pytest.fail("it was opened")


def test_a_picture_with_an_odd_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="even"):
        record(tmp_path / "film.mkv", [colours(0)[:31]])
