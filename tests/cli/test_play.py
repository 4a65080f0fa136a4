"""``upframe play`` as its users run it."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest
import torch
from tests.cli.conftest import Command, is_one_error

from upframe.errors import UpframeError
from upframe.models.catalog import Model, save
from upframe.models.nsrr import NSRR

SMALL = ("--size", "48x32", "--frames", 3)


@pytest.fixture(scope="module")
def opengl() -> None:
    """Skips where nothing can be rendered."""
    pytest.importorskip("moderngl", reason="the extra [render] is not installed")
    from upframe.renderers.raster.gpu import create_context

    try:
        create_context().release()
    except UpframeError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("opengl")
def test_a_video_is_recorded_and_every_frame_timed(upframe: Command, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = NSRR(2)
    save(Model(network, network.info), tmp_path / "nsrr.safetensors")
    outcome = upframe("play", "yard", "--record", "out.mp4", *SMALL, "--samples", 2, "--model", "nsrr.safetensors", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert [event["event"] for event in outcome.events] == ["started", "shown", "shown", "shown", "played"]
    assert set(outcome.events_of("shown")[0]["stages"]) == {"render", "reference", "network", "compose", "show"}
    (played,) = outcome.events_of("played")
    assert set(played["median_ms"]) == {"frame", "render", "reference", "network", "compose", "show"}
    assert played["limited_by"] in played["median_ms"]
    with av.open(tmp_path / "out.mp4") as video:
        assert len(list(video.decode(video=0))) == 3


@pytest.mark.usefixtures("opengl")
def test_a_built_in_network_plays_where_none_is_named(upframe: Command) -> None:
    outcome = upframe("play", "yard", "--headless", *SMALL)
    assert outcome.code == 0
    assert "stssnet-x2 is experimental" in outcome.err
    assert "history and network" in outcome.out


@pytest.mark.usefixtures("opengl")
def test_without_a_network_it_says_that_nothing_is_supersampled(upframe: Command) -> None:
    outcome = upframe("play", "yard", "--headless", *SMALL, "--model", "none")
    assert outcome.code == 0
    assert "nothing is supersampled" in outcome.err
    assert "limited by: render" in outcome.out
    assert "network" not in outcome.out


@pytest.mark.skipif(bool(os.environ.get("DISPLAY")) or os.name == "nt", reason="there is a display, so a window would open")
def test_without_a_display_one_line_says_what_to_use(upframe: Command) -> None:
    outcome = upframe("play", "yard")
    assert outcome.code == 1
    assert is_one_error(outcome.err)
    assert "--record" in outcome.err
    assert "--headless" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("castle", "--headless"), "castle: unknown scene"),
        (("yard", "--headless", "--model", "rt4ksr-x2"), "not rendered frames"),
        (("yard", "--headless", "--model", "missing.safetensors"), "missing.safetensors"),
        (("yard", "--headless", "--size", "wide"), "size wide: not a size"),
        (("yard", "--record", "out.webm"), "does not hold H.264"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(arguments: tuple[str, ...], words: str, upframe: Command) -> None:
    outcome = upframe("play", *arguments)
    assert outcome.code == 1
    assert is_one_error(outcome.err[outcome.err.index("upframe: ") :])
    assert words in outcome.err
    assert "Traceback" not in outcome.err


def test_a_video_that_is_there_is_not_replaced(upframe: Command, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"mine")
    outcome = upframe("play", "yard", "--record", "out.mp4")
    assert outcome.code == 1
    assert "exists already" in outcome.err
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
