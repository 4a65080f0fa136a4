"""STSSNet's frame files: read into what the network takes, in the order and the colours it was trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reference.unpack import Reference

from upframe.datasets.evaluation_set import open_set
from upframe.datasets.stssnet_files import StoredClip, read_frame
from upframe.errors import InputError
from upframe.models.stssnet import STSSNet

HEIGHT, WIDTH = 16, 24


def stored(channels: int = 33, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.float16]:
    """A frame as published: values around [0, 1], -1 in the holes of the three warped colours."""
    random = np.random.default_rng(seed)
    frame = random.uniform(-0.2, 1.2, (height, width, channels)).astype(np.float16)
    for first in (0, 3, 6):
        frame[random.random((height, width)) < 0.3, first : first + 3] = -1
    return frame


def put_scene(folder: Path, numbers: range) -> Path:
    """The test part of a scene: rendered frames are even, made ones odd."""
    for part in ("NPY", "HR"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        for kind in ("Warp", "NoWarp"):
            np.save(folder / f"NPY/compressed.{number:04d}.{kind}.npy", stored(seed=2 * number + (kind == "Warp")))
        np.save(folder / f"HR/compressedHR.{number:04d}.npy", np.full((32, 48, 3), (0.1, 0.2, 0.3), np.float16))
    return folder


@pytest.mark.parametrize("channels", [33, 35])
def test_a_frame_becomes_the_arguments_of_the_network(tmp_path: Path, channels: int) -> None:
    frame = stored(channels)
    np.save(tmp_path / "a.npy", frame)
    colour, features, mask, history = read_frame(tmp_path / "a.npy")
    planes = frame.astype(np.float32).transpose(2, 0, 1)
    assert [part.shape for part in (colour, features, mask, history)] == [
        (6, HEIGHT, WIDTH),
        (9, HEIGHT, WIDTH),
        (1, HEIGHT, WIDTH),
        (3, 4, HEIGHT, WIDTH),
    ]
    np.testing.assert_array_equal(colour, planes[[11, 10, 9, 14, 13, 12]].clip(0))
    np.testing.assert_array_equal(features[[0, 1, 2, 4, 5, 6, 7, 8]], planes[[29, 28, 27, 25, 24, 23, 22, 21]])
    np.testing.assert_array_equal(features[3], planes[26].clip(0, 1))
    np.testing.assert_array_equal(mask[0], planes[0] != -1)
    np.testing.assert_array_equal(history[2], [*planes[[14, 13, 12]].clip(0), planes[0] != -1])
    np.testing.assert_array_equal(history[0], [*planes[[20, 19, 18]].clip(0), planes[6] != -1])
    assert all(part.dtype == np.float32 for part in (colour, features, mask, history))


def test_depth_may_be_scaled_by_the_frame_s_own_range(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", stored())
    depth = read_frame(tmp_path / "a.npy", "scale").features[3]
    assert (depth.min(), round(float(depth.max()), 2)) == (0, 1)


def test_the_network_runs_on_it(tmp_path: Path, reference: Reference) -> None:
    import torch

    np.save(tmp_path / "a.npy", stored(height=64, width=96))
    network = STSSNet().eval()
    golden = reference.tensors("stssnet/golden.safetensors")
    arguments = [torch.from_numpy(part.copy())[None] for part in read_frame(tmp_path / "a.npy")]
    assert [part.shape for part in arguments] == [
        golden[f"a.{name}"].shape for name in ("input", "features", "mask", "history")
    ]
    with torch.inference_mode():
        assert network(*arguments).shape == (1, 3, 128, 192)


@pytest.mark.parametrize("place", ["", "Subway", "Subway/test"])
def test_a_scene_is_a_rendered_clip_of_even_and_odd_frames(tmp_path: Path, place: str) -> None:
    folder = put_scene(tmp_path / "Subway/test", range(4, 9))
    found = open_set(tmp_path / place, scale=2)
    assert (found.kind, found.scale, found.low_source) == ("rendered", 2, "files")
    (clip,) = found.clips
    assert isinstance(clip, StoredClip)
    assert (clip.name, clip.frame_names) == ("Subway", ("0006", "0007", "0008")), "scored from 6 on"
    np.testing.assert_allclose(clip.high(0)[0, 0], (0.3, 0.2, 0.1), atol=1e-3)
    assert (clip.high(0).shape, clip.low(0).shape) == ((32, 48, 3), (16, 24, 3))
    for index, kind in enumerate(("NoWarp", "Warp", "NoWarp")):
        expected = read_frame(folder / f"NPY/compressed.000{6 + index}.{kind}.npy")
        for mine, published in zip(clip.arguments(index), expected, strict=True):
            np.testing.assert_array_equal(mine, published)


def test_compressed_arrays_are_read_too(tmp_path: Path) -> None:
    frame = stored()
    np.savez_compressed(tmp_path / "a.npz", frame)
    np.save(tmp_path / "a.npy", frame)
    for one, other in zip(read_frame(tmp_path / "a.npz"), read_frame(tmp_path / "a.npy"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_no_frame_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", np.zeros((4, 4, 12), np.float16))
    np.save(tmp_path / "whole.npy", np.zeros((4, 4, 33), np.int32))
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("words")
    cases = {
        "small": r"\(4, 4, 12\)",
        "whole": "int32",
        "pickle": "holds object",
        "text": "cannot be read",
        "none": "no such file",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=rf"{name}\.npy: .*{words}"):
            read_frame(tmp_path / f"{name}.npy")
    put_scene(tmp_path / "Lewis/test", range(5, 7))
    with pytest.raises(InputError, match="stored for x2, not x4"):
        open_set(tmp_path / "Lewis", scale=4)
    (tmp_path / "Lewis/test/HR/compressedHR.0006.npy").unlink()
    clip = open_set(tmp_path / "Lewis", scale=2).clips[0]
    with pytest.raises(InputError, match=r"compressedHR\.0006\.npy: no such file"):
        clip.high(1)
