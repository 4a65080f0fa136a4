"""Blender as a maker: the same buffers as the rasteriser's, and any ``.blend`` file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from upframe.errors import DeviceError, InputError, MissingExtra
from upframe.rendered.check.checker import check_frames
from upframe.rendered.check.depth import CameraMatrices
from upframe.rendered.clip import RenderedClip
from upframe.rendered.frame import RenderedFrame
from upframe.renderers.blender.blender import Blender, find_blender
from upframe.renderers.job import RenderSettings, render_clip
from upframe.renderers.raster.rasteriser import Rasteriser
from upframe.renderers.scene import Camera, Instance, Material, Matrix, PointLight, Scene, Shot, Sun, Surface
from upframe.renderers.scenes import geometry, textures
from upframe.renderers.scenes.placement import look_at, place

pytest.importorskip("OpenEXR")

SIZE = 64, 96


@pytest.fixture(scope="module")
def blender_program() -> Path:
    """Blender, or the test is skipped."""
    try:
        program = find_blender()
    except DeviceError as error:
        pytest.skip(str(error))
    if program.name.startswith("python") and subprocess.run([program, "-I", "-c", "import bpy"], check=False).returncode:
        pytest.skip(f"{program} has no bpy: run `make blender`")
    return program


def _tumbling(time: float) -> Matrix:
    """Turned within a stretched frame: it shears, which no single object in Blender can."""
    return place(-1.2 + time, 0.5, 1.0, scale=(1, 1, 1.6)) @ place(turn=2 * time, roll=0.4 + time)


def _scene() -> Scene:
    """Things that stand, move, shear, are seen from one side alone, have holes, bumps, metal and light; two cameras."""
    rng = np.random.default_rng(4)
    leaves = np.zeros((32, 32, 4), np.uint8)
    leaves[:, :, :3], leaves[8:24, 8:24, 3] = (60, 140, 40), 255
    flat = np.full((32, 32, 3), (128, 128, 255), np.uint8)
    leaf = Surface(leaves, flat, np.full((32, 32), 200, np.uint8))
    card = geometry.with_texture_size(geometry.ground(1.5, 1.5), 1.5)
    wall = geometry.with_texture_size(geometry.box(6.0, 0.2, 4.0), 12.0)  # each texel is larger than a pixel
    instances = (
        Instance(geometry.ground(30, 30), Material((0.5, 0.45, 0.4), 0.9), np.eye(4)),
        Instance(wall, Material(surface=textures.brick(rng, 64)), place(0.5, 4.0, turn=0.1)),
        Instance(geometry.box(), Material((0.7, 0.2, 0.1), 0.4, 0.0), _tumbling),
        Instance(geometry.sphere(0.6, 32), Material((0.9, 0.7, 0.3), 0.35, 1.0), lambda time: place(1.3, 0.2 - time, 0.6)),
        Instance(card, Material(surface=leaf, two_sided=True), lambda time: place(0.2, -1.0, 1.0, roll=1.2 + time)),
        Instance(card, Material((0.1, 0.1, 0.9)), place(0.0, -2.0, 0.9, roll=-1.4)),  # its back is to the camera
    )

    def approach(time: float) -> Matrix:
        return look_at((2 * time, -6 + 2 * time, 2.0 + time), (0.1, 0.5, 0.9 - 0.2 * time), roll=0.2 * time)

    def aside(time: float) -> Matrix:
        return look_at((4 - 3 * time, -3, 1.5), (0, 1, 0.5))

    return Scene(
        "things",
        0,
        instances,
        (Shot(0.0, Camera(approach)), Shot(0.1, Camera(aside, field_of_view=0.7))),
        np.full((32, 64, 3), (0.3, 0.4, 0.6), np.float32),
        Sun((0.48, -0.36, 0.8), (3.0, 2.8, 2.4)),
        (PointLight(lambda time: (time, 2.0, 2.0), (4.0, 2.0, 1.0)),),
        exposure=0.8,
    )


@pytest.fixture(scope="module")
def pairs(blender_program: Path) -> list[tuple[RenderedFrame, RenderedFrame]]:
    """Frames of both makers: Blender's first."""
    shown = [(1, (0.0, 0.0)), (2, (0.3, -0.45)), (3, (0.0, 0.0)), (4, (-0.2, 0.1))]  # frame 3 is the second shot's first
    try:
        with Rasteriser(_scene()) as rasteriser:
            expected = [rasteriser.render(number, SIZE, jitter=jitter) for number, jitter in shown]
    except (DeviceError, MissingExtra) as error:
        pytest.skip(str(error))
    with Blender(_scene(), samples=16, threads=2, program=blender_program) as blender:
        made = [blender.render(number, SIZE, jitter=jitter) for number, jitter in shown]
    return list(zip(made, expected, strict=True))


def _float(buffer: object) -> NDArray[np.float64]:
    return np.asarray(buffer, np.float64)


def _same_point(made: RenderedFrame, expected: RenderedFrame) -> NDArray[np.bool_]:
    """Pixels in which both makers met the same surface: all but some on edges."""
    one, two = _float(made.depth), _float(expected.depth)
    solid = np.isfinite(one) & np.isfinite(two)
    same = np.zeros(solid.shape, np.bool_)
    same[solid] = np.abs(one[solid] / two[solid] - 1) < 1e-3
    return same


@pytest.mark.long
def test_both_makers_see_the_same_depth(pairs: list[tuple[RenderedFrame, RenderedFrame]]) -> None:
    for made, expected in pairs:
        sky = np.isinf(_float(expected.depth))
        assert 0.02 < sky.mean() < 0.6
        assert (np.isinf(_float(made.depth)) == sky).mean() > 0.995
        assert (_same_point(made, expected) | sky).mean() > 0.985
        same = _same_point(made, expected)
        assert np.median(np.abs(_float(made.depth)[same] / _float(expected.depth)[same] - 1)) < 1e-5


@pytest.mark.long
def test_both_makers_see_the_same_motion(pairs: list[tuple[RenderedFrame, RenderedFrame]]) -> None:
    for made, expected in pairs:
        error = np.linalg.norm(_float(made.motion) - _float(expected.motion), axis=2)
        assert np.median(np.linalg.norm(_float(expected.motion), axis=2)) > 0.5
        assert np.median(error) < 0.002
        assert np.percentile(error, 95) < 0.02
        sky = np.isinf(_float(made.depth)) & np.isinf(_float(expected.depth))
        assert error[sky].max() < 0.002


@pytest.mark.long
def test_both_makers_see_the_same_normals(pairs: list[tuple[RenderedFrame, RenderedFrame]]) -> None:
    for made, expected in pairs:
        same = _same_point(made, expected)
        cosine = (_float(made.normal) * _float(expected.normal)).sum(axis=2)[same]
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        assert np.median(angle) < 0.5
        assert np.percentile(angle, 90) < 3  # bumps between texels


@pytest.mark.long
def test_both_makers_see_the_same_materials(pairs: list[tuple[RenderedFrame, RenderedFrame]]) -> None:
    for made, expected in pairs:
        same = _same_point(made, expected)
        for name, tolerance in (("albedo", 0.02), ("roughness", 0.02), ("metallic", 0.002)):
            error = np.abs(_float(getattr(made, name)) - _float(getattr(expected, name)))[same]
            assert np.percentile(error, 95) < tolerance, name
        assert (_float(made.metallic) > 0.9).mean() > 0.01


@pytest.mark.long
def test_both_makers_give_the_same_light_to_a_matte_floor(blender_program: Path) -> None:
    floor = Instance(geometry.ground(20, 20), Material((0.5, 0.4, 0.3), 1.0), np.eye(4))
    shots = (Shot(0.0, Camera(lambda _: look_at((0, -4, 6), (0, 0, 0)))),)
    dark, bright = np.zeros((32, 64, 3), np.float32), np.full((32, 64, 3), 0.7, np.float32)
    lamp = PointLight(lambda _: (0.5, 0.0, 1.5), (6.0, 4.0, 2.0), reach=5.0)
    for environment, sun, lights in (
        (bright, None, ()),
        (dark, Sun((0.0, 0.6, 0.8), (3.0, 2.0, 1.0)), ()),
        (dark, None, (lamp,)),
    ):
        scene = Scene("floor", 0, (floor,), shots, environment, sun, lights)
        try:
            with Rasteriser(scene) as rasteriser:
                expected = _float(rasteriser.render(0, (24, 32)).colour)
        except (DeviceError, MissingExtra) as error:
            pytest.skip(str(error))
        with Blender(scene, samples=64, threads=2, program=blender_program) as blender:
            made = _float(blender.render(0, (24, 32)).colour)
            large = blender.target(0, (48, 64), samples=16)
        np.testing.assert_allclose(made.mean(axis=(0, 1)), expected.mean(axis=(0, 1)), rtol=0.06)
        np.testing.assert_allclose(large.mean(axis=(0, 1)), made.mean(axis=(0, 1)), rtol=0.04)


BLEND = """
import math, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
inside = bpy.data.node_groups.new("paint", "ShaderNodeTree")
inside.interface.new_socket("shader", in_out="OUTPUT", socket_type="NodeSocketShader")
inside.interface.new_socket("tint", in_out="INPUT", socket_type="NodeSocketColor")
first, last = inside.nodes.new("NodeGroupInput"), inside.nodes.new("NodeGroupOutput")
shiny = inside.nodes.new("ShaderNodeBsdfPrincipled")
shiny.inputs["Roughness"].default_value, shiny.inputs["Metallic"].default_value = 0.25, 0.5
inside.links.new(first.outputs[0], shiny.inputs["Base Color"])
inside.links.new(shiny.outputs[0], last.inputs[0])
paint = bpy.data.materials.new("paint")
paint.use_nodes = True
nodes, link = paint.node_tree.nodes, paint.node_tree.links.new
group, plain, mix = nodes.new("ShaderNodeGroup"), nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeMixShader")
group.node_tree = inside
group.inputs[0].default_value, plain.inputs[0].default_value = (0.8, 0.2, 0.1, 1), (0.0, 0.0, 1.0, 1)
mix.inputs[0].default_value = 0.25
link(group.outputs[0], mix.inputs[1])
link(plain.outputs[0], mix.inputs[2])
link(mix.outputs[0], nodes["Material Output"].inputs[0])
bpy.ops.mesh.primitive_monkey_add()
head = bpy.context.object
head.data.materials.append(paint)
head.rotation_euler.z = -0.3
head.keyframe_insert("rotation_euler", frame=11)
head.rotation_euler.z = 1.0
head.keyframe_insert("rotation_euler", frame=21)
bpy.ops.mesh.primitive_plane_add(size=20, location=(0, 0, -1))
for number, x in enumerate((0, 5)):
    data = bpy.data.cameras.new("camera")
    data.shift_x, data.dof.use_dof = 0.1, True
    camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(camera)
    camera.location = (x, -6, 1)
    for frame, turn in ((11, 0.1 * x), (21, 0.1 * x + 0.3)):
        camera.rotation_euler = (math.radians(85), 0, turn)
        camera.keyframe_insert("rotation_euler", frame=frame)
    scene.timeline_markers.new("cut", frame=11 + 3 * number).camera = camera
scene.camera = scene.objects["camera"]
sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
scene.collection.objects.link(sun)
scene.frame_start, scene.frame_end, scene.render.fps = 11, 16, 24
scene.view_settings.exposure, scene.render.use_motion_blur = 1.0, True
lost = bpy.data.images.new("lost", 4, 4)
lost.source, lost.filepath, lost.use_fake_user = "FILE", "//nowhere.png", True
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])
"""


@pytest.fixture(scope="module")
def video(blender_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that turns, seen by two cameras one after the other; a material of nested groups; an image that is missing."""
    folder = tmp_path_factory.mktemp("video")
    (folder / "make.py").write_text(BLEND, encoding="utf-8")
    path = folder / "video.blend"
    python = blender_program.name.startswith("python")
    flags = ["-I", str(folder / "make.py")] if python else ["--background", "--python", str(folder / "make.py"), "--"]
    subprocess.run([blender_program, *flags, str(path)], check=True, capture_output=True)
    return path


@pytest.mark.long
def test_a_blend_file_keeps_to_the_contract(video: Path, blender_program: Path) -> None:
    before = hashlib.sha256(video.read_bytes()).digest()
    with Blender(video, samples=4, threads=2, program=blender_program) as blender:
        assert (blender.frames, blender.fps, blender.exposure(0)) == (6, 24.0, 2.0)
        assert [blender.is_cut(number) for number in range(6)] == [True, False, False, True, False, False]
        assert blender.notes == ["what it refers to is missing: lost"]
        jitters = [(0.0, 0.0), (0.3, -0.2), (-0.4, 0.1), (0.2, 0.2), (0.0, -0.3)]
        frames = [blender.render(number, SIZE, jitter=jitter) for number, jitter in enumerate(jitters)]
        cameras = [CameraMatrices(*blender.camera(number, *SIZE)) for number in range(5)]
    assert [frame.cut for frame in frames] == [True, False, False, True, False]
    head = np.abs(_float(frames[1].metallic) - 0.75 * 0.5) < 1e-3
    assert head.mean() > 0.02
    np.testing.assert_allclose(_float(frames[1].albedo)[head].mean(axis=0), (0.6, 0.15, 0.325), atol=1e-3)
    np.testing.assert_allclose(_float(frames[1].roughness)[head].mean(), 0.75 * 0.25 + 0.25, atol=1e-3)
    report = check_frames(frames, cameras)
    assert not report.mistakes, report.mistakes
    assert report.measured["depth and camera against motion, pixels"] < 1e-3
    assert hashlib.sha256(video.read_bytes()).digest() == before


@pytest.mark.long
def test_a_clip_goes_on_where_it_stopped(
    video: Path, blender_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPFRAME_BLENDER", str(blender_program))
    settings = RenderSettings(size=(16, 24), frames=60, samples=4)
    running = render_clip(str(video), 0, tmp_path / "clip", settings, "blender")
    assert (next(running).done, next(running).done) == (0, 1)
    running.close()
    first = tmp_path / "clip" / "frames" / "00000.exr"
    written = first.stat().st_mtime_ns
    steps = list(render_clip(str(video), 0, tmp_path / "clip", settings, "blender"))
    assert [step.done for step in steps] == [1, 2, 3, 4, 5, 6]
    assert first.stat().st_mtime_ns == written
    clip = RenderedClip(tmp_path / "clip")
    assert (len(clip), clip.info.fps, clip.info.maker["maker"], clip.info.scale) == (6, 24.0, "blender", 2)
    for number, frame in enumerate(clip):
        assert not frame.missing(("colour", "normal", "albedo", "roughness", "metallic"))
        colour = _float(frame.colour)
        shrunk = _float(clip.target(number)).reshape(16, 2, 24, 2, 3).mean(axis=(1, 3))
        assert np.corrcoef(colour.ravel(), shrunk.ravel())[0, 1] > 0.9


@pytest.mark.long
def test_a_file_that_is_no_blend_file_is_told_in_one_line(blender_program: Path, tmp_path: Path) -> None:
    path = tmp_path / "letter.blend"
    path.write_text("Dear Blender", encoding="utf-8")
    with pytest.raises(InputError, match=r"letter\.blend: Blender cannot open it") as caught:
        Blender(path, program=blender_program)
    assert "\n" not in str(caught.value)


def test_a_blend_file_that_is_not_there_is_told_before_blender_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"video\.blend: no such file"):
        Blender(tmp_path / "video.blend", program=tmp_path / "no-program")


def test_the_rasteriser_names_the_maker_of_blend_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"only Blender renders a \.blend file\nUse maker='blender'"):
        next(render_clip(str(tmp_path / "video.blend"), 0, tmp_path / "clip", RenderSettings()))


def test_a_named_program_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPFRAME_BLENDER", "/nowhere/blender")
    with pytest.raises(DeviceError, match="UPFRAME_BLENDER=/nowhere/blender: no such program"):
        find_blender()


def test_a_python_without_bpy_is_told() -> None:
    if subprocess.run([sys.executable, "-c", "import bpy"], check=False, capture_output=True).returncode == 0:
        pytest.skip("this Python has bpy")
    with pytest.raises(DeviceError, match=r"has no Blender in it \(No module named 'bpy'\)"):
        Blender(_scene(), program=Path(sys.executable))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_a_blender_that_ends_by_itself_is_told_in_one_line(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text(
        '#!/bin/sh\necho "Blender 9"; echo \'{"version": "9"}\'; echo "no memory" >&2; exit 3\n', encoding="utf-8"
    )
    program.chmod(0o755)
    with pytest.raises(DeviceError, match=r"Blender ended with exit code 3\. It last said: no memory"):
        Blender(_scene(), program=program)
