"""Animations in and out: their frames, times, loops and transparency, counted by a reader that is not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from upframe.engine.events import Event, Failed, Note
from upframe.engine.size import Target
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import RunOptions, UpscaleOptions
from upframe.media.animation import AnimationReader, is_animation
from upframe.media.files import find_inputs

HEIGHT, WIDTH = 24, 32
TIMES = [100, 50, 200, 30, 120, 400]
COLOURS = [(250, 20, 30), (20, 200, 40), (30, 40, 220), (240, 230, 20), (10, 10, 10), (250, 250, 250)]


def pictures(*, transparent: bool) -> list[PIL.Image.Image]:
    """A disc that moves before a background that changes, or before nothing."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    images = []
    for number, colour in enumerate(COLOURS):
        pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        pixels[..., :3] = 90 if transparent else np.array(COLOURS[-1 - number]) // 2
        inside = (x - 8 - 3 * number) ** 2 + (y - 12) ** 2 < 60
        pixels[inside, :3] = colour
        pixels[..., 3] = np.where(inside, 255, 0) if transparent else 255
        images.append(PIL.Image.fromarray(pixels if transparent else pixels[..., :3]))
    return images


def make(path: Path, *, transparent: bool = False, **settings: Any) -> Path:
    first, *others = pictures(transparent=transparent)
    settings = {"duration": TIMES, "loop": 0, "lossless": True, "disposal": 2 if path.suffix == ".gif" else 0} | settings
    if path.suffix == ".webp":
        settings["exact"] = True
    first.save(
        path, save_all=True, append_images=others, **{key: value for key, value in settings.items() if value is not None}
    )
    return path


def shown(path: Path) -> tuple[list[NDArray[np.uint8]], list[int], int | None]:
    """Frames, milliseconds and the loop of a file, as Pillow has them."""
    frames, times = [], []
    with PIL.Image.open(path) as image:
        loop = image.info.get("loop")
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGBA")))
            times.append(round(image.info["duration"]))
    return frames, times, loop


def upscale(source: Path, target: Path | None) -> list[Event]:
    options = UpscaleOptions(RunOptions(model="bicubic", target=Target(scale=2), device="cpu"))
    return list(upscale_files([str(source)], None if target is None else str(target), options))


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
def test_an_animation_keeps_its_frames_times_loops_and_transparency(tmp_path: Path, suffix: str, transparent: bool) -> None:
    source = make(tmp_path / f"a{suffix}", transparent=transparent)
    assert not [event for event in upscale(source, None) if isinstance(event, Failed)]
    before, times, loop = shown(source)
    after, new_times, new_loop = shown(tmp_path / f"a-x2{suffix}")
    assert (new_times, new_loop) == (times, loop) == (TIMES, None if suffix == ".avif" else 0)
    for small, large in zip(before, after, strict=True):
        back = np.asarray(PIL.Image.fromarray(large).resize((WIDTH, HEIGHT), PIL.Image.Resampling.BOX)).astype(int)
        seen = small[..., 3] == 255
        assert np.abs(back - small)[..., :3][seen].mean() < 12
        assert np.abs(back - small)[..., 3].mean() < 12
    assert is_animation(tmp_path / f"a-x2{suffix}")


@pytest.mark.parametrize(("loop", "plays"), [(None, 1), (0, 0), (3, 4)])
def test_how_often_a_gif_is_repeated_becomes_how_often_others_are_played(tmp_path: Path, loop: int | None, plays: int) -> None:
    source = make(tmp_path / "a.gif", loop=loop)
    for name in ("large.gif", "large.png", "large.webp"):
        upscale(source, tmp_path / name)
        with AnimationReader(tmp_path / name) as reader:
            assert (reader.info.plays, len(reader.info.milliseconds)) == (plays, len(TIMES))
    assert shown(tmp_path / "large.gif")[2] == loop


def test_frames_that_dispose_of_others_are_put_together(tmp_path: Path) -> None:
    """A frame that covers a part, and one that gives back what was under it."""
    whole = PIL.Image.new("P", (WIDTH, HEIGHT), 1)
    whole.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    part = whole.copy()
    part.paste(2, (4, 4, 12, 12))
    whole.save(
        tmp_path / "a.gif", save_all=True, append_images=[part, whole], duration=[80, 80, 80], disposal=[1, 3, 1], loop=0
    )
    with AnimationReader(tmp_path / "a.gif") as reader:
        frames = [image.pixels for image in reader]
    assert [tuple(frame[6, 6]) for frame in frames] == [(200, 0, 0), (0, 200, 0), (200, 0, 0)]


def test_frames_of_no_time_are_shown_as_browsers_do(tmp_path: Path) -> None:
    source = make(tmp_path / "a.gif", duration=[0, 10, 20, 30, 40, 50])
    upscale(source, tmp_path / "large.gif")
    assert shown(tmp_path / "large.gif")[1] == [100, 100, 20, 30, 40, 50]


def test_a_still_image_is_no_animation(tmp_path: Path) -> None:
    for suffix in (".gif", ".png", ".webp"):
        pictures(transparent=False)[0].save(tmp_path / f"still{suffix}")
        make(tmp_path / f"moving{suffix}")
    (tmp_path / "cut.webp").write_bytes(b"RIFF")
    kinds = {item.path.name: item.kind for item in find_inputs([tmp_path])}
    assert kinds == {
        **{f"still{suffix}": "image" for suffix in (".gif", ".png", ".webp")},
        **{f"moving{suffix}": "animation" for suffix in (".gif", ".png", ".webp")},
        "cut.webp": "image",
    }


def test_an_animation_can_become_a_video(tmp_path: Path) -> None:
    from upframe.media.video.reader import probe

    for suffix in (".gif", ".png"):
        upscale(make(tmp_path / f"a{suffix}"), tmp_path / f"large{suffix}.mkv")
        info = probe(tmp_path / f"large{suffix}.mkv")
        assert (info.width, info.height) == (2 * WIDTH, 2 * HEIGHT)


def test_a_damaged_animation_says_how_much_of_it_can_be_kept(tmp_path: Path) -> None:
    source = make(tmp_path / "a.png")
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    (failed,) = [event for event in upscale(source, None) if isinstance(event, Failed)]
    assert "is cut short or damaged after frame" in failed.error
    assert not (tmp_path / "a-x2.png").exists()


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    notes = [event.text for event in upscale(make(tmp_path / "a.webp", icc_profile=profile), None) if isinstance(event, Note)]
    assert any("an ICC colour profile" in note for note in notes)


def test_a_lossy_animation_stays_lossy(tmp_path: Path) -> None:
    upscale(make(tmp_path / "a.webp", lossless=False), tmp_path / "lossy.webp")
    upscale(make(tmp_path / "b.webp"), tmp_path / "lossless.webp")
    with AnimationReader(tmp_path / "lossy.webp") as lossy, AnimationReader(tmp_path / "lossless.webp") as lossless:
        assert (lossy.info.lossless, lossless.info.lossless) == (False, True)


def test_an_avif_plays_without_end_and_that_is_told(tmp_path: Path) -> None:
    source = make(tmp_path / "a.webp", loop=3)
    events = upscale(source, tmp_path / "large.avif")
    assert any(isinstance(event, Note) and "is to play 3 times, and will without end" in event.text for event in events)
    frames, times, _ = shown(tmp_path / "large.avif")
    assert (len(frames), times) == (len(TIMES), TIMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.webp", "large.avif"]
