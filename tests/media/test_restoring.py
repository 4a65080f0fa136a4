"""Old material: black borders are cut off, colours moved to their shapes, dots of analogue video taken out, grain put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.video_fixtures import Video, describe, steady

from upframe.engine.events import Failed, Note, SegmentMade, Started
from upframe.engine.grain import Grain, GrainLayer, measure_grain, parse_grain
from upframe.errors import InputError, UpframeError
from upframe.jobs.batch import upscale_files
from upframe.jobs.loaded import LoadedModels
from upframe.jobs.options import JobOptions, RunOptions, UpscaleOptions, VideoOptions
from upframe.jobs.segmented import SegmentedVideoJob
from upframe.media.files import Input
from upframe.media.video.cleaning import chroma_delays
from upframe.media.video.colour import ColourTags
from upframe.media.video.cropping import parse_crop
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.info import PixelLayout, RawFrame
from upframe.media.video.planes import layout_of, make_frame
from upframe.media.video.preparation import Preparation
from upframe.media.video.reader import VideoReader
from upframe.media.video.turning import QuarterTurn

HEIGHT, WIDTH = 120, 160
Planes = Sequence[NDArray[np.uint8]]
LOSSLESS = EncoderSettings("ffv1", threads=1)


def layout() -> PixelLayout:
    found = layout_of("yuv420p")
    assert found is not None
    return found


def clip(path: Path, images: Callable[[int], Planes], count: int = 6, **settings: Any) -> Path:
    video = Video("ffv1", size=(HEIGHT, WIDTH), times=steady(count), **settings)
    video.images = images
    return video.make(path)


def boxed(left: int, right: int, top: int, bottom: int, level: int = 180) -> Callable[[int], Planes]:
    """A flat image within black, which has a little noise, as a tape has."""

    def planes(index: int) -> Planes:
        luma = 16 + np.random.default_rng(index).integers(-3, 4, (HEIGHT, WIDTH))
        luma[top : HEIGHT - bottom, left : WIDTH - right] = level
        return [luma.astype(np.uint8), *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in range(2))]

    return planes


def upscale(source: Path, target: Path, *, segmented: bool = False, **settings: Any) -> tuple[list[str], list[Any]]:
    """Twofold, without loss. Returns the notes and all events."""
    options = UpscaleOptions(
        RunOptions(model="bicubic-x2", device="cpu", threads=1),
        video=VideoOptions(LOSSLESS, **settings),
        job=JobOptions(segmented=segmented),
    )
    events = list(upscale_files([str(source)], str(target), options))
    return [event.text for event in events if isinstance(event, Note) and "tagged" not in event.text], events


def luma(path: Path) -> list[NDArray[np.uint8]]:
    with VideoReader(path) as reader:
        return [item.planes[0] for item in reader if isinstance(item, RawFrame)]


def cropped(text: str = "auto", borders: Literal["drop", "keep"] = "drop") -> dict[str, Any]:
    return {"preparation": Preparation(crop=parse_crop(text, borders))}


@pytest.mark.parametrize("margins", [(0, 0, 14, 16), (20, 22, 0, 0), (8, 12, 10, 18), (7, 9, 11, 5)])
def test_black_borders_are_found_and_left_out(tmp_path: Path, margins: tuple[int, int, int, int]) -> None:
    source = clip(tmp_path / "boxed.mkv", boxed(*margins))
    notes, _ = upscale(source, tmp_path / "large.mkv", **cropped())
    left, right, top, bottom = (margin + margin % 2 for margin in margins)  # chroma is not divided
    assert f"what is outside of {WIDTH - left - right}:{HEIGHT - top - bottom}:{left}:{top} (W:H:X:Y)" in notes[0]
    for image in luma(tmp_path / "large.mkv"):
        assert image.shape == (2 * (HEIGHT - top - bottom), 2 * (WIDTH - left - right))
        assert (image.min(), image.max()) == (180, 180), "nothing rings at the borders"


def test_borders_that_are_put_back_are_black_and_no_edge_rings(tmp_path: Path) -> None:
    source = clip(tmp_path / "boxed.mkv", boxed(20, 22, 14, 16))
    notes, events = upscale(source, tmp_path / "large.mkv", **cropped("auto", "keep"))
    assert "put back around the result" in notes[0]
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.output_size == (2 * WIDTH, 2 * HEIGHT)
    expected = np.full((2 * HEIGHT, 2 * WIDTH), 16, np.uint8)
    expected[28 : 240 - 32, 40 : 320 - 44] = 180
    assert all((image == expected).all() for image in luma(tmp_path / "large.mkv"))
    upscale(source, tmp_path / "whole.mkv")
    assert max(image.max() for image in luma(tmp_path / "whole.mkv")) > 180, "with its borders it would have rung"


def test_dark_frames_do_not_hide_where_the_image_is(tmp_path: Path) -> None:
    def fading(index: int) -> Planes:
        planes = boxed(0, 0, 14, 16, level=(16, 24, 180, 180, 24, 16)[index])(index)
        planes[0][40:60, 50:70] = 16 if index in (0, 5) else 30
        return planes

    notes, _ = upscale(clip(tmp_path / "fade.mkv", fading), tmp_path / "large.mkv", **cropped())
    assert "160:90:0:14 (W:H:X:Y)" in notes[0]


@pytest.mark.parametrize("level", [16, 180])
def test_a_video_without_borders_is_taken_whole(tmp_path: Path, level: int) -> None:
    notes, _ = upscale(clip(tmp_path / "full.mkv", boxed(0, 0, 0, 0, level)), tmp_path / "large.mkv", **cropped())
    assert notes == ["no black borders are found: its frames are taken whole"]
    assert luma(tmp_path / "large.mkv")[0].shape == (2 * HEIGHT, 2 * WIDTH)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ("100:100:80:0", "100:100:80:0 (W:H:X:Y) is not inside its 160x120 pixels"),
        ("0:40:0:0", "is not inside"),
        ("80:60:3:0", "divides a pixel of chroma: X must be a multiple of 2, Y of 2"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(tmp_path: Path, box: str, words: str) -> None:
    _, events = upscale(clip(tmp_path / "a.mkv", boxed(0, 0, 0, 0)), tmp_path / "large.mkv", **cropped(box))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert words in failed.error
    assert not (tmp_path / "large.mkv").exists()


def test_a_crop_keeps_the_shape_of_pixels_and_the_assumed_colours(tmp_path: Path) -> None:
    video = Video("ffv1", size=(720, 128), times=steady(1))
    source = video.make(tmp_path / "hd.mkv")
    with VideoReader(source) as whole, VideoReader(source, **cropped("128:400:0:160")) as part:
        assert part.info.colour == whole.info.colour
        assert (part.info.height, part.info.full_size) == (400, (400, 128))
    with VideoReader(source, **cropped("128:400:0:160", "keep")) as kept:
        assert kept.info.full_size == (720, 128)


@pytest.mark.parametrize(
    ("turn", "margins"),
    [
        (QuarterTurn(), (1, 2, 3, 4)),
        (QuarterTurn(0, 1, 1, 0), (3, 4, 1, 2)),
        (QuarterTurn(-1, 0, 0, -1), (2, 1, 4, 3)),
        (QuarterTurn(0, 1, -1, 0), (4, 3, 1, 2)),
    ],
)
def test_borders_turn_with_the_image(turn: QuarterTurn, margins: tuple[int, int, int, int]) -> None:
    assert turn.margins((1, 2, 3, 4)) == margins


def coloured(delay: tuple[int, int]) -> Callable[[int], Planes]:
    """Discs whose colours lie (x, y) pixels of chroma too far to the right and too low."""

    def planes(index: int) -> Planes:
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        centres = ((40, 30), (90, 60), (60, 95), (130, 40), (125, 95))
        inside = np.min([np.hypot(x - cx - index, y - cy) for cx, cy in centres], axis=0) < 16
        disc = np.clip(inside, 0, 1)
        small = np.roll(disc[::2, ::2], (delay[1], delay[0]), (0, 1))
        return [(60 + 120 * disc).astype(np.uint8), (100 + 60 * small).astype(np.uint8), (150 - 60 * small).astype(np.uint8)]

    return planes


@pytest.mark.parametrize("delay", [(0, 0), (2, 0), (-3, 0), (1, 2)])
def test_colours_are_moved_to_where_their_shapes_are(tmp_path: Path, delay: tuple[int, int]) -> None:
    frames = [make_frame(coloured(delay)(index), layout()) for index in range(4)]
    assert chroma_delays(frames) == (delay, delay)
    source = clip(tmp_path / "tape.mkv", coloured(delay))
    with VideoReader(source, preparation=Preparation(clean=True)) as reader:
        cleaned = [item for item in reader if isinstance(item, RawFrame)]
    assert len(cleaned) == 6
    right = coloured((0, 0))
    for index, frame in enumerate(cleaned):
        inner = (slice(6, -6), slice(6, -6))
        assert np.abs(frame.planes[1][inner].astype(int) - right(index)[1][inner]).mean() < 0.5


def test_crawling_dots_are_taken_out_and_every_frame_keeps_its_time(tmp_path: Path) -> None:
    def dotted(index: int) -> Planes:
        planes = coloured((0, 0))(0)
        y, x = np.mgrid[:HEIGHT, 70:74]
        # A colour carrier beside an edge: dots that change places with every frame.
        planes[0][:, 70:74] += (20 * ((x // 2 + y + index) % 2)).astype(np.uint8)
        return planes

    source = clip(tmp_path / "tape.mkv", dotted, count=12)
    notes: list[str] = []
    with VideoReader(source) as before, VideoReader(source, preparation=Preparation(clean=True), on_note=notes.append) as after:
        dirty = [item for item in before if isinstance(item, RawFrame)]
        clean = [item for item in after if isinstance(item, RawFrame)]
    assert [frame.pts for frame in clean] == [frame.pts for frame in dirty]
    assert "dot crawl and rainbows are taken out (dedot); colours are where their shapes are" in notes

    def crawling(frames: list[RawFrame]) -> float:
        strips = np.array([frame.planes[0][:, 70:74] for frame in frames[3:-3]], float)
        return float(np.abs(np.diff(strips, axis=0)).mean())

    assert crawling(dirty) == 20
    assert crawling(clean) < 2


def test_images_without_chroma_of_their_own_are_not_cleaned(tmp_path: Path) -> None:
    source = Video("png", "rgb24", times=steady(2)).make(tmp_path / "rgb.mov")
    notes, _ = upscale(source, tmp_path / "large.mkv", preparation=Preparation(clean=True))
    assert any("are not cleaned" in note for note in notes)


TAGS = ColourTags("bt709", full_range=False, chroma_location="left", colorspace=1, primaries=1, transfer=1, color_range=1)


def film(deviation: float) -> Callable[[int], Planes]:
    """A ramp with white noise."""

    def planes(index: int) -> Planes:
        ramp = np.linspace(60, 200, WIDTH)[None].repeat(HEIGHT, 0)
        noise = np.random.default_rng(index).normal(0, 1, (HEIGHT, WIDTH)) * deviation
        flat = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
        return [np.clip(np.rint(ramp + noise), 0, 255).astype(np.uint8), flat, flat]

    return planes


def raw(images: Callable[[int], Planes], count: int = 6) -> list[RawFrame]:
    return [RawFrame(tuple(images(index)), index, Fraction(1, 25), 1, index) for index in range(count)]


@pytest.mark.parametrize("deviation", [0, 2, 5, 10])
def test_grain_is_measured(deviation: float) -> None:
    grain = measure_grain(raw(film(deviation)), layout(), TAGS)
    assert grain.codes == pytest.approx(deviation * 255 / 219, rel=0.1, abs=0.5), "strengths are parts of the range of luma"
    assert grain.fineness == pytest.approx(0.25, abs=0.1) or not deviation


def test_grain_of_a_strength_lies_over_luma_alone_and_leaves_black() -> None:
    size = 240, 320
    grey = [np.full(size, 120, np.uint8), *(np.full((120, 160), 128, np.uint8) for _ in range(2))]
    grey[0][:40] = 16
    frame = RawFrame(tuple(grey), 0, Fraction(1, 25), 1, 3)
    layer = GrainLayer(Grain.even(8), layout(), TAGS, size, scale=2)
    once = layer(frame)
    assert once.planes[0][40:].std() == pytest.approx(8 * 219 / 255, rel=0.05)
    assert abs(float(once.planes[0][40:].mean()) - 120) < 0.2
    assert (once.planes[0][:40] == 16).all()
    assert all((own == other).all() for own, other in zip(once.planes[1:], frame.planes[1:], strict=True))
    assert (layer(frame).planes[0] == once.planes[0]).all(), "a frame is the same whoever makes it"
    assert (layer(replace(frame, index=4)).planes[0] != once.planes[0]).mean() > 0.5


def test_a_film_keeps_its_grain(tmp_path: Path) -> None:
    source = clip(tmp_path / "film.mkv", film(5), count=12)
    notes, _ = upscale(source, tmp_path / "large.mkv", grain="keep")
    assert any(note.startswith("its grain is 5.") and note.endswith("are put back") for note in notes), notes

    def strength(path: Path) -> float:
        rows = np.array(luma(path), float)
        return float((rows - rows.mean(1, keepdims=True)).std())

    upscale(source, tmp_path / "plain.mkv")
    own, without, kept = (strength(tmp_path / name) for name in ("film.mkv", "plain.mkv", "large.mkv"))
    assert without < 0.9 * own
    assert kept == pytest.approx(own, rel=0.08)


def test_nothing_is_put_over_a_video_without_grain(tmp_path: Path) -> None:
    source = clip(tmp_path / "drawn.mkv", film(0))
    notes, _ = upscale(source, tmp_path / "kept.mkv", grain="keep")
    assert "no grain is found in flat areas: none is put over the result" in notes
    upscale(source, tmp_path / "plain.mkv")
    assert describe(tmp_path / "kept.mkv").samples == describe(tmp_path / "plain.mkv").samples


@pytest.mark.parametrize("text", ["some", "0", "-3", "51", "nan"])
def test_a_grain_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UpframeError, match="write keep, or a strength above 0 and at most 50"):
        parse_grain(text)


def test_all_of_it_is_the_same_in_segments_as_in_one_go(tmp_path: Path) -> None:
    def images(index: int) -> Planes:
        planes = boxed(0, 0, 14, 16)(index)
        planes[0][14:104] = film(5)(index)[0][14:104]
        return planes

    video = Video("ffv1", size=(HEIGHT, WIDTH), times=steady(50, rate=2), rate=Fraction(2), images=images)
    source = video.make(tmp_path / "film.mkv")
    settings = {"preparation": Preparation(clean=True, crop=parse_crop("auto", "keep")), "grain": "keep"}
    upscale(source, tmp_path / "once.mkv", **settings)
    _, events = upscale(source, tmp_path / "segments.mkv", segmented=True, **settings)
    assert sum(isinstance(event, SegmentMade) for event in events) > 1
    assert describe(tmp_path / "segments.mkv").samples == describe(tmp_path / "once.mkv").samples


def test_a_cluster_says_that_it_cannot(tmp_path: Path) -> None:
    source = clip(tmp_path / "boxed.mkv", boxed(0, 0, 14, 16))
    options = UpscaleOptions(
        RunOptions(model="bicubic-x2", device="cpu"), video=VideoOptions(**cropped()), job=JobOptions(cluster="local")
    )
    job = SegmentedVideoJob(Input(source, "video", source), tmp_path / "large.mkv", LoadedModels(options.run), options)
    with pytest.raises(InputError, match="is to be cropped, which a cluster's machines cannot do"):
        list(job.run())
