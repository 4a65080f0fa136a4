"""Published layouts: what is written comes back, and is laid out as the published loaders read it."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from numpy.typing import NDArray
from tests.rendered import planes
from tests.rendered.planes import FAR, HEIGHT, NEAR, WIDTH, of, single

from upframe.errors import InputError, OutputError, ShapeError
from upframe.ops.transfer import encode_linear
from upframe.rendered.check.checker import check_frames
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.history import STSSNetHistory
from upframe.rendered.layouts import (
    arm_captures,
    nsrr_clips,
    read_stssnet_frame,
    read_stssnet_target,
    write_nsrr,
    write_stssnet,
)
from upframe.rendered.layouts.channels import read_channels, write_channels

Shots = list[tuple[RenderedFrame, NDArray[np.float32]]]


def shots(frames: int, scale: int, *, jittered: bool = True) -> Shots:
    """Frames and their targets."""
    clip = planes.clip(frames) if jittered else [planes.render(time, cut=time == 0) for time in range(frames)]
    size = (HEIGHT * scale, WIDTH * scale)
    return [(frame, of(planes.render(time, size=size), "colour")) for time, frame in enumerate(clip)]


def half(values: Any) -> NDArray[np.float16]:
    return np.asarray(values, np.float16)


def shown(frame: RenderedFrame) -> NDArray[np.float32]:
    assert isinstance(of(frame, "colour"), np.ndarray)
    return encode_linear(torch.from_numpy(of(frame, "colour"))).numpy()


# STSSNet


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shots]:
    folder, clip = tmp_path_factory.mktemp("scene") / "train1", shots(6, 2)
    write_stssnet(folder, clip, far=30.0)
    return folder, clip


def test_stssnet_frames_are_named_as_published(scene: tuple[Path, Shots]) -> None:
    names = sorted(str(path.relative_to(scene[0])) for path in scene[0].rglob("*.npy"))
    assert names[:6] == [f"HR/compressedHR.{number:04d}.npy" for number in range(6)]
    assert names[6:] == [f"NPY/compressed.{number:04d}.{('NoWarp', 'Warp')[number % 2]}.npy" for number in range(6)]


def test_stssnet_files_hold_half_floats_with_colours_reversed(scene: tuple[Path, Shots]) -> None:
    folder, clip = scene
    stored = np.load(folder / "NPY/compressed.0002.NoWarp.npy")
    assert (stored.shape, stored.dtype) == ((HEIGHT, WIDTH, 33), np.float16)
    colour = half(shown(clip[2][0]))
    for first in (0, 9, 12):  # of a shaded frame: itself
        np.testing.assert_array_equal(stored[..., first : first + 3], colour[..., ::-1])
    frame = clip[2][0]
    np.testing.assert_array_equal(stored[..., 21:24], half(of(frame, "albedo"))[..., ::-1])
    np.testing.assert_array_equal(stored[..., 27:30], half(of(frame, "normal"))[..., ::-1])
    np.testing.assert_array_equal(
        stored[..., 30:],
        half(np.stack((0 * of(frame, "motion")[..., 0], of(frame, "motion")[..., 1], -of(frame, "motion")[..., 0]), 2)),
    )


def test_stssnet_frames_come_back(scene: tuple[Path, Shots]) -> None:
    folder, clip = scene
    frame, target = clip[3]
    back = read_stssnet_frame(folder / "NPY/compressed.0003.Warp.npy")
    for name in ("albedo", "normal", "roughness", "metallic", "motion"):
        np.testing.assert_allclose(getattr(back, name), getattr(frame, name), atol=2e-3, err_msg=name)
    np.testing.assert_allclose(back.depth, np.minimum(of(frame, "depth") / 30, 1), atol=1e-3)
    large = read_stssnet_target(folder / "HR/compressedHR.0003.npy")
    np.testing.assert_allclose(large, encode_linear(torch.from_numpy(target)).numpy(), atol=1e-3)


def test_the_past_in_stssnet_files_lies_on_the_present(scene: tuple[Path, Shots]) -> None:
    folder, clip = scene
    inputs = read_stssnet_frame(folder / "NPY/compressed.0005.Warp.npy").network_inputs()
    present, seen = np.moveaxis(shown(clip[5][0]), 2, 0), inputs.mask[0] > 0
    assert 0.02 < 1 - seen.mean() < 0.3
    error = ((inputs.colour[3:] - present) ** 2)[:, seen].mean()
    assert -10 * math.log10(error) > 32


def test_what_the_network_is_given_is_what_the_history_assembles(scene: tuple[Path, Shots]) -> None:
    folder, clip = scene
    history, before = STSSNetHistory(), clip[0][0]
    for number, (frame, _) in enumerate(clip):
        change = single(np.subtract(frame.jitter, before.jitter))
        motion = torch.from_numpy(of(frame, "motion") + change).permute(2, 0, 1)[None]
        colour = None if number % 2 else torch.from_numpy(shown(frame)).permute(2, 0, 1)[None]
        expected = history.step(colour, torch.from_numpy(np.asarray(of(frame, "depth")))[None, None], motion)
        kind = "Warp" if number % 2 else "NoWarp"
        inputs = read_stssnet_frame(folder / f"NPY/compressed.{number:04d}.{kind}.npy").network_inputs()
        mask = expected.mask[0].numpy()
        np.testing.assert_array_equal(inputs.mask, mask)
        np.testing.assert_array_equal(inputs.history[:, 3:], expected.history[0, :, 3:].numpy())
        np.testing.assert_allclose(inputs.colour, expected.colour[0].numpy(), atol=2e-3)
        np.testing.assert_allclose(inputs.history[:, :3], expected.history[0, :, :3].numpy(), atol=2e-3)
        before = frame


@pytest.mark.parametrize("channels", [33, 35])
def test_stssnet_channels_are_read_as_the_published_loader_does(channels: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    stored = generator.normal(0.5, 0.6, (6, 8, channels)).astype(np.float16)
    stored[2, 3, :3] = stored[1, 1, 6:9] = -1
    np.savez_compressed(tmp_path / "frame.npz", stored)
    inputs = read_stssnet_frame(tmp_path / "frame.npz").network_inputs()
    wide = stored.astype(np.float32).transpose(2, 0, 1)
    np.testing.assert_array_equal(inputs.colour, wide[[11, 10, 9, 14, 13, 12]].clip(0))
    np.testing.assert_array_equal(
        inputs.features, np.concatenate((wide[[29, 28, 27]], wide[26:27].clip(0, 1), wide[[25, 24, 23, 22, 21]]))
    )
    np.testing.assert_array_equal(inputs.history[0, :3], wide[[20, 19, 18]].clip(0))
    np.testing.assert_array_equal(inputs.history[2, :3], wide[[14, 13, 12]].clip(0))
    assert np.argwhere(inputs.mask[0] == 0).tolist() == [[2, 3]]
    assert np.argwhere(inputs.history[0, 3] == 0).tolist() == [[1, 1]]
    first = 31 if channels == 35 else 30
    motion = read_stssnet_frame(tmp_path / "frame.npz").motion
    np.testing.assert_array_equal(motion, np.stack((-wide[first + 2], wide[first + 1]), axis=2))
    scaled = read_stssnet_frame(tmp_path / "frame.npz").network_inputs("scale").features[3]
    assert (scaled.min(), round(float(scaled.max()), 4)) == (0, 1)


def test_a_cut_at_an_odd_number_is_left_out(tmp_path: Path) -> None:
    clip = shots(4, 2)
    clip[1] = (replace(clip[1][0], cut=True), clip[1][1])
    written = write_stssnet(tmp_path, clip)
    assert [path.name.split(".")[1] for path in written] == ["0000", "0002", "0003"]


def test_stssnet_is_written_only_from_what_it_needs(tmp_path: Path) -> None:
    (frame, target), *_ = shots(1, 2)
    with pytest.raises(InputError, match="frame 0: STSSNet's layout needs metallic"):
        write_stssnet(tmp_path, [(replace(frame, metallic=None), target)])
    with pytest.raises(ShapeError, match="target of a 72x112 frame"):
        write_stssnet(tmp_path, [(frame, target[2:])])
    with pytest.raises(InputError, match="even number, not 3"):
        write_stssnet(tmp_path, [(frame, target)], first=3)
    write_stssnet(tmp_path, [(frame, target)])
    with pytest.raises(OutputError, match="exists already"):
        write_stssnet(tmp_path, [(frame, target)])
    write_stssnet(tmp_path, [(frame, target)], overwrite=True)


def huge() -> bytes:
    """The header of an array of a petabyte, and no array."""
    file = io.BytesIO()
    header = {"descr": "<f2", "fortran_order": False, "shape": (2**24, 2**24, 33)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("arr_0.npy", content)
    return file.getvalue()


BAD = {
    "huge": (huge(), "is more than a frame has"),
    "huge in a zip": (zipped(huge()), "is more than a frame has"),
    "a pickle": (saved(np.array([{}], dtype=object)), "holds object"),
    "integers": (saved(np.zeros((4, 4, 33), np.int16)), "holds int16"),
    "another shape": (saved(np.zeros((4, 4, 34), np.float16)), r"\(h, w, 33\) or \(h, w, 35\)"),
    "cut short": (saved(np.zeros((4, 4, 33), np.float16))[:-9], "cut short"),
    "text": (b"hello", "cannot be read as an array"),
    "nothing": (b"", "cannot be read as an array"),
    "an empty zip": (zipped(b"")[:0] + b"PK\x05\x06" + bytes(18), "cannot be read as an array"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_array_is_refused_in_one_line_before_memory_is_asked_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "compressed.0001.Warp.npy"
    path.write_bytes(BAD[kind][0])
    with pytest.raises(InputError, match=BAD[kind][1]) as caught:
        read_stssnet_frame(path)
    assert str(caught.value).startswith(str(path))
    with pytest.raises(InputError, match="no such file"):
        read_stssnet_frame(tmp_path / "other.npy")


# The NSRR re-implementation


def test_nsrr_frames_come_back(tmp_path: Path) -> None:
    clip = shots(3, 4)
    assert write_nsrr(tmp_path, "agent327", clip) == 3
    (back,) = nsrr_clips(tmp_path)
    assert (back.scene, back.size, back.target_sizes, len(back)) == ("agent327", (HEIGHT, WIDTH), ((4 * HEIGHT, 4 * WIDTH),), 3)
    assert [frame.cut for frame in back] == [True, False, False]
    frame, (before, now) = back[2], (clip[1][0], clip[2][0])
    np.testing.assert_array_equal(of(frame, "depth"), of(now, "depth"))
    # The layout has no jitter: motion leads from samples to samples.
    np.testing.assert_allclose(
        of(frame, "motion"), of(now, "motion") + single(np.subtract(now.jitter, before.jitter)), atol=1e-6
    )
    assert (frame.linear, frame.jitter) == (False, (0, 0))
    np.testing.assert_allclose(of(frame, "colour"), shown(now).clip(0, 1), atol=0.51 / 255)
    np.testing.assert_allclose(back.target(2), encode_linear(torch.from_numpy(clip[2][1])).numpy().clip(0, 1), atol=0.51 / 255)
    assert check_frames(back).mistakes == ()


def test_nsrr_files_are_named_and_laid_out_as_published(tmp_path: Path) -> None:
    clip = shots(1, 2, jittered=False)
    write_nsrr(tmp_path, "dweebs-03", clip, first=27)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    small, large = f"dweebs-03_cycles_{WIDTH}_{HEIGHT}_0027", f"dweebs-03_cycles_{2 * WIDTH}_{2 * HEIGHT}_0027"
    assert names == {f"color/{small}.png", f"color/{large}.png", f"depth/{small}.exr", f"motion/{small}.exr"}
    stored = read_channels(tmp_path / f"motion/{small}.exr", "BGR")  # OpenCV's order: Y, X, 0 of Blender's vector pass
    motion = of(clip[0][0], "motion")
    np.testing.assert_array_equal(stored, np.stack((-motion[..., 1], motion[..., 0], 0 * motion[..., 0]), axis=2))
    assert read_channels(tmp_path / f"depth/{small}.exr", "Y").max() == np.float32(1e10)


def test_nsrr_scenes_and_sizes_are_told_apart(tmp_path: Path) -> None:
    write_nsrr(tmp_path, "one", shots(1, 2))
    write_nsrr(tmp_path, "two", shots(2, 2), first=8)
    write_nsrr(tmp_path, "two", shots(1, 2), first=12)
    one, two = nsrr_clips(tmp_path)
    assert (len(one), two.numbers) == (1, ("0008", "0009", "0012"))
    assert [frame.cut for frame in two[:]] == [True, False, True]
    PIL.Image.new("RGB", (4 * WIDTH, 4 * HEIGHT)).save(tmp_path / f"color/two_cycles_{4 * WIDTH}_{4 * HEIGHT}_0008.png")
    two = nsrr_clips(tmp_path)[1]
    with pytest.raises(InputError, match="2 display sizes"):
        two.target(0)
    assert two.target(0, (4 * HEIGHT, 4 * WIDTH)).max() == 0


def test_nsrr_is_not_written_with_what_it_cannot_hold(tmp_path: Path) -> None:
    (frame, target), (later, _) = shots(2, 2)
    with pytest.raises(InputError, match="underscore"):
        write_nsrr(tmp_path, "my_scene", [(frame, target)])
    with pytest.raises(InputError, match="frame 2: a new shot begins here"):
        write_nsrr(tmp_path, "a", [(frame, target), (replace(later, cut=True), target)])
    with pytest.raises(InputError, match="needs a colour"):
        write_nsrr(tmp_path, "b", [(replace(frame, colour=None), target)])
    with pytest.raises(ShapeError, match="not a whole multiple"):
        write_nsrr(tmp_path, "c", [(frame, target[1:])])


def test_a_folder_that_is_not_nsrrs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no folders color, depth and motion"):
        nsrr_clips(tmp_path)
    for kind in ("color", "depth", "motion"):
        (tmp_path / kind).mkdir()
    with pytest.raises(InputError, match="no file in it is named SCENE_ENGINE"):
        nsrr_clips(tmp_path)


# Arm


def write_arm(root: Path, frames: int, *, reverse_z: bool, far: float) -> list[RenderedFrame]:
    """A capture as the specification has it; the frames it was made of."""
    clip, described = planes.clip(frames), []
    plane = math.inf if far == -1 else far
    for index, frame in enumerate(clip):
        with np.errstate(invalid="ignore"):
            device = np.where(np.isinf(of(frame, "depth")), 1, (1 - NEAR / of(frame, "depth")) / (1 - NEAR / plane)).astype(
                np.float32
            )
        motion = (-of(frame, "motion") / single((WIDTH, HEIGHT))).astype(np.float32)
        colour = np.asarray(of(frame, "colour"))
        for kind, planes_of in {
            "x2/color": dict(zip("RGB", np.moveaxis(colour.astype(np.float16), 2, 0), strict=True)),
            "x2/depth": {"R": 1 - device if reverse_z else device},
            "x2/motion": dict(zip("RG", np.moveaxis(motion, 2, 0), strict=True)),
            "ground_truth": dict(zip("RGB", np.moveaxis(np.repeat(colour, 2, axis=0), 2, 0), strict=True)),
        }.items():
            write_channels(root / kind / "0000" / f"{index:04d}.exr", planes_of)
        jitter = {"X": frame.jitter[0] / WIDTH, "Y": frame.jitter[1] / HEIGHT}
        described.append(
            {"CameraNearPlane": NEAR, "CameraFarPlane": far, "Exposure": 2.5, "NormalizedPerRatioJitter": [{}, jitter]}
        )
    said = {"Frames": described, "EmulatedFramerate": 30, "ReverseZ": reverse_z, "UpscalingRatiosIndices": {"x2_index": 1}}
    (root / "0000.json").write_text(json.dumps(said))
    return clip


@pytest.mark.parametrize("far", [FAR, -1])
@pytest.mark.parametrize("reverse_z", [False, True])
def test_arms_captures_are_brought_to_our_conventions(reverse_z: bool, far: float, tmp_path: Path) -> None:
    clip = write_arm(tmp_path, 3, reverse_z=reverse_z, far=far)
    (capture,) = arm_captures(tmp_path)
    assert (capture.name, capture.ratio, capture.fps, len(capture)) == ("0000", "x2", 30, 3)
    for back, frame in zip(capture, clip, strict=True):
        np.testing.assert_allclose(back.depth, of(frame, "depth"), rtol=2e-5 if reverse_z else 1e-3)
        np.testing.assert_allclose(back.motion, of(frame, "motion"), atol=1e-4)
        assert back.jitter == pytest.approx(frame.jitter)
        assert (back.exposure, back.linear, back.cut) == (2.5, True, frame.cut)
    assert capture.target(1).shape == (2 * HEIGHT, WIDTH, 3)
    assert check_frames(capture).mistakes == ()


def test_a_cut_in_arms_description_is_a_cut(tmp_path: Path) -> None:
    write_arm(tmp_path, 3, reverse_z=False, far=-1)
    said = json.loads((tmp_path / "0000.json").read_text())
    said["Frames"][2]["CameraCut"] = True
    (tmp_path / "0000.json").write_text(json.dumps(said))
    assert [frame.cut for frame in arm_captures(tmp_path)[0]] == [True, False, True]


def test_a_description_that_lacks_something_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no capture"):
        arm_captures(tmp_path)
    write_arm(tmp_path, 1, reverse_z=False, far=-1)
    path = tmp_path / "0000.json"
    said = json.loads(path.read_text())
    del said["Frames"][0]["CameraNearPlane"]
    path.write_text(json.dumps(said))
    with pytest.raises(InputError, match=r"0000\.json: frame 0 lacks or misstates 'CameraNearPlane'"):
        arm_captures(tmp_path)[0][0]
    said["NearPlane"] = NEAR  # older captures say it once
    path.write_text(json.dumps(said))
    assert arm_captures(tmp_path)[0][0].size == (HEIGHT, WIDTH)
    for text in ("[]", "{", '{"Frames": 3}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(InputError, match="is not a description of a capture"):
            arm_captures(tmp_path)


# OpenEXR


def test_a_bad_openexr_file_is_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.exr"
    with pytest.raises(InputError, match="no such file"):
        read_channels(path, "R")
    write_channels(path, {"R": np.ones((40, 50), np.float32)})
    with pytest.raises(InputError, match="no channel G; it holds R"):
        read_channels(path, "RG")
    with pytest.raises(InputError, match="2,000 pixels are more"):
        read_channels(path, "R", max_pixels=1999)
    whole = path.read_bytes()
    for content in (whole[:-5], whole[:200], b"", b"hello"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=str(path)):
            read_channels(path, "R")
    assert capfd.readouterr().out == ""
