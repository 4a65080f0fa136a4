"""Models on rendered clips: what the supersampler makes of them, even frames and odd ones, holes, and frames without colour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.rendered_samples import EXPOSURE, save_nsrr, save_stssnet, write_clip
from tests.evaluation.samples import save_model

import upframe
from upframe.errors import InputError
from upframe.evaluation import Evaluation, EvaluationOptions, Panel, ScoringOptions, evaluate
from upframe.metrics import frame_tensor, psnr
from upframe.metrics.frames import sampled
from upframe.models.catalog import Model, save
from upframe.models.frvsr import FRVSR
from upframe.ops.transfer import encode_linear
from upframe.rendered.clip import RenderedClip
from upframe.reports.evaluation import page

pytest.importorskip("OpenEXR")

PSNR_Y, PSNR_RGB = ScoringOptions("stssnet", metrics=("psnr_y",)), ScoringOptions("nsrr", metrics=("psnr",))


def run(
    models: list[Path | str], place: Path, notes: list[str] | None = None, **options: Any
) -> tuple[Evaluation, tuple[Panel, ...]]:
    request = EvaluationOptions(tuple(map(str, models)), str(place), **{"device": "cpu", **options})
    return evaluate(request, on_note=(notes if notes is not None else []).append)


def by_frame(evaluation: Evaluation, subject: int = 0) -> dict[int, float]:
    (clip,) = evaluation.scored[subject].clips
    (metric,) = evaluation.metrics
    return {frame.index: frame.values[metric] for frame in clip.frames if metric in frame.values}


@pytest.mark.parametrize("family", ["stssnet", "nsrr"])
def test_scores_are_those_of_what_the_supersampler_makes(tmp_path: Path, family: str) -> None:
    folder = write_clip(tmp_path / "walk", 4)
    weights = (save_stssnet if family == "stssnet" else save_nsrr)(tmp_path / "mine.safetensors")
    evaluation, _ = run([weights], folder, scoring=PSNR_RGB)
    assert [one.subject.name for one in evaluation.scored] == ["mine", "bicubic-x2", "taau-x2"]
    assert len(evaluation.scored[0].subject.milliseconds) == 4
    clip, supersampler = RenderedClip(folder), upframe.Supersampler(weights, device="cpu")
    for index, frame in enumerate(clip):
        given = replace(frame, colour=None) if family == "stssnet" and index % 2 else frame
        made, wanted = (np.array(light, np.float32) * EXPOSURE for light in (supersampler.step(given), clip.target(index)))
        codes = (sampled(encode_linear(frame_tensor(light)), "round") for light in (made, wanted))
        assert by_frame(evaluation)[index] == pytest.approx(psnr(*codes), abs=1e-3)


def test_even_frames_and_odd_ones_have_means_of_their_own(tmp_path: Path) -> None:
    evaluation, _ = run([save_stssnet(tmp_path / "mine.safetensors")], write_clip(tmp_path / "walk", 5), scoring=PSNR_Y)
    values, parts = by_frame(evaluation), evaluation.parts(evaluation.scored[0])
    assert parts["even, SF"]["psnr_y"] == pytest.approx((values[0] + values[2] + values[4]) / 3)
    assert parts["odd, IF"]["psnr_y"] == pytest.approx((values[1] + values[3]) / 2)
    assert evaluation.scored[0].averages.result["psnr_y"] == pytest.approx(sum(p["psnr_y"] for p in parts.values()) / 2)
    text = page(evaluation, ())
    assert "odd, IF" in text
    assert "even, SF" in text


def test_holes_alone_can_be_counted_and_only_frames_made_of_the_past_have_any(tmp_path: Path) -> None:
    model, folder = save_stssnet(tmp_path / "mine.safetensors"), write_clip(tmp_path / "walk", 6, cut=3)
    holes, _ = run([model], folder, scoring=ScoringOptions("stssnet-hole", metrics=("psnr_y",)))
    whole, _ = run([model], folder, scoring=PSNR_Y)
    for subject in (0, 1):
        assert list(by_frame(holes, subject)) == [1, 5], "3 begins a shot, and has no past"
        assert by_frame(holes, subject)[1] != pytest.approx(by_frame(whole, subject)[1], abs=0.05)
    assert holes.scored[0].frames == 2
    edges, _ = run([model], folder, scoring=ScoringOptions("stssnet-edge", metrics=("psnr_y",)))
    assert list(by_frame(edges)) == list(range(6))


def test_where_nothing_counts_there_is_no_table_of_dashes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="walk: psnr_y: no frame has a value"):
        run(["bicubic"], write_clip(tmp_path / "walk", 1), scale=2, scoring=ScoringOptions("stssnet-hole", metrics=("psnr_y",)))


def test_images_models_are_scored_on_the_frames_that_have_a_colour(tmp_path: Path) -> None:
    folder, notes = write_clip(tmp_path / "walk", 4, without_colour=(1, 3)), list[str]()
    models: list[Path | str] = [save_stssnet(tmp_path / "mine.safetensors"), save_model(tmp_path / "still.pth")]
    evaluation, panels = run(models, folder, notes, scoring=PSNR_Y, panels=True, keep=tmp_path / "kept")
    assert [list(by_frame(evaluation, subject)) for subject in range(3)] == [[0, 1, 2, 3], [0, 2], [0, 2]]
    assert "bicubic-x2: 2 of 4 frames have no colour and do not count in its scores" in notes
    assert list(evaluation.notes) == notes
    assert len(list((tmp_path / "kept").rglob("*.png"))) == 8
    (window,) = [panel for panel in panels if panel.kind == "window"]
    assert list(window.layers) == ["low resolution", "bicubic-x2", "mine", "still", "reference"]


def test_a_model_for_video_runs_on_a_rendered_clip(tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = FRVSR(2, channels=8, blocks=1, flow_channels=4)
    save(Model(network, network.info), tmp_path / "video.safetensors")
    notes: list[str] = []
    evaluation, _ = run([tmp_path / "video.safetensors"], write_clip(tmp_path / "walk", 3), notes)
    assert evaluation.protocol.name == "nsrr"
    assert evaluation.scored[0].frames == 3
    assert notes[0].startswith("video was trained for BD, but low resolution is rendered here")


def test_results_of_jittered_frames_are_scored_where_the_pixels_are(tmp_path: Path) -> None:
    jittered, centred = (
        run(["bicubic"], write_clip(tmp_path / str(jittered), 4, jittered=jittered), scale=2)[0].scored[0].averages.result
        for jittered in (True, False)
    )
    assert jittered["psnr_rgb"] > centred["psnr_rgb"] - 0.5


def test_the_protocol_follows_the_models(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "walk", 2)
    names = [
        run([model], folder, scale=2)[0].protocol.name.partition("+")[0]
        for model in (save_stssnet(tmp_path / "a.safetensors"), save_nsrr(tmp_path / "b.safetensors"), "bicubic")
    ]
    assert names == ["stssnet", "nsrr", "nsrr"]


def test_trained_weights_of_stssnet_beat_chance(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "walk", 4)
    models: list[Path | str] = ["stssnet-x2", save_stssnet(tmp_path / "chance.safetensors")]
    evaluation, _ = run(models, folder, scoring=PSNR_Y)
    trained, chance, *_ = (one.averages.result["psnr_y"] for one in evaluation.scored)
    assert trained > chance + 1


def test_a_journal_brings_rendered_items_back_and_tells_depths_apart(tmp_path: Path) -> None:
    model, folder, journal = save_stssnet(tmp_path / "mine.safetensors"), write_clip(tmp_path / "walk", 2), tmp_path / "journal"
    first, _ = run([model], folder, scoring=PSNR_Y, journal=journal)
    again, _ = run([model], folder, scoring=PSNR_Y, journal=journal)
    assert again.scored == first.scored
    other, _ = run([model], folder, scoring=PSNR_Y, journal=journal, far=20.0)
    assert by_frame(other) != by_frame(first)


def test_what_a_rendered_clip_lacks_is_said(tmp_path: Path) -> None:
    model = save_stssnet(tmp_path / "mine.safetensors")
    bare = write_clip(tmp_path / "bare", 2, without=("albedo", "metallic"))
    with pytest.raises(InputError, match=r"00000\.exr: .*needs metallic, albedo"):
        run([model], bare, scoring=PSNR_Y)
    walk = write_clip(tmp_path / "walk", 2, without_colour=(1,))
    with pytest.raises(InputError, match=r"00001\.exr: .*needs colour"):
        run([save_nsrr(tmp_path / "past.safetensors")], walk)
    with pytest.raises(InputError, match="must be above 0, not 0"):
        run([model], walk, far=0.0)
    for options in ({"degradation": "bd"}, {"low": tmp_path}, {"multiple": 2}):
        with pytest.raises(InputError, match="rendered frames are scored as they are"):
            run([model], walk, **options)
