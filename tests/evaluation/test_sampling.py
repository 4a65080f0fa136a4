"""Where low resolution has its pixels: found in files that do not say it, and results scored where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from tests.evaluation.samples import moving, save, scene

from upframe import Upscaler
from upframe.datasets.degradation import DEGRADATIONS
from upframe.datasets.evaluation_set import open_set
from upframe.engine.arrays import to_tensor
from upframe.evaluation import Comparison, EvaluationOptions, ScoringOptions, compare, evaluate
from upframe.evaluation.sampling import sampling_in
from upframe.models.catalog import Model
from upframe.models.catalog import save as save_weights
from upframe.models.frvsr import FRVSR

CPU = torch.device("cpu")


def stored(root: Path, degradation: str, scale: int, *, folder: str = "LR", black: int = 0) -> Path:
    """Clips of high resolution, and files of low; the first frames black."""
    for number, moved in enumerate(moving(3)):
        frame = np.zeros_like(moved) if number < black else moved
        save(root / "HR" / "walk" / f"{number}.png", frame)
        save(root / folder / "walk" / f"{number}.png", DEGRADATIONS[degradation].pixels(frame, scale))
    return root


@pytest.mark.parametrize("folder", ["LR", "BDx4"])
@pytest.mark.parametrize(("degradation", "sampling"), [("bi", "centre"), ("bd", "corner"), ("bd-centred", "centre")])
def test_files_are_told_apart_whatever_their_folder_is_called(
    tmp_path: Path, degradation: str, sampling: str, folder: str
) -> None:
    dataset = open_set(stored(tmp_path, degradation, 4, folder=folder, black=1), scale=4)
    assert dataset.low_source == "files"
    assert sampling_in(dataset) == sampling


def test_of_flat_files_the_folder_says_it(tmp_path: Path) -> None:
    assert sampling_in(open_set(stored(tmp_path / "a", "bd", 2, black=3), scale=2)) == "centre"
    assert sampling_in(open_set(stored(tmp_path / "b", "bd", 2, folder="BDx2", black=3), scale=2)) == "corner"


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_what_is_made_is_known(tmp_path: Path, name: str) -> None:
    save(tmp_path / "a.png", scene())
    dataset = open_set(tmp_path, scale=2, degradation=DEGRADATIONS[name])
    assert sampling_in(dataset) == ("corner" if name == "bd" else "centre")


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for BD that adds little to the frame it upscales."""
    torch.manual_seed(0)
    network = FRVSR(4, channels=8, blocks=1, flow_channels=4).eval().requires_grad_(False)
    network.srnet.conv_out.weight.mul_(0.1)
    path = tmp_path_factory.mktemp("weights") / "recurrent.safetensors"
    save_weights(Model(network, network.info), path)
    return path


def test_a_network_for_bd_is_scored_in_place_on_every_low_resolution(tmp_path: Path, recurrent: Path) -> None:
    for number, frame in enumerate(moving(3)):
        save(tmp_path / "clip" / f"{number}.png", frame)
    scores = {}
    for name in ("bd", "bd-centred", "bi"):
        options = EvaluationOptions(
            (str(recurrent),), str(tmp_path / "clip"), ScoringOptions("vid4-y"), degradation=name, layout="clip", device="cpu"
        )
        ours, bicubic = (one.averages.result["psnr_y"] for one in evaluate(options)[0].scored)
        scores[name] = ours - bicubic
    assert all(gain == pytest.approx(scores["bd"], abs=0.7) for gain in scores.values()), "1.5 pixels cost several decibels"


def test_bd_is_scored_as_the_network_itself_leaves_it(tmp_path: Path, recurrent: Path) -> None:
    frames = moving(3)
    for number, frame in enumerate(frames):
        save(tmp_path / "clip" / f"{number}.png", frame)
    options = EvaluationOptions(
        (str(recurrent),),
        str(tmp_path / "clip"),
        ScoringOptions("vid4-y"),
        degradation="bd",
        layout="clip",
        device="cpu",
        keep=tmp_path / "kept",
    )
    evaluation, _ = evaluate(options)
    assert evaluation.about["samples"] == "at the corner of their cells"
    upscaler = Upscaler(recurrent, device="cpu", sampling="corner")
    state, network = None, upscaler.network
    small = [to_tensor(DEGRADATIONS["bd"].pixels(frame, 4), CPU) for frame in frames]
    with torch.inference_mode():
        for frame in (*small[:0:-1], *small):  # a shot begins with its first frames in reverse order
            result, state = network.step(frame, state)  # type: ignore[union-attr,operator]
    with PIL.Image.open(tmp_path / "kept" / "recurrent" / "clip" / "2.png") as kept:
        wanted = result[0].clamp(0, 1).mul(255).add(0.5).floor().permute(1, 2, 0).numpy()
        assert np.array_equal(np.array(kept), wanted.astype(np.uint8))


def test_compare_moves_what_was_upscaled_from_corner_samples(tmp_path: Path) -> None:
    high = scene()
    small = DEGRADATIONS["bd"].pixels(high, 4)
    save(tmp_path / "high.png", high)
    save(tmp_path / "large.png", Upscaler("bicubic-x4", device="cpu").upscale(small))
    scores = []
    for sampling in ("centre", "corner"):
        wanted = Comparison(str(tmp_path / "large.png"), str(tmp_path / "high.png"), scale=4, sampling=sampling, device="cpu")
        scores.append(compare(wanted)[0].scored[0].averages.result["psnr_y"])
    assert scores[1] > scores[0] + 2
    aware = Upscaler("bicubic-x4", device="cpu", sampling="corner").upscale(small)
    save(tmp_path / "aware.png", aware)
    wanted = Comparison(str(tmp_path / "aware.png"), str(tmp_path / "high.png"), scale=4, device="cpu")
    assert compare(wanted)[0].scored[0].averages.result["psnr_y"] == pytest.approx(scores[1], abs=0.2)
