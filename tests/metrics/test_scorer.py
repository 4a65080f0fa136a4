"""Clips and images scored under protocols: the published numbers, averages, memory and errors."""

from __future__ import annotations

import gc
import json
import math
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.metrics.moving_square import moving_square
from tests.reference.unpack import Reference
from torch import Tensor

from upframe.errors import InputError, ShapeError
from upframe.metrics import (
    LPIPS,
    PROTOCOLS,
    ClipScorer,
    ClipScores,
    FrameScores,
    Protocol,
    average,
    find_protocol,
    frame_tensor,
    score,
)


def seeded_lpips() -> LPIPS:
    """SqueezeNet with random weights: enough to see what the scorer does with it."""
    torch.manual_seed(3)
    network = LPIPS("squeeze").eval().requires_grad_(False)
    for head in network.heads:
        head.uniform_(0, 1)
    return network


def scored(protocol: Protocol, result: list[Tensor], reference: list[Tensor], **options: Any) -> ClipScores:
    with ClipScorer(protocol, **options) as scorer:
        for pair in zip(result, reference, strict=True):
            scorer.add(*pair)
        return scorer.finish()


def test_rt4ksr_gives_the_published_numbers_and_rt4ksr_y_the_right_ones(
    pair: tuple[Tensor, Tensor], values: dict[str, Any]
) -> None:
    expected = values["rt4ksr.crop0"]
    published, right = (score(find_protocol(name), *pair, scale=2).means for name in ("rt4ksr", "rt4ksr-y"))
    assert published["psnr_rgb"] == pytest.approx(expected["psnr_rgb"], abs=1e-4)
    assert published["ssim_rgb"] == pytest.approx(expected["ssim_rgb"], abs=1e-5)
    assert published["psnr_y"] == pytest.approx(expected["psnr_y_as_published_script"], abs=1e-4)
    assert published["ssim_y"] == pytest.approx(expected["ssim_y_as_published_script"], abs=1e-5)
    assert right["psnr_y"] == pytest.approx(expected["psnr_y"], abs=1e-4)
    assert right["ssim_y"] == pytest.approx(expected["ssim_y"], abs=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set_y_cuts_as_many_pixels_as_the_scale(scale: int, pair: tuple[Tensor, Tensor], values: dict[str, Any]) -> None:
    means = score(find_protocol("set-y"), *pair, scale=scale).means
    assert means["psnr_y"] == pytest.approx(values[f"rt4ksr.crop{scale}"]["psnr_y"], abs=1e-4)
    assert means["ssim_y"] == pytest.approx(values[f"rt4ksr.crop{scale}"]["ssim_y"], abs=1e-5)


def test_tecogan_gives_the_official_numbers(clip: tuple[list[Tensor], list[Tensor]], values: dict[str, Any]) -> None:
    protocol = find_protocol("tecogan").select(["psnr", "ssim", "tof"])
    cut = scored(protocol, *clip, scale=4)
    expected = values["tecogan_official.two_frames_cut_each_end"]
    assert [frame.index for frame in cut.frames] == expected["frames_used"]
    for metric in ("psnr_y", "ssim_y", "tof"):
        assert cut.means[metric] == pytest.approx(expected[metric], rel=1e-5)
    whole = scored(replace(protocol, skip=0), *clip, scale=4)
    for metric in ("psnr_y", "ssim_y"):
        measured = [frame.values[metric] for frame in whole.frames]  # type: ignore[index]
        assert measured == pytest.approx(values[f"tecogan_official.{metric}_per_frame"], rel=1e-5)
    assert [frame.values["tof"] for frame in whole.frames[1:]] == pytest.approx(
        values["tecogan_official.tof_per_frame"], rel=1e-5
    )
    assert "tof" not in whole.frames[0].values


def test_the_pytorch_edition_of_tecogan_gives_its_own_numbers(
    clip: tuple[list[Tensor], list[Tensor]], values: dict[str, Any]
) -> None:
    measured = scored(find_protocol("tecogan-pytorch").select(["psnr_y", "psnr_rgb", "tof"]), *clip, scale=4)
    for metric in ("psnr_y", "psnr_rgb", "tof"):
        column = [frame.values[metric] for frame in measured.frames if metric in frame.values]
        assert column == pytest.approx(values[f"tecogan_pytorch_validation.{metric}_per_frame"], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "mode", "ssim"),
    [
        ("stssnet", "all", "published"),
        ("stssnet-hole", "hole", "masked"),
        ("stssnet-edge", "edge", "masked"),
        ("stssnet-hole-published", "hole", "published"),
        ("stssnet-edge-published", "edge", "published"),
    ],
)
def test_stssnet_gives_the_published_numbers_and_the_masked_ones(
    name: str, mode: str, ssim: str, reference: Reference, values: dict[str, Any]
) -> None:
    stored = np.load(reference.file("metrics/stssnet_pair.npz"))
    result, reference = (torch.from_numpy(stored[key]).permute(2, 0, 1) for key in ("result", "reference"))
    protocol = find_protocol(name).select(["psnr", "ssim"])
    means = score(protocol, result, reference, scale=2, hole=torch.from_numpy(stored["hole"])).means
    assert means["psnr_y"] == pytest.approx(values[f"stssnet.{mode}"]["psnr"], abs=1e-4)
    expected = values[f"stssnet.{mode}"]["ssim"] if ssim == "published" else values["stssnet.masked_ssim_y"][mode]
    assert means["ssim_y"] == pytest.approx(expected, abs=1e-5)


def test_a_hole_map_of_the_render_size_is_upscaled() -> None:
    reference = torch.rand(3, 24, 32)
    result = reference.clone()
    result[:, :, :16] = 0
    hole = torch.zeros(12, 16)
    hole[:, 10:] = 1
    protocol = find_protocol("stssnet-hole").select(["psnr"])
    assert score(protocol, result, reference, scale=2, hole=hole).means["psnr_y"] == math.inf
    assert score(protocol, result, reference, scale=2, hole=1 - hole).means["psnr_y"] < 20
    with pytest.raises(ShapeError, match="does not fit"):
        score(protocol, result, reference, scale=2, hole=torch.zeros(13, 16))


def test_a_frame_without_holes_has_no_value_and_spoils_no_mean() -> None:
    protocol = find_protocol("stssnet-hole").select(["psnr", "ssim"])
    reference = moving_square(3)
    with ClipScorer(protocol, scale=2, name="scene") as scorer:
        for index, frame in enumerate(reference):
            scorer.add((frame + 0.1).clamp(0, 1), frame, hole=torch.full((32, 48), float(index != 1)))
        clip = scorer.finish()
    assert [len(frame.values) for frame in clip.frames] == [2, 0, 2]
    assert math.isfinite(clip.means["psnr_y"])
    assert average([clip], protocol).counts == {"psnr_y": 2, "ssim_y": 2}


def test_a_protocol_of_holes_asks_for_them() -> None:
    frame = torch.rand(3, 32, 32)
    with pytest.raises(InputError, match=r"image, frame 0: protocol stssnet-hole.* counts holes"):
        score(find_protocol("stssnet-hole").select(["psnr"]), frame, frame)


def test_even_and_odd_frames_have_means_of_their_own() -> None:
    def clip(name: str, *pairs: tuple[int, float]) -> ClipScores:
        return ClipScores(name, tuple(FrameScores(index, {"psnr_y": value}) for index, value in pairs))

    clips = [clip("a", (10, 30.0), (11, 20.0), (12, 32.0)), clip("b", (3, 26.0))]
    spread = average(clips, find_protocol("stssnet"))
    assert spread.even == {"psnr_y": 31}
    assert spread.odd == {"psnr_y": 23}
    assert spread.result == {"psnr_y": 27}
    assert spread.frames == {"psnr_y": 27}
    by_clips = average(clips, find_protocol("vid4-y"))
    assert by_clips.result == by_clips.clips == {"psnr_y": pytest.approx((82 / 3 + 26) / 2)}
    assert average(clips, find_protocol("set-y")).result == {"psnr_y": 27}


def test_the_number_of_a_frame_tells_its_parity() -> None:
    protocol = find_protocol("stssnet").select(["psnr"])
    with ClipScorer(protocol) as scorer:
        for index, noise in ((7, 0.2), (8, 0.01)):
            frame = moving_square(1)[0]
            scorer.add(moving_square(1, noise=noise)[0], frame, index=index)
        means = average([scorer.finish()], protocol)
    assert means.even["psnr_y"] > means.odd["psnr_y"] + 10


def test_floats_are_rounded_or_truncated_as_the_protocol_says() -> None:
    reference = torch.full((3, 32, 32), 100 / 255)
    result = torch.full((3, 32, 32), 100.8 / 255)
    rounded, truncated = (score(find_protocol(name).select(["psnr_rgb"]), result, reference) for name in ("nsrr", "stssnet"))
    assert rounded.means["psnr_rgb"] == pytest.approx(48.13, abs=0.01)
    assert truncated.means["psnr_rgb"] == math.inf
    exact = score(replace(find_protocol("nsrr"), samples="float"), result, reference).means["psnr_rgb"]
    assert exact == pytest.approx(48.13 - 20 * math.log10(0.8), abs=0.01)


def test_codes_and_floats_may_meet() -> None:
    reference = (torch.rand(3, 40, 40) * 255).to(torch.uint8)
    for name in ("rt4ksr", "stssnet", "nsrr"):
        assert score(find_protocol(name).select(["psnr_rgb"]), reference / 255 + 1e-5, reference).means["psnr_rgb"] > 90
    assert score(find_protocol("nsrr-published"), reference / 255, reference).means["psnr_nsrr"] > 60


def test_sizes_that_differ_by_less_than_the_scale_share_their_top_left() -> None:
    reference = torch.rand(3, 41, 62)
    result = reference[:, :40, :60].clone()
    assert score(find_protocol("set-y"), result, reference, scale=3).means["psnr_y"] == math.inf
    with pytest.raises(ShapeError, match="image, frame 0: the result is 60x40, but the reference is 62x41"):
        score(find_protocol("set-y"), result, reference, scale=2)
    with pytest.raises(ShapeError, match="the result is 62x41, but the reference is 62x40"):
        score(find_protocol("rt4ksr"), reference, reference[:, :40])


def test_errors_name_clip_and_frame() -> None:
    frames = moving_square(3)
    with ClipScorer(find_protocol("reds4-rgb"), name="000") as scorer:
        scorer.add(frames[0], frames[0])
        broken = frames[1].clone()
        broken[0, 0, 0] = torch.nan
        with pytest.raises(InputError, match="000, frame 1: the result has 1 of 18432 values that are not finite"):
            scorer.add(broken, frames[1])
        with pytest.raises(
            ShapeError, match="000, frame 2: the frames of a clip must keep their size: 96x64 before, 90x64 now"
        ):
            scorer.add(frames[2][..., :90], frames[2][..., :90])


def test_a_clip_too_short_for_the_protocol_is_told() -> None:
    frames = moving_square(4)
    with pytest.raises(InputError, match=r"short: has 4 frames, but protocol .* leaves out 2 at each end"):
        scored(find_protocol("tecogan").select(["psnr"]), frames, frames, name="short")
    with pytest.raises(InputError, match=r"has 5 frames.* leaves out 3"):
        scored(replace(find_protocol("vid4-y"), skip=3), moving_square(5), moving_square(5))


def test_frames_come_one_by_one() -> None:
    with pytest.raises(ShapeError, match=r"got \(1, 3, 32, 32\)"):
        score(find_protocol("set-y"), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))


def test_lpips_needs_the_network_of_the_protocol() -> None:
    frame = torch.rand(3, 64, 64)
    squeeze = seeded_lpips()
    with pytest.raises(InputError, match="has LPIPS with AlexNet\nGive its weights"):
        score(find_protocol("stssnet"), frame, frame)
    with pytest.raises(InputError, match="has LPIPS with AlexNet, but the weights given are those of SqueezeNet"):
        score(find_protocol("stssnet"), frame, frame, lpips=squeeze)
    with_squeeze = find_protocol("stssnet").with_lpips("squeeze")
    assert score(with_squeeze, frame, frame, lpips=squeeze).means["lpips"] == 0


def test_published_stssnet_feeds_lpips_what_came() -> None:
    squeeze = seeded_lpips()
    reference = torch.rand(3, 64, 64)
    result = reference + 0.4
    ours, published = (
        score(find_protocol(name).with_lpips("squeeze").select(["lpips"]), result, reference, lpips=squeeze).means["lpips"]
        for name in ("stssnet", "stssnet-published")
    )
    with torch.no_grad():
        assert published == pytest.approx(squeeze(result[None], reference[None], unscaled=True).item(), rel=1e-5)
    assert ours != pytest.approx(published, rel=1e-2)


@pytest.fixture(scope="module")
def everything() -> ClipScores:
    protocol = find_protocol("reds4-rgb").select(
        ["psnr_rgb", "ssim_y", "lpips", "tof", "tlp", "tpsnr", "warping", "niqe", "vmaf", "xpsnr"]
    )
    size = {"height": 96, "width": 192}
    return scored(protocol, moving_square(3, noise=0.02, **size), moving_square(3, **size), lpips=seeded_lpips())


def test_all_metrics_can_be_had_at_once(everything: ClipScores) -> None:
    first, *others = everything.frames
    assert set(first.values) == {"psnr_rgb", "ssim_y", "lpips", "niqe", "vmaf", "xpsnr"}
    for frame in others:
        assert set(frame.values) == set(first.values) | {"tof", "tlp", "tpsnr", "warping"}


def test_scores_go_into_json_infinity_included(everything: ClipScores) -> None:
    stored = json.loads(json.dumps(everything.as_json(), allow_nan=False))
    assert stored["means"]["psnr_rgb"] == everything.means["psnr_rgb"]
    frame = torch.rand(3, 32, 32)
    protocol = find_protocol("reds4-rgb")
    equal = score(protocol, frame, frame)
    assert json.loads(json.dumps(equal.as_json(), allow_nan=False))["means"]["psnr_rgb"] == "inf"
    spread = json.loads(json.dumps(average([equal], protocol).as_json(), allow_nan=False))
    assert spread["result"] == {"psnr_rgb": "inf", "ssim_rgb": 1.0}
    assert spread["digest"] == protocol.digest()


def test_only_the_previous_frame_is_kept() -> None:
    alive: list[weakref.ref[Tensor]] = []
    frames = moving_square(1, height=32, width=32)
    with ClipScorer(find_protocol("reds4-rgb").select(["psnr", "tpsnr"])) as scorer:
        for _ in range(6):
            frame = frames[0].clone()
            alive.append(weakref.ref(frame))
            scorer.add(frame, frames[0])
            del frame
            gc.collect()
            assert sum(ref() is not None for ref in alive) <= 1


def test_nothing_to_average_is_told() -> None:
    with pytest.raises(InputError, match="no frame to average"):
        average([], find_protocol("set-y"))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_scores_a_clip(name: str) -> None:
    protocol = find_protocol(name)
    network: LPIPS | None = None
    if {"lpips", "tlp"} & set(protocol.metrics):
        protocol, network = protocol.with_lpips("squeeze"), seeded_lpips()
    count = 2 * protocol.skip + 2
    with ClipScorer(protocol, scale=2, lpips=network) as scorer:
        for pair in zip(moving_square(count, noise=0.02), moving_square(count), strict=True):
            scorer.add(*pair, hole=torch.ones(32, 48))
        clip = scorer.finish()
    assert len(clip.frames) == 2
    assert clip.means.keys() == set(protocol.metrics)
    assert all(math.isfinite(value) for value in clip.means.values())


def test_pixels_of_any_depth_become_frames() -> None:
    grey = np.array([[0, 65535]], np.uint16)
    assert frame_tensor(grey).tolist() == [[[0.0, 1.0]]] * 3
    assert frame_tensor(np.zeros((4, 5, 3), np.uint8)).dtype == torch.uint8
    assert frame_tensor(np.full((4, 5, 3), 2.5, np.float16)).dtype == torch.float32
    with pytest.raises(InputError, match="1 or 3 channels"):
        frame_tensor(np.zeros((4, 5, 4), np.uint8))
    with pytest.raises(InputError, match="int64"):
        frame_tensor(np.zeros((4, 5, 3), np.int64))
