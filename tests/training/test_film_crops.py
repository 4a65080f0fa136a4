"""Trainings on degraded clips: variants are made once, crops of both sizes fit, and a training runs and goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.training.conftest import Trained, noise, rows

from upframe.errors import InputError
from upframe.models.catalog import load
from upframe.ops.resize import downscale
from upframe.training.data.degraded import in_store
from upframe.training.data.film_crops import FilmCrops, degradation_of, stored_clips
from upframe.training.data.frames import open_clips
from upframe.training.data.settings import FilmData
from upframe.training.objectives.recipe import Recipe
from upframe.training.recipe import read_recipe


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two clips of three frames, of smooth noise."""
    for clip in ("a", "b"):
        for frame in range(3):
            path = noise(tmp_path / "clips" / clip / f"{frame}.png", (24, 20), seed=ord(clip))
            with PIL.Image.open(path) as small:
                large = small.resize((96, 80), PIL.Image.Resampling.BICUBIC)
            large.save(path)
    return tmp_path / "clips"


def video_data(clips: Path, **changes: object) -> FilmData:
    values = {
        "kind": "film",
        "clips": (str(clips),),
        "variants": 2,
        "store": str(clips.parent / "store"),
        "frames": 2,
        "crop": 32,
    }
    return FilmData.model_validate(values | changes)


def test_variants_are_made_once(clips: Path) -> None:
    told: list[str] = []
    data = video_data(clips)
    first = stored_clips(data, 2, told.append)
    assert len(told) == 2
    made = {file: file.stat().st_mtime_ns for file in (clips.parent / "store").rglob("*.npy")}
    assert len(made) == 2 * (1 + 2)
    again = stored_clips(data, 2, told.append)
    assert len(told) == 2
    assert again == first
    assert {file: file.stat().st_mtime_ns for file in made} == made


def test_a_clip_that_changed_is_degraded_anew(clips: Path) -> None:
    degradation = degradation_of(video_data(clips))
    (clip, _) = open_clips([str(clips)])
    before = in_store(clip, clips.parent / "store", degradation, 2, variants=1, sizes=(1.0,))
    noise(clips / "a" / "3.png", (96, 80))
    (clip, _) = open_clips([str(clips)])
    assert in_store(clip, clips.parent / "store", degradation, 2, variants=1, sizes=(1.0,)).folder != before.folder


@pytest.mark.parametrize("frames", [1, 2])
def test_low_and_high_show_the_same_place(clips: Path, frames: int) -> None:
    data = video_data(clips, frames=frames, material="photo")
    crops = FilmCrops(data, stored_clips(data, 2), seed=5)
    for index in range(12):
        sample = crops.sample(index)
        low, high = sample["low"].float(), sample["high"].float()
        assert low.shape == (*((frames,) if frames > 1 else ()), 3, 16, 16)
        assert high.shape == (*low.shape[:-2], 32, 32)
        near = downscale(high, 2)
        likeness = np.corrcoef(near.flatten().numpy(), low.flatten().numpy())[0, 1]
        turned = np.corrcoef(near.rot90(1, (-2, -1)).flatten().numpy(), low.flatten().numpy())[0, 1]
        assert likeness > turned + 0.2, crops.describe(index)
        assert likeness > 0.5
    assert all((crops.sample(3)[key] == crops.sample(3)[key]).all() for key in ("low", "high"))


def test_smaller_truths_have_low_resolution_of_their_own(clips: Path) -> None:
    data = video_data(clips, sizes=(1.0, 0.8), crop=32)
    (clip, _) = stored_clips(data, 2)
    assert [clip.high(variant).shape[1:3] for variant in clip.variants] == [(80, 96), (64, 77)]
    assert [clip.low(variant).shape[1:3] for variant in clip.variants] == [(40, 48), (32, 38)]


def test_a_clip_that_is_too_small_is_named(clips: Path) -> None:
    with pytest.raises(InputError, match=r"a: 96x80 pixels are too few to be degraded: 128 are needed each way"):
        stored_clips(video_data(clips), 4)


def recipe(clips: Path, *changes: str) -> Recipe:
    data = f"data={{kind: film, clips: [{clips}], variants: 1, store: {clips.parent / 'store'}, crop: 32}}"
    common = ["iterations=4", "batch=2", "run={workers: 0, accelerator: cpu, log_every: 1, save_every: 2}", "losses.lpips=0"]
    return read_recipe("rt4ksr-film", [*common, data, *changes])


def test_a_training_on_degraded_clips_runs_and_its_weights_say_so(clips: Path, trained: Trained, tmp_path: Path) -> None:
    trained(recipe(clips))
    assert [row["step"] for row in rows(tmp_path / "run")] == ["1", "2", "3", "4"]
    assert load(str(tmp_path / "run" / "rt4ksr-film.safetensors")).info.degradation == "film mild v1"


def test_photographs_are_validated_one_by_one(trained: Trained, tmp_path: Path) -> None:
    for name, size in (("train/a.png", (90, 80)), ("held_out/b.png", (70, 90)), ("held_out/c.png", (100, 64))):
        noise(tmp_path / name, size)
    of = f"photographs: [{tmp_path / 'train'}], store: {tmp_path / 'store'}"
    data = f"data={{kind: film, material: photo, {of}, variants: 1, crop: 32}}"
    validation = f"validation={{sources: [{tmp_path / 'held_out'}], every: 2, protocol: set-y, crop: 64}}"
    run = "run={workers: 0, accelerator: cpu}"
    changes = ["iterations=2", "batch=2", "losses.lpips=0", "model.start=null", data, validation, run]
    trained(read_recipe("rt4ksr-photo", changes))
    assert len(list((tmp_path / "run/samples").glob("00000002-*.png"))) == 2


def test_frames_of_a_sample_fit_the_network(clips: Path) -> None:
    with pytest.raises(InputError, match=r"data.frames must be 1, as images are trained on"):
        recipe(clips, "data.frames=3")
    with pytest.raises(InputError, match=r"data.frames must be 2 or more"):
        read_recipe("frvsr-small", [f"data={{kind: film, clips: [{clips}], crop: 32}}"])


def test_lpips_as_a_loss_asks_for_its_weights(clips: Path) -> None:
    with pytest.raises(InputError, match=r"LPIPS needs its weights: losses.lpips_files"):
        recipe(clips, "losses.lpips=0.1")
