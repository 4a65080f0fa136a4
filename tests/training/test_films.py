"""Frames of films in any order: the same as in theirs, whatever the film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.film_fixtures import Film, steady, uneven

from upframe.data.films import FilmFrames
from upframe.data.training.films import OPEN_AT_MOST, SoughtFilm
from upframe.errors import InputError

GROUPS = {"g": "12", "bf": "3", "keyint_min": "12", "sc_threshold": "0"}
ORDER = (30, 31, 32, 5, 39, 0, 12, 11, 13, 38, 6, 7, 24)


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("b-frames.mp4", Film(times=steady(40), options=GROUPS)),
        ("uneven.mkv", Film(times=uneven(40), options=GROUPS)),
        ("stream.ts", Film(times=steady(40, start=90000), options=GROUPS)),
        ("no-times.avi", Film(codec="mpeg4", times=range(40), time_base=Fraction(1, 25), options={"g": "12"})),
        ("intra.mkv", Film(codec="ffv1", times=steady(40))),
        ("deep.mkv", Film(pix_fmt="yuv420p10le", times=steady(40), options=GROUPS)),
    ],
)
def test_frames_in_any_order_are_those_in_theirs(tmp_path: Path, name: str, film: Film) -> None:
    path = film.make(tmp_path / name)
    whole, sought = FilmFrames(path), SoughtFilm(path)
    in_order = [whole.read(index) for index in range(len(whole.names))]
    assert len(sought) == len(in_order) == 40
    for index in ORDER:
        assert (sought.read(index) == in_order[index]).all(), index


def test_a_frame_far_on_is_reached_from_the_key_frame_before_it(tmp_path: Path) -> None:
    film = SoughtFilm(Film(times=steady(40), options=GROUPS).make(tmp_path / "film.mp4"))
    film.read(0)
    decoded: list[int] = []
    seek = film._seek

    def counting(time: int) -> None:
        seek(time)
        frames = film._frames
        film._frames = (decoded.append(1) or frame for frame in frames)  # type: ignore[func-returns-value]

    film._seek = counting  # type: ignore[method-assign]
    film.read(39)
    assert len(decoded) <= 12


def test_of_many_films_few_are_open(tmp_path: Path) -> None:
    path = Film(times=steady(4)).make(tmp_path / "film.mp4")
    films = [SoughtFilm(path) for _ in range(OPEN_AT_MOST + 5)]
    for film in films:
        film.read(0)
    assert sum(film._container is not None for film in films) <= OPEN_AT_MOST
    assert all(np.array_equal(film.read(2), films[0].read(2)) for film in films)


def test_a_damaged_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42 nothing more")
    with pytest.raises(InputError, match=r"film\.mp4"):
        SoughtFilm(tmp_path / "film.mp4").read(0)


def test_of_a_film_that_is_cut_short_the_frames_before_are_taken_when_asked(tmp_path: Path) -> None:
    path = Film(times=steady(40), options=GROUPS).make(tmp_path / "film.mkv")
    first = SoughtFilm(path).read(3)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=r"cut short.* data.skip_damaged=true takes the \d+ frames before$"):
        SoughtFilm(path)
    film = SoughtFilm(path, skip_damaged=True)
    assert 3 < len(film) < 40
    assert (film.read(3) == first).all()
    assert film.read(len(film) - 1).shape == first.shape
