"""Networks as shaders, in the players that run them: what is shown is what `upframe upscale` makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
import torch

from upframe import Upscaler
from upframe.errors import InputError, OutputError
from upframe.export.check import LIMIT
from upframe.export.exporting import export_model, usual_name
from upframe.export.mpv_run import mpv_runner
from upframe.models.catalog import Model, load
from upframe.models.rt4ksr import RT4KSR

PHOTO = Path(__file__).parents[2] / "examples" / "media" / "stream.png"
SIZE = (45, 31)  # odd: blocks at the border are filled up
CODES = 2  # half floats between the passes, and rounding

NETWORKS = {
    "shipped": lambda: RT4KSR(2, channels=4, blocks=1, layernorm=False, residual=True, skip=True),
    "published": lambda: RT4KSR(3, channels=6, blocks=1, unshuffle=1, activation="lrelu"),  # normalised; a texture half filled
    "RTSRN": lambda: RT4KSR(2, channels=4, blocks=1, design="base", block="base", unshuffle=1, activation="relu"),
}


def small(name: str) -> Model:
    torch.manual_seed(1)
    network = NETWORKS[name]().eval().requires_grad_(False)
    for values in network.parameters():
        if values.dim() == 1:  # biases and norms that do something
            values.add_(0.1 * torch.randn(values.shape))
    return Model(network, network.info)


@pytest.fixture
def photo() -> PIL.Image.Image:
    return PIL.Image.open(PHOTO).convert("RGB").crop((100, 100, 100 + SIZE[0], 100 + SIZE[1]))


def run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "LIBGL_ALWAYS_SOFTWARE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def assert_same(shown: Path, model: Model, photo: PIL.Image.Image) -> None:
    expected = np.asarray(Upscaler(model, device="cpu").upscale(photo)).astype(int)
    found = np.asarray(PIL.Image.open(shown).convert("RGB")).astype(int)
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= CODES
    assert expected.std() > 20, "an image that is not flat"


@pytest.mark.long
def test_libplacebo_makes_what_upscale_makes(photo: PIL.Image.Image, tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra `evaluate` is not installed")
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-init_hw_device", "vulkan=card", "-filter_hw_device", "card"]
    black = ["-f", "lavfi", "-i", "color=size=16x16", "-frames:v", "1"]
    if run([*ffmpeg, *black, "-vf", "libplacebo", "-f", "null", "-"], tmp_path).returncode:
        pytest.skip("no libplacebo with a Vulkan device: Debian's mesa-vulkan-drivers is one in software")
    model = small("published")
    export_model(model, tmp_path / "network.glsl")
    photo.save(tmp_path / "photo.png")
    width, height = (model.info.scale * side for side in SIZE)
    shader = f"libplacebo=w={width}:h={height}:custom_shader_path=network.glsl:format=rgba:dithering=none"
    done = run([*ffmpeg, "-i", "photo.png", "-vf", shader, "-update", "1", "-frames:v", "1", "shown.png"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "shown.png", model, photo)


_SCREENSHOT = """mp.register_event("playback-restart", function()
  mp.add_timeout(0.5, function()
    mp.commandv("screenshot-to-file", "shown.png", "window")
    mp.commandv("quit")
  end)
end)
"""


@pytest.mark.long
@pytest.mark.skipif(not (shutil.which("mpv") and shutil.which("xvfb-run")), reason="mpv or xvfb is not installed")
@pytest.mark.parametrize(("output", "name"), [("gpu-next", "shipped"), ("gpu", "RTSRN")])
def test_mpv_shows_what_upscale_makes(output: str, name: str, photo: PIL.Image.Image, tmp_path: Path) -> None:
    model = small(name)
    export_model(model, tmp_path / "network.glsl")
    (tmp_path / "screenshot.lua").write_text(_SCREENSHOT)
    with av.open(tmp_path / "clip.mkv", "w") as container:
        stream = container.add_stream("libx264rgb", rate=Fraction(5), options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "rgb24"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_image(photo)))
        container.mux(stream.encode())
    window = f"--geometry={2 * SIZE[0]}x{2 * SIZE[1]}"
    player = ["xvfb-run", "-a", "mpv", "--no-config", f"--vo={output}", "--gpu-sw", "--gpu-api=opengl", "--pause"]
    quiet = ["--no-border", "--no-osc", "--osd-level=0", "--dither-depth=no", "--no-audio", "--screenshot-high-bit-depth=no"]
    done = run([*player, *quiet, window, "--script=screenshot.lua", "--glsl-shaders=network.glsl", "clip.mkv"], tmp_path)
    assert "rror" not in done.stdout + done.stderr.replace("error: XDG", ""), done.stdout + done.stderr
    assert_same(tmp_path / "shown.png", model, photo)


def test_a_shader_is_compared_before_it_gets_its_name(tmp_path: Path) -> None:
    pytest.importorskip("moderngl", reason="the extra `render` is not installed")
    for name in NETWORKS:
        exported = export_model(small(name), tmp_path / f"{name}.glsl")
        if not exported.checked:
            pytest.skip("no OpenGL: Debian's libegl1 and libgl1-mesa-dri are one in software")
        assert [(checked.width, checked.height) for checked in exported.checked] == [(32, 24), (21, 40), (48, 17)]
        assert all(0 < checked.largest < 1e-4 for checked in exported.checked)


def test_a_wrong_shader_is_found(tmp_path: Path) -> None:
    pytest.importorskip("moderngl", reason="the extra `render` is not installed")
    exported = export_model(small("RTSRN"), tmp_path / "network.glsl")
    if not exported.checked:
        pytest.skip("no OpenGL: Debian's libegl1 and libgl1-mesa-dri are one in software")
    text, rgb = exported.path.read_text(), {"rgb": torch.rand(1, 3, 9, 12, generator=torch.Generator().manual_seed(0))}
    right = mpv_runner(text)(rgb)["output"]
    shifted = mpv_runner(text.replace("p = at + ivec2(1, 0);", "p = at + ivec2(0, 0);", 1))(rgb)["output"]
    assert (shifted - right).abs().max() > LIMIT
    with pytest.raises(OutputError, match="OpenGL cannot compile the shader"):
        mpv_runner(text.replace("vec4 hook()", "vec5 hook()", 1))


def test_without_opengl_a_shader_is_written_and_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    exported = export_model(small("RTSRN"), tmp_path / "network.glsl")
    assert exported.path.is_file()
    assert exported.checked == ()


def test_what_cannot_be_a_shader_is_refused(tmp_path: Path) -> None:
    attentive = RT4KSR(2, channels=4, blocks=1, squeeze=True).eval()
    for model, options, words in (
        (load("frvsr-lite-x2"), {}, "frvsr-lite-x2: cannot be a shader"),
        (Model(attentive, attentive.info), {}, "cannot be a shader"),
        (small("shipped"), {"size": (16, 16)}, "frames of any size"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            export_model(model, tmp_path / "network.glsl", **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_result_without_a_name_gets_the_model_s() -> None:
    model = load("rt4ksr-x2")
    assert usual_name(model, "mpv") == Path("rt4ksr-x2.glsl")
    assert usual_name(model, "tensorrt") == Path("rt4ksr-x2-tensorrt")
    with pytest.raises(InputError, match="neither a name nor what to export to"):
        usual_name(model, None)
