"""Rendered clips on disk: what is written comes back, in files others can read; damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from upframe.errors import InputError, OutputError, ShapeError
from upframe.rendered import RenderedFrame
from upframe.rendered.clip import LAYERS, ClipFrame, ClipInfo, ClipWriter, RenderedClip, frame_path

OpenEXR = pytest.importorskip("OpenEXR")

HEIGHT, WIDTH = 6, 10
VIEW = ((1.0, 0.0, 0.0, 0.5), (0.0, 0.0, 1.0, -1.25), (0.0, -1.0, 0.0, 1 / 3), (0.0, 0.0, 0.0, 1.0))


def _frame(seed: int, *, shaded: bool = True) -> RenderedFrame:
    rng = np.random.default_rng(seed)

    def half(*shape: int) -> NDArray[np.float16]:
        return rng.random((HEIGHT, WIDTH, *shape)).astype(np.float16)

    depth = rng.random((HEIGHT, WIDTH)).astype(np.float32) + 1
    depth[0] = np.inf
    return RenderedFrame(
        colour=half(3) if shaded else None,
        depth=depth,
        motion=rng.normal(size=(HEIGHT, WIDTH, 2)).astype(np.float32) * 100,
        normal=half(3),
        albedo=half(3),
        roughness=half(),
        metallic=half(),
        reactive=half(),
        transparency=half(),
        exposure=2.5,
        jitter=(-0.5, 0.25),
        cut=seed == 0,
    )


def _info(frames: int = 2, scale: int | None = 2) -> ClipInfo:
    return ClipInfo(
        render_size=(WIDTH, HEIGHT),
        display_size=None if scale is None else (scale * WIDTH, scale * HEIGHT),
        fps=24,
        maker={"scene": "test", "seed": 3},
        frames=tuple(ClipFrame(view=VIEW, jitter=(-0.5, 0.25), exposure=2.5, cut=number == 0) for number in range(frames)),
    )


def _target(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole clip of two frames."""
    writer = ClipWriter(tmp_path / "clip", _info())
    for number in writer.missing():
        writer.write(number, _frame(number), _target(number))
    writer.finish()
    return tmp_path / "clip"


def test_a_clip_comes_back_as_it_was_written(folder: Path) -> None:
    clip = RenderedClip(folder)
    assert clip.info == _info()
    assert (len(clip), clip.info.scale) == (2, 2)
    for number, frame in enumerate(clip):
        written = _frame(number)
        for name, buffer in written.buffers().items():
            read = getattr(frame, name)
            assert read.dtype == buffer.dtype
            np.testing.assert_array_equal(read, buffer)
        assert (frame.jitter, frame.exposure, frame.cut, frame.linear) == ((-0.5, 0.25), 2.5, number == 0, True)
        np.testing.assert_array_equal(clip.target(number), _target(number).astype(np.float16))
    assert clip[-1].cut is False
    assert [frame.cut for frame in clip[:]] == [True, False]
    with pytest.raises(IndexError):
        clip[2]


def test_the_files_hold_one_layer_for_each_buffer(folder: Path) -> None:
    with OpenEXR.File(str(frame_path(folder, 0)), separate_channels=True) as file:
        channels = {name: channel.pixels.dtype for name, channel in file.channels().items()}
    assert channels.keys() == {channel for names in LAYERS.values() for channel in names}
    assert {name for name, kind in channels.items() if kind == np.float32} == {"depth.Z", "motion.X", "motion.Y"}
    assert json.loads((folder / "clip.json").read_text())["frames"][1]["view"] == [list(row) for row in VIEW]


def test_values_too_large_for_half_become_its_largest(tmp_path: Path) -> None:
    frame = _frame(1)
    bright = RenderedFrame(colour=np.full((HEIGHT, WIDTH, 3), 1e6, np.float32), depth=frame.depth, motion=frame.motion)
    writer = ClipWriter(tmp_path, _info(1, scale=None))
    writer.write(0, bright)
    writer.finish()
    clip = RenderedClip(tmp_path)
    assert np.asarray(clip[0].colour).max() == 65504
    with pytest.raises(InputError, match="has no targets"):
        clip.target(0)


def test_a_frame_may_lack_its_colour_and_materials(tmp_path: Path) -> None:
    frame = _frame(1, shaded=False)
    writer = ClipWriter(tmp_path, _info(1, scale=None))
    writer.write(0, RenderedFrame(colour=None, depth=frame.depth, motion=frame.motion, normal=frame.normal))
    writer.finish()
    assert RenderedClip(tmp_path)[0].buffers().keys() == {"depth", "motion", "normal"}


def test_a_writer_goes_on_where_another_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    first = ClipWriter(folder, _info(3))
    first.write(1, _frame(1), _target(1))
    with pytest.raises(OutputError, match="frame 0 has not been written"):
        first.finish()
    with pytest.raises(InputError, match="unfinished"):
        RenderedClip(folder)
    second = ClipWriter(folder, _info(3))
    assert second.missing() == [0, 2]
    for number in second.missing():
        second.write(number, _frame(number), _target(number))
    second.finish()
    assert sorted(path.name for path in folder.iterdir()) == ["clip.json", "frames", "target"]
    assert ClipWriter(folder, _info(3)).finished


def test_a_clip_of_other_settings_is_not_written_over(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="made with other settings"):
        ClipWriter(folder, _info(3))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("dear")
    with pytest.raises(OutputError, match="not empty"):
        ClipWriter(tmp_path / "letters", _info())
    with pytest.raises(OutputError, match="there is a file in its place"):
        ClipWriter(tmp_path / "letters" / "mine.txt", _info())


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    writer = ClipWriter(tmp_path, _info())
    with pytest.raises(ShapeError, match=r"the target of frame 0 must be \(12, 20, 3\)"):
        writer.write(0, _frame(0), _target(0)[:-1])
    depth = np.ones((4, 4), np.float32)
    with pytest.raises(ShapeError, match="frame 0 is 4x4, but the clip is 10x6"):
        writer.write(0, RenderedFrame(colour=None, depth=depth, motion=np.stack((depth, depth), axis=2)), _target(0))
    assert writer.missing() == [0, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version"),
        ({"frames": []}, "frames"),
        ({"fps": 0}, "fps"),
        ({"display_size": [25, 12]}, "not a whole multiple"),
        ({"speed": 3}, "speed"),
        ({"frames": [{"jitter": [0.5, 0]}]}, "jitter"),
        ({"frames": [{"exposure": -1}]}, "exposure"),
    ],
)
def test_something_wrong_in_clip_json_is_named(folder: Path, change: dict[str, object], words: str) -> None:
    path = folder / "clip.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=words) as caught:
        RenderedClip(folder)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no clip\.json"):
        RenderedClip(tmp_path)
    (tmp_path / "clip.json").write_bytes(b"\xff\xfe not JSON")
    with pytest.raises(InputError, match=r"clip\.json"):
        RenderedClip(tmp_path)


def test_a_missing_cut_or_foreign_frame_is_named(folder: Path) -> None:
    clip, path = RenderedClip(folder), frame_path(folder, 1)
    whole = path.read_bytes()
    for damaged, words in ((whole[: len(whole) // 2], "cut short|cannot be read"), (b"not OpenEXR", "cannot be read")):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=words):
            clip[1]
    path.unlink()
    with pytest.raises(InputError, match=r"00001\.exr: no such file"):
        clip[1]
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"depth.Z": np.ones((HEIGHT, WIDTH), np.float32)}).write(str(path))
    with pytest.raises(InputError, match="has no motion"):
        clip[1]
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"depth.Z": np.ones((3, WIDTH), np.float32)}).write(str(path))
    with pytest.raises(InputError, match=r"is 10x3, but clip\.json says 10x6"):
        clip[1]
