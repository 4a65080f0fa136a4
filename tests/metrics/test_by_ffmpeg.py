"""VMAF and XPSNR through the ffmpeg of imageio-ffmpeg."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from tests.metrics.moving_square import moving_square
from torch import Tensor

from upframe.errors import InputError, MissingExtra, ShapeError
from upframe.metrics import VideoScorer


def scores(result: list[Tensor], reference: list[Tensor], **options: object) -> dict[str, list[float]]:
    with VideoScorer(**options) as scorer:  # type: ignore[arg-type]
        for pair in zip(result, reference, strict=True):
            scorer.add(*pair)
        return scorer.finish()


def test_every_frame_has_its_values() -> None:
    values = scores(moving_square(3, noise=0.05), moving_square(3))
    assert values.keys() == {"vmaf", "xpsnr"}
    assert len(values["vmaf"]) == len(values["xpsnr"]) == 3
    assert all(0 <= value < 95 for value in values["vmaf"])
    assert all(15 < value < 60 for value in values["xpsnr"])


def test_equal_clips_reach_the_top() -> None:
    values = scores(moving_square(3), moving_square(3))
    assert min(values["vmaf"][1:]) > 97
    assert values["xpsnr"] == [math.inf] * 3


def test_less_noise_is_better() -> None:
    reference = moving_square(2)
    good, bad = (scores(moving_square(2, noise=noise), reference) for noise in (0.01, 0.1))
    assert good["vmaf"][1] > bad["vmaf"][1]
    assert good["xpsnr"][1] > bad["xpsnr"][1]


def test_values_are_those_of_ffmpeg_run_on_files(clip: tuple[list[Tensor], list[Tensor]], tmp_path: Path) -> None:
    import imageio_ffmpeg

    executable = imageio_ffmpeg.get_ffmpeg_exe()
    conversion = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p"
    for name, frames in zip(("result", "reference"), clip, strict=True):
        raw = torch.stack(frames).permute(0, 2, 3, 1).contiguous().numpy().tobytes()
        command = [executable, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "320x200", "-framerate", "25"]
        subprocess.run([*command, "-i", "-", "-vf", conversion, f"{name}.y4m"], input=raw, cwd=tmp_path, check=True)
    inputs = {"vmaf": ("result", "reference", "libvmaf"), "xpsnr": ("reference", "result", "xpsnr=stats_file=-")}
    values = scores(*clip)
    for metric, (first, second, graph) in inputs.items():
        command = [executable, "-hide_banner", "-i", f"{first}.y4m", "-i", f"{second}.y4m", "-lavfi", graph, "-f", "null", "-"]
        told = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        if metric == "vmaf":
            mean = float(told.stderr.split("VMAF score: ")[1].split()[0])
            assert sum(values["vmaf"]) / 6 == pytest.approx(mean, abs=1e-3)
        else:
            lines = [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("n:")]
            assert values["xpsnr"] == pytest.approx([float(line.split()[4]) for line in lines], abs=1e-3)


def test_odd_sizes_are_scored() -> None:
    values = scores(moving_square(2, height=48, width=64), moving_square(2, height=48, width=64), metrics=("xpsnr",))
    assert len(values["xpsnr"]) == 2
    odd = [frame[:, :47, :63] for frame in moving_square(2)]
    assert len(scores(odd, odd)["vmaf"]) == 2


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scores(moving_square(2), moving_square(2))
    with VideoScorer() as interrupted:
        interrupted.add(*moving_square(2))
        assert list(tmp_path.iterdir())
        running = interrupted._process
        assert running is not None
    assert running.returncode is not None
    assert not list(tmp_path.iterdir())


def test_no_frame_has_no_values() -> None:
    assert scores([], []) == {"vmaf": [], "xpsnr": []}


def test_a_failure_of_ffmpeg_is_told_in_a_line() -> None:
    frames = moving_square(1)
    with pytest.raises(InputError, match="VMAF: ") as raised:
        scores(frames, frames, metrics=("vmaf",), model="no-such-model")
    assert "\n" not in str(raised.value)


def test_small_and_changing_frames_are_refused() -> None:
    small = [torch.rand(3, 31, 64)]
    with pytest.raises(ShapeError, match="64x31 are too small"):
        scores(small, small)
    with pytest.raises(ShapeError, match="must keep their size"):
        scores([torch.rand(3, 64, 64), torch.rand(3, 64, 80)], [torch.rand(3, 64, 64), torch.rand(3, 64, 80)])


def test_without_the_package_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'upframe\[evaluate\]'"):
        VideoScorer()
