"""Which files the page may read, and what those that are sent are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from upframe.errors import InputError
from upframe.serve.places import Places, free_name, safe_name


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("UPFRAME_SERVE", str(tmp_path / "state"))
    (tmp_path / "films").mkdir()
    return Places.open(tmp_path / "films")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("holiday.mp4", "holiday.mp4"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("<script>alert(1)</script>.png", "script_.png"),
        ("a\x00b\n\x1b[31m.png", "a_b___31m.png"),
        ("ünï 🎬 'quoted' film.mkv", "ünï 🎬 'quoted' film.mkv"),
        ('"x" | y?.png', "_x_ _ y_.png"),
        (".hidden.png", "hidden.png"),
        ("--watch", "watch"),
        ("frames/%05d.png", "_05d.png"),
        ("con.png", "_con.png"),
        ("...", "file"),
        ("\u202egnp.exe", "_gnp.exe"),
    ],
)
def test_a_file_keeps_of_its_name_what_is_safe(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


def test_a_long_name_is_cut_before_its_suffix() -> None:
    name = safe_name("🎬" * 200 + ".mp4")
    assert name.endswith(".mp4")
    assert len(os.fsencode(name)) <= 120


def test_two_files_of_one_name_both_stay(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a (2).png").symlink_to("nowhere")
    assert free_name(tmp_path, "a.png") == tmp_path / "a (3).png"


def test_only_files_in_the_folders_of_the_page_may_be_read(places: Places, tmp_path: Path) -> None:
    film = tmp_path / "films" / "a.mp4"
    film.touch()
    secret = tmp_path / "secret.txt"
    secret.touch()
    (tmp_path / "films" / "link").symlink_to(secret)
    (tmp_path / "films2").mkdir()
    assert places.allowed("a.mp4") == film
    assert places.allowed(film) == film
    refused = [secret, tmp_path / "films2", "../secret.txt", "link", "nothing.mp4", "a\0b", "/", places.queue, "x" * 5000]
    words = set()
    for path in refused:
        with pytest.raises(InputError) as caught:
            places.allowed(path)
        words.add(str(caught.value))
    assert len(words) == 1  # nobody learns from them what is there


def test_what_was_sent_and_belongs_to_no_job_is_cleaned(places: Places, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (places.sent / "old").mkdir()
    (places.sent / "link").symlink_to(outside)
    os.utime(places.sent / "old", (0, 0))
    os.utime(places.sent / "link", (0, 0), follow_symlinks=False)
    (places.sent / "new").touch()
    (places.inputs / "of a job").mkdir()
    os.utime(places.inputs / "of a job", (0, 0))
    places.clean(older_than=3600)
    assert [path.name for path in places.sent.iterdir()] == ["new"]
    assert (outside / "kept").exists()
    assert (places.inputs / "of a job").exists()
