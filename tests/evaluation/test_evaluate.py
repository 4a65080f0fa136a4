"""Models on data sets: published numbers, what is compared with what, and going on after an interruption."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from tests.evaluation.samples import moving, save, save_model, save_video, scene
from tests.reference.unpack import Reference

from upframe.datasets.degradation import DEGRADATIONS
from upframe.datasets.evaluation_set import open_set
from upframe.engine.upscaler import Upscaler
from upframe.errors import CheckpointError, InputError
from upframe.evaluation import Evaluation, EvaluationOptions, EvaluationProgress, Panel, ScoringOptions, evaluate
from upframe.evaluation.runs import on_bare_frames
from upframe.metrics import frame_tensor, psnr
from upframe.models.catalog import Model, load
from upframe.models.catalog import save as save_weights
from upframe.models.frvsr import FRVSR
from upframe.models.ttvsr import TTVSR


def ignored(_: object) -> None:
    pass


def run(
    models: object,
    place: object,
    *,
    notes: list[str] | None = None,
    steps: list[EvaluationProgress] | None = None,
    **options: Any,
) -> tuple[Evaluation, tuple[Panel, ...]]:
    named = tuple(map(str, models)) if isinstance(models, list | tuple) else (str(models),)
    request = EvaluationOptions(named, str(place), **{"device": "cpu", **options})
    on_note = ignored if notes is None else notes.append
    return evaluate(request, on_step=ignored if steps is None else steps.append, on_note=on_note)


def results_of(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    return {one.subject.name: {str(m): v for m, v in one.averages.result.items()} for one in evaluation.scored}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, seed, size in (("apple", 1, (64, 96)), ("berry", 2, (66, 90)), ("cherry", 3, (112, 130))):
        save(tmp_path / "set" / f"{name}.png", scene(*size, seed=seed))
    return tmp_path / "set"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for clip in ("calm", "storm"):
        for number, frame in enumerate(moving(9, seed=len(clip))):
            save(tmp_path / "clips" / clip / f"{number:04d}.png", frame)
    return tmp_path / "clips"


def save_frvsr(path: Path) -> Path:
    torch.manual_seed(5)
    network = FRVSR(4, channels=8, blocks=1, flow_channels=4)
    save_weights(Model(network, network.info), path)
    return path


# --- the published numbers


def test_published_rt4ksr_weights_give_their_official_numbers_on_set5(shared: Path, subtests: pytest.Subtests) -> None:
    for scale, source in product((2, 3), ("imresize", "matlab")):
        with subtests.test(scale=scale, source=source):
            check_published(shared / "reference", scale, source)


def check_published(reference: Path, scale: int, source: str) -> None:
    measured = json.loads((reference / "facts.json").read_text())["measured_official"][f"x{scale}"]
    low = reference / "set5_lr_matlab" / f"x{scale}" if source == "matlab" else None
    options: dict[str, Any] = {"scale": scale, "low": low}
    usual, _ = run(reference / "rt4ksr" / f"rt4ksr_x{scale}.pth", reference / "set5", **options)
    options["scoring"] = ScoringOptions("rt4ksr")
    whole, _ = run(reference / "rt4ksr" / f"rt4ksr_x{scale}.pth", reference / "set5", **options)
    assert usual.about["low resolution"] == ("files" if low else "BI, MATLAB bicubic, rounded once")
    for name, ours in ((f"rt4ksr_x{scale}", "rt4ksr"), (f"bicubic-x{scale}", "bicubic")):
        right = measured[f"{ours}|lr={source}|crop={scale}"]
        assert results_of(usual)[name]["psnr_y"] == pytest.approx(right["psnr_y"], abs=0.01)
        assert results_of(usual)[name]["ssim_y"] == pytest.approx(right["ssim_y"], abs=0.0005)
        published = measured[f"{ours}|lr={source}|crop=0"]
        for metric, key in (
            ("psnr_rgb", "psnr_rgb"),
            ("ssim_rgb", "ssim_rgb"),
            ("psnr_y", "psnr_y_swapped"),
            ("ssim_y", "ssim_y_swapped"),
        ):
            assert results_of(whole)[name][metric] == pytest.approx(published[key], abs=0.01 if "psnr" in metric else 0.0005)


# --- what is compared


def test_bicubic_is_always_among_the_models(images: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "mine.pth")
    evaluation, panels = run(model, images)
    assert [one.subject.name for one in evaluation.scored] == ["mine", "bicubic-x2"]
    assert panels == ()
    assert [one.subject.name for one in run("bicubic", images, scale=3)[0].scored] == ["bicubic-x3"]
    assert evaluation.title == "mine on set"
    assert all(len(one.subject.milliseconds) == 3 and min(one.subject.milliseconds) > 0 for one in evaluation.scored)


def test_scores_are_those_of_the_network_on_frames_as_they_are(images: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / "mine.pth")
    evaluation, _ = run(model, images, scoring=ScoringOptions("rt4ksr"), keep=tmp_path / "kept", multiple=1)
    upscaler = Upscaler(on_bare_frames(load(model)), device="cpu")
    for clip in evaluation.scored[0].clips:
        with (
            PIL.Image.open(tmp_path / "kept" / "mine" / f"{clip.name}.png") as kept,
            PIL.Image.open(images / f"{clip.name}.png") as high,
        ):
            result, reference = np.array(kept), np.array(high)
        assert clip.means["psnr_rgb"] == pytest.approx(psnr(frame_tensor(result), frame_tensor(reference)), abs=1e-4)
        low = DEGRADATIONS["bi"].pixels(reference, 2)
        assert np.array_equal(upscaler.upscale(low), result)


def test_models_of_different_scales_are_not_compared(images: Path, tmp_path: Path) -> None:
    two, three = save_model(tmp_path / "two.pth"), save_model(tmp_path / "three.pth", 3)
    with pytest.raises(InputError, match="three: upscales x3, but two x2 was asked for"):
        run((two, three), images)
    with pytest.raises(InputError, match="two: upscales x2, but x4 was asked for"):
        run(two, images, scale=4)


def test_interpolation_goes_by_the_scale_of_the_trained_models(images: Path, tmp_path: Path) -> None:
    three = save_model(tmp_path / "three.pth", 3)
    evaluation, _ = run(("bicubic", "lanczos", three), images)
    assert [one.subject.name for one in evaluation.scored] == ["bicubic-x3", "lanczos-x3", "three"]


def test_two_files_of_one_name_are_told_apart(images: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    one, other = save_model(tmp_path / "a" / "reference.pth"), save_model(tmp_path / "b" / "reference.pth")
    evaluation, _ = run((one, other), images)
    assert [one.subject.name for one in evaluation.scored] == ["reference (2)", "reference (3)", "bicubic-x2"]


def test_a_model_for_video_sees_a_clip_in_order_and_each_frame_is_timed(clips: Path, tmp_path: Path) -> None:
    model = save_frvsr(tmp_path / "recurrent.safetensors")
    evaluation, _ = run(model, clips, degradation="bd", scoring=ScoringOptions("vid4-y"), keep=tmp_path / "kept")
    scored = evaluation.scored[0]
    assert [(clip.name, [frame.index for frame in clip.frames]) for clip in scored.clips] == [
        ("calm", list(range(9))),
        ("storm", list(range(9))),
    ]
    assert len(scored.subject.milliseconds) == 18
    lows = open_set(clips, scale=4, degradation=DEGRADATIONS["bd"]).clips[0]
    upscaler = Upscaler(on_bare_frames(load(model)), device="cpu", sampling="corner")
    streamed = list(upscaler.stream((lows.low(index) for index in range(9)), cuts="off"))
    with PIL.Image.open(tmp_path / "kept" / "recurrent" / "calm" / "0007.png") as kept:
        assert np.abs(np.array(kept).astype(int) - streamed[7]).max() <= 1


def test_the_protocol_follows_the_set_and_the_degradation(images: Path, clips: Path, tmp_path: Path) -> None:
    assert run("bicubic", images, scale=2)[0].protocol.name == "set-y"
    assert run("bicubic", clips, scale=2)[0].protocol.name == "vid4-y"
    evaluation, _ = run("bicubic", clips, scale=2, degradation="bd", scoring=ScoringOptions(metrics=("psnr", "ssim")))
    assert evaluation.protocol.name == "tecogan+metrics"
    assert evaluation.scored[0].frames == 10, "two left out at each end of nine, twice"


def test_bicubic_lies_where_bd_has_its_samples(images: Path) -> None:
    asked = ScoringOptions(metrics=("psnr",))
    corner, centre = (
        run("bicubic", images, scale=4, degradation=name, scoring=asked)[0].scored[0].averages.result["psnr_y"]
        for name in ("bd", "bd-centred")
    )
    assert corner == pytest.approx(centre, abs=1.0), "files of the two kinds lie 1.5 pixels apart"


def test_a_model_trained_for_another_degradation_is_warned_about(clips: Path, tmp_path: Path) -> None:
    model = save_frvsr(tmp_path / "recurrent.safetensors")
    info = load(str(model)).info
    assert info.degradation == "BD"
    asked = ScoringOptions("vid4-y")
    notes: list[str] = []
    evaluation, _ = run(model, clips, notes=notes, scoring=asked)
    assert str(evaluation.about["low resolution"]).startswith("BD"), "made as the model was trained"
    assert notes == []
    evaluation, _ = run(model, clips, notes=notes, scoring=asked, degradation="bi")
    assert notes == ["recurrent was trained for BD, but low resolution is BI here: it does worse than it can"]
    assert evaluation.notes == tuple(notes)


def test_published_weights_of_ttvsr_are_given_low_resolution_sampled_at_the_middle_of_its_cells(tmp_path: Path) -> None:
    torch.manual_seed(6)
    state = TTVSR(channels=8, blocks=1).state_dict()
    torch.save({"state_dict": {f"generator.{name}": value for name, value in state.items()}}, tmp_path / "TTVSR_Vimeo90K.pth")
    for number, frame in enumerate(moving(2, 256, 256)):
        save(tmp_path / "clips" / "calm" / f"{number}.png", frame)
    notes: list[str] = []
    evaluation, _ = run(tmp_path / "TTVSR_Vimeo90K.pth", tmp_path / "clips", notes=notes)
    assert evaluation.about["low resolution"] == "BD, Gaussian 1.6, sampled at the middle of each cell"
    assert evaluation.protocol.name == "vid4-y"
    assert notes == []
    run(tmp_path / "TTVSR_Vimeo90K.pth", tmp_path / "clips", notes=notes, degradation="bd")
    assert notes == ["TTVSR_Vimeo90K was trained for BD-centred, but low resolution is BD here: it does worse than it can"]


def test_a_video_is_a_set_of_one_clip(tmp_path: Path) -> None:
    video = save_video(tmp_path / "video.mkv", moving(5))
    evaluation, panels = run("bicubic", video, scale=2, panels=True)
    (clip,) = evaluation.scored[0].clips
    assert (clip.name, len(clip.frames)) == ("video", 5)
    assert {panel.kind for panel in panels} == {"window", "profile"}, "too small for a block"


def test_what_is_wrong_is_said(images: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match=r"broken\.safetensors"):
        run(tmp_path / "broken.safetensors", images)
    with pytest.raises(InputError, match="no such file, folder or data set"):
        run("bicubic", tmp_path / "nowhere", scale=2)
    with pytest.raises(InputError, match="is not one of the protocols"):
        run("bicubic", images, scale=2, scoring=ScoringOptions("no-such"))
    with pytest.raises(InputError, match="unknown degradation"):
        run("bicubic", images, scale=2, degradation="blur")


def test_rendered_frames_are_wanted_for_a_rendering_model(reference: Reference, images: Path) -> None:
    with pytest.raises(InputError, match="upscales rendered frames"):
        run(reference.file("stssnet/Lewis.pkl"), images)


def test_stored_frames_of_stssnet_are_scored_by_even_and_odd(reference: Reference, tmp_path: Path) -> None:
    frames, targets = tmp_path / "Lewis" / "test" / "NPY", tmp_path / "Lewis" / "test" / "HR"
    frames.mkdir(parents=True)
    targets.mkdir()
    random = np.random.default_rng(0)
    for number in (500, 501, 502, 503):
        stored = random.random((36, 40, 33)).astype(np.float16)
        stored[:4, :4, :9] = -1
        np.save(frames / f"compressed.{number:04d}.{'Warp' if number % 2 else 'NoWarp'}.npy", stored)
        np.save(targets / f"compressedHR.{number:04d}.npy", random.random((72, 80, 3)).astype(np.float16))
    asked = ScoringOptions("stssnet", metrics=("psnr_y", "ssim_y"))
    evaluation, panels = run(reference.file("stssnet/Lewis.pkl"), tmp_path / "Lewis", scoring=asked, panels=True)
    scored = evaluation.scored[0]
    assert [frame.index for frame in scored.clips[0].frames] == [500, 501, 502, 503]
    averages = scored.averages
    assert averages.result["psnr_y"] == pytest.approx((averages.even["psnr_y"] + averages.odd["psnr_y"]) / 2)
    assert math.isfinite(averages.result["psnr_y"])
    assert [panel.kind for panel in panels] == ["window", "profile"]
    holes, _ = run(
        reference.file("stssnet/Lewis.pkl"),
        tmp_path / "Lewis",
        scoring=ScoringOptions("stssnet-hole", metrics=("psnr_y",)),
    )
    assert results_of(holes)["Lewis"]["psnr_y"] != pytest.approx(averages.result["psnr_y"])


# --- going on


def test_an_evaluation_goes_on_where_it_was(images: Path, tmp_path: Path) -> None:
    model, journal = save_model(tmp_path / "mine.pth"), tmp_path / "journal"

    def stop(step: EvaluationProgress) -> None:
        if step.done == 4:
            raise KeyboardInterrupt

    request = EvaluationOptions((str(model),), str(images), device="cpu", journal=journal, panels=True)
    with pytest.raises(KeyboardInterrupt):
        evaluate(request, on_step=stop, on_note=ignored)
    kept = {path.name: path.stat().st_mtime_ns for path in journal.glob("*.json")}
    assert len(kept) == 3
    finished, panels = evaluate(request, on_step=ignored, on_note=ignored)
    after = {path.name: path.stat().st_mtime_ns for path in journal.glob("*.json")}
    assert len(after) == 6
    assert kept.items() <= after.items(), "what was finished is not done again"
    again, same_panels = evaluate(request, on_step=ignored, on_note=ignored)
    assert again.scored == finished.scored, "times included"
    assert same_panels == panels
    afresh, _ = run(model, images)
    assert results_of(afresh) == results_of(finished)


def test_another_protocol_or_model_is_not_taken_for_the_same(images: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first, _ = run("bicubic", images, scale=2, journal=journal)
    second, _ = run("bicubic", images, scale=2, journal=journal, scoring=ScoringOptions("rt4ksr"))
    third, _ = run("bicubic", images, scale=3, journal=journal)
    assert len(list(journal.glob("*.json"))) == 9
    assert results_of(first) != results_of(second)
    assert results_of(first)["bicubic-x2"] != results_of(third)["bicubic-x3"]


def test_a_damaged_item_is_done_again(images: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first, _ = run("bicubic", images, scale=2, journal=journal)
    broken = sorted(journal.glob("*.json"))
    broken[0].write_text("{")
    broken[1].write_text(json.dumps({"format": 1}))
    broken[2].write_text("[]")
    second, _ = run("bicubic", images, scale=2, journal=journal)
    assert results_of(first) == results_of(second)
    assert all(json.loads(path.read_text())["format"] == 1 for path in broken)


def test_images_are_gathered_anew_when_another_model_comes_first(images: Path, tmp_path: Path) -> None:
    journal, model = tmp_path / "journal", save_model(tmp_path / "mine.pth")
    run("bicubic", images, scale=2, journal=journal, panels=True)
    _, panels = run(model, images, journal=journal, panels=True)
    blocks = [panel for panel in panels if panel.kind in ("worst", "best")]
    assert blocks
    for panel in panels:
        assert list(panel.layers) == ["low resolution", "bicubic-x2", "mine", "reference"]
