"""What ``upframe upscale`` says where a GPU is asked for that is not there."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest
from tests.cli.conftest import Command

from upframe.media.video.hardware import refusal


def test_graphs_on_a_processor_are_refused_in_one_line(upframe: Command, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (16, 12)).save(tmp_path / "photo.png")
    outcome = upframe("upscale", "photo.png", "--device", "cpu", "--graphs")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-2:] == [
        "upframe: cpu: graphs are recorded on CUDA alone",
        "         Leave out --graphs, or use an NVIDIA GPU",
    ]
    assert not (tmp_path / "photo-x2.png").exists()


@pytest.mark.skipif(refusal("hevc_nvenc") is None, reason="this machine has such an encoder")
def test_an_encoder_that_needs_a_gpu_is_refused_with_another_to_use(upframe: Command, tmp_path: Path) -> None:
    from tests.media.video_fixtures import Video, steady

    Video(size=(32, 48), times=steady(3)).make(tmp_path / "clip.mp4")
    outcome = upframe("upscale", "clip.mp4", "--model", "bicubic", "--codec", "hevc-nvenc")
    assert outcome.code == 1
    assert "hevc_nvenc cannot be used on this machine" in outcome.err
    assert outcome.err.strip().endswith("\n         Use --codec x265 instead")
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4"}
