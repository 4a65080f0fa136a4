"""``upframe supersample`` as its users run it: a rendered clip to large images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command, is_one_error

from upframe import RenderedFrame, Supersampler, Upscaler
from upframe.media.image.file import read_image
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter

pytest.importorskip("OpenEXR")

HEIGHT, WIDTH, JITTER = 24, 32, ((0.0, 0.0), (0.25, -0.25), (0.0, 0.0))


@pytest.fixture
def frames(tmp_path: Path) -> list[RenderedFrame]:
    """Three frames of a wall that stands, in ``clip`` of the folder."""
    noise = np.random.default_rng(0)
    light = (2 * noise.random((HEIGHT, WIDTH, 3))).astype(np.float16).astype(np.float32)
    still, far = np.zeros((HEIGHT, WIDTH, 2), np.float32), np.full((HEIGHT, WIDTH), 5.0, np.float32)
    known = tuple(ClipFrame(jitter=each, exposure=0.5, cut=number == 0) for number, each in enumerate(JITTER))
    writer = ClipWriter(tmp_path / "clip", ClipInfo(render_size=(WIDTH, HEIGHT), fps=24, frames=known))
    made = [
        RenderedFrame(colour=light, depth=far, motion=still, jitter=each.jitter, exposure=each.exposure, cut=each.cut)
        for each in known
    ]
    for number, frame in enumerate(made):
        writer.write(number, frame, None)
    writer.finish()
    return made


def test_images_are_what_supersampler_makes_of_the_frames(
    upframe: Command, tmp_path: Path, frames: list[RenderedFrame]
) -> None:
    outcome = upframe("supersample", "clip", "large", "--first", "11", "--json")
    assert outcome.code == 0, outcome.err
    assert [event["done"] for event in outcome.events_of("progress")] == [1, 2, 3]
    assert outcome.events_of("started")[0]["output_size"] == [2 * WIDTH, 2 * HEIGHT]
    assert sorted(path.name for path in (tmp_path / "large").iterdir()) == ["00011.exr", "00012.exr", "00013.exr"]
    supersampler = Supersampler("nsrr-x2", device="cpu")
    for number, frame in enumerate(frames, 11):
        image = read_image(tmp_path / "large" / f"{number:05d}.exr")
        assert image.linear
        np.testing.assert_allclose(image.pixels, np.asarray(supersampler.step(frame)), rtol=2e-3, atol=1e-3)  # half floats


def test_a_network_for_images_sees_the_colour_alone(upframe: Command, tmp_path: Path, frames: list[RenderedFrame]) -> None:
    outcome = upframe("supersample", "clip", "large", "--model", "rt4ksr-x2", "--quiet")
    assert outcome.code == 0, outcome.err
    light = np.asarray(frames[0].colour) * np.float32(0.5)
    expected, _ = Upscaler("rt4ksr-x2", device="cpu").upscale_layers(light, None, linear=True)
    found = read_image(tmp_path / "large" / "00001.exr").pixels
    np.testing.assert_allclose(found, 2 * expected.clip(0), rtol=2e-3, atol=1e-3)
    moved = read_image(tmp_path / "large" / "00002.exr").pixels  # the same light, but of samples beside the pixels
    assert np.abs(moved - found).max() > 0.1
    shown = upframe("supersample", "clip", "shown", "--model", "rt4ksr-x2", "--format", "png")
    assert shown.code == 0, shown.err
    assert not read_image(tmp_path / "shown" / "00001.png").linear


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("clip", "filled"), "the folder is not empty"),
        (("filled", "large"), "is not a rendered clip"),
        (("clip", "large", "--model", "frvsr-lite-x2"), "is for video"),
        (("clip", "large", "--model", "no-such"), "no model of this name"),
    ],
)
def test_what_cannot_be_done_is_one_line(upframe: Command, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "letter.txt").write_text("mine")
    outcome = upframe("supersample", *arguments)
    assert outcome.code == 1
    assert words in outcome.err
    assert is_one_error(outcome.err)
    assert not (tmp_path / "large").exists()
