"""The add-on in Blender: frames at half size, supersampled by the command, and back in the file as a sequence."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from upframe.errors import DeviceError
from upframe.media.image.file import read_image
from upframe.renderers.blender.blender import find_blender

FOLDER = Path(__file__).parents[2] / "plugins" / "blender"

MADE = """
import sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
bpy.ops.mesh.primitive_monkey_add()
scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(scene.camera)
scene.camera.location, scene.camera.rotation_euler = (0, -4, 0), (1.5708, 0, 0)
scene.world = bpy.data.worlds.new("sky")
scene.world.use_nodes = True
scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0.2, 0.5, 0.8, 1)
scene.frame_start, scene.frame_end = 11, 12
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 128, 96, 50
scene.render.filepath = "//out/shot_"
bpy.ops.wm.save_as_mainfile(filepath=FILE)
"""
USED = """
import os, sys, traceback
sys.path.insert(0, FOLDER)
try:
    import upframe_blender
    upframe_blender.register()
    bpy.ops.upframe.supersample(model="rt4ksr-x2", samples=1)
    shown = bpy.data.scenes["Scene x2"]
    strip = shown.sequence_editor.strips_all[0] if hasattr(shown.sequence_editor, "strips_all") else None
    strip = strip or shown.sequence_editor.sequences_all[0]
    print("strip", strip.frame_final_start, strip.frame_final_end, len(strip.elements), flush=True)
    print("size", shown.render.resolution_x, shown.render.resolution_y, shown.frame_start, shown.frame_end, flush=True)
    print("image", bpy.data.images["Scene x2"].source, flush=True)
    scene = bpy.data.scenes["Scene"]
    scene.frame_step = 2
    for change in (lambda: None, lambda: setattr(scene, "camera", None)):
        change()
        try:
            bpy.ops.upframe.supersample()
        except RuntimeError as error:
            print("refused", str(error).strip(), flush=True)
except BaseException:
    traceback.print_exc(file=sys.stdout)
sys.stdout.flush()
os._exit(0)
"""

INSTALLED = """
import os, sys, traceback
import bpy
try:
    bpy.ops.extensions.package_install_files(filepath=PACKAGE, repo="user_default", enable_on_install=True)
    add_on = bpy.context.preferences.addons["bl_ext.user_default.upframe_blender"]
    print("command", repr(add_on.preferences.command), bpy.ops.upframe.supersample.poll(), flush=True)
except BaseException:
    traceback.print_exc(file=sys.stdout)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What of the add-on knows nothing of Blender."""
    package = ModuleType("upframe_blender")
    package.__path__ = [str(FOLDER / "upframe_blender")]
    monkeypatch.setitem(sys.modules, "upframe_blender", package)
    monkeypatch.delitem(sys.modules, "upframe_blender.process", raising=False)
    return import_module("upframe_blender.process")


@pytest.fixture
def blender() -> Path:
    """A Python that has bpy, or the test is skipped."""
    try:
        program = find_blender()
    except DeviceError as error:
        pytest.skip(str(error))
    if not program.name.startswith("python") or subprocess.run([program, "-I", "-c", "import bpy"], check=False).returncode:
        pytest.skip(f"{program} is no Python with bpy: run `make blender`")
    return program


def test_the_manifest_is_one_of_an_extension() -> None:
    manifest = tomllib.loads((FOLDER / "upframe_blender" / "blender_manifest.toml").read_text())
    assert (manifest["schema_version"], manifest["type"], manifest["id"]) == ("1.0.0", "add-on", "upframe_blender")
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64
        assert text[-1].isalnum()


def test_the_commands_are_those_of_upframe(process: ModuleType, tmp_path: Path) -> None:
    import typer

    from upframe.cli.main import app

    group = typer.main.get_command(app)
    commands = (
        process.render_command("upframe", tmp_path / "a.blend", tmp_path / "clip", (64, 48), 5, 16),
        process.supersample_command("upframe", tmp_path / "clip", tmp_path / "out", "nsrr-x2", 11),
    )
    for command in commands:
        given = group.commands[command[1]].make_context(command[1], command[2:]).params  # type: ignore[attr-defined]
        assert given["as_json"]
    assert (given["first"], given["model"]) == (11, "nsrr-x2")


def test_a_missing_program_is_refused_in_one_line(process: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("UPFRAME_COMMAND", raising=False)
    for named, words in (("", "upframe was not found"), ("/nowhere/upframe", "/nowhere/upframe: no such program")):
        with pytest.raises(process.Refusal, match=words) as caught:
            process.find_upframe(named)
        assert "\n" not in str(caught.value)


def test_what_the_command_says_is_followed_and_its_failure_is_one_line(process: ModuleType) -> None:
    says = 'import sys; print(\'{"event": "progress", "done": 2, "frames": 5}\', flush=True)'
    work = process.Work([sys.executable, "-c", says], "blender")
    work.wait()
    assert (work.done, work.frames, work.ended()) == (2, 5, True)
    fails = "import sys; sys.exit('upframe: scene.blend: has no camera\\n         Add one')"
    with pytest.raises(process.Refusal, match=r"^scene\.blend: has no camera Add one$"):
        process.Work([sys.executable, "-c", fails], "blender").wait()


@pytest.mark.skipif(sys.platform == "win32", reason="a program there is ended at once")
def test_cancelling_ends_the_command(process: ModuleType) -> None:
    work = process.Work(
        [sys.executable, "-c", 'import time; print(\'{"event": "note", "text": "here"}\', flush=True); time.sleep(60)'], ""
    )
    while not work.notes:
        assert not work.ended()
    work.cancel()
    with pytest.raises(process.Refusal):
        work.ended()


@pytest.mark.long
def test_blender_builds_installs_and_enables_it_as_an_extension(
    blender: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = [blender, "-I", "-c", "import bpy; print(bpy.utils.system_resource('SCRIPTS'))"]
    scripts = subprocess.run(where, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    tool = [blender, Path(scripts, "addons_core", "bl_pkg", "cli", "blender_ext.py")]  # `blender --command extension`
    build = [*tool, "build", "--source-dir", FOLDER / "upframe_blender", "--output-dir", tmp_path]
    subprocess.run(build, check=True, capture_output=True)
    (package,) = tmp_path.glob("upframe_blender-*.zip")
    done = subprocess.run([*tool, "validate", package], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    script = f"PACKAGE = {str(package)!r}\n{INSTALLED}"
    done = subprocess.run([blender, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert "command '' True\n" in done.stdout, done.stdout + done.stderr


@pytest.mark.long
def test_an_animation_is_rendered_supersampled_and_put_back(
    blender: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, script, upframe = tmp_path / "scene.blend", tmp_path / "script.py", tmp_path / "upframe"
    upframe.write_text(f'#!/bin/sh\nexec {sys.executable} -m upframe "$@"\n')
    upframe.chmod(0o755)
    monkeypatch.setenv("UPFRAME_COMMAND", str(upframe))
    script.write_text(f"FILE, FOLDER = {str(file)!r}, {str(FOLDER)!r}\n{MADE}{USED}")
    done = subprocess.run([blender, script], capture_output=True, text=True, timeout=280, check=False)
    assert "strip 11 13 2\n" in done.stdout, done.stdout + done.stderr
    assert "size 64 48 11 12\nimage SEQUENCE\n" in done.stdout
    refused = [line for line in done.stdout.splitlines() if line.startswith("refused")]
    assert ["frame step is 2" in refused[0], "has no camera" in refused[1]] == [True, True]
    images = [read_image(tmp_path / "out" / "shot-x2" / f"{number:05d}.exr") for number in (11, 12)]
    for image in images:
        assert (image.width, image.height, image.linear) == (64, 48, True)
        np.testing.assert_allclose(image.pixels[:4, :4].mean(axis=(0, 1)), (0.2, 0.5, 0.8), atol=0.05)  # the sky
    assert not list(tmp_path.glob("**/clip"))
