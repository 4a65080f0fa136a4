"""What is shown of a clip: the places where a result is worst and best, the same ones of every subject."""

from __future__ import annotations

import io
import json

import numpy as np
import PIL.Image
import pytest
import torch
from numpy.typing import NDArray
from tests.evaluation.samples import blemished, moving, scene
from torch import Tensor

from upframe.evaluation.images import BLOCK, LOW, REFERENCE, WINDOW, ImageCollector, ImagePlan, SubjectImages
from upframe.metrics import frame_tensor
from upframe.ops.resize import downscale, upscale

ALL = ImagePlan(window=0, profile=True, blocks=True)


def opened(encoded: bytes) -> NDArray[np.uint8]:
    with PIL.Image.open(io.BytesIO(encoded)) as image:
        return np.array(image)


def frames(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A reference, low resolution, and its bicubic upscaling."""
    reference = frame_tensor(scene(256, 384, seed))
    low = downscale(reference.float()[None] / 255, 2)[0]
    return reference, low, upscale(low, 2)


def test_the_worst_block_is_where_the_damage_is() -> None:
    reference, low, plain = frames()
    result = plain.clone()
    result[:, 100:190, 250:340] = 0
    watcher = ImageCollector("model", ALL, scale=2)
    watcher.see(0, result, reference, low, plain)
    images = watcher.finish()
    worst = next(place for place in images.blocks if place.verdict == "worst")
    assert abs(worst.top - 100) <= BLOCK // 2
    assert abs(worst.left - 250) <= BLOCK // 2
    layers = images.blocks[worst]
    assert list(layers) == ["model", REFERENCE, LOW]
    area = np.s_[worst.top : worst.top + BLOCK, worst.left : worst.left + BLOCK]
    assert np.array_equal(opened(layers[REFERENCE]), reference.permute(1, 2, 0).numpy()[area])
    assert opened(layers[LOW]).shape == (BLOCK // 2, BLOCK // 2, 3)


def test_the_best_block_is_where_most_is_gained_over_bicubic() -> None:
    reference, low, plain = frames()
    result = plain.clone()
    result[:, 96:192, 192:288] = reference[:, 96:192, 192:288] / 255
    watcher = ImageCollector("model", ALL, scale=2)
    watcher.see(0, result, reference, low, plain)
    best = next(place for place in watcher.finish().blocks if place.verdict == "best")
    assert (best.top, best.left) == (96, 192)
    assert best.gain
    assert best.value > 10


def test_blocks_of_one_verdict_show_different_places_and_the_frame_where_it_is_greatest() -> None:
    watcher = ImageCollector("result", ALL)
    for index, frame in enumerate(moving(6, 256, 384)):
        watcher.see(index, frame_tensor(blemished(frame, amount=20 if index == 4 else 3)), frame_tensor(frame))
    worst = [place for place in watcher.finish().blocks if place.verdict == "worst"]
    assert {place.frame for place in worst} == {4}
    assert len(worst) == 3
    for one in worst:
        for other in worst:
            assert one is other or abs(one.top - other.top) >= BLOCK or abs(one.left - other.left) >= BLOCK
    assert [place.value for place in worst] == sorted(place.value for place in worst)


def test_the_places_of_the_first_subject_are_shown_of_the_others() -> None:
    reference, low, plain = frames()
    first = ImageCollector("model", ALL, scale=2)
    first.see(0, plain, reference, low, plain)
    places = tuple(first.finish().blocks)
    second = ImageCollector("other", ALL, scale=2, places=places)
    second.see(0, reference, reference)
    images = second.finish()
    assert tuple(images.blocks) == places
    assert all(list(layers) == ["other"] for layers in images.blocks.values())
    assert list(images.window) == ["other"]


def test_a_window_is_the_middle_of_a_frame_in_whole_small_pixels() -> None:
    reference = frame_tensor(scene(481, 722))
    low = torch.zeros(3, 160, 240)
    watcher = ImageCollector("model", ImagePlan(window=0), scale=3)
    watcher.see(0, reference[:, :480, :720], reference, low)
    window = watcher.finish().window
    rows, columns = opened(window[REFERENCE]).shape[:2]
    assert rows <= WINDOW[0]
    assert columns <= WINDOW[1]
    assert opened(window[LOW]).shape[:2] == (rows // 3, columns // 3)
    assert rows % 3 == columns % 3 == 0
    middle = reference[:, (480 - rows) // 6 * 3 :, (720 - columns) // 6 * 3 :][:, :rows, :columns].permute(1, 2, 0).numpy()
    assert np.abs(opened(window[REFERENCE]).astype(int) - middle).mean() < 8, "but for what JPEG loses"


def test_a_profile_holds_the_middle_column_of_every_frame() -> None:
    clip = moving(7)
    watcher = ImageCollector("result", ImagePlan(profile=True))
    for index, frame in enumerate(clip):
        watcher.see(index, frame_tensor(frame), frame_tensor(frame))
    profile = opened(watcher.finish().profile[REFERENCE])
    assert np.array_equal(profile, np.stack([frame[:, 48] for frame in clip], axis=1))


def test_a_single_image_has_no_profile_and_a_flat_one_no_best_block() -> None:
    flat = torch.full((3, 128, 128), 90, dtype=torch.uint8)
    watcher = ImageCollector("result", ALL)
    watcher.see(0, flat, flat)
    images = watcher.finish()
    assert images.profile == {}
    assert [place.verdict for place in images.blocks] == ["worst"]


def test_images_too_small_for_a_block_are_shown_whole() -> None:
    small = frame_tensor(scene(40, 60))
    watcher = ImageCollector("result", ALL)
    watcher.see(0, small, small)
    images = watcher.finish()
    assert images.blocks == {}
    assert opened(images.window[REFERENCE]).shape == (40, 60, 3)


def test_images_come_back_from_a_journal_as_they_were() -> None:
    reference, low, plain = frames()
    watcher = ImageCollector("model", ALL, scale=2)
    watcher.see(0, plain, reference, low, plain)
    images = watcher.finish()
    assert SubjectImages.from_json(json.loads(json.dumps(images.as_json()))) == images
    with pytest.raises((ValueError, LookupError, TypeError)):
        SubjectImages.from_json({"window": {"a": "%%%"}, "profile": {}, "blocks": []})
