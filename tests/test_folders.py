"""A home that cannot be read or written: Upframe goes without, or says in a line which variable names another folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from upframe.datasets.catalog import named_entry
from upframe.datasets.fetching import fetch
from upframe.datasets.places import data_folder, locate
from upframe.errors import InputError, OutputError
from upframe.folders import MODELS, _passing_folder, cache_folder, is_readable, is_writable, made_writable
from upframe.models.cards import imported, models_folder, named_file, shipped


@pytest.fixture(params=["a file in its place", "below a file"])
def barred(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home in which no folder can be listed or made, whoever runs this."""
    (tmp_path / "home").touch()
    home = tmp_path / "home" if request.param == "a file in its place" else tmp_path / "home" / "me"
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in ("UPFRAME_DATA", "UPFRAME_MODELS"):
        monkeypatch.delenv(name, raising=False)
    yield home
    _passing_folder.cache_clear()


def test_models_and_data_are_looked_for_elsewhere(barred: Path) -> None:
    assert not is_readable(models_folder())
    assert imported() == []
    assert shipped()
    assert named_file("rt4ksr-x2") is not None
    assert named_file("of-my-own") is None
    with pytest.raises(InputError, match=r"set5: not found in .*UPFRAME_DATA"):
        locate("set5")


def test_what_is_to_be_kept_there_names_the_variable(barred: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written\nSet UPFRAME_MODELS to a folder that can"):
        made_writable(models_folder(), MODELS)
    with pytest.raises(OutputError, match=r"cannot be written\nSet UPFRAME_DATA to a folder that can"):
        fetch(named_entry("set5"), data_folder(), lambda *_: None)


def test_exports_are_kept_for_a_while_where_the_cache_cannot_be_written(barred: Path) -> None:
    folder = cache_folder("exports")
    assert is_writable(folder)
    assert cache_folder("exports") == folder
    assert barred not in folder.parents


def test_a_user_without_a_home_is_told_which_variable_names_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "UPFRAME_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user that the system does not know
    with pytest.raises(InputError, match=r"no home folder to keep the models in\nSet UPFRAME_MODELS"):
        models_folder()
    assert imported() == []
    assert is_writable(cache_folder("exports"))
    _passing_folder.cache_clear()


def test_a_folder_that_can_be_written_is_made(tmp_path: Path) -> None:
    assert made_writable(tmp_path / "a/b", MODELS).is_dir()
