"""Scenes from a seed: sound meshes, whole materials, and the same scene again for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from upframe.errors import InputError
from upframe.rendered.jitter import halton
from upframe.renderers.environment import environment_file, harmonics, irradiance_harmonics, mean_radiance, prefiltered
from upframe.renderers.scene import Camera, Instance, Material, Mesh, Scene, Shot, projection_matrix, view_matrix
from upframe.renderers.scenes import THEMES, drawn, generate, geometry, textures
from upframe.renderers.scenes.clearance import CLEARANCE, Surroundings, kept_clear
from upframe.renderers.scenes.drawn import photographs
from upframe.renderers.scenes.placement import look_at, place
from upframe.renderers.scenes.skies import day_sky, night_sky, room

SIDE = np.random.default_rng(5)
MESHES = {
    "box": geometry.box(1, 2, 3),
    "cylinder": geometry.cylinder(0.5, 2),
    "sphere": geometry.sphere(1.0),
    "torus": geometry.torus(1.0, 0.3),
    "rock": geometry.rock(np.random.default_rng(5)),
    "tube": geometry.tube([(0, 0, 0), (1, 0, 0.5), (1, 1, 2)], 0.1),
    "upright tube": geometry.tube([(0, 0, 0), (0, 0.1, 2)], 0.1),
    "wire": geometry.wire((0, 0, 2), (3, 1, 2), 0.3),
    "railing": geometry.railing(2.0),
    "arch": geometry.arch(3, 3, 0.5, 2),
    "stairs": geometry.stairs(2, 4),
    "image": geometry.image(2, 1),
    "ground": geometry.ground(4, 4, np.random.default_rng(0).random((6, 6))),
    "extruded": geometry.extruded(((-1, 0), (1, 0), (0.8, 0.7), (-0.6, 0.8)), 1.5),
    "vase": geometry.lathe([(0, 0), (0.3, 0.1), (0.1, 0.6), (0.2, 0.8)], 16, smooth=True),
}


@pytest.mark.parametrize("name", MESHES)
def test_every_body_faces_outwards(name: str) -> None:
    mesh = MESHES[name]
    corners = mesh.positions[mesh.triangles].astype(np.float64)
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(facing, axis=1)
    wide = area > 1e-7
    agreement = (facing[wide] / area[wide][:, None] * mesh.normals[mesh.triangles[wide]].mean(axis=1)).sum(axis=1)
    assert agreement.min() > 0.2
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("name", ["box", "cylinder", "sphere", "torus", "rock", "extruded"])
def test_every_closed_body_holds_a_volume(name: str) -> None:
    corners = MESHES[name].positions[MESHES[name].triangles].astype(np.float64)
    assert np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6 > 0.5


@pytest.mark.parametrize("theme", THEMES)
def test_a_seed_makes_the_same_scene_again(theme: str) -> None:
    first, again = (generate(theme, 3, texture_pixels=16) for _ in range(2))
    other = generate(theme, 4, texture_pixels=16)
    assert len(first.instances) == len(again.instances)
    for one, two in zip(first.instances, again.instances, strict=True):
        np.testing.assert_array_equal(one.at(0.7), two.at(0.7))
        np.testing.assert_array_equal(one.mesh.positions, two.mesh.positions)
    np.testing.assert_array_equal(first.environment, again.environment)
    assert first.exposure == again.exposure
    assert first.exposure != other.exposure


@pytest.mark.parametrize("theme", THEMES)
def test_every_scene_has_what_is_hard_to_upscale(theme: str) -> None:
    scene = generate(theme, 1, texture_pixels=16)
    surfaces = [instance.material.surface for instance in scene.instances]
    assert any(surface is not None and surface.has_holes for surface in surfaces)
    assert any(instance.moves for instance in scene.instances)
    assert any(instance.material.smoothest < 0.3 for instance in scene.instances)
    assert any(instance.material.emission > 0 for instance in scene.instances)


def test_some_scenes_have_a_cut_within_the_clip() -> None:
    scenes = [generate("park", seed, seconds=1.0, texture_pixels=16) for seed in range(8)]
    cuts = [[number for number in range(30) if scene.is_cut(number, 30.0)] for scene in scenes]
    assert all(numbers[0] == 0 for numbers in cuts)
    assert 0 < sum(len(numbers) == 2 for numbers in cuts) < 8


def test_the_nearest_surface_is_as_far_away_as_it_is() -> None:
    things = [
        Instance(geometry.box(2, 2, 2), Material(), place(5, 0, -1)),
        Instance(geometry.sphere(1.0, 64), Material(), _rising),
    ]
    around = Surroundings(things)
    origin = np.zeros(3)
    assert around.distance(origin, 0.0) == pytest.approx(2.0, abs=0.01), "the ball"
    assert around.distance(origin, 5.0) == pytest.approx(4.0), "a face of the box; the ball has risen"
    assert around.distance(np.array([7.0, 2.0, 0.0]), 5.0) == pytest.approx(2**0.5), "an edge"
    assert around.distance(np.array([-80.0, 0, 0]), 0.0) == 10.0


def _rising(seconds: float) -> NDArray[np.float64]:
    return place(0, 0, 3 + seconds)


def test_a_camera_that_comes_too_near_to_something_is_moved_aside() -> None:
    around = Surroundings([Instance(geometry.box(0.4, 0.4, 4), Material(), place(0.3, 2, 0))])

    def through(seconds: float) -> NDArray[np.float64]:
        return look_at((0, 4 * seconds, 1.5), (0, 20, 1.5))

    moved = kept_clear(around, through, 0.0, 1.0)
    room = [around.distance(moved(seconds)[:3, 3], seconds) for seconds in np.linspace(0, 1, 21)]
    assert CLEARANCE <= min(room) < CLEARANCE + 0.2
    np.testing.assert_array_equal(moved(0.5)[:3, :3], through(0.5)[:3, :3])
    assert kept_clear(around, through, 0.0, 0.2) is through, "it does not come near"


@pytest.mark.parametrize("theme", THEMES)
def test_no_camera_comes_near_to_anything(theme: str) -> None:
    for seed in (1, 8000):
        scene = generate(theme, seed, seconds=1.0, texture_pixels=16)
        around = Surroundings(scene.instances)
        for frame in range(0, 31, 3):
            eye = scene.shot(frame, 30.0).camera.pose(frame / 30)[:3, 3]
            assert around.distance(eye, frame / 30, 1.0) > 0.8 * CLEARANCE, f"{theme} {seed}, frame {frame}"


def test_a_theme_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(InputError, match="castle: unknown scene\nChoose one of street, park, hall, yard"):
        generate("castle", 0)


def test_textures_repeat_without_a_seam() -> None:
    for maker in (textures.brick, textures.meadow, textures.asphalt, textures.cobbles):
        colour = maker(np.random.default_rng(1), 128).colour.astype(float)
        across = np.abs(np.diff(np.concatenate((colour, colour[:, :1]), axis=1), axis=1)).mean(axis=(0, 2))
        assert across[-1] < 1.5 * np.quantile(across, 0.95)


def test_leaves_are_cut_out_and_signs_are_written() -> None:
    leaves = drawn.leaves(np.random.default_rng(0), 128)
    assert 0.1 < (leaves.colour[..., 3] > 127).mean() < 0.8
    one, other = (drawn.sign(np.random.default_rng(seed), 128).colour for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_photographs_of_a_folder_hang_in_the_scene(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (40, 30), (200, 40, 10)).save(tmp_path / "red.png")
    (image,) = photographs(tmp_path, 16)
    scene = generate("hall", 0, texture_pixels=16, photographs=[image])
    assert sum(instance.material.surface is image for instance in scene.instances) > 3
    (tmp_path / "red.png").unlink()
    with pytest.raises(InputError, match="holds no photograph"):
        photographs(tmp_path, 16)


def test_an_environment_file_lights_the_scene(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    path = tmp_path / "sky.exr"
    sky = day_sky(np.random.default_rng(0), (0.6, 0.0, 0.8), 64)
    exr.File({"type": exr.scanlineimage}, {"RGB": np.ascontiguousarray(sky * 3)}).write(str(path))
    light = environment_file(path, 32)
    assert light.shape == (32, 64, 3)
    assert mean_radiance(light) == pytest.approx(0.5, rel=1e-4)
    assert generate("park", 0, texture_pixels=16, environment=light).environment is light
    exr.File({"type": exr.scanlineimage}, {"RGB": np.ones((8, 8, 3), np.float32)}).write(str(path))
    with pytest.raises(InputError, match="twice as wide as high"):
        environment_file(path)


def test_an_even_environment_looks_the_same_in_every_mirror() -> None:
    even = np.full((32, 64, 3), 0.7, np.float32)
    for level in prefiltered(even):
        np.testing.assert_allclose(level, 0.7, rtol=1e-4)
    light = harmonics(np.array([[0.0, 0.6, 0.8]], np.float32)) @ irradiance_harmonics(even)
    np.testing.assert_allclose(light, 0.7, rtol=5e-3)
    assert all(np.isfinite(made).all() and made.min() >= 0 for made in (night_sky(SIDE), room(SIDE)))


def test_the_jitter_is_the_halton_sequence() -> None:
    np.testing.assert_allclose(halton(3), [(0.0, 1 / 3 - 0.5), (-0.25, 2 / 3 - 0.5), (0.25, 1 / 9 - 0.5)], atol=1e-12)
    assert halton(2, first=1) == halton(3)[1:]
    assert all(-0.5 <= value < 0.5 for offsets in halton(200) for value in offsets)


def test_a_camera_sees_what_it_looks_at_in_the_middle() -> None:
    pose = look_at((1, 2, 3), (4, -2, 1))
    view = view_matrix(pose)
    np.testing.assert_allclose(view @ pose, np.eye(4), atol=1e-12)
    seen = view @ np.array([4.0, -2.0, 1.0, 1.0])
    np.testing.assert_allclose(seen[:3], np.array([0, 0, -np.sqrt(29)]), atol=1e-12)
    clip = projection_matrix(Camera(lambda time: pose), 90, 160) @ seen
    assert clip[3] == pytest.approx(-seen[2])
    assert (view @ np.array([1.0, 2.0, 4.0, 1.0]))[1] > 0  # z of the world is up in the image


def test_what_cannot_be_a_scene_is_refused() -> None:
    sky = np.ones((16, 32, 3), np.float32)
    camera = Camera(lambda time: place())
    with pytest.raises(InputError, match="the first begins at 0"):
        Scene("test", 0, (), (Shot(1.0, camera),), sky)
    with pytest.raises(InputError, match="an environment of"):
        Scene("test", 0, (), (Shot(0.0, camera),), sky[:, :6])
    with pytest.raises(InputError, match="names another"):
        Mesh(
            np.zeros((3, 3), np.float32),
            np.zeros((3, 3), np.float32),
            np.zeros((3, 2), np.float32),
            np.array([[0, 1, 3]], np.int32),
        )
    assert Material().surface is None
