"""Results scored against their references: what belongs together, and what is said where it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from tests.evaluation.samples import blemished, moving, save, save_video, scene
from tests.reference.unpack import Reference

from upframe.errors import CheckpointError, InputError
from upframe.evaluation import Comparison, Evaluation, EvaluationProgress, ScoringOptions, compare
from upframe.metrics import frame_tensor, psnr


def ignored(_: object) -> None:
    pass


def scores_of(result: Path, reference: Path, *, notes: list[str] | None = None, **options: Any) -> Evaluation:
    on_note = ignored if notes is None else notes.append
    options.setdefault("device", "cpu")
    evaluation, _ = compare(Comparison(str(result), str(reference), **options), on_step=ignored, on_note=on_note)
    return evaluation


def result_of(evaluation: Evaluation) -> dict[str, float]:
    return {str(metric): value for metric, value in evaluation.scored[0].averages.result.items()}


def test_two_images_have_the_psnr_of_their_pixels(tmp_path: Path) -> None:
    wanted = scene()
    result = save(tmp_path / "a.png", blemished(wanted))
    evaluation = scores_of(result, save(tmp_path / "b.png", wanted))
    expected = psnr(frame_tensor(blemished(wanted)), frame_tensor(wanted))
    assert result_of(evaluation)["psnr_rgb"] == pytest.approx(expected)
    assert evaluation.protocol.name == "plain"
    assert set(result_of(evaluation)) == {"psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y"}


def test_transparency_is_compared_as_seen_on_black_and_that_is_said(tmp_path: Path) -> None:
    notes: list[str] = []
    seen = scene()
    seen[:8] = 0
    alpha = np.full((*seen.shape[:2], 1), 255, np.uint8)
    alpha[:8] = 0
    hidden = seen.copy()
    hidden[:8] = 200
    result = save(tmp_path / "rgba.png", np.concatenate([hidden, alpha], axis=2))
    evaluation = scores_of(result, save(tmp_path / "rgb.png", seen), notes=notes)
    assert result_of(evaluation)["psnr_rgb"] > 90
    assert any("transparency" in note for note in notes)


def test_two_folders_are_matched_by_name_whatever_their_formats(tmp_path: Path) -> None:
    for name, seed in (("zebra", 1), ("apple", 2)):
        save(tmp_path / "ours" / f"{name}.bmp", scene(seed=seed))
        save(tmp_path / "theirs" / f"{name}.png", scene(seed=seed))
    clips = scores_of(tmp_path / "ours", tmp_path / "theirs").scored[0].clips
    assert [clip.name for clip in clips] == ["apple", "zebra"]
    assert all(clip.means["psnr_rgb"] == float("inf") for clip in clips)


def test_results_may_carry_a_label_behind_their_names(tmp_path: Path) -> None:
    for name, seed in (("bird", 1), ("birdhouse", 2)):
        save(tmp_path / "ours" / f"{name}-x2.png", scene(seed=seed))
        save(tmp_path / "theirs" / f"{name}.png", scene(seed=seed))
    clips = scores_of(tmp_path / "ours", tmp_path / "theirs").scored[0].clips
    assert [clip.means["psnr_rgb"] for clip in clips] == [float("inf")] * 2


def test_numbered_images_of_one_size_are_a_clip_and_others_are_not(tmp_path: Path) -> None:
    for number, frame in enumerate(moving(4)):
        save(tmp_path / "ours" / f"{number:03d}.png", blemished(frame, seed=number))
        save(tmp_path / "theirs" / f"{number:03d}.png", frame)
    (clip,) = scores_of(tmp_path / "ours", tmp_path / "theirs", scoring=ScoringOptions(metrics=("tpsnr",))).scored[0].clips
    assert clip.name == "theirs"
    assert [frame.index for frame in clip.frames if "tpsnr" in frame.values] == [1, 2, 3]
    for folder in ("ours", "theirs"):
        save(tmp_path / folder / "004.png", scene(32, 32))
    assert len(scores_of(tmp_path / "ours", tmp_path / "theirs").scored[0].clips) == 5


def test_clips_in_folders_are_told_apart(tmp_path: Path) -> None:
    for clip in ("000", "011"):
        for number, frame in enumerate(moving(3, seed=int(clip))):
            save(tmp_path / "ours" / clip / f"{number:08d}.png", blemished(frame))
            save(tmp_path / "theirs" / clip / f"{number:08d}.png", frame)
    clips = scores_of(tmp_path / "ours", tmp_path / "theirs").scored[0].clips
    assert [(clip.name, len(clip.frames)) for clip in clips] == [("000", 3), ("011", 3)]


def test_numbered_frames_that_count_from_elsewhere_are_compared_in_order_and_that_is_said(tmp_path: Path) -> None:
    for number, frame in enumerate(moving(3)):
        save(tmp_path / "ours" / f"out_{number:03d}.png", frame)
        save(tmp_path / "theirs" / f"{number + 1:05d}.png", frame)
    notes: list[str] = []
    evaluation = scores_of(tmp_path / "ours", tmp_path / "theirs", notes=notes)
    assert result_of(evaluation)["psnr_rgb"] == float("inf")
    assert "in their order" in notes[0]
    assert evaluation.notes == tuple(notes)


def test_a_video_is_compared_with_a_folder_of_its_frames(tmp_path: Path) -> None:
    frames = moving(5)
    video = save_video(tmp_path / "video.mkv", frames)
    for number, frame in enumerate(frames):
        save(tmp_path / "frames" / f"{number:05d}.png", frame)
    for pair in (
        (video, tmp_path / "frames"),
        (tmp_path / "frames", video),
        (video, video),
        (tmp_path / "frames/%05d.png", video),
    ):
        evaluation = scores_of(*pair)
        assert result_of(evaluation)["psnr_rgb"] == float("inf")
        assert evaluation.scored[0].frames == 5


def test_different_numbers_of_frames_are_said_and_align_trims(tmp_path: Path) -> None:
    frames = moving(6)
    ours, theirs = save_video(tmp_path / "ours.mkv", frames[:4]), save_video(tmp_path / "theirs.mkv", frames)
    with pytest.raises(InputError, match=r"ours\.mkv: ends after 4 frames; .*theirs\.mkv goes on\n.*use align=True"):
        scores_of(ours, theirs)
    notes: list[str] = []
    assert scores_of(ours, theirs, align=True, notes=notes).scored[0].frames == 4
    assert "ends after 4 frames" in notes[0]
    for number, frame in enumerate(frames):
        save(tmp_path / "frames" / f"{number:05d}.png", frame)
        save(tmp_path / "fewer" / f"{number:05d}.png", frame)
    (tmp_path / "fewer" / "00002.png").unlink()
    with pytest.raises(InputError, match=r"1 of .*frames missing in .*fewer \(00002\)\n.*use align=True"):
        scores_of(tmp_path / "fewer", tmp_path / "frames")
    notes.clear()
    assert scores_of(tmp_path / "fewer", tmp_path / "frames", align=True, notes=notes).scored[0].frames == 5
    assert notes[0].startswith("left out: 1 of")


def test_sizes_that_differ_are_said_with_both(tmp_path: Path) -> None:
    ours, theirs = save(tmp_path / "a.png", scene(40, 60)), save(tmp_path / "b.png", scene(41, 61))
    with pytest.raises(InputError, match=r"a\.png and .*b\.png: 60x40 and 61x41"):
        scores_of(ours, theirs)
    assert scores_of(ours, theirs, scale=2).scored[0].frames == 1, "a reference that is no multiple of the scale"


def test_what_is_missing_or_broken_is_said_in_one_line(tmp_path: Path) -> None:
    good = save(tmp_path / "good.png", scene())
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    light = np.full((64, 96, 3), 0.5, np.float32)
    light[3, 4, 1] = np.nan
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, {"RGB": light}).write(
        str(tmp_path / "nan.exr")
    )
    save(tmp_path / "cat" / "cat.png", scene())
    for result, reference, words in (
        (tmp_path / "none.png", good, "none.png: no such file"),
        (good, tmp_path / "none.png", "none.png: no such file"),
        (tmp_path / "text.png", good, "text.png: not an image"),
        (tmp_path / "empty", good, "empty: no image or video"),
        (tmp_path / "nan.exr", good, "nan.exr: 1 of 18432 samples are NaN"),
        (good, tmp_path / "nan.exr", "nan.exr: 1 of 18432 samples are NaN"),
    ):
        with pytest.raises(InputError) as error:
            scores_of(result, reference)
        assert words in str(error.value)
        assert "\n" not in str(error.value)
    for name in ("dog", "horse"):
        save(tmp_path / "pets" / f"{name}.png", scene())
    with pytest.raises(InputError, match="none of its files has the name of one of"):
        scores_of(tmp_path / "cat", tmp_path / "pets")


def test_holes_count_alone_where_maps_mark_them(tmp_path: Path) -> None:
    wanted = scene()
    spoilt = wanted.copy()
    spoilt[:, :48] = 255 - spoilt[:, :48]
    ours, theirs = save(tmp_path / "ours" / "a.png", spoilt), save(tmp_path / "theirs" / "a.png", wanted)
    marks = np.zeros((64, 96), np.uint8)
    marks[:, 48:] = 255
    save(tmp_path / "holes" / "a.png", marks)
    asked = ScoringOptions(metrics=("psnr_rgb",), mode="hole")
    evaluation = scores_of(ours, theirs, scoring=asked, holes=str(tmp_path / "holes"))
    assert result_of(evaluation)["psnr_rgb"] == float("inf")
    with pytest.raises(InputError, match="Give their maps as holes"):
        scores_of(ours, theirs, scoring=asked)
    save(tmp_path / "ours" / "b.png", spoilt)
    save(tmp_path / "theirs" / "b.png", wanted)
    save(tmp_path / "holes" / "c.png", marks)
    with pytest.raises(InputError, match="no map of holes for b"):
        scores_of(tmp_path / "ours", tmp_path / "theirs", scoring=asked, holes=str(tmp_path / "holes"))


def test_edges_count_alone_when_asked(tmp_path: Path) -> None:
    flat = np.full((64, 96, 3), 40, np.uint8)
    flat[:, 48:] = 220
    spoilt = flat.copy()
    spoilt[:8, :8] = 90
    ours, theirs = save(tmp_path / "a.png", spoilt), save(tmp_path / "b.png", flat)
    assert result_of(scores_of(ours, theirs))["psnr_rgb"] < 60
    assert result_of(scores_of(ours, theirs, scoring=ScoringOptions(metrics=("psnr_rgb",), mode="edge")))["psnr_rgb"] == float(
        "inf"
    )


def test_a_metric_that_has_no_value_is_no_result(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", scene())
    with pytest.raises(InputError, match=r"tpsnr: .*clips of at least two frames"):
        scores_of(image, image, scoring=ScoringOptions(metrics=("tpsnr",)))


def test_lpips_without_weights_is_refused_when_asked_for_and_left_out_of_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UPFRAME_LPIPS", raising=False)
    image = save(tmp_path / "a.png", scene(96, 128))
    with pytest.raises(CheckpointError, match="LPIPS needs its weights"):
        scores_of(image, image, scoring=ScoringOptions(metrics=("lpips",)))
    notes: list[str] = []
    evaluation = scores_of(image, image, scoring=ScoringOptions(protocol="stssnet"), notes=notes)
    assert evaluation.metrics == ("psnr_y", "ssim_y")
    assert "without LPIPS" in notes[0]
    with pytest.raises(CheckpointError, match=r"none\.pth"):
        scores_of(image, image, scoring=ScoringOptions(protocol="stssnet", lpips_files=(tmp_path / "none.pth",)))


def test_lpips_of_another_network_shows_in_the_name_of_the_protocol(tmp_path: Path, reference: Reference) -> None:
    weights = reference.file("lpips/lpips_squeeze_v0.1.safetensors")
    image = save(tmp_path / "a.png", scene(96, 128))
    notes: list[str] = []
    evaluation = scores_of(image, image, scoring=ScoringOptions(protocol="stssnet", lpips_files=(weights,)), notes=notes)
    assert result_of(evaluation)["lpips"] == pytest.approx(0, abs=1e-6)
    assert evaluation.protocol.name == "stssnet+lpips-squeeze"
    assert "another network" in notes[0]


def test_the_reference_values_come_back(reference: Reference) -> None:
    values = json.loads(reference.file("metrics/values_more.json").read_text())
    result_file, reference_file = (reference.file(f"metrics/{name}.png") for name in ("result", "reference"))
    for crop, options in ((0, {"scoring": ScoringOptions("rt4ksr-y")}), (2, {"scoring": ScoringOptions("set-y"), "scale": 2})):
        result = result_of(scores_of(result_file, reference_file, **options))
        assert result["psnr_y"] == pytest.approx(values[f"rt4ksr.crop{crop}"]["psnr_y"], abs=1e-4)
        assert result["ssim_y"] == pytest.approx(values[f"rt4ksr.crop{crop}"]["ssim_y"], abs=1e-4)


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    video = save_video(tmp_path / "video.mkv", moving(5))
    steps: list[EvaluationProgress] = []
    compare(Comparison(str(video), str(video), device="cpu"), on_step=steps.append, on_note=ignored)
    assert [step.done for step in steps] == [1, 2, 3, 4, 5]


def test_light_of_an_exr_is_compared_as_it_is_seen(tmp_path: Path) -> None:
    codes = scene()
    shown = torch.from_numpy(codes).double().div(255)
    light = torch.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4).float().numpy()
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, {"RGB": light}).write(
        str(tmp_path / "a.exr")
    )
    evaluation = scores_of(tmp_path / "a.exr", save(tmp_path / "a.png", codes))
    assert result_of(evaluation)["psnr_rgb"] == float("inf")


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
def test_memory_does_not_grow_with_the_length_of_the_videos(tmp_path: Path) -> None:
    code = (
        "import sys; from upframe.evaluation import Comparison, compare\n"
        "wanted = Comparison(sys.argv[1], sys.argv[1], device='cpu', panels=True)\n"
        "compare(wanted)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    # What is freed goes back at once: else what the C library keeps for later varies from run to run.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    peaks = []
    for count in (30, 150):
        video = save_video(tmp_path / f"{count}.mkv", moving(count, 240, 320))
        command = [sys.executable, "-c", code, video]
        peaks.append(int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] <= 1.04 * peaks[0], f"{peaks} kB; the frames themselves, as bytes, would be a tenth of it"
