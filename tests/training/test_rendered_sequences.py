"""Runs of rendered frames, and the training of networks that are given what they made of the frame before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.rendered import planes
from torch import Tensor

from upframe.engine.supersampler import Supersampler
from upframe.errors import InputError
from upframe.models.catalog import Model
from upframe.models.ntaau import NTAAU
from upframe.ops.transfer import encode_linear
from upframe.rendered import RenderedFrame
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter, RenderedClip
from upframe.rendered.jitter import halton
from upframe.training.data.rendered import TARGET
from upframe.training.data.rendered_sequences import CHANGE, RenderedSequences
from upframe.training.objectives.ntaau import NTAAULosses, NTAAUObjective, Recurrence, edge_loss

SIZE = (32, 48)
EXPOSURES = (0.4, 0.4, 0.2, 0.4, 0.4, 0.2, 0.2)  # nothing is brighter than white, which would be taken out beforehand
CUT = 3


def frame(number: int, jitter: tuple[float, float]) -> RenderedFrame:
    made = planes.render(number, jitter, size=SIZE)
    return replace(made, exposure=EXPOSURES[number], cut=number in (0, CUT))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven frames, their exposures changing, a cut in the middle."""
    height, width = SIZE
    jitters = halton(len(EXPOSURES))
    info = ClipInfo(
        render_size=(width, height),
        display_size=(2 * width, 2 * height),
        fps=30,
        frames=tuple(
            ClipFrame(jitter=jitter, exposure=exposure, cut=number in (0, CUT))
            for number, (jitter, exposure) in enumerate(zip(jitters, EXPOSURES, strict=True))
        ),
    )
    folder = tmp_path_factory.mktemp("clips") / "one"
    writer = ClipWriter(folder, info)
    for number, jitter in enumerate(jitters):
        target = planes.of(planes.render(number, size=(2 * height, 2 * width)), "colour")
        writer.write(number, frame(number, jitter), target)
    writer.finish()
    return folder


def network() -> NTAAU:
    torch.manual_seed(0)
    own = NTAAU(2, widths=(4, 6, 8))
    torch.nn.init.normal_(own.network.last.weight, std=0.1)
    return own


def batch_of(sequences: RenderedSequences, index: int = 0) -> dict[str, Tensor]:
    return {key: torch.from_numpy(np.array(value))[None].float() for key, value in sequences.read(index).items()}


def test_a_run_is_so_many_frames_and_none_is_in_two(clip: Path) -> None:
    sequences = RenderedSequences([str(clip)], network(), 3)
    assert len(sequences) == 2
    assert sequences.name(1) == f"{clip}, frames 3 to 5"
    first, second = sequences.read(0), sequences.read(1)
    height, width = SIZE
    assert {key: value.shape for key, value in first.items()} == {
        "colour": (3, 3, height, width),
        "depth": (3, 1, height, width),
        "motion": (3, 2, height, width),
        "reactive": (3, 1, height, width),
        "jitter": (3, 2, height, width),
        CHANGE: (3, 1, height, width),
        TARGET: (3, 3, 2 * height, 2 * width),
    }
    assert first[CHANGE][:, 0, 0, 0].tolist() == [0, 1, 0.5]
    assert second[CHANGE][:, 0, 0, 0].tolist() == [0, 1, 0.5], "the first frame is one after a cut"
    np.testing.assert_allclose(second["jitter"][1, :, 5, 7], halton(5)[4])
    shown = encode_linear(torch.from_numpy(np.asarray(frame(3, halton(4)[3]).colour)) * EXPOSURES[3]).permute(2, 0, 1)
    np.testing.assert_allclose(second["colour"][0], shown, atol=2e-3)  # colours lie in half precision


def test_clips_shorter_than_a_run_are_told(clip: Path) -> None:
    with pytest.raises(InputError, match=r"one: has 7 frames; data\.frames=8 are more"):
        RenderedSequences([str(clip)], network(), 8)


def test_what_is_trained_is_what_runs(clip: Path) -> None:
    """The frames of a run, exposures and cut included, are those that ``Supersampler`` makes of the same clip."""
    own = network().eval()
    batch = batch_of(RenderedSequences([str(clip)], own, 7))
    with torch.no_grad():
        made = Recurrence(own, batch).frames(0, 7)[0]
    supersampler, stored = Supersampler(Model(own, own.info), device="cpu"), RenderedClip(clip)
    for number in range(7):
        light = torch.from_numpy(supersampler.step(stored[number]))
        shown = encode_linear(light * EXPOSURES[number])
        torch.testing.assert_close(shown, made[number].permute(1, 2, 0).clamp(0, 1), atol=1e-3, rtol=0)


def test_a_turn_is_a_few_frames_and_no_gradient_flows_between_turns(clip: Path) -> None:
    own = network()
    objective = NTAAUObjective(own, NTAAULosses(frames=3))
    batch = objective.prepare(batch_of(RenderedSequences([str(clip)], own, 7)))
    turns = list(objective.turns(batch, 0))
    assert len(turns) == 3, "3, 3 and 1 of 7 frames"
    for turn in turns:  # each graph is whole: none needs what an earlier one has freed
        own.zero_grad()
        sum(turn.terms.values(), torch.zeros(())).backward()
        gradients = [parameter.grad for parameter in own.parameters()]
        assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


def test_the_edge_loss_is_of_steps_between_neighbours() -> None:
    target = torch.rand(1, 3, 5, 6)
    assert edge_loss(target + 0.3, target) < 1e-6
    blot = torch.zeros_like(target)
    blot[..., 2, 3] = 0.5  # two steps of 0.5 each way, among 5 * 5 and 4 * 6
    assert edge_loss(target + blot, target).item() == pytest.approx(1.0 / 25 + 1.0 / 24, rel=1e-4)
