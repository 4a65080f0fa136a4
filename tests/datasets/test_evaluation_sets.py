"""Data sets as they are published, opened: what belongs together, what is made, and what is said where something is missing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from tests.datasets.samples import get, noise, put
from tests.media.video_fixtures import Video

from upframe.cli.flags import in_flags
from upframe.datasets.degradation import named
from upframe.datasets.evaluation_set import EvaluationSet, open_set
from upframe.datasets.videos import rgb_of
from upframe.errors import InputError
from upframe.media import Image, write_image
from upframe.media.video.info import RawFrame
from upframe.media.video.reader import VideoReader


def names(found: EvaluationSet) -> list[str]:
    return [clip.name for clip in found.clips]


# Images


def test_a_flat_folder_is_a_set_of_images_whose_low_resolution_is_made(tmp_path: Path) -> None:
    high = put(tmp_path / "mine/b.png", 17, 27)
    put(tmp_path / "mine/a10.png")
    put(tmp_path / "mine/a9.png")
    found = open_set(tmp_path / "mine", scale=4)
    assert (found.name, found.kind, found.scale, found.crop_multiple) == ("mine", "image", 4, 4)
    assert names(found) == ["a9", "a10", "b"]
    assert (found.low_source, found.degradation) == ("BI, MATLAB bicubic, rounded once", "BI")
    clip = found.clips[2]
    assert (len(clip), clip.frame_names, clip.scored) == (1, ("b",), (0,))
    np.testing.assert_array_equal(clip.high(0), high[:16, :24])
    np.testing.assert_array_equal(clip.low(0), named("bi").pixels(high, 4))


@pytest.mark.parametrize(
    ("high", "low", "kind"),
    [
        ("HR/baby.png", "LR_bicubic/X2/babyx2.png", "BI"),
        ("HR/baby.png", "LR_bicubic_x2/baby.png", "BI"),
        ("val/HR/baby.png", "val/LR_bicubic_x2/baby.png", "BI"),
        ("DIV2K_valid_HR/0801.png", "DIV2K_valid_LR_bicubic/X2/0801x2.png", "BI"),
        ("GT/0001.png", "LR2/0001.png", None),
        ("image_SRF_2/img_001_SRF_2_HR.png", "image_SRF_2/img_001_SRF_2_LR.png", "BI"),
    ],
)
def test_published_folders_of_images_are_recognised(tmp_path: Path, high: str, low: str, kind: str | None) -> None:
    large, small = put(tmp_path / high, 16, 24, 1), put(tmp_path / low, 8, 12, 2)
    found = open_set(tmp_path, scale=2)
    assert (found.kind, found.low_source, found.degradation, len(found.clips)) == ("image", "files", kind, 1)
    np.testing.assert_array_equal(found.clips[0].high(0), large)
    np.testing.assert_array_equal(found.clips[0].low(0), small)


def test_the_folder_of_high_resolution_itself_may_be_named(tmp_path: Path) -> None:
    put(tmp_path / "DIV2K_valid_HR/0801.png")
    small = put(tmp_path / "DIV2K_valid_LR_bicubic/X2/0801x2.png", 8, 12)
    np.testing.assert_array_equal(open_set(tmp_path / "DIV2K_valid_HR", scale=2).clips[0].low(0), small)


def test_validation_comes_before_training(tmp_path: Path) -> None:
    put(tmp_path / "DIV2K_train_HR/0001.png")
    put(tmp_path / "DIV2K_valid_HR/0801.png")
    assert names(open_set(tmp_path, scale=2)) == ["0801"]


def test_files_of_another_degradation_than_asked_for_are_left_aside(tmp_path: Path) -> None:
    high = put(tmp_path / "HR/a.png", 16, 24)
    put(tmp_path / "LR_bicubic/X2/a.png", 8, 12)
    found = open_set(tmp_path, scale=2, degradation=named("bd"))
    assert (found.low_source, found.degradation) == (str(named("bd")), "BD")
    np.testing.assert_array_equal(found.clips[0].low(0), named("bd").pixels(high, 2))
    assert open_set(tmp_path, scale=2, degradation=named("bi")).low_source == "files"


def test_low_resolution_may_lie_anywhere(tmp_path: Path) -> None:
    put(tmp_path / "set/a.png", 24, 36)
    put(tmp_path / "elsewhere/a.png", 8, 12)
    found = open_set(tmp_path / "set", scale=3, low=tmp_path / "elsewhere")
    assert (found.low_source, len(found.clips)) == ("files", 1)
    assert (found.clips[0].high(0).shape, found.clips[0].low(0).shape) == ((24, 36, 3), (8, 12, 3))


def test_one_image_is_a_set_too(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    small = put(tmp_path / "elsewhere/other.png", 8, 12)
    found = open_set(tmp_path / "a.png", scale=2, low=tmp_path / "elsewhere/other.png")
    np.testing.assert_array_equal(found.clips[0].low(0), small)


def test_grey_becomes_three_channels_and_sixteen_bits_stay(tmp_path: Path) -> None:
    deep = noise(8, 8, channels=1).astype(np.uint16) * 257
    write_image(tmp_path / "deep.png", Image(deep))
    clip = open_set(tmp_path, scale=2).clips[0]
    assert clip.high(0).dtype == clip.low(0).dtype == np.uint16
    np.testing.assert_array_equal(clip.high(0), np.repeat(deep, 3, axis=2))


def test_linear_light_comes_as_a_display_shows_it(tmp_path: Path) -> None:
    write_image(tmp_path / "light.exr", Image(np.full((8, 8, 3), 0.25, np.float32), linear=True))
    high = open_set(tmp_path, scale=2).clips[0].high(0)
    assert high.dtype == np.float32
    np.testing.assert_allclose(high, 0.5371, atol=1e-3)  # sRGB's curve


def test_what_is_handed_out_may_be_changed(tmp_path: Path) -> None:
    high = put(tmp_path / "a.png")
    clip = open_set(tmp_path, scale=2).clips[0]
    clip.high(0)[:] = 0
    clip.low(0)[:] = 0
    np.testing.assert_array_equal(clip.high(0), high)
    np.testing.assert_array_equal(clip.low(0), named("bi").pixels(high, 2))


# Clips


@pytest.mark.parametrize(
    ("high", "low", "kind"),
    [
        ("GT/city", "BIx4/city", "BI"),
        ("GT/city", "BDx4/city", "BD"),
        ("GT/city", "Gaussian4xLR/city", "BD"),
        ("GT/city", "Bicubic4xLR/city", "BI"),
        ("HR/city", "BD/city", "BD"),
        ("GT/000", "sharp_bicubic/000", "BI"),
        ("train/train_sharp/000", "train/train_sharp_bicubic/X4/000", "BI"),
        ("city/truth", "city/blur4", "BD"),
    ],
)
def test_published_folders_of_clips_are_recognised(tmp_path: Path, high: str, low: str, kind: str) -> None:
    large = [put(tmp_path / high / f"{index:08d}.png", 16, 24, index) for index in range(3)]
    small = [put(tmp_path / low / f"{index:08d}.png", 4, 6, index) for index in range(3)]
    found = open_set(tmp_path, scale=4)
    assert (found.kind, found.low_source, found.degradation, found.frames) == ("video", "files", kind, 3)
    (clip,) = found.clips
    assert clip.frame_names == ("00000000", "00000001", "00000002")
    for index in range(3):
        np.testing.assert_array_equal(clip.high(index), large[index])
        np.testing.assert_array_equal(clip.low(index), small[index])


def test_clips_without_low_resolution_have_it_made(tmp_path: Path) -> None:
    frames = {name: [put(tmp_path / name / f"{i}.png", 16, 24, i) for i in (9, 10)] for name in ("b", "a")}
    found = open_set(tmp_path, scale=2, degradation=named("bd"))
    assert names(found) == ["a", "b"]
    assert found.clips[1].frame_names == ("9", "10")
    np.testing.assert_array_equal(found.clips[1].low(1), named("bd").pixels(frames["b"][1], 2))


def test_frames_of_other_names_are_paired_in_order(tmp_path: Path) -> None:
    put(tmp_path / "GT/city/Frame 001.png")
    small = put(tmp_path / "BIx2/city/001.png", 8, 12)
    np.testing.assert_array_equal(open_set(tmp_path, scale=2).clips[0].low(0), small)


def test_a_flat_folder_is_one_clip_where_that_is_said(tmp_path: Path) -> None:
    for index in range(3):
        put(tmp_path / f"{index:03d}.png")
    found = open_set(tmp_path, scale=2, layout="clip")
    assert (found.kind, len(found.clips), found.frames) == ("video", 1, 3)


def test_reds4_is_found_in_the_whole_of_reds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPFRAME_DATA", str(tmp_path))
    for clip in ("000", "001", "011", "015", "020", "100"):
        put(tmp_path / f"REDS/train/train_sharp/{clip}/00000000.png")
        put(tmp_path / f"REDS/train/train_sharp_bicubic/X4/{clip}/00000000.png", 4, 6)
    put(tmp_path / "REDS/val/val_sharp/000/00000000.png")
    found = open_set("reds4", scale=4)
    assert (found.name, names(found), found.low_source) == ("reds4", ["000", "011", "015", "020"], "files")


def test_vimeo_takes_the_listed_clips_and_scores_the_middle_frame(tmp_path: Path) -> None:
    for name in ("00001/0266", "00001/0268", "00002/0001"):
        for number in range(1, 8):
            put(tmp_path / f"sequences/{name}/im{number}.png", seed=number)
            put(tmp_path / f"sequences_BD/{name}/im{number}.png", 4, 6, number)
    (tmp_path / "sep_testlist.txt").write_text("00001/0266\n00002/0001 (256, 448, 3)\n\n")
    found = open_set(tmp_path, scale=4)
    assert names(found) == ["00001/0266", "00002/0001"]
    clip = found.clips[0]
    assert (len(clip), clip.frame_names[0], clip.scored, found.degradation) == (7, "im1", (3,), "BD")
    np.testing.assert_array_equal(clip.low(6), noise(4, 6, 7))
    assert open_set(tmp_path, scale=4, degradation=named("bi")).low_source == "BI, MATLAB bicubic, rounded once"


# Videos


def decoded(path: Path) -> list[NDArray[Any]]:
    with VideoReader(path) as reader:
        return [rgb_of(item, reader.info) for item in reader if isinstance(item, RawFrame)]


def walk(folder: Path, height: int, width: int) -> Path:
    folder.mkdir()
    return Video(times=[3600 * index for index in range(6)], size=(height, width)).make(folder / "walk.mp4")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return walk(tmp_path / "videos", 20, 32)


def test_a_video_is_a_clip(video: Path) -> None:
    frames = decoded(video)
    for place in (video, video.parent):
        found = open_set(place, scale=4)
        (clip,) = found.clips
        assert (found.kind, clip.name, len(clip), clip.frame_names[5]) == ("video", "walk", 6, "00005")
        for index, frame in enumerate(frames):
            np.testing.assert_array_equal(clip.high(index), frame)
            np.testing.assert_array_equal(clip.low(index), named("bi").pixels(frame, 4))


def test_frames_of_a_video_may_be_asked_for_in_any_order(video: Path) -> None:
    frames = decoded(video)
    clip = open_set(video, scale=2).clips[0]
    for index in (5, 0, 3, 3, 4, 1):
        np.testing.assert_array_equal(clip.high(index), frames[index])


def test_low_resolution_may_run_ahead_and_nothing_is_decoded_twice(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = open_set(video, scale=2).clips[0]
    opened: list[Path] = []
    original = VideoReader.__init__

    def counted(self: VideoReader, path: Path, **rest: Any) -> None:
        opened.append(path)
        original(self, path, **rest)

    monkeypatch.setattr(VideoReader, "__init__", counted)
    for index in range(6):
        clip.low(index)
        if index >= 2:
            clip.high(index - 2)
    assert opened == [video, video], "one decoder for each resolution"


def test_a_video_of_deep_colour_gives_sixteen_bits(tmp_path: Path) -> None:
    path = Video(codec="ffv1", pix_fmt="yuv444p10le", size=(8, 8), time_base=Fraction(1, 1000), times=[0, 40]).make(
        tmp_path / "a.mkv"
    )
    assert open_set(path, scale=2).clips[0].high(1).dtype == np.uint16


def test_the_low_resolution_of_videos_may_be_videos(video: Path, tmp_path: Path) -> None:
    small = walk(tmp_path / "low", 10, 16)
    clip = open_set(video.parent, scale=2, low=tmp_path / "low").clips[0]
    np.testing.assert_array_equal(clip.low(4), decoded(small)[4])


# What is missing or does not fit


def test_a_set_that_is_not_there_says_how_it_should_lie_and_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPFRAME_DATA", str(tmp_path))
    with pytest.raises(InputError) as error:
        open_set("Set5", scale=2)
    for words in (str(tmp_path), "Set5/HR/NAME.png", "LR_bicubic/X2", "upframe data fetch set5", "https://"):
        assert words in f"{error.value}\n{in_flags(error.value.remedy)}"
    (tmp_path / "set5").mkdir()
    with pytest.raises(InputError, match=r"no images, clips or videos(.|\n)*Set5/HR/NAME\.png"):
        open_set("set5", scale=2)
    with pytest.raises(InputError, match=r"set55: no such file, folder or data set\nSee "):
        open_set("set55", scale=2)


def test_a_missing_low_resolution_file_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"HR/{name}.png")
    put(tmp_path / "LR_bicubic/X2/a.png", 8, 12)
    with pytest.raises(InputError, match=r"X2: no low-resolution file for HR/b\.png: b\.png or bx2\.png is missing"):
        open_set(tmp_path, scale=2)


def test_clips_with_frames_missing_are_named(tmp_path: Path) -> None:
    for index in range(3):
        put(tmp_path / f"GT/city/{index}.png")
    put(tmp_path / "BIx4/city/0.png", 4, 6)
    with pytest.raises(InputError, match=r"BIx4/city: has 1 frames, but .*GT/city has 3"):
        open_set(tmp_path, scale=4)


def test_a_clip_without_its_low_resolution_is_named(tmp_path: Path) -> None:
    for name in ("city", "walk"):
        put(tmp_path / f"GT/{name}/0.png")
    put(tmp_path / "BIx4/city/0.png", 4, 6)
    with pytest.raises(InputError, match=r"BIx4/walk: not there; the low-resolution frames of .*GT/walk"):
        open_set(tmp_path, scale=4)


def test_sizes_that_do_not_fit_are_told_with_both(tmp_path: Path) -> None:
    put(tmp_path / "HR/a.png", 16, 24)
    put(tmp_path / "LR_bicubic/X2/a.png", 8, 11)
    with pytest.raises(InputError, match=r"X2/a\.png: is 11x8, but .*HR/a\.png is 24x16 .* x2 needs 12x8"):
        open_set(tmp_path, scale=2)


def test_sizes_are_compared_in_every_pair(tmp_path: Path) -> None:
    for index, width in enumerate((12, 13)):
        put(tmp_path / f"HR/{index}.png", 16, 24)
        put(tmp_path / f"LR_bicubic/X2/{index}.png", 8, width)
    clip = open_set(tmp_path, scale=2).clips[1]
    clip.low(0)
    with pytest.raises(InputError, match="13x8"):
        clip.high(0)


def test_unreadable_images_are_named(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(get(tmp_path / "a.png").tobytes())
    with pytest.raises(InputError, match=r"b\.png"):
        open_set(tmp_path, scale=2).clips[1].high(0)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    light = np.full((8, 8, 3), 0.25, np.float32)
    light[0, 0, 1] = np.nan
    write_image(tmp_path / "a.exr", Image(light, linear=True))
    with pytest.raises(InputError, match=r"a\.exr: 1 of 192 samples are NaN or infinite"):
        open_set(tmp_path, scale=2).clips[0].high(0)


def test_a_image_smaller_than_the_scale_is_named(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (3, 9)).save(tmp_path / "thin.png")
    clip = open_set(tmp_path, scale=4).clips[0]
    for read in (clip.high, clip.low):
        with pytest.raises(InputError, match=r"thin\.png: .* 3x9 is too small"):
            read(0)


@pytest.mark.parametrize("listed", ["00001/0002", "../elsewhere", "/etc"])
def test_lists_that_name_what_is_not_there_are_refused(tmp_path: Path, listed: str) -> None:
    (tmp_path / "sequences/00001").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sep_testlist.txt").write_text(f"{listed}\n")
    with pytest.raises(InputError, match=f"lists {listed}"):
        open_set(tmp_path, scale=4)


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images, clips or videos"):
        open_set(tmp_path, scale=2)
    with pytest.raises(InputError, match="unknown layout of data sets 'movie'"):
        open_set(tmp_path, scale=2, layout="movie")
    with pytest.raises(InputError, match="at least 1, not 0"):
        open_set(tmp_path, scale=0)
    put(tmp_path / "a.png")
    with pytest.raises(InputError, match="nowhere: no such file or folder of low resolution"):
        open_set(tmp_path, scale=2, low=tmp_path / "nowhere")
