"""Sets prepared for training: sub-images, and REDS regrouped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.datasets.samples import get, noise, put

from upframe.datasets.preparation import regroup_reds, subimages
from upframe.errors import InputError, OutputError


def test_sub_images_overlap_and_reach_the_edges(tmp_path: Path) -> None:
    image = put(tmp_path / "HR/0001.png", 50, 70)
    assert list(subimages(tmp_path / "HR", tmp_path / "sub", size=32, step=16)) == [tmp_path / "HR/0001.png"]
    rows, columns = [0, 16, 18], [0, 16, 32, 38]
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == [f"0001_s{n:03d}.png" for n in range(1, 13)]
    number = 0
    for top in rows:
        for left in columns:
            number += 1
            cut = image[top : top + 32, left : left + 32]
            np.testing.assert_array_equal(get(tmp_path / f"sub/0001_s{number:03d}.png"), cut)


def test_a_image_of_just_the_size_is_one_sub_image(tmp_path: Path) -> None:
    put(tmp_path / "HR/a.png", 32, 32)
    list(subimages(tmp_path / "HR", tmp_path / "sub", size=32, step=8))
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a_s001.png"]


def test_sub_images_that_cannot_be_cut_leave_nothing_behind(tmp_path: Path) -> None:
    put(tmp_path / "HR/a.png", 40, 40)
    put(tmp_path / "HR/b.png", 40, 31)
    with pytest.raises(InputError, match=r"b\.png: is 31x40, smaller than a sub-image of 32x32"):
        list(subimages(tmp_path / "HR", tmp_path / "sub", size=32, step=32))
    assert not (tmp_path / "sub").exists()
    with pytest.raises(InputError, match="from 1 to the size, 32, not 33"):
        list(subimages(tmp_path / "HR", tmp_path / "sub", size=32, step=33))
    with pytest.raises(InputError, match="no images"):
        list(subimages(tmp_path / "nowhere", tmp_path / "sub"))


def reds(folder: Path) -> Path:
    for part, clips in (("train/train_sharp", (0, 10, 11, 15, 20, 239)), ("val/val_sharp", (0, 29))):
        for clip in clips:
            put(folder / f"{part}/{clip:03d}/00000000.png", seed=clip)
            put(folder / f"{part}_bicubic/X4/{clip:03d}/00000000.png", 4, 6, seed=clip)
    return folder


def test_reds_is_regrouped_with_the_validation_clips_behind(tmp_path: Path) -> None:
    source = reds(tmp_path / "REDS")
    before = sorted(source.rglob("*"))
    done = list(regroup_reds(source, tmp_path / "all"))
    assert len(done) == 8
    names = [path.name for path in sorted((tmp_path / "all/train/train_sharp").iterdir())]
    assert names == ["010", "239", "240", "269"], "000, 011, 015 and 020 are REDS4"
    assert [path.name for path in sorted((tmp_path / "all/train/train_sharp_bicubic/X4").iterdir())] == names
    np.testing.assert_array_equal(get(tmp_path / "all/train/train_sharp/269/00000000.png"), noise(16, 24, 29))
    assert sorted(source.rglob("*")) == before, "the source stays as it is"


def test_what_is_not_reds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no train/train_sharp and val/val_sharp .*\n.*named_entry\('reds'\)"):
        list(regroup_reds(tmp_path, tmp_path / "all"))
    source = reds(tmp_path / "REDS")
    (tmp_path / "all").mkdir()
    (tmp_path / "all/precious").write_text("x")
    with pytest.raises(OutputError, match="not empty"):
        list(regroup_reds(source, tmp_path / "all"))
    put(source / "val/val_sharp/first/00000000.png")
    with pytest.raises(InputError, match="are named by numbers"):
        list(regroup_reds(source, tmp_path / "other"))
