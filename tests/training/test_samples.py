"""Samples: what a number gives, wherever and whenever it is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from tests.media.video_fixtures import Video, steady
from tests.training.conftest import noise

from upframe.datasets.lmdb_clips import ClipShape, LmdbWriter
from upframe.errors import InputError
from upframe.models.nsrr import NSRR
from upframe.models.stssnet import STSSNet
from upframe.ops.blur import downscale_bd
from upframe.ops.resize import downscale
from upframe.ops.warp import warp
from upframe.rendered.clip import ClipFrame, ClipInfo, ClipWriter
from upframe.training.data.camera import video_image
from upframe.training.data.chance import for_sample, item_of
from upframe.training.data.clips import ClipCrops, mirrored
from upframe.training.data.drawing import draw_image
from upframe.training.data.frames import FrameCache, open_clips, open_images
from upframe.training.data.images import ImageCrops
from upframe.training.data.layers import LayeredClip
from upframe.training.data.pairs import border, pair
from upframe.training.data.rendered import RenderedCrops, with_rectangle
from upframe.training.data.rendered_clips import RenderedClips
from upframe.training.data.sets import Steps
from upframe.training.data.settings import ClipData, ImageData, RenderedData
from upframe.training.data.stssnet_scenes import STSSNetScenes


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two clips of five and two frames; frame k of clip c is all grey 50 * c + 10 * k, but for its first pixel."""
    for clip, count in enumerate((5, 2)):
        for frame in range(count):
            pixels = np.full((40, 48, 3), 50 * clip + 10 * frame, np.uint8)
            path = tmp_path / f"clips/{clip}/{frame:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(pixels).save(path)
    return tmp_path / "clips"


def settings(clips: Path, **changes: object) -> ClipData:
    values = {"clips": [str(clips)], "frames": 3, "crop": 16, "degradation": "BI", "reversal": 0.0, "flips": "none"}
    return ClipData.model_validate(values | changes)


def test_a_sample_depends_on_its_number_and_the_seed_alone(clips: Path) -> None:
    own = settings(clips, still_share=0.4, reversal=0.5, flips="thirds", photographs=["drawn:0-1"], degradation="BD")
    one, other = ClipCrops(own, 2, seed=3), ClipCrops(own, 2, seed=3)
    later = {i: one.sample(i)["high"] for i in reversed(range(12))}
    assert all(torch.equal(other.sample(i)["high"], later[i]) for i in range(12))
    third = ClipCrops(own, 2, seed=4)
    assert not all(torch.equal(third.sample(i)["high"], later[i]) for i in range(12))


def test_an_epoch_begins_once_at_every_frame(clips: Path) -> None:
    crops = ClipCrops(settings(clips), 2, seed=0)
    assert len(crops) == 7
    for epoch in range(2):
        firsts = sorted(int(crops.sample(epoch * 7 + i)["high"][0].float().mean()) for i in range(7))
        assert firsts == [0, 10, 20, 30, 40, 50, 60]
    assert [item_of(0, 7, i) for i in range(7)] != [item_of(0, 7, i) for i in range(7, 14)]


def test_frames_follow_in_order_and_a_clip_that_ends_runs_back(clips: Path) -> None:
    crops = ClipCrops(settings(clips, frames=4), 2, seed=0)
    seen = {tuple(int(v) for v in crops.sample(i)["high"].float().mean((1, 2, 3))) for i in range(7)}
    assert {(0, 10, 20, 30), (30, 40, 30, 20), (40, 30, 20, 10), (50, 60, 50, 60)} <= seen
    assert [mirrored(i, 1) for i in range(3)] == [0, 0, 0]


def test_a_reversed_clip_runs_backwards(clips: Path) -> None:
    forwards, backwards = (ClipCrops(settings(clips, reversal=chance), 2, seed=0) for chance in (0.0, 1.0))
    assert all(torch.equal(forwards.sample(i)["high"].flip(0), backwards.sample(i)["high"]) for i in range(7))


def test_a_mirrored_clip_is_followed_by_itself_backwards(clips: Path) -> None:
    crops = ClipCrops(settings(clips, mirrored=2), 2, seed=0)
    seen = {tuple(int(v) for v in crops.sample(i)["high"].float().mean((1, 2, 3))) for i in range(7)}
    assert (0, 10, 20, 20, 10, 0, 0, 10, 20, 20, 10, 0) in seen


@pytest.mark.parametrize(("kind", "step"), [("BD", 4), ("BI", 2 * 2)])
def test_a_still_is_shifted_by_a_random_walk_of_the_published_steps(tmp_path: Path, kind: str, step: int) -> None:
    noise(tmp_path / "clip/0.png", (160, 160))
    crops = ClipCrops(settings(tmp_path / "clip", still_share=1.0, degradation=kind, frames=6), 2, seed=0)
    image = np.asarray(PIL.Image.open(tmp_path / "clip/0.png"))
    for i in range(5):
        frames = crops.sample(i)["high"].permute(0, 2, 3, 1).numpy()
        side = frames.shape[1]
        windows = np.lib.stride_tricks.sliding_window_view(image[..., 0], (4, 4))
        places = [np.argwhere((windows == frame[:4, :4, 0]).all((-2, -1)))[0] for frame in frames]
        moves = np.diff(np.array(places), axis=0)
        assert np.abs(moves).max() <= step
        assert kind == "BD" or (moves % 2 == 0).all()
        y, x = places[2]
        assert (image[y : y + side, x : x + side] == frames[2]).all()


def test_a_missing_size_is_named(clips: Path) -> None:
    crops = ClipCrops(settings(clips, crop=64), 2, seed=0)
    with pytest.raises(InputError, match=r"48x40 pixels are too few for data.crop, which needs 80x80"):
        crops.sample(0)


def test_a_frame_of_another_size_than_its_clip_is_named(tmp_path: Path) -> None:
    for number, size in enumerate(((40, 32), (40, 32), (36, 32))):
        noise(tmp_path / f"clip/{number}.png", size, number)
    crops = ClipCrops(settings(tmp_path / "clip", crop=8, still_share=0.0), 2, seed=0)
    with pytest.raises(InputError, match=r"clip: frame \d has \d+x32 pixels, but frame \d has \d+x32: .* one size"):
        crops.sample(0)


def test_videos_lmdbs_and_folders_are_clips(tmp_path: Path, clips: Path) -> None:
    (tmp_path / "videos").mkdir()
    Video(codec="ffv1", times=steady(5)).make(tmp_path / "videos/one.mkv")
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    (tmp_path / "packed").mkdir()
    writer = LmdbWriter(tmp_path / "packed", "packed", frames=3, pixels=frames[..., 0].size)
    writer.add("walk", ClipShape(3, 8, 12), list(frames))
    writer.close(whole=True)
    opened = open_clips([str(tmp_path / name) for name in ("videos", "packed", "clips")])
    assert [len(clip) for clip in opened] == [5, 3, 5, 2]
    assert (opened[1].read(2) == frames[2]).all()
    cache = FrameCache(10**6)
    ahead = [cache.read(opened[0], i).copy() for i in (3, 1, 0)]
    again = open_clips([str(tmp_path / "videos/one.mkv")])[0]
    assert all((again.read(i) == frame).all() for i, frame in zip((0, 1, 3), reversed(ahead), strict=True))


def test_the_cache_forgets_what_was_used_longest_ago(clips: Path) -> None:
    opened = open_clips([str(clips)])
    cache = FrameCache(2 * 40 * 48 * 3)
    first = cache.read(opened[0], 0)
    assert cache.read(opened[0], 0) is first
    cache.read(opened[0], 1)
    cache.read(opened[0], 2)
    assert cache.read(opened[0], 0) is not first


def test_the_busiest_of_several_places_is_taken(tmp_path: Path) -> None:
    pixels = np.zeros((64, 256, 3), np.uint8)
    pixels[:, 200:] = np.random.default_rng(0).integers(0, 256, (64, 56, 3))
    PIL.Image.fromarray(pixels).save(tmp_path / "half.png")

    def share(choices: int) -> float:
        own = ImageData(images=(str(tmp_path / "half.png"),), crop=8, choices=choices)
        crops = ImageCrops(own, 2, seed=0)
        return float(np.mean([crops.sample(i)["high"].float().std() > 20 for i in range(60)]))

    assert share(1) < 0.5 < share(12)


@pytest.mark.parametrize("flips", ["all", "thirds"])
def test_a_crop_is_laid_in_all_eight_ways(tmp_path: Path, flips: str) -> None:
    noise(tmp_path / "a.png", (24, 24))
    own = ImageData.model_validate({"images": [str(tmp_path / "a.png")], "crop": 16, "flips": flips, "degradation": "BD"})
    crops = ImageCrops(own, 2, seed=0)
    assert len({crops.sample(i)["high"].numpy().tobytes() for i in range(80)}) == 8


def test_low_resolution_is_made_as_of_the_whole_image() -> None:
    image = torch.randint(0, 256, (3, 96, 96), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    whole = image.float() / 255
    for scale in (2, 3, 4):
        edge, side = border("BI", scale), 12 * scale
        low, high = pair(image[:, : side + 2 * edge, : side + 2 * edge], "BI", scale)
        first = edge // scale
        expected = downscale(whole, scale).mul(255).round().clamp(0, 255) / 255
        torch.testing.assert_close(low[:, 1:], expected[:, first + 1 : first + 12, first : first + 12], rtol=0, atol=1.01 / 255)
        assert (low != expected[:, first : first + 12, first : first + 12]).float().mean() < 0.01
        assert torch.equal(high, whole[:, edge : edge + side, edge : edge + side])
    low, high = pair(image[:, 8 : 8 + 40, 8 : 8 + 40], "BD", 4)
    assert torch.equal(high, whole[:, 12:44, 12:44])
    torch.testing.assert_close(low, downscale_bd(whole, 4)[:, 3:11, 3:11])


def test_a_camera_moves_smoothly_over_a_photograph() -> None:
    image = torch.from_numpy(draw_image(3, (200, 240)).transpose(2, 0, 1).copy())
    clip = video_image(image, 6, 48, for_sample(0, 1))
    assert clip.shape == (6, 3, 48, 48)
    assert clip.dtype == torch.uint8
    change = [(clip[i].float() - clip[j].float()).abs().mean() for i, j in ((0, 1), (0, 5))]
    assert 0 < change[0] < change[1]
    assert torch.equal(clip, video_image(image, 6, 48, for_sample(0, 1)))
    still = video_image(image, 2, 48, for_sample(0, 1), speed=1e-6)
    assert torch.equal(still[0], still[1])


def test_drawn_images_are_always_the_same_and_never_alike() -> None:
    assert (draw_image(4) == draw_image(4)).all()
    assert (draw_image(4) != draw_image(5)).mean() > 0.5
    assert len(open_images(["drawn:2-4"])) == 3
    with pytest.raises(InputError, match="drawn:0-23 for the first 24"):
        open_images(["drawn:4"])


def test_processes_share_the_samples_of_a_step() -> None:
    steps = {"start": 2, "stop": 5, "batch": 4}
    first, second = (Steps(**steps, rank=rank, processes=2) for rank in (0, 1))
    alone = [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17, 18, 19]]
    assert [one + other for one, other in zip(first, second, strict=False)] == list(Steps(**steps)) == alone
    with pytest.raises(InputError, match="batch: 3 samples cannot be shared equally by 2 devices"):
        Steps(start=0, stop=1, batch=3, processes=2)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Two frames in STSSNet's layout; every plane holds its row and column."""
    rows, columns = np.mgrid[:32, :40].astype(np.float16) / 64
    for number, kind in ((4, "NoWarp"), (5, "Warp")):
        for folder in ("NPY", "HR"):
            (tmp_path / "Subway/train1" / folder).mkdir(parents=True, exist_ok=True)
        frame = np.stack([rows if c % 2 else columns for c in range(33)], axis=-1)
        np.save(tmp_path / f"Subway/train1/NPY/compressed.{number:04d}.{kind}.npy", frame)
        large = np.repeat(np.repeat(rows, 2, 0), 2, 1)
        np.save(tmp_path / f"Subway/train1/HR/compressedHR.{number:04d}.npy", np.stack((large,) * 3, axis=-1))
    return tmp_path / "Subway"


def test_rendered_frames_and_their_targets_are_cut_at_one_place(scene: Path) -> None:
    own = RenderedData(scenes=(str(scene),), crop=8, crops=4)
    crops = RenderedCrops(STSSNetScenes(own.scenes), own, seed=0)
    assert len(crops) == 8
    shapes = {"colour": (6, 8, 8), "features": (9, 8, 8), "mask": (1, 8, 8), "history": (3, 4, 8, 8), "target": (3, 16, 16)}
    for i in range(8):
        sample = crops.sample(i)
        assert {key: tuple(value.shape) for key, value in sample.items()} == shapes
        assert torch.equal(sample["colour"][0, :, 0], sample["target"][0, ::2, 0])  # channel 11 of the file, the row
    assert "compressed.000" in crops.describe(0)
    with pytest.raises(InputError, match="holds no frames of STSSNet"):
        STSSNetScenes([str(scene / "train1/HR")])


def test_extra_holes_are_one_rectangle_of_a_frame_and_in_its_mask_alone(scene: Path) -> None:
    own = RenderedData(scenes=(str(scene),), crop=32, extra_holes=1.0)
    crops, without = (
        RenderedCrops(STSSNetScenes(own.scenes), o, seed=0) for o in (own, own.model_copy(update={"extra_holes": 0}))
    )
    sizes = set()
    for i in range(6):
        sample, plain = crops.sample(i), without.sample(i)
        assert torch.equal(sample["colour"], plain["colour"])
        sizes.add(int((sample["mask"] == 0).sum()))
    assert len(sizes) > 2
    for i in range(50):
        hole = with_rectangle(np.ones((1, 32, 40), np.float32), for_sample(0, i))[0] == 0
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert 1 <= rows <= 8
        assert 1 <= columns <= 10
        assert hole.sum() == rows * columns <= 32 * 40 // 16


@pytest.mark.parametrize("number", [0, 1])
def test_generated_layers_move_as_their_motion_says(number: int) -> None:
    clip = LayeredClip(number, 2)
    before, now = clip[4], clip[5]
    colour, motion, depth = (torch.from_numpy(np.asarray(buffer)) for buffer in (before.colour, now.motion, before.depth))
    flow = motion.permute(2, 0, 1)[None]
    there = warp(depth[None, None], flow, padding="zeros", interpolation="nearest")[0, 0]
    visible = there == torch.from_numpy(np.asarray(now.depth))
    assert 0.6 < visible.float().mean() < 1

    def wrong(flow: torch.Tensor) -> torch.Tensor:
        moved = warp(colour.permute(2, 0, 1)[None], flow, padding="zeros")[0].permute(1, 2, 0)
        return (moved - torch.from_numpy(np.asarray(now.colour))).abs().mean(-1)

    right = wrong(flow)
    assert right[visible].mean() < 0.03  # the samples are aliased, and lie between those of the frame before
    assert wrong(-flow)[visible].mean() > 2 * right[visible].mean()
    assert right[~visible].mean() > 3 * right[visible].mean()
    target = torch.from_numpy(clip.target(5)).permute(2, 0, 1)
    small = torch.nn.functional.avg_pool2d(target[None], 2)[0].permute(1, 2, 0)
    assert (small - torch.from_numpy(np.asarray(now.colour))).abs().mean() < 0.03


def test_rendered_clips_become_what_the_networks_take(tmp_path: Path) -> None:
    generated = LayeredClip(0, 2)
    height, width = generated[0].size
    frames = tuple(ClipFrame(cut=i == 0) for i in range(3))
    info = ClipInfo(render_size=(width, height), display_size=(2 * width, 2 * height), fps=30, colour="display", frames=frames)
    writer = ClipWriter(tmp_path / "clips/one", info)
    for i in range(3):
        writer.write(i, generated[i], generated.target(i))
    writer.finish()
    stored = RenderedClips([str(tmp_path / "clips")], NSRR(2, history=3))
    assert len(stored) == 3
    own, other = stored.read(2), RenderedClips(["layers:0-0"], NSRR(2, history=3)).read(2)
    assert {key: value.shape for key, value in own.items()} == {
        "colour": (3, 3, height, width),
        "depth": (3, 1, height, width),
        "motion": (3, 2, height, width),
        "target": (3, 2 * height, 2 * width),
    }
    for key, value in own.items():
        np.testing.assert_allclose(value, other[key], atol=2e-3)  # colours lie in half precision
    assert (own["motion"][-1] == 0).all()
    with pytest.raises(InputError, match=r"has targets of x2; the recipe trains x4"):
        RenderedClips([str(tmp_path / "clips/one")], NSRR(4, history=3))
    with pytest.raises(InputError, match="holds no rendered clip"):
        RenderedClips([str(tmp_path)], NSRR(2, history=3))


def test_frames_of_odd_number_are_made_of_the_past_and_have_holes() -> None:
    frames = RenderedClips(["layers:0-0"], STSSNet())
    even, odd = frames.read(6), frames.read(7)
    assert (even["mask"] == 1).all()
    assert (odd["mask"] == 0).any()
    assert (odd["colour"][3:] != even["colour"][3:]).any()
    assert frames.name(7) == "layers:0, frame 7"
