"""The validator: a clean capture passes, and each mistake that engines invite is found and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.rendered import planes
from tests.rendered.planes import FAR, HEIGHT, NEAR, WIDTH, of, single

from upframe.errors import ShapeError
from upframe.models.nsrr import NSRR
from upframe.models.stssnet import STSSNet
from upframe.rendered.check.checker import Report, check_frames
from upframe.rendered.check.depth import CameraMatrices
from upframe.rendered.check.images import FrameTiles, depth_tile, map_tiles, motion_wheel, sheet, watched
from upframe.rendered.check.readings import Axes, JitterReading, MotionReading, Reading, readings
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.jitter import halton
from upframe.renderers.raster.rasteriser import Rasteriser
from upframe.renderers.scenes import generate

Clip = list[RenderedFrame]
SIZE = single((WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def clip() -> Clip:
    return planes.clip()


def moved(factor: Any) -> Callable[[Clip], Clip]:
    return lambda clip: [replace(frame, motion=of(frame, "motion") * single(factor)) for frame in clip]


def jittered(change: Callable[[float, float], tuple[float, float]]) -> Callable[[Clip], Clip]:
    return lambda clip: [replace(frame, jitter=change(*frame.jitter)) for frame in clip]


def deep(change: Callable[[Any], Any]) -> Callable[[Clip], Clip]:
    def changed(frame: RenderedFrame) -> RenderedFrame:
        with np.errstate(all="ignore"):
            return replace(frame, depth=single(change(of(frame, "depth"))))

    return lambda clip: [changed(frame) for frame in clip]


def device(depth: Any) -> Any:
    """0 at the near plane, 1 at the far one and beyond."""
    return np.where(np.isinf(depth), 1, FAR * (depth - NEAR) / (depth * (FAR - NEAR)))


def with_jitter_in_motion(sign: int) -> Callable[[Clip], Clip]:
    def changed(clip: Clip) -> Clip:
        before = [clip[0], *clip[:-1]]
        changes = [np.subtract(now.jitter, then.jitter) for now, then in zip(clip, before, strict=True)]
        return [
            replace(frame, motion=of(frame, "motion") + single(sign * change))
            for frame, change in zip(clip, changes, strict=True)
        ]

    return changed


def mistakes(report: Report) -> list[tuple[str, str]]:
    return [(finding.check, f"{finding.message}; {finding.remedy}") for finding in report.mistakes]


def the_mistake(clip: Sequence[RenderedFrame], cameras: Any = None) -> tuple[str, str]:
    (found,) = mistakes(check_frames(clip, cameras))
    return found


def test_a_clean_capture_passes(clip: Clip) -> None:
    for cameras in (None, planes.cameras()):
        report = check_frames(clip, cameras)
        assert report.findings == ()
        assert (report.frames, report.pairs) == (8, 7)
        assert report.measured["motion error"] < 0.02
    assert report.measured["depth and camera against motion, pixels"] < 1e-4


@pytest.mark.parametrize("moving", ["across", "still"])
def test_a_clean_capture_passes_however_the_camera_moves(moving: str, monkeypatch: pytest.MonkeyPatch) -> None:
    camera = planes.camera

    def other(time: float) -> Any:
        pose: Any = np.eye(4)
        pose[0, 3] = -0.3 * time if moving == "across" else 0
        return camera(0)._replace(view=np.linalg.inv(pose))

    monkeypatch.setattr(planes, "camera", other)
    clip, cameras = planes.clip(), planes.cameras()
    assert mistakes(check_frames(clip, cameras)) == mistakes(check_frames(clip)) == []


MOTION: dict[str, tuple[Callable[[Clip], Clip], str]] = {
    "sign": (moved((-1, -1)), "flipped in sign, current - previous"),
    "y axis": (moved((1, -1)), "motion y looks inverted"),
    "x axis": (moved((-1, 1)), "motion x looks inverted"),
    "x and y": (
        lambda clip: [replace(frame, motion=np.ascontiguousarray(of(frame, "motion")[..., ::-1])) for frame in clip],
        "x and y exchanged",
    ),
    "UV": (moved(1 / SIZE), "UV units instead of pixels"),
    "UV velocity": (moved(-1 / SIZE), "UV units instead of pixels and flipped in sign"),
    "NDC velocity": (moved((-2, 2) / SIZE), "NDC units instead of pixels and inverted in x"),
    "with jitter": (with_jitter_in_motion(1), "motion looks like it contains the jitter"),
    "less jitter": (with_jitter_in_motion(-1), "motion looks like it contains the jitter, subtracted"),
    "forward": (
        lambda clip: [replace(frame, motion=-of(planes.render(time + 1), "motion")) for time, frame in enumerate(clip)],
        "forward, to the next frame, instead of backward",
    ),
}


@pytest.mark.parametrize("name", MOTION)
def test_a_mistake_in_the_motion_is_named(name: str, clip: Clip) -> None:
    plant, words = MOTION[name]
    check, message = the_mistake(plant(clip))
    assert check == "motion"
    assert words in message


def test_a_mistake_is_named_with_both_errors_and_the_remedy(clip: Clip) -> None:
    _, message = the_mistake(moved((1, -1))(clip))
    assert message.startswith("motion y looks inverted: error 0.0")
    better, worse = (float(word) for word in message.split("error ")[1].split(";")[0].split(" against "))
    assert better < 0.5 * worse
    assert message.endswith("; store (x, -y)")


JITTER: dict[str, tuple[Callable[[Clip], Clip], str]] = {
    "sign": (jittered(lambda x, y: (-x, -y)), "jitter has the wrong sign"),
    "y axis": (jittered(lambda x, y: (x, -y)), "jitter y has the wrong sign"),
    "x and y": (jittered(lambda x, y: (y, x)), "jitter x and y look exchanged"),
    "UV": (jittered(lambda x, y: (x / WIDTH, y / HEIGHT)), "jitter looks like UV units"),
    "unused": (
        lambda clip: [replace(planes.render(time), jitter=frame.jitter) for time, frame in enumerate(clip)],
        "colour does not move with the jitter",
    ),
}


@pytest.mark.parametrize("name", JITTER)
def test_a_mistake_in_the_jitter_is_named(name: str, clip: Clip) -> None:
    plant, words = JITTER[name]
    check, message = the_mistake(plant(clip))
    assert check == "jitter"
    assert words in message


DEPTH: dict[str, tuple[Callable[[Clip], Clip], str, str]] = {
    # with cameras, and without
    "reverse z": (deep(lambda depth: 1 - device(depth)), "inverted: reverse z", "depth looks inverted"),
    "device": (deep(device), "non-linear: device depth", "depth looks non-linear"),
    "disparity": (deep(lambda depth: 1 / depth), "inverted: 1 / distance", "depth looks inverted"),
    "1 - linear": (deep(lambda d: np.maximum(1 - d / FAR, 0)), "inverted: 1 - distance / far plane", "depth looks inverted"),
    "centimetres": (deep(lambda depth: depth * 100), "100 times too large", ""),
}


@pytest.mark.parametrize("name", DEPTH)
def test_a_mistake_in_the_depth_is_named_by_the_cameras(name: str, clip: Clip) -> None:
    plant, words, _ = DEPTH[name]
    check, message = the_mistake(plant(clip), planes.cameras())
    assert check == "depth"
    assert words in message


@pytest.mark.parametrize("name", [name for name in DEPTH if DEPTH[name][2]])
def test_a_mistake_in_the_depth_is_seen_without_cameras(name: str, clip: Clip) -> None:
    plant, _, words = DEPTH[name]
    check, message = the_mistake(plant(clip))
    assert check == "depth"
    assert words in message


def test_distance_along_the_ray_is_told_from_depth(clip: Clip) -> None:
    place = (np.mgrid[:HEIGHT, :WIDTH] + 0.5 - np.array([HEIGHT / 2, WIDTH / 2])[:, None, None]) / (HEIGHT / 2) / 1.4
    longer = np.sqrt(1 + (place**2).sum(axis=0))
    _, message = the_mistake([replace(frame, depth=single(of(frame, "depth") * longer)) for frame in clip], planes.cameras())
    assert "along the ray" in message


def test_two_mistakes_at_once_are_both_named(clip: Clip) -> None:
    planted = moved(-1 / SIZE)(with_jitter_in_motion(1)(clip))
    first, second = mistakes(check_frames(planted))
    assert "UV units instead of pixels and flipped in sign" in first[1]
    assert "contains the jitter" in second[1]


def test_wrong_motion_does_not_hide_a_wrong_depth(clip: Clip) -> None:
    found = mistakes(check_frames(deep(lambda depth: 1 / depth)(moved((1, -1))(clip)), planes.cameras()))
    assert [check for check, _ in found] == ["motion", "depth"]


def test_a_cut_that_is_not_marked_is_found_and_said_where() -> None:
    second = [replace(frame, cut=False) for frame in planes.clip(4, first=12)]
    (found,) = check_frames(planes.clip(4) + second).mistakes
    assert (found.check, found.frames) == ("cut", (4,))
    assert mistakes(check_frames(planes.clip(4) + planes.clip(4, first=12))) == []


def spoilt(frame: RenderedFrame, name: str, value: float, share: float = 0.1) -> RenderedFrame:
    buffer = getattr(frame, name).copy()
    buffer[: round(HEIGHT * share)] = value
    return replace(frame, **{name: buffer})


VALUES: dict[str, tuple[str, float, str, str]] = {
    "NaN in colour": ("colour", np.nan, "finite", "colour is NaN"),
    "infinite motion": ("motion", np.inf, "finite", "motion is infinite"),
    "NaN in depth": ("depth", np.nan, "finite", "depth is NaN"),
    "negative depth": ("depth", -3.0, "depth", "depth is 0 or below"),
    "Blender's background": ("depth", 1e10, "depth", "depth is 1e+10 where there is nothing"),
    "dark light": ("colour", -0.5, "range", "colour is below 0"),
    "bright albedo": ("albedo", 1.5, "range", "albedo leaves [0, 1]"),
    "long normals": ("normal", 2.0, "normal", "normal is not of length 1"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_must_not_be_is_found_in_its_frame(name: str, clip: Clip) -> None:
    buffer, value, check, words = VALUES[name]
    planted = [*clip[:5], spoilt(clip[5], buffer, value), *clip[6:]]
    (found,) = check_frames(planted).mistakes
    assert (found.check, found.frames) == (check, (5,))
    assert found.message.startswith(words)
    assert found.message.endswith("of the pixels")


def test_normals_stored_as_colours_are_told() -> None:
    folded = [replace(frame, normal=of(frame, "normal") / 2 + single(0.5)) for frame in planes.clip(2)]
    assert "2 * normal - 1" in the_mistake(folded)[1]


def test_the_motion_of_a_cut_is_not_looked_at(clip: Clip) -> None:
    assert mistakes(check_frames([spoilt(clip[0], "motion", np.nan), *clip[1:]])) == []


def test_sizes_that_change_are_found(clip: Clip) -> None:
    small = planes.render(3, size=(HEIGHT // 2, WIDTH // 2))
    (found,) = check_frames([*clip[:3], small, *clip[4:]]).mistakes
    assert (found.check, found.frames) == ("buffers", (3,))
    assert "56x36" in found.message
    assert "112x72" in found.message


class _Broken(list[RenderedFrame]):
    """A clip on disk of which one frame cannot be read."""

    def __getitem__(self, index: Any) -> Any:
        if index == 2:
            raise ShapeError("frames/00002.exr: normal must be (72, 112, 3)")
        return super().__getitem__(index)


def test_a_frame_that_cannot_be_read_is_a_finding_and_the_others_are_checked(clip: Clip) -> None:
    first, second = check_frames(_Broken(moved((1, -1))(clip))).mistakes
    assert (first.check, first.frames) == ("buffers", (2,))
    assert "normal must be" in first.message
    assert "motion y looks inverted" in second.message


def test_light_that_was_tone_mapped_is_told() -> None:
    clip = planes.clip(4)
    assert "looks tone-mapped" in the_mistake([replace(f, colour=np.minimum(of(f, "colour"), 1)) for f in clip])[1]
    steps = [replace(f, colour=single(np.round(np.clip(of(f, "colour") / 3, 0, 1) * 255) / 255)) for f in clip]
    assert "8-bit" in the_mistake(steps)[1]
    assert mistakes(check_frames([replace(f, colour=of(f, "colour") / 3) for f in clip])) == []


def test_light_that_is_said_to_be_display_referred_is_told() -> None:
    clip = [replace(frame, linear=False, colour=of(frame, "colour") * 4) for frame in planes.clip(3)]
    assert ("colour", "it looks linear") in [(check, message.split(": ")[1]) for check, message in mistakes(check_frames(clip))]


def test_frames_without_colour_are_checked_by_their_albedo(clip: Clip) -> None:
    unshaded = [replace(frame, colour=None) if index % 2 else frame for index, frame in enumerate(clip)]
    assert mistakes(check_frames(unshaded)) == []
    assert "motion y looks inverted" in the_mistake(moved((1, -1))(unshaded))[1]


def test_tensors_are_checked_like_arrays(clip: Clip) -> None:
    def with_tensors(frame: RenderedFrame) -> RenderedFrame:
        buffers: dict[str, Any] = {name: torch.from_numpy(of(frame, name)).half() for name in frame.buffers()}
        return replace(frame, **(buffers | {"depth": torch.from_numpy(of(frame, "depth"))}))

    assert "flipped in sign" in the_mistake([with_tensors(frame) for frame in moved((-1, -1))(clip)[:4]])[1]


def test_what_is_odd_but_allowed_is_a_note(clip: Clip) -> None:
    still = [replace(planes.render(0), motion=np.zeros((HEIGHT, WIDTH, 2), np.float32)) for _ in range(3)]
    report = check_frames(still)
    assert report.mistakes == ()
    assert {finding.message.split(":")[0] for finding in report.findings} == {
        "motion is 0 everywhere",
        "the frames are not jittered",
    }


def test_a_single_frame_and_no_frame_at_all_can_be_checked(clip: Clip) -> None:
    assert check_frames(clip[:1]).findings == check_frames([]).findings == ()


def test_cameras_must_be_as_many_as_frames(clip: Clip) -> None:
    with pytest.raises(ShapeError, match="3 cameras for 8 frames"):
        check_frames(clip, planes.cameras(3))


def test_the_first_reading_is_the_contract_and_no_other_is_like_it() -> None:
    every = readings()
    assert every[0] == Reading()
    assert len(set(every)) == len(every)
    assert [reading.mistakes for reading in every].count(0) == 1
    assert MotionReading(Axes(swapped=True, signs=(1, -1)), "NDC").remedy == "store (y, -x) * (width, height) / 2"
    assert JitterReading().apply(torch.tensor([0.25, -0.5]), (9, 9)).tolist() == [0.25, -0.5]


# Images


def test_every_frame_has_a_image_of_what_is_checked(clip: Clip) -> None:
    tiles = FrameTiles(Reading(MotionReading(Axes(signs=(1, -1)))))
    first, second = tiles.step(clip[0]), tiles.step(moved((1, -1))(clip)[1])
    assert [tile.name for tile in first] == ["colour", "depth, near is bright"]
    names = " ".join(tile.name for tile in second)
    for words in ("frame before, warped", "difference", "as it should be", "holes", "motion over 1 frame"):
        assert words in names
    pixels = {tile.name: tile.pixels.astype(int) for tile in second}
    wrong, right = (
        np.abs(pixels[name] - pixels["colour"]).mean()
        for name in ("frame before, warped", "frame before, warped as it should be")
    )
    assert right < 0.6 * wrong
    whole = sheet(second)
    assert whole.shape[1] == 3 * 3 * WIDTH


def test_the_colours_of_motion_go_round_the_wheel() -> None:
    angles = np.arange(6) * np.pi / 3
    wheel, longest = motion_wheel(2 * np.stack((np.cos(angles), np.sin(angles)))[:, None])
    assert longest == pytest.approx(2)
    strongest = [tuple(np.flatnonzero(pixel > 120)) for pixel in wheel[0]]
    assert strongest == [(0,), (0, 1), (1,), (1, 2), (2,), (0, 2)]


def test_near_is_bright_and_what_is_no_distance_is_red() -> None:
    frame = planes.render(0)
    depth = np.full((HEIGHT, WIDTH), 20.0, np.float32)
    depth[:, 40:] = 2
    depth[0], depth[1] = np.inf, -1
    pixels = depth_tile(replace(frame, depth=depth))
    assert pixels[9, 50, 0] > pixels[9, 10, 0] > pixels[0, 0, 0] == 0
    assert tuple(pixels[1, 5]) == (200, 0, 0)


def test_the_maps_of_the_networks_can_be_watched() -> None:
    nsrr, stssnet = NSRR(2), STSSNet()
    with watched(nsrr.named_modules()) as weights, watched(stssnet.named_modules()) as masks, torch.inference_mode():
        nsrr(*nsrr.example_inputs(16, 24))
        stssnet(*stssnet.example_inputs(16, 24))
    tiles = map_tiles(weights, (16, 24))
    assert [tile.name.split(",")[0] for tile in tiles] == [f"weight of {k} frame{'s' * (k > 1)} ago" for k in (4, 3, 2, 1)]
    tiles = map_tiles(masks, (16, 24))
    assert {"mask of conv1", "mask of lowlevelGated", "mask of down3.conv2"} <= {tile.name for tile in tiles}
    assert all(tile.pixels.shape == (16, 24, 3) for tile in tiles)
    assert all(float(mask.min()) > 0 and float(mask.max()) < 1 for mask in masks.values())
    masks.clear()
    with torch.inference_mode():
        stssnet(*stssnet.example_inputs(16, 24))
    assert not masks


# A clip of the rasteriser


@pytest.fixture(scope="module")
def rendered() -> tuple[Clip, list[CameraMatrices]]:
    scene, size = generate("yard", 1, seconds=1.0, texture_pixels=64), (90, 160)
    with Rasteriser(scene) as rasteriser:
        clip = [rasteriser.render(number, size, jitter=jitter) for number, jitter in enumerate(halton(8))]
        return clip, [CameraMatrices(*rasteriser.camera(number, *size)) for number in range(8)]


def test_a_clip_of_the_rasteriser_passes(rendered: tuple[Clip, list[CameraMatrices]]) -> None:
    clip, cameras = rendered
    assert mistakes(check_frames(clip, cameras)) == mistakes(check_frames(clip)) == []


@pytest.mark.parametrize("name", ["sign", "y axis", "x and y", "with jitter"])
def test_a_mistake_in_the_motion_of_a_rasterised_clip_is_named(name: str, rendered: tuple[Clip, list[CameraMatrices]]) -> None:
    plant, words = MOTION[name]
    assert words in the_mistake(plant(rendered[0]))[1]


@pytest.mark.parametrize("name", ["sign", "y axis"])
def test_a_mistake_in_the_jitter_of_a_rasterised_clip_is_named(name: str, rendered: tuple[Clip, list[CameraMatrices]]) -> None:
    plant, words = JITTER[name]
    assert words in the_mistake(plant(rendered[0]))[1]


def test_an_inverted_depth_of_a_rasterised_clip_is_named(rendered: tuple[Clip, list[CameraMatrices]]) -> None:
    clip, cameras = rendered
    assert "inverted: 1 / distance" in the_mistake(deep(lambda depth: 1 / depth)(clip), cameras)[1]
