"""The plug-in in VapourSynth: equal to `upframe upscale`, whatever the order in which a script asks for frames."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest

from upframe import Upscaler

vs = pytest.importorskip("vapoursynth", reason="VapourSynth is not installed: it is for Python 3.12 and newer")
ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugins" / "vapoursynth"
sys.path.insert(0, str(PLUGIN))

import upframe_vs  # noqa: E402

WIDTH, HEIGHT, COUNT = 48, 40, 12
Planes = list[np.ndarray[Any, Any]]
TAGGED = {"_Matrix": 1, "_Primaries": 1, "_Transfer": 1, "_Range": 0, "_ChromaLocation": 0}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pan over a photograph, and from the eighth frame on over another part of it: lossless, 4:2:0, BT.709."""
    photo = PIL.Image.open(ROOT / "examples" / "media" / "stream.png").convert("RGB")
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.color_primaries, stream.color_trc, stream.colorspace, stream.color_range = 1, 1, 1, 1
        for number in range(COUNT):
            left, top = (10 + 2 * number, 20) if number < 7 else (200 + number, 150)
            image = photo.crop((left, top, left + WIDTH, top + HEIGHT))
            container.mux(stream.encode(av.VideoFrame.from_image(image).reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode())
    return path


def planes_of(path: Path) -> list[Planes]:
    with av.open(path) as container:
        return [[_plane(plane) for plane in frame.planes] for frame in container.decode(video=0)]


def _plane(plane: av.video.plane.VideoPlane) -> np.ndarray[Any, Any]:
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def clip_of(frames: Sequence[Planes], kind: Any, props: Callable[[int], dict[str, int]] = lambda _: TAGGED) -> Any:
    height, width = frames[0][0].shape
    blank = vs.core.std.BlankClip(width=width, height=height, format=kind, length=len(frames), fpsnum=25, fpsden=1)

    def fill(n: int, f: Any) -> Any:
        filled = f.copy()
        for index, plane in enumerate(frames[n]):
            np.asarray(filled[index])[...] = plane
        filled.props.clear()
        filled.props.update(props(n))
        return filled

    return blank.std.ModifyFrame(blank, fill)


def arrays(frame: Any) -> Planes:
    return [np.array(frame[index]) for index in range(frame.format.num_planes)]


def same(found: Planes, expected: Planes) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("model", ["rt4ksr-x2", "frvsr-lite-x2"])
def test_a_clip_is_what_the_command_makes_of_the_file(
    film: Path, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from upframe.cli.start import main

    result = tmp_path / "large.mkv"
    monkeypatch.setattr(sys, "argv", ["upframe", "upscale", str(film), "-o", str(result), "--model", model, "--codec", "ffv1"])
    with pytest.raises(SystemExit):
        main()
    expected = planes_of(result)
    large = upframe_vs.upscale(clip_of(planes_of(film), vs.YUV420P8), model=model, device="cpu")
    assert (large.width, large.height, large.num_frames, large.fps) == (2 * WIDTH, 2 * HEIGHT, COUNT, 25)
    for number in (*range(COUNT), 1, 8):  # in order, then back
        frame = large.get_frame(number)
        assert same(arrays(frame), expected[number]), number
        assert {name: int(frame.props[name]) for name in TAGGED} == TAGGED


def test_scene_changes_of_the_script_reset_what_is_remembered(film: Path) -> None:
    frames = planes_of(film)[:7]

    def props(cut: int | None) -> Callable[[int], dict[str, int]]:
        return lambda n: TAGGED | {"_SceneChangePrev": int(n == cut), "_SceneChangeNext": int(n + 1 == cut)}

    def upscaled(frames: Sequence[Planes], cut: int | None) -> list[Planes]:
        large = upframe_vs.upscale(clip_of(frames, vs.YUV420P8, props(cut)), model="frvsr-lite-x2", device="cpu")
        return [arrays(frame) for frame in large.frames()]

    second = upscaled(frames[4:], None)
    assert all(map(same, upscaled(frames, 4)[4:], second))
    assert not all(map(same, upscaled(frames, None)[4:], second))


def test_floats_and_other_depths_are_what_upscaler_makes_of_the_image() -> None:
    image = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), dtype=np.float32)
    expected = Upscaler("rt4ksr-x2", device="cpu").upscale(image)
    for kind, factor, type_, tolerance in (
        (vs.RGBS, 1, np.float32, 0),
        (vs.RGBH, 1, np.float16, 2e-3),
        (vs.RGB24, 255, np.uint8, 0.012),
        (vs.RGB30, 1023, np.uint16, 0.003),
    ):
        given = [(factor * image[..., channel] + (factor > 1) / 2).astype(type_) for channel in range(3)]
        frame = upframe_vs.upscale(clip_of([given], kind, lambda _: {"mine": 7}), device="cpu").get_frame(0)
        assert (frame.format.id, frame.props["mine"]) == (kind, 7)
        found = np.stack(arrays(frame), axis=2).astype(np.float32) / factor
        wanted = expected if factor == 1 else expected.clip(0, 1)
        np.testing.assert_allclose(found, wanted, atol=tolerance)


@pytest.mark.long
def test_vspipe_runs_a_script(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("vspipe")
    if not program.exists():
        pytest.skip("there is no vspipe beside this Python")
    script = tmp_path / "script.vpy"
    script.write_text(
        f"import sys\nsys.path[:0] = [{str(PLUGIN)!r}, {str(ROOT / 'src')!r}]\n"
        "import vapoursynth as vs, upframe_vs\n"
        "clip = vs.core.std.BlankClip(width=48, height=40, length=3, format=vs.YUV420P10, color=[400, 500, 600])\n"
        "upframe_vs.upscale(clip, model='frvsr-lite-x2', device='cpu', scale=3).set_output()\n"
    )
    done = subprocess.run([program, script, tmp_path / "out.yuv"], capture_output=True, text=True, timeout=120, check=False)
    if "Failed to initialize VSScript" in done.stderr:
        pytest.skip("vspipe does not know its Python yet: run `vapoursynth config`")
    assert done.returncode == 0, done.stderr
    samples = np.fromfile(tmp_path / "out.yuv", np.uint16).reshape(3, -1)
    assert samples.shape[1] == 144 * 120 * 3 // 2
    assert np.ptp(samples[:, : 144 * 120]) <= 4


@pytest.mark.parametrize(
    ("clip", "options", "words"),
    [
        (lambda: vs.core.std.BlankClip(format=vs.YUV444PS), {}, "YUV444PS are not supported.*Convert"),
        (lambda: vs.core.std.BlankClip(varformat=1), {}, "changes its format or size"),
        (lambda: vs.core.std.BlankClip(format=vs.RGBS), {"model": "no-such"}, "no-such"),
        (lambda: vs.core.std.BlankClip(format=vs.RGBS), {"model": "nsrr-x2"}, "rendered frames"),
        (lambda: vs.core.std.BlankClip(format=vs.YUV420P8, width=34, height=34), {"scale": 1.5}, "cannot be 51x51"),
        (lambda: vs.core.std.BlankClip(format=vs.RGBS), {"device": "cuda:7"}, "cuda"),
        (lambda: "film.mkv", {}, "a video clip is needed, not str"),
    ],
)
def test_what_cannot_be_done_is_one_line(clip: Callable[[], Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(vs.Error, match=words) as caught:
        upframe_vs.upscale(clip(), **options)
    assert "\n" not in str(caught.value)
