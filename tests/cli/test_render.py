"""``upframe render`` as its users run it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command, Start, is_one_error

from upframe.errors import DeviceError, MissingExtra
from upframe.rendered.clip import RenderedClip
from upframe.renderers.job import SETS
from upframe.renderers.raster.gpu import create_context
from upframe.renderers.scenes import THEMES

pytest.importorskip("OpenEXR")

FEW = ("--size", "48x32", "--frames", "3", "--samples", "2", "--texture-size", "32")


@pytest.fixture(autouse=True, scope="module")
def _opengl() -> None:
    """Skip where no OpenGL runs without a window."""
    try:
        create_context().release()
    except (DeviceError, MissingExtra) as error:
        pytest.skip(str(error))


def test_render_makes_a_clip_with_every_buffer_and_targets(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe("render", "hall", "clip", *FEW, "--seed", "2", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.events_of("started")[0]["output_size"] == [96, 64]
    assert [event["done"] for event in outcome.events_of("progress")] == [1, 2, 3]
    clip = RenderedClip(tmp_path / "clip")
    assert (len(clip), clip.info.maker["scene"], clip.info.maker["seed"]) == (3, "hall", 2)
    assert len({frame.jitter for frame in clip}) == 3
    for number, frame in enumerate(clip):
        assert frame.size == (32, 48)
        assert not frame.missing(("colour", "normal", "albedo", "roughness", "metallic"))
        assert all(np.isfinite(np.asarray(buffer)).all() for name, buffer in frame.buffers().items() if name != "depth")
        assert clip.target(number).shape == (64, 96, 3)
        assert clip.target(number).std() > 0.02
    assert clip[0].cut


def test_render_goes_on_where_it_was_interrupted(upframe: Command, start: Start, tmp_path: Path) -> None:
    arguments = ("render", "park", "clip", *FEW, "--frames", "40")
    with start(*arguments) as running:
        limit = time.monotonic() + 120
        while len(list((tmp_path / "clip" / "frames").glob("0*.exr"))) < 2 and time.monotonic() < limit:
            time.sleep(0.02)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert not (tmp_path / "clip" / "clip.json").exists()
    assert not list((tmp_path / "clip").rglob(".upframe*"))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "clip" / "frames").iterdir()}
    outcome = upframe(*arguments, "--json")
    assert outcome.code == 0, outcome.err
    assert "of 40 frames were there already" in outcome.events_of("note")[0]["text"]
    assert len(RenderedClip(tmp_path / "clip")) == 40
    unchanged = [path for path, changed in kept.items() if path.stat().st_mtime_ns == changed]
    assert len(unchanged) >= len(kept) - 1  # the last may have been without its target


def test_the_same_seed_makes_the_same_files(upframe: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert upframe("render", "yard", name, *FEW, "--seed", "5", "--quiet").code == 0
    for path in sorted((tmp_path / "one").rglob("*.exr")):
        one, two = RenderedClip(tmp_path / "one"), RenderedClip(tmp_path / "two")
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        assert one.info == two.info


def test_every_other_frame_can_be_without_colour(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe("render", "park", "clip", *FEW, "--colour", "even", "--scale", "0", "--no-jitter", "--quiet")
    assert (outcome.code, outcome.out) == (0, "")
    clip = RenderedClip(tmp_path / "clip")
    assert [frame.colour is None for frame in clip] == [False, True, False]
    assert {frame.jitter for frame in clip} == {(0.0, 0.0)}
    assert clip.info.display_size is None


def test_render_says_in_one_line_what_is_wrong(upframe: Command, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    for arguments, words in (
        (("castle", "clip"), "castle: unknown scene\n         Choose one of street, park, hall, yard"),
        (("park", "full"), "not empty"),
        (("park", "clip", "--textures", "nowhere"), "nowhere: is not a folder"),
        (("park", "clip", "--environment", "sky.exr"), "sky.exr"),
        (("park", "clip", "--size", "large"), "WIDTHxHEIGHT"),
        (("--set", "huge", "clip"), "huge: no such set; there are tiny, small, small-x4"),
    ):
        outcome = upframe("render", *arguments, "--texture-size", "32", "--frames", "1")
        assert outcome.code == 1, arguments
        assert words in outcome.err
        assert is_one_error(outcome.err)
    assert upframe("render", "park").code == 2
    assert upframe("render", "park", "clip", "--maker", "crayons").code == 2


def test_no_scene_is_in_two_parts_of_a_set() -> None:
    for _, clips in SETS.values():
        assert len({clip.folder for clip in clips}) == len(clips)
        assert len({(clip.theme, clip.seed) for clip in clips}) == len(clips)
        assert {clip.theme for clip in clips} == set(THEMES)
    for name, scale in (("small", 2), ("small-x4", 4)):
        assert SETS[name][0].scale == scale
        assert {clip.folder.split("/")[0] for clip in SETS[name][1]} == {"train", "validation", "test"}


@pytest.mark.long
def test_a_named_set_is_rendered_clip_by_clip(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe(
        "render", "--set", "tiny", "set", "--size", "32x18", "--frames", "2", "--samples", "1", "--texture-size", "32", "--json"
    )
    assert outcome.code == 0, outcome.err
    assert len(outcome.events_of("finished")) == len(SETS["tiny"][1])
    for clip in SETS["tiny"][1]:
        assert len(RenderedClip(tmp_path / "set" / clip.folder)) == 2
