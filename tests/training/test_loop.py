"""Trainings from their recipe to weights: resumed, shared, interrupted and broken."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch
from tests.training.conftest import Trained, noise, rows, tiny

from upframe.errors import CheckpointError, InputError, OutputError
from upframe.models import load
from upframe.training.best import is_best
from upframe.training.events import Saved, Stepped, TrainingEvent, TrainingFinished, TrainingNote, TrainingStarted, Validated
from upframe.training.logs import Table
from upframe.training.module import TrainingBroke
from upframe.training.sections import Validation

KINDS = {
    "frvsr": "BD",
    "tecogan": "BD",
    "rt4ksr": "BI",
    "ttvsr": "BI",
    "nsrr": "rendered",
    "stssnet": "rendered",
    "ntaau": "rendered",
}


@pytest.mark.parametrize("system", KINDS)
def test_a_recipe_becomes_weights_that_load(tmp_path: Path, trained: Trained, system: str) -> None:
    recipe = tiny(f"{system}-small")
    events = trained(recipe)
    assert isinstance(events[0], TrainingStarted)
    total = recipe.iterations or 0
    assert [event.step for event in events if isinstance(event, Stepped)] == list(range(1, total + 1))
    assert [event.step for event in events if isinstance(event, Saved)] == list(range(2, total + 1, 2))
    last = events[-1]
    assert isinstance(last, TrainingFinished)
    model = load(last.weights)
    assert (model.info.name, model.info.degradation) == (recipe.name, KINDS[system])
    assert recipe.name in model.info.summary


@pytest.mark.parametrize("name", ["frvsr-small", "tecogan-small", "stssnet-small", "ntaau-small"])
def test_a_training_taken_up_in_the_middle_is_the_one_that_was_not_interrupted(
    tmp_path: Path, trained: Trained, name: str
) -> None:
    trained(tiny(name), "whole")
    trained(tiny(name, "run.keep_every=2"), "cut")
    (tmp_path / "cut/00000002.ckpt").rename(tmp_path / "cut/last.ckpt")
    trained(tiny(name), "cut", resume=True)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    one, other = (load(tmp_path / folder / f"{name}.safetensors").network.state_dict() for folder in ("whole", "cut"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_average_of_the_weights_is_what_is_saved(tmp_path: Path, trained: Trained) -> None:
    averaged = load(trained_file(trained(tiny("frvsr-small")))).network.state_dict()
    own = load(trained_file(trained(tiny("frvsr-small", "ema=null"), "plain"))).network.state_dict()
    name = "srnet.conv_out.weight"
    assert not torch.equal(averaged[name], own[name])
    checkpoint = torch.load(tmp_path / "run/last.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(checkpoint[f"objective.network.{name}"], own[name])
    assert torch.equal(checkpoint[f"average.module.{name}"], averaged[name])


def trained_file(events: list[TrainingEvent]) -> str:
    assert isinstance(events[-1], TrainingFinished)
    return events[-1].weights


def test_a_loss_that_is_no_number_stops_the_training_and_spares_the_checkpoint(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("frvsr-small", "iterations=4"))
    before = (tmp_path / "run/last.ckpt").read_bytes()
    recipe = tiny("frvsr-small", "iterations=4", "losses.pixel=1e39")  # too large for float32
    with pytest.raises(TrainingBroke, match=r"(?s)step 0: the pixel loss is inf.*which saw drawn:\d"):
        trained(recipe, "broken")
    assert not (tmp_path / "broken/last.ckpt").exists()
    assert (tmp_path / "run/last.ckpt").read_bytes() == before


def test_a_full_disk_spares_the_checkpoint_that_is_there(tmp_path: Path, trained: Trained, monkeypatch: Any) -> None:
    trained(tiny("frvsr-small", "run.keep_every=2"))
    (tmp_path / "run/00000002.ckpt").rename(tmp_path / "run/last.ckpt")
    before = (tmp_path / "run/last.ckpt").read_bytes()
    real = Path.write_bytes

    def full(path: Path, data: Any) -> int:
        real(path, bytes(data)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"last.ckpt: the disk is full"):
        trained(tiny("frvsr-small"), resume=True)
    assert (tmp_path / "run/last.ckpt").read_bytes() == before
    assert not list((tmp_path / "run").glob(".upframe*"))


def test_a_training_is_not_written_over_another(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("frvsr-small"))
    with pytest.raises(OutputError, match="Continue it with resume=True, or write elsewhere"):
        trained(tiny("frvsr-small"))
    with pytest.raises(InputError, match="trained to its end, 6 steps"):
        trained(tiny("frvsr-small"), resume=True)


def test_a_checkpoint_of_another_training_is_refused_by_what_differs(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("frvsr-small"))
    with pytest.raises(CheckpointError, match=r"trained with model.channels=4, but the recipe has 8"):
        trained(tiny("frvsr-small", "model.channels=8"), resume=True)
    (tmp_path / "run/last.ckpt").write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(CheckpointError, match="is not a checkpoint of a training"):
        trained(tiny("frvsr-small"), resume=True)


def test_to_resume_what_never_saved_is_to_begin(trained: Trained) -> None:
    events = trained(tiny("frvsr-small"), resume=True)
    assert any(isinstance(event, TrainingNote) and "no checkpoint yet" in event.text for event in events)
    assert isinstance(events[-1], TrainingFinished)
    assert events[-1].step == 6


def test_a_training_begins_from_given_weights(tmp_path: Path, trained: Trained) -> None:
    start = trained_file(trained(tiny("frvsr-small")))
    trained(tiny("tecogan-small", f"model.start={start}", "optimiser.rate=1e-12"), "gan")
    own, other = load(start).network.state_dict(), load(tmp_path / "gan/tecogan-small.safetensors").network.state_dict()
    for name in own:
        torch.testing.assert_close(own[name], other[name], rtol=0, atol=1e-9)
    with pytest.raises(CheckpointError, match="not the recipe's network"):
        trained(tiny("tecogan-small", f"model.start={start}", "model.channels=8"), "other")


def test_a_damaged_file_is_named_and_left_out_only_when_asked(tmp_path: Path, trained: Trained) -> None:
    for number in range(3):
        noise(tmp_path / f"images/{number}.png", seed=number)
    (tmp_path / "images/1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    changes = [f"data.images=[{tmp_path / 'images'}]", "data.crop=16"]
    with pytest.raises(InputError, match=r"(?s)1\.png.*data.skip_damaged=true"):
        trained(tiny("rt4ksr-small", *changes))
    events = trained(tiny("rt4ksr-small", *changes, "data.skip_damaged=true"), "skipping")
    notes = [event.text for event in events if isinstance(event, TrainingNote)]
    assert len(notes) == 1
    assert "1.png" in notes[0]


def test_a_crop_that_does_not_fit_is_named(tmp_path: Path, trained: Trained) -> None:
    noise(tmp_path / "images/small.png", (20, 20))
    with pytest.raises(InputError, match=r"small\.png: 20x20 pixels are too few for data.crop, which needs 32x32"):
        trained(tiny("rt4ksr-small", f"data.images=[{tmp_path / 'images'}]"))


def test_validation_is_by_a_protocol_and_leaves_samples(tmp_path: Path, trained: Trained) -> None:
    settings = "{sources: ['drawn:9-10'], every: 3, protocol: vid4-y, frames: 3, crop: 48}"
    events = trained(tiny("frvsr-small", f"validation={settings}"))
    scores = [event for event in events if isinstance(event, Validated)]
    assert [event.step for event in scores] == [3, 6]
    assert scores[0].scores.keys() == {"psnr_y", "ssim_y"}
    assert [row["step"] for row in rows(tmp_path / "run", "validation.csv")] == ["3", "6"]
    with PIL.Image.open(tmp_path / "run/samples/00000006-0.png") as sample:
        assert sample.size == (3 * 48, 48)


def test_the_best_network_is_kept_also_of_a_training_in_two_parts(tmp_path: Path, trained: Trained) -> None:
    settings = "validation={sources: ['drawn:9-9'], every: 1, protocol: vid4-y, frames: 2, crop: 32, best_by: psnr_y}"
    changes = ["iterations=4", "ema=null", "optimiser.rate=0.5", settings]  # so wild that the last is not the best
    trained(tiny("frvsr-small", *changes, "run.minutes=1e-9"))
    trained(tiny("frvsr-small", *changes), resume=True)
    scores = {row["step"]: float(row["psnr_y"]) for row in rows(tmp_path / "run", "validation.csv")}
    best = max(scores, key=lambda step: scores[step])
    assert list(scores) == ["1", "2", "3", "4"]
    assert best != "4"
    assert load(tmp_path / "run/frvsr-small-best.safetensors").info.summary.endswith(f"{best} iterations.")


def test_no_network_below_a_floor_is_the_best() -> None:
    settings = Validation(
        sources=("clip",), every=1, protocol="film", metrics=("psnr_y", "lpips"), best_by="lpips", floors={"psnr_y": 30}
    )
    assert not is_best(settings, {"psnr_y": 29.9, "lpips": 0.01}, [])
    assert is_best(settings, {"psnr_y": 30.0, "lpips": 0.04}, [{"psnr_y": 29.9, "lpips": 0.01}, {"psnr_y": 31, "lpips": 0.05}])
    assert not is_best(settings, {"psnr_y": 31, "lpips": 0.06}, [{"psnr_y": 31, "lpips": 0.05}])
    with pytest.raises(ValueError, match="'vmaf' is not measured"):
        Validation(sources=("clip",), every=1, protocol="film", metrics=("psnr_y",), best_by="vmaf")


@pytest.mark.parametrize("system", ["nsrr", "stssnet", "ntaau"])
def test_rendered_frames_are_validated_too(tmp_path: Path, trained: Trained, system: str) -> None:
    protocol = "stssnet-hole" if system == "stssnet" else "nsrr"
    metrics = "[psnr]"
    settings = f"{{sources: ['layers:9-9'], every: 6, protocol: {protocol}, metrics: {metrics}, limit: 1, frames: 4, crop: 64}}"
    events = trained(tiny(f"{system}-small", f"validation={settings}"))
    (scores,) = [event.scores for event in events if isinstance(event, Validated)]
    assert all(value > 0 for value in scores.values())
    assert len(list((tmp_path / "run/samples").iterdir())) == (1 if system == "ntaau" else 3), "a run of frames makes one"


def test_validation_changes_nothing_that_is_learnt(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("tecogan-small"), "without")
    settings = "{sources: ['drawn:9-9'], every: 2, protocol: vid4-y, frames: 2, crop: 32}"
    trained(tiny("tecogan-small", f"validation={settings}"), "with")
    assert rows(tmp_path / "with") == rows(tmp_path / "without")


def test_workers_change_nothing_that_is_learnt(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("frvsr-small", "iterations=3"), "none")
    trained(tiny("frvsr-small", "iterations=3", "run.workers=2"), "two")
    assert rows(tmp_path / "none") == rows(tmp_path / "two")


@pytest.mark.parametrize("system", ["frvsr", "rt4ksr"])
def test_a_batch_in_parts_teaches_what_it_teaches_at_once(tmp_path: Path, trained: Trained, system: str) -> None:
    changes = ["iterations=3", "batch=4", "optimiser.rate=1e-4"]
    trained(tiny(f"{system}-small", *changes), "whole")
    trained(tiny(f"{system}-small", *changes, "run.accumulate=2"), "parts")
    for one, other in zip(rows(tmp_path / "whole"), rows(tmp_path / "parts"), strict=True):
        assert {key: float(value) for key, value in one.items()} == pytest.approx(
            {key: float(value) for key, value in other.items()}, rel=1e-4
        )
    whole, parts = (
        load(tmp_path / folder / f"{system}-small.safetensors").network.state_dict() for folder in ("whole", "parts")
    )
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], rtol=0, atol=2e-6)


def test_a_training_whose_time_is_over_goes_on_exactly(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("frvsr-small", "iterations=3"), "whole")
    for step in (1, 2, 3):
        events = trained(tiny("frvsr-small", "iterations=3", "run.minutes=1e-9"), "pieces", resume=True)
        assert isinstance(events[-1], TrainingFinished)
        assert (events[-1].step, events[-1].interrupted) == (step, False)
        notes = [event.text for event in events if isinstance(event, TrainingNote)]
        assert any("run.minutes=1e-09 are over" in note for note in notes) == (step < 3)
    assert rows(tmp_path / "pieces") == rows(tmp_path / "whole")
    one, other = (load(tmp_path / folder / "frvsr-small.safetensors").network.state_dict() for folder in ("whole", "pieces"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_bfloat16_where_it_is_slow_is_told(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny("rt4ksr-small", "iterations=1", "run.precision=bf16")
    for fast in (True, False):
        monkeypatch.setattr("upframe.training.loop.has_bfloat16", lambda fast=fast: fast)
        notes = [event.text for event in trained(recipe, f"run{fast}") if isinstance(event, TrainingNote)]
        assert any("10 to 100 times slower" in note for note in notes) != fast


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own parts
def test_a_compiled_network_learns_the_same(tmp_path: Path, trained: Trained) -> None:
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    settings = "validation={sources: ['drawn:9-9'], every: 2, protocol: set-y, crop: 32}"
    changes = ["iterations=2", "optimiser.rate=1e-4", settings]
    trained(tiny("rt4ksr-small", *changes), "plain")
    trained(tiny("rt4ksr-small", *changes, "run.compile=true"), "compiled")
    for name in ("losses.csv", "validation.csv"):
        for one, other in zip(rows(tmp_path / "plain", name), rows(tmp_path / "compiled", name), strict=True):
            assert {key: float(value) for key, value in one.items()} == pytest.approx(
                {key: float(value) for key, value in other.items()}, rel=1e-3
            )
    assert (
        load(tmp_path / "plain/rt4ksr-small.safetensors").network.state_dict().keys()
        == load(tmp_path / "compiled/rt4ksr-small.safetensors").network.state_dict().keys()
    )


def test_the_time_spent_waiting_for_data_is_told(tmp_path: Path, trained: Trained) -> None:
    steps = [event for event in trained(tiny("frvsr-small")) if isinstance(event, Stepped)]
    assert all(0 <= step.data_share < 1 for step in steps)
    assert any(step.data_share > 0 for step in steps)
    logged = rows(tmp_path / "run", "timing.csv")
    assert [float(row["data_share"]) for row in logged] == [step.data_share for step in steps]


@pytest.mark.long
def test_a_small_recipe_lowers_its_loss(tmp_path: Path, trained: Trained) -> None:
    trained(tiny("frvsr-small", "iterations=60", "run.save_every=100", "optimiser.rate=3e-3"))
    losses = [float(row["pixel"]) for row in rows(tmp_path / "run")]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_a_table_of_something_else_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_text("name,price\nbread,3\n")
    with pytest.raises(OutputError, match=r"losses.csv: is not a table of a training"):
        Table(tmp_path / "losses.csv", after=0)
    assert (tmp_path / "losses.csv").read_text() == "name,price\nbread,3\n"
