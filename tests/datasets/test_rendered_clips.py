"""Rendered clips as evaluation sets: shown as a display would, with their holes, and refused where something is amiss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.rendered_samples import EXPOSURE, SIZE, write_clip

from upframe.datasets.evaluation_set import open_set
from upframe.datasets.rendered_clips import RenderedEvaluationClip
from upframe.errors import InputError
from upframe.ops.transfer import encode_linear
from upframe.rendered.clip import NAME, UNFINISHED, RenderedClip, frame_path, target_path
from upframe.rendered.history import STSSNetHistory
from upframe.rendered.layouts.channels import write_channels

pytest.importorskip("OpenEXR")


def open_clip(folder: Path) -> RenderedEvaluationClip:
    (clip,) = open_set(folder, scale=2).clips
    assert isinstance(clip, RenderedEvaluationClip)
    return clip


def test_colour_and_target_are_shown_at_the_exposure_of_their_frame(tmp_path: Path) -> None:
    clip, stored = open_clip(write_clip(tmp_path / "walk", 3)), RenderedClip(tmp_path / "walk")
    target = encode_linear(torch.from_numpy(stored.target(2).astype(np.float32)) * EXPOSURE).numpy()
    assert clip.high(2) == pytest.approx(target, abs=1e-6)
    assert clip.high(2).max() > 1, "nothing is cut off of a target"
    colour = encode_linear(torch.from_numpy(np.asarray(stored[2].colour, np.float32)) * EXPOSURE).numpy()
    assert clip.low(2) == pytest.approx(colour.clip(0, 1), abs=1e-6)
    assert clip.low(2).shape == (*SIZE, 3)


@pytest.mark.parametrize("place", ["", "walk", "test/walk"])
def test_a_clip_a_folder_of_clips_and_the_test_part_of_a_set_are_recognised(tmp_path: Path, place: str) -> None:
    write_clip(tmp_path / "set" / place, 2)
    write_clip(tmp_path / "set" / "train" / "other", 2) if place.startswith("test") else None
    found = open_set(tmp_path / "set", scale=2)
    assert (found.kind, found.low_source, found.degradation) == ("rendered", "as rendered", None)
    assert [(clip.name, clip.frame_names) for clip in found.clips] == [
        ("walk" if place else "set", ("00000", "00001")),
    ]


def test_every_second_frame_is_given_without_its_colour_but_where_a_shot_begins(tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / "walk", 6, cut=3))
    assert [clip.interleaved(index).colour is None for index in range(6)] == [False, True, False, False, False, True]
    assert all(clip.frame(index).colour is not None for index in range(6))


def test_holes_are_those_of_the_history_in_whatever_order_they_are_asked_for(tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / "walk", 6, cut=3))
    history, expected, last = STSSNetHistory(), [], (0.0, 0.0)
    for index in range(6):
        frame = clip.frame(index)
        depth, motion = (torch.from_numpy(np.array(buffer)) for buffer in (frame.depth, frame.motion))
        if index in (0, 3):
            history.clear()
        motion = motion + torch.tensor([now - before for now, before in zip(frame.jitter, last, strict=True)])
        shaded = index % 2 == 0 or index == 3
        colour = torch.zeros(1, 3, *SIZE) if shaded else None
        expected.append(1 - history.step(colour, depth[None, None], motion.permute(2, 0, 1)[None]).mask[0, 0].numpy())
        last = frame.jitter
    assert [bool(holes.any()) for holes in expected] == [False, True, False, False, False, True]
    assert 0.005 < expected[1].mean() < 0.5
    for index in (0, 1, 2, 5, 1, 4, 3, 5):
        assert np.array_equal(clip.hole(index), expected[index])


def test_a_frame_without_colour_has_no_low_resolution(tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / "walk", 4, without_colour=(1, 3)))
    assert [clip.has_low(index) for index in range(4)] == [True, False, True, False]
    with pytest.raises(InputError, match=r"00003\.exr: has no colour"):
        clip.low(3)
    assert clip.hole(3).any()


def test_a_clip_that_cannot_be_scored_is_refused_with_the_reason(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "set" / "walk", 2)
    with pytest.raises(InputError, match="walk: has targets of x2; x4 was asked for"):
        open_set(folder, scale=4)
    with pytest.raises(InputError, match="bare: has no targets"):
        open_set(write_clip(tmp_path / "bare", 2, scale=None), scale=2)
    with pytest.raises(InputError, match="holds no rendered clip"):
        open_set(folder / "frames", scale=2, layout="rendered")
    target_path(folder, 1).unlink()
    with pytest.raises(InputError, match=r"00001\.exr: no such file"):
        open_set(folder, scale=2).clips[0].high(1)
    (folder / NAME).rename(folder / UNFINISHED)
    with pytest.raises(InputError, match="this rendered clip is unfinished"):
        open_set(tmp_path / "set", scale=2)


@pytest.mark.parametrize("side", ["colour", "target", "normal", "depth"])
def test_samples_that_are_no_numbers_are_named_with_file_and_buffer(tmp_path: Path, side: str) -> None:
    folder = write_clip(tmp_path / "walk", 2)
    stored = RenderedClip(folder)
    if side == "target":
        planes = {name: np.array(stored.target(1)[..., index]) for index, name in enumerate("RGB")}
        path = target_path(folder, 1)
    else:
        frame, path = stored[1], frame_path(folder, 1)
        planes = {f"color.{name}": np.array(np.asarray(frame.colour)[..., i]) for i, name in enumerate("RGB")}
        planes |= {f"normal.{name}": np.array(np.asarray(frame.normal)[..., i]) for i, name in enumerate("XYZ")}
        planes |= {f"motion.{name}": np.array(np.asarray(frame.motion)[..., i]) for i, name in enumerate("XY")}
        planes |= {"depth.Z": np.array(frame.depth)}
    name = {"colour": "color.R", "target": "R", "normal": "normal.Z", "depth": "depth.Z"}[side]
    planes[name][2, 3] = np.nan
    write_channels(path, planes, overwrite=True)
    clip = open_clip(folder)
    with pytest.raises(InputError, match=rf"00001\.exr: {'1 of' if side == 'target' else f'{side}: 1 of'} \d+ samples are NaN"):
        clip.high(1) if side == "target" else clip.frame(1)
