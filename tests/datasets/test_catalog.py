"""The catalog of data sets: complete, and with what a person needs to get each."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from upframe.datasets.catalog import find_entry, named_entry
from upframe.datasets.catalog_entries import ENTRIES
from upframe.datasets.places import data_folder, folder_of, locate
from upframe.errors import InputError

NAMES = (
    "div2k",
    "flickr2k",
    "lsdir",
    "gta5",
    "set5",
    "set14",
    "b100",
    "urban100",
    "ntire23-4k",
    "reds",
    "reds4",
    "vimeo-tecogan",
    "vimeo90k",
    "vid4",
    "tos3",
    "udm10",
    "stssnet",
    "blender-films",
)


def test_every_set_the_published_systems_used_is_known() -> None:
    assert sorted(entry.name for entry in ENTRIES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_its_rights_its_size_its_layout_and_where_it_is(name: str) -> None:
    entry = named_entry(name)
    assert all((entry.title, entry.licence, entry.size, entry.layout, entry.folders))
    assert urlsplit(entry.page).netloc
    text = str(entry.instructions())
    assert entry.layout.splitlines()[0] in text
    assert "1. " in text
    for archive in entry.archives:
        assert urlsplit(archive.address).scheme == "https", "nothing else is downloaded"
        assert archive.md5 is None or len(archive.md5) == 32
        assert Path(archive.file).name == archive.file


def test_reds4_are_the_four_clips_held_out_of_reds() -> None:
    assert named_entry("reds4").clips == ("000", "011", "015", "020")


def test_names_are_found_however_they_are_written() -> None:
    for name in ("vimeo90k", "Vimeo-90K", "VIMEO_90K", "vimeo_septuplet"):
        assert find_entry(name) is named_entry("vimeo90k")
    with pytest.raises(InputError, match=r"unknown data set\nSee upframe\.datasets\.catalog_entries\.ENTRIES"):
        named_entry("set6")


def test_sets_lie_in_the_user_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPFRAME_DATA", str(tmp_path))
    entry = named_entry("b100")
    assert folder_of(entry) is None
    (tmp_path / "bsd100").mkdir()
    assert folder_of(entry) == tmp_path / "bsd100"
    assert locate("B100") == (tmp_path / "bsd100", entry)
    monkeypatch.delenv("UPFRAME_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert data_folder() == tmp_path / "share/upframe/data"


def test_a_path_that_exists_is_never_taken_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPFRAME_DATA", str(tmp_path / "data"))
    (tmp_path / "data/Set5").mkdir(parents=True)
    (tmp_path / "set5").mkdir()
    monkeypatch.chdir(tmp_path)
    assert locate("set5") == (Path("set5"), None)
