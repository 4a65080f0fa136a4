"""What is for testing stays out of training, however its folder is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.samples import put

from upframe.datasets.held_out import REDS4, HeldOut
from upframe.datasets.pack import pack
from upframe.datasets.preparation import subimages
from upframe.errors import InputError
from upframe.training.data.clips import ClipCrops
from upframe.training.data.frames import open_clips, open_images
from upframe.training.data.settings import ClipData


def clips_of(source: Path, *, test: bool = False) -> tuple[list[str], str]:
    """The names of the clips that are trained on, and what is said."""
    held_out = HeldOut()
    clips = open_clips([str(source)], None if test else held_out)
    return [Path(clip.name).name for clip in clips], " ".join(held_out.notes())


def reds(folder: Path) -> Path:
    for clip in ("000", "001", "011", "015", "020", "239"):
        put(folder / clip / "00000000.png", 4, 6)
    return folder


@pytest.mark.parametrize(
    "place", ["REDS/train/train_sharp", "REDS-270/train/train_sharp_bicubic/X4", "data/reds_all", "x/train_blur"]
)
def test_reds4_stays_out_wherever_reds_lies(tmp_path: Path, place: str) -> None:
    source = reds(tmp_path / place)
    names, said = clips_of(source)
    assert names == ["001", "239"]
    assert "4 of REDS4 (000, 011, 015, 020) are for testing and stay out of training" in said
    assert set(REDS4) <= set(clips_of(source, test=True)[0]), "validation may have them"
    frames = [Path(clip.name).parent.name for clip in open_images([str(source)], HeldOut())]
    assert frames == ["001", "239"], "as images too"


def test_reds4_stays_out_of_an_lmdb_and_of_links(tmp_path: Path) -> None:
    source = reds(tmp_path / "REDS/train/train_sharp")
    pack(source, tmp_path / "reds.lmdb")
    assert clips_of(tmp_path / "reds.lmdb")[0] == ["001", "239"]
    (tmp_path / "mine").mkdir()
    for clip in source.iterdir():
        (tmp_path / "mine" / clip.name).symlink_to(clip)
    assert clips_of(tmp_path / "mine")[0] == ["001", "239"]


def test_two_hundred_numbered_clips_are_reds_whatever_their_folder_is_called(tmp_path: Path) -> None:
    put(tmp_path / "a/000/0.png", 2, 2)
    for clip in range(1, 240):
        (tmp_path / f"a/{clip:03d}").mkdir()
        (tmp_path / f"a/{clip:03d}/0.png").hardlink_to(tmp_path / "a/000/0.png")
    assert len(clips_of(tmp_path / "a")[0]) == 236


def test_its_validation_clips_and_others_of_these_numbers_may_be_trained_on(tmp_path: Path) -> None:
    assert len(clips_of(reds(tmp_path / "REDS/val/val_sharp"))[0]) == 6
    assert len(clips_of(reds(tmp_path / "mine"))[0]) == 6
    assert len(clips_of(reds(tmp_path / "hundreds"))[0]) == 6


@pytest.mark.parametrize("place", ["REDS/train/train_sharp/011", "REDS4/GT"])
def test_a_source_that_is_for_testing_alone_is_refused(tmp_path: Path, place: str) -> None:
    for clip in ("000", "011"):
        put(tmp_path / ("REDS/train/train_sharp" if "train" in place else "REDS4/GT") / clip / "00000000.png", 4, 6)
    with pytest.raises(InputError, match="holds only REDS4, which is for testing"):
        clips_of(tmp_path / place)


def vimeo(folder: Path, *, trainlist: bool) -> Path:
    for clip in ("00001/0001", "00001/0002", "00002/0001", "00002/0009"):
        put(folder / f"sequences/{clip}/im1.png", 4, 6)
    (folder / "sep_testlist.txt").write_text("00001/0002\n00002/0001\n")
    if trainlist:
        (folder / "sep_trainlist.txt").write_text("00001/0001\n00001/0002\n")
    return folder


def test_of_vimeo_the_test_list_stays_out(tmp_path: Path) -> None:
    source = vimeo(tmp_path / "vimeo_septuplet", trainlist=False)
    names, said = clips_of(source)
    assert names == ["0001", "0009"]
    assert "2 of Vimeo-90K's test list" in said
    assert clips_of(source / "sequences/00001")[0] == ["0001"]
    pack(source / "sequences", source / "all.lmdb")
    assert clips_of(source / "all.lmdb")[0] == ["00001_0001", "00002_0009"]
    assert clips_of(vimeo(tmp_path / "listed", trainlist=True))[0] == ["0001"], "even of a training list that has them"


def test_of_div2k_the_validation_images_stay_out(tmp_path: Path) -> None:
    for name in (
        "DIV2K_train_HR/0001",
        "DIV2K_train_HR/0800",
        "DIV2K_train_HR/0801",
        "DIV2K_valid_HR/0802",
        "DIV2K_train_HR/0901",
    ):
        put(tmp_path / f"DIV2K/{name}.png", 16, 16)
    held_out = HeldOut()
    names = [Path(clip.name).stem for clip in open_images([str(tmp_path / "DIV2K")], held_out)]
    assert names == ["0001", "0800"]
    assert len(held_out.notes()) == 2
    assert len(list(subimages(tmp_path / "DIV2K/DIV2K_train_HR", tmp_path / "sub", size=8, step=8))) == 2


def test_of_gopro_the_test_scenes_stay_out(tmp_path: Path) -> None:
    for scene in ("GOPR0372_07_00", "GOPR0384_11_00", "GOPR0881_11_01"):
        put(tmp_path / f"mixed/{scene}/000001.png", 4, 6)
    assert clips_of(tmp_path / "mixed")[0] == ["GOPR0372_07_00"]


@pytest.mark.parametrize(
    ("place", "clips", "test_set"),
    [
        ("Set5/HR", ["any"], "Set5"),
        ("images", ["baby", "bird", "woman", "mine"], "Set5"),
        ("Vid4/GT", ["calendar"], "Vid4"),
        ("clips", ["calendar", "city", "foliage", "walk", "mine"], "Vid4"),
        ("test", ["archwall", "band", "caffe", "lake", "polyflow"], "UDM10"),
    ],
)
def test_a_known_test_clip_is_named_and_kept(tmp_path: Path, place: str, clips: list[str], test_set: str) -> None:
    for clip in clips:
        put(tmp_path / place / clip / "0.png", 4, 6)
    names, said = clips_of(tmp_path / place)
    assert sorted(names) == sorted(clips)
    assert f"overlaps a known test clip: {test_set} (" in said
    assert "mine" not in said


def test_a_training_hands_on_what_is_to_be_said(tmp_path: Path) -> None:
    source = reds(tmp_path / "REDS/train/train_sharp")
    crops = ClipCrops(ClipData(clips=(str(source),), frames=2, crop=4), 2, 0)
    assert len(crops.notes) == 1
    assert len(crops) == 2


def test_names_that_many_sets_have_are_nobody_s(tmp_path: Path) -> None:
    for clip in ("city", "walk", "mine"):
        put(tmp_path / f"holiday/{clip}/0.png", 4, 6)
    assert clips_of(tmp_path / "holiday") == (["city", "mine", "walk"], "")
