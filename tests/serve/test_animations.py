"""The page takes animations for what they are: it says so, shows them at any moment, and makes the same format of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from upframe.engine.events import Finished
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import RunOptions, UpscaleOptions
from upframe.media.kinds import kind_by_suffix
from upframe.serve.desk import Result
from upframe.serve.facts import facts_of
from upframe.serve.kept import kept_of
from upframe.serve.moments import length_of, shown_at
from upframe.serve.page.queue_tab import _players
from upframe.serve.page.upscale_tab import Chosen
from upframe.serve.wishes import options

CHOSEN = Chosen("2", "good", "", "bicubic-x2", "", "", None, "cpu", "auto", None, allow_truncated=False)


@pytest.fixture(params=["gif", "png", "webp"])
def animation(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Four frames, of 100, 200, 300 and 400 ms, each redder than the one before."""
    frames = [PIL.Image.new("RGB", (48, 32), (60 * index + 40, 20, 20)) for index in range(4)]
    path = tmp_path / f"spin.{request.param}"
    more = {"lossless": True} if request.param == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 200, 300, 400], loop=0, **more)
    return path


def test_the_page_says_what_an_animation_is(animation: Path) -> None:
    facts = facts_of(animation)
    assert (facts.kind, facts.size, facts.frames, facts.seconds, facts.error) == ("animation", (32, 48), 4, 1.0, "")
    assert f"Animated {animation.suffix[1:].upper()}" in facts.told
    assert length_of(animation) == 1.0


@pytest.mark.parametrize(("seconds", "frame"), [(0, 0), (0.15, 1), (0.3, 2), (0.59, 2), (0.6, 3), (5, 3)])
def test_it_is_shown_as_at_any_moment(animation: Path, seconds: float, frame: int) -> None:
    assert abs(int(shown_at(animation, seconds)[16, 24, 0]) - (60 * frame + 40)) <= 3


@pytest.mark.parametrize("purpose", ["", "x265", "crf"])
def test_a_job_makes_the_same_format_and_what_was_kept_is_told(animation: Path, tmp_path: Path, purpose: str) -> None:
    asked = options(replace(CHOSEN, purpose=purpose).wishes(facts_of(animation)))
    assert asked == ["--scale", "2", "--model", "bicubic-x2", "--device", "cpu"], "no codec, which would make a video of it"
    (tmp_path / "results").mkdir()
    run = RunOptions(model="bicubic-x2", device="cpu", threads=1)
    events = list(upscale_files([str(animation)], f"{tmp_path / 'results'}/", UpscaleOptions(run)))
    (finished,) = [event for event in events if isinstance(event, Finished)]
    result = Path(finished.output)
    assert (result.suffix, kind_by_suffix(result)) == (animation.suffix, "animation")
    points = kept_of(animation, result)
    assert [point.text for point in points] == ["48×32 became 96×64", "4 frames", "Length 1 s", "Loops"]
    assert all(point.kept for point in points)
    assert _players("job", 0, Result(animation, result)).count("<img ") == 2
