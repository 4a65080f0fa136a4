"""Cuts are found where they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from upframe.engine.cuts import CutDetector, choose_cuts
from upframe.errors import InputError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "media"


def video() -> Iterator[Tensor]:
    with av.open(str(EXAMPLES / "bunny.mp4")) as container:
        for frame in container.decode(video=0):
            yield as_tensor(frame.to_ndarray(format="rgb24"))


def photograph() -> Tensor:
    return as_tensor(np.asarray(PIL.Image.open(EXAMPLES / "stream.png").convert("RGB")))


def as_tensor(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def pan(step: float, frames: int) -> list[Tensor]:
    """A window of half the photograph's width, moved by ``step`` of its own width a frame."""
    whole = photograph()
    width = whole.shape[-1] // 2
    starts = [round(step * width * index) for index in range(frames)]
    return [whole[..., start : start + width] for start in starts]


def cuts_in(frames: list[Tensor]) -> list[int]:
    detector = CutDetector()
    return [index for index, frame in enumerate(frames) if detector(frame)]


def test_a_video_of_one_shot_has_no_cut() -> None:
    assert cuts_in(list(video())) == []


def test_a_cut_to_another_shot_and_back_is_found() -> None:
    shot = list(video())[:6]
    assert cuts_in(shot + pan(0.01, 5) + shot[::-1]) == [6, 11]


def test_a_cut_is_found_whatever_the_sizes() -> None:
    small = [frame[..., ::3, ::3] for frame in video()][:3]
    assert cuts_in(small + pan(0.01, 3)) == [3]


@pytest.mark.parametrize("step", [0.02, 0.05, 0.1])
def test_a_pan_is_no_cut(step: float) -> None:
    assert cuts_in(pan(step, 8)) == []


def test_a_flash_is_no_cut() -> None:
    shot = pan(0.01, 9)
    shot[4] = (shot[4] * 1.8 + 0.1).clamp(0, 1)
    assert cuts_in(shot) == []


def test_a_fade_to_black_is_no_cut() -> None:
    assert cuts_in([frame * (1 - index / 19) for index, frame in enumerate(pan(0.01, 20))]) == []


def test_noise_in_the_dark_is_no_cut() -> None:
    noise = torch.Generator().manual_seed(1)
    assert cuts_in([torch.rand((1, 3, 90, 160), generator=noise) * 0.02 for _ in range(8)]) == []


def test_cuts_can_be_listed_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "cuts.txt").write_text("# shots\n2\n\n 5 # a door\n")
    cuts = choose_cuts(tmp_path / "cuts.txt")()
    assert [index for index in range(8) if cuts(torch.zeros(1, 3, 4, 4))] == [2, 5]


def test_each_clip_counts_its_own_frames(tmp_path: Path) -> None:
    (tmp_path / "cuts.txt").write_text("1\n")
    choose = choose_cuts(str(tmp_path / "cuts.txt"))
    for cuts in (choose(), choose()):
        assert [cuts(torch.zeros(1, 3, 4, 4)) for _ in range(3)] == [False, True, False]


def test_cuts_can_be_ignored() -> None:
    cuts = choose_cuts("off")()
    assert not any(cuts(frame) for frame in (torch.zeros(1, 3, 40, 60), photograph()))


def test_a_line_that_is_no_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "cuts.txt").write_text("3\n00:00:07.1\n")
    with pytest.raises(InputError, match=r"cuts\.txt: line 2 is '00:00:07\.1'; a frame number"):
        choose_cuts(tmp_path / "cuts.txt")


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: is not a list of cuts\nSet cuts to 'auto', 'off' or"):
        choose_cuts(tmp_path / "none.txt")
