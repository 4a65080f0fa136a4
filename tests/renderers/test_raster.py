"""The rasteriser: exact depth, motion and normals, jitter, light and shadow; on whatever OpenGL there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from upframe.errors import DeviceError
from upframe.ops.warp import warp
from upframe.rendered import RenderedFrame
from upframe.rendered.history import seen_before
from upframe.rendered.jitter import halton
from upframe.renderers.scene import Camera, Instance, Material, PointLight, Scene, Shot, Sun, Transform
from upframe.renderers.scenes import textures
from upframe.renderers.scenes.geometry import box, ground, image, sphere, with_texture_size
from upframe.renderers.scenes.placement import look_at, place

pytest.importorskip("moderngl")

from upframe.renderers.raster.rasteriser import Rasteriser

SIZE = (96, 160)
GREY = np.full((16, 32, 3), 0.5, np.float32)


@pytest.fixture(autouse=True, scope="module")
def _opengl() -> None:
    """Skip where no OpenGL runs without a window."""
    try:
        Rasteriser(_scene([], lambda time: look_at((0, -1, 0), (0, 0, 0)))).close()
    except DeviceError as error:
        pytest.skip(str(error))


def _scene(things: list[Instance], pose: Transform, **settings: object) -> Scene:
    return Scene("test", 0, tuple(things), (Shot(0.0, Camera(pose, 0.9)),), settings.pop("environment", GREY), **settings)  # type: ignore[arg-type]


def _thing(mesh: object, where: object = None, **material: object) -> Instance:
    return Instance(mesh, Material(**material), np.eye(4) if where is None else where)  # type: ignore[arg-type]


def _still(eye: tuple[float, float, float], target: tuple[float, float, float] = (0, 0, 0)) -> Transform:
    return lambda time: look_at(eye, target)


def _tensor(buffer: NDArray[np.floating[Any]]) -> torch.Tensor:
    values = np.asarray(buffer, np.float32)
    return torch.from_numpy(values if values.ndim == 3 else values[..., None]).permute(2, 0, 1)[None].contiguous()


def test_depth_is_the_distance_along_the_view_axis() -> None:
    with Rasteriser(_scene([_thing(image(40, 40), place(0, 3, -20))], _still((0, -2, 0), (0, 0, 0)))) as rasteriser:
        frame = rasteriser.render(0, SIZE)
    np.testing.assert_allclose(np.asarray(frame.depth), 5.0, rtol=1e-5)  # the same in the corners as in the middle
    assert frame.cut
    assert frame.size == SIZE


def test_nothing_is_infinitely_far_and_shows_the_environment() -> None:
    with Rasteriser(_scene([], _still((0, -2, 0)))) as rasteriser:
        frame = rasteriser.render(0, SIZE)
    assert np.isinf(frame.depth).all()
    for buffer in (frame.motion, frame.normal, frame.albedo, frame.metallic):
        np.testing.assert_allclose(np.asarray(buffer), 0, atol=1e-4)
    np.testing.assert_allclose(np.asarray(frame.colour), 0.5, rtol=2e-3)


def test_normals_albedo_roughness_and_metallic_are_what_the_material_says() -> None:
    wall = _thing(image(40, 40), place(0, 3, -20), base_colour=(0.25, 0.5, 0.75), roughness=0.3, metallic=1.0)
    with Rasteriser(_scene([wall], _still((0, -2, 0)))) as rasteriser:
        frame = rasteriser.render(0, SIZE)
    np.testing.assert_allclose(np.asarray(frame.normal, np.float32), np.broadcast_to([0, -1, 0], (*SIZE, 3)), atol=1e-3)
    np.testing.assert_allclose(np.asarray(frame.albedo, np.float32), np.broadcast_to([0.25, 0.5, 0.75], (*SIZE, 3)), atol=1e-3)
    np.testing.assert_allclose(np.asarray(frame.roughness), 0.3, rtol=1e-3)
    np.testing.assert_array_equal(np.asarray(frame.metallic), 1)


def test_the_image_is_the_right_way_up_and_round() -> None:
    things = [
        _thing(sphere(0.4), place(1.2, 0, 0), base_colour=(1, 0, 0)),
        _thing(sphere(0.4), place(0, 0, 1.0), base_colour=(0, 1, 0)),
    ]
    with Rasteriser(_scene(things, _still((0, -5, 0)))) as rasteriser:
        albedo = np.asarray(rasteriser.render(0, SIZE).albedo)
    rows, columns = np.nonzero(albedo[..., 0] > 0.5)
    assert columns.min() > SIZE[1] // 2
    assert abs(rows.mean() - (SIZE[0] - 1) / 2) < 0.6
    rows, columns = np.nonzero(albedo[..., 1] > 0.5)
    assert rows.max() < SIZE[0] // 2
    assert abs(columns.mean() - (SIZE[1] - 1) / 2) < 0.6


def _point(pose: Transform, seconds: float, spot: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a point of the world is seen, in pixels with centres at +0.5, by the pin-hole camera's own formula."""
    local = np.linalg.inv(pose(seconds)) @ np.append(spot, 1.0)
    focal = SIZE[0] / (2 * np.tan(0.45))
    return np.array([SIZE[1] / 2 + focal * local[0] / -local[2], SIZE[0] / 2 - focal * local[1] / -local[2]])


def test_motion_of_what_moves_and_turns_is_exact() -> None:
    def move(time: float) -> NDArray[np.float64]:
        return place(2.0 * time, 0.5 * time, -time, turn=3 * time, tilt=2 * time)

    def pose(time: float) -> NDArray[np.float64]:
        return look_at((0.3 * time, -4, 0.5), (0, 0, time))

    jitter = (0.3, -0.4)
    with Rasteriser(_scene([_thing(box(2, 2, 2), move)], pose), fps=10) as rasteriser:
        frame = rasteriser.render(3, SIZE, jitter=jitter)
    depth, motion = np.asarray(frame.depth), np.asarray(frame.motion)
    now, before = move(0.3), move(0.2)
    focal = SIZE[0] / (2 * np.tan(0.45))
    rows, columns = np.nonzero(np.isfinite(depth))
    assert len(rows) > 800
    for row, column in list(zip(rows, columns, strict=True))[::97]:
        seen = np.array([column + 0.5 + jitter[0], row + 0.5 + jitter[1]])
        local = np.array([seen[0] - SIZE[1] / 2, SIZE[0] / 2 - seen[1], -focal, 0]) / focal * depth[row, column]
        world = pose(0.3) @ np.append(local[:3], 1.0)
        old = before @ np.linalg.inv(now) @ world
        np.testing.assert_allclose(motion[row, column], _point(pose, 0.2, old[:3]) - seen, atol=2e-3)


def test_motion_of_the_sky_is_that_of_the_turning_camera() -> None:
    def pose(time: float) -> NDArray[np.float64]:
        return look_at((5 * time, 0, 0), (5 * time + np.sin(time), np.cos(time), 0.2 * time))

    with Rasteriser(_scene([], pose), fps=10) as rasteriser:
        motion = np.asarray(rasteriser.render(1, SIZE).motion)
    focal = SIZE[0] / (2 * np.tan(0.45))
    for row, column in ((0, 0), (40, 100), (95, 159)):
        local = np.array([column + 0.5 - SIZE[1] / 2, SIZE[0] / 2 - row - 0.5, -focal])
        far = pose(0.1)[:3, :3] @ local * 1e6
        np.testing.assert_allclose(motion[row, column], _point(pose, 0.0, far) - (column + 0.5, row + 0.5), atol=2e-3)


def test_a_jittered_frame_sees_what_lies_at_the_jitter() -> None:
    """A frame of four times the size has samples at the same places."""
    things = [_thing(sphere(1.0), base_colour=(0.8, 0.3, 0.1)), _thing(image(30, 30), place(0, 2, -15))]
    with Rasteriser(_scene(things, _still((1, -4, 1)))) as rasteriser:
        fine = np.asarray(rasteriser.render(0, (SIZE[0] * 4, SIZE[1] * 4)).depth)
        for column, row in ((0, 0), (3, 1), (2, 3)):
            jitter = ((column + 0.5) / 4 - 0.5, (row + 0.5) / 4 - 0.5)
            depth = np.asarray(rasteriser.render(0, SIZE, jitter=jitter).depth)
            same = np.isclose(depth, fine[row::4, column::4], rtol=1e-3)
            assert same.mean() > 0.9995  # a sample on the very edge may fall to either side


def _matte_scene() -> Scene:
    """Walls, floor and bodies without gloss, lit by sun and sky; the camera moves and turns, one body moves."""
    rng = np.random.default_rng(1)
    stone, brick, earth = (maker(rng, 128) for maker in (textures.plaster, textures.brick, textures.meadow))
    floor, block = with_texture_size(ground(40, 40), 12.0), with_texture_size(box(1.5, 1.5, 2), 5.0)
    things = [
        _thing(floor, surface=earth, roughness=1.0),
        _thing(block, place(-1.5, 1, 0, turn=0.4), surface=brick, roughness=1.0),
        _thing(with_texture_size(sphere(0.8, 48), 4.0), place(1.2, 2, 0.8), surface=stone, roughness=1.0),
        _thing(with_texture_size(image(30, 8), 4.0), place(0, 9, 0), surface=stone, roughness=1.0),
        _thing(block, lambda time: place(1.8 - time, 0, 0, turn=time, scale=0.4), surface=stone, roughness=1.0),
    ]

    def pose(time: float) -> NDArray[np.float64]:
        return look_at((0.6 * time - 0.5, -4 + 0.8 * time, 1.7), (0.2 + 0.5 * time, 2, 0.9))

    return _scene(things, pose, environment=np.full((16, 32, 3), 0.6, np.float32))


def test_the_motion_brings_a_matte_scene_from_one_frame_to_the_next() -> None:
    """Warping frame t-1 by the motion reproduces frame t with at least 38 dB wherever it was seen."""
    with Rasteriser(_matte_scene(), fps=10) as rasteriser:
        frames = [rasteriser.render(number, (180, 320)) for number in (4, 5)]
    before, now = ([_tensor(np.asarray(value)) for value in (frame.colour, frame.depth, frame.motion)] for frame in frames)
    seen = seen_before(now[2], now[1], before[1])
    assert 0.9 < float(seen.mean()) < 1
    error = (warp(before[0], now[2], padding="border") - now[0]).clamp(-1, 1)
    mean_square = float((error**2 * seen).sum() / seen.sum() / 3)
    decibels = 10 * np.log10(1 / mean_square)
    assert decibels > 38
    still = float(((before[0] - now[0]) ** 2).mean())
    assert still > 5 * mean_square  # without the motion they differ


def test_the_target_is_the_mean_of_many_samples() -> None:
    with Rasteriser(_matte_scene()) as rasteriser:
        target = rasteriser.target(5, SIZE, samples=16)
        mean = np.mean(
            [
                np.asarray(rasteriser.render(5, SIZE, jitter=jitter, texture_bias=-0.5).colour, np.float32)
                for jitter in halton(16)
            ],
            axis=0,
        )
    assert target.shape == (*SIZE, 3)
    np.testing.assert_allclose(target, mean, atol=2e-3)


def _brightness(scene: Scene, frame: int = 0) -> NDArray[np.float32]:
    with Rasteriser(scene) as rasteriser:
        return np.asarray(np.asarray(rasteriser.render(frame, SIZE).colour, np.float32).mean(axis=2))


def test_a_white_surface_reflects_the_light_that_falls_on_it() -> None:
    """Lambert: radiance = albedo / pi * irradiance; what a smooth dielectric mirrors is left out of the tolerance."""
    floor = _thing(ground(200, 200), base_colour=(1, 1, 1), roughness=1.0)
    dark = np.zeros((16, 32, 3), np.float32)
    sun = Sun((0.0, 0.0, 1.0), (np.pi, np.pi, np.pi))
    seen = _brightness(_scene([floor], _still((0, -4, 4)), sun=sun, environment=dark))
    assert np.median(seen) == pytest.approx(1.0, abs=0.06)
    seen = _brightness(_scene([floor], _still((0, -4, 4)), environment=2 * GREY))
    assert np.median(seen) == pytest.approx(1.0, abs=0.08)


def test_things_cast_shadows_where_they_are_now() -> None:
    def over(time: float) -> NDArray[np.float64]:
        return place(-1.0 + 2 * time, 0, 0.5)

    floor = _thing(ground(20, 20), roughness=1.0)
    scene = _scene(
        [floor, _thing(box(0.5, 0.5, 0.5), over)],
        _still((0, -0.01, 8)),
        sun=Sun((0.0, -0.6, 0.8), (3.0, 3.0, 3.0)),
        environment=0.2 * GREY,
    )
    with Rasteriser(scene, fps=1) as rasteriser:
        frames = [rasteriser.render(number, SIZE) for number in (0, 1)]
    places = []
    for frame in frames:
        colour = np.asarray(frame.colour, np.float32).mean(axis=2)
        shade = (colour < 0.5 * np.median(colour)) & (np.asarray(frame.depth) > 7.9)
        assert 20 < shade.sum() < 1000
        places.append(np.nonzero(shade)[1].mean())
    assert places[1] - places[0] == pytest.approx(2 / 8 * SIZE[0] / (2 * np.tan(0.45)), abs=1.5)


def test_a_lamp_lights_what_is_near_it_and_moves() -> None:
    lamp = PointLight(lambda time: (-2.0 + 4 * time, 0.0, 0.7), (3.0, 3.0, 3.0), 5.0)
    scene = _scene([_thing(ground(30, 30), roughness=1.0)], _still((0, -0.01, 8)), lights=(lamp,), environment=0.02 * GREY)
    with Rasteriser(scene, fps=1) as rasteriser:
        brightest = [int(np.asarray(rasteriser.render(n, SIZE).colour, np.float32).sum(axis=(0, 2)).argmax()) for n in (0, 1)]
    assert brightest[0] < SIZE[1] // 2 < brightest[1]


def test_a_glossy_floor_mirrors_what_stands_on_it() -> None:
    def floor(roughness: float) -> list[Instance]:
        glow = _thing(box(1, 0.2, 1), place(0, 2, 0.02), base_colour=(1, 0, 0), emission=3.0)
        return [_thing(ground(60, 60), base_colour=(0.1, 0.1, 0.1), roughness=roughness), glow]

    def red_below(roughness: float) -> float:
        with Rasteriser(_scene(floor(roughness), _still((0, -4, 0.8), (0, 2, 0.5)), environment=0.2 * GREY)) as rasteriser:
            frame = rasteriser.render(0, SIZE)
        colour = np.asarray(frame.colour, np.float32)
        floor_below = (np.asarray(frame.albedo)[..., 0] < 0.5) & (np.arange(SIZE[0]) > 60)[:, None]
        return float((colour[..., 0] - colour[..., 2])[floor_below].max())

    assert red_below(0.05) > 0.15
    assert red_below(0.9) < 0.02


def test_a_frame_can_be_left_unshaded() -> None:
    with Rasteriser(_matte_scene()) as rasteriser:
        shaded, unshaded = (rasteriser.render(4, SIZE, shaded=choice) for choice in (True, False))
    assert unshaded.colour is None
    np.testing.assert_array_equal(np.asarray(shaded.motion), np.asarray(unshaded.motion))


def test_frames_are_the_same_in_any_order() -> None:
    with Rasteriser(_matte_scene()) as rasteriser:
        first = _buffers(rasteriser.render(7, SIZE))
        rasteriser.render(2, (40, 60))
        again = _buffers(rasteriser.render(7, SIZE))
    for name, buffer in first.items():
        np.testing.assert_array_equal(buffer, again[name])


def _buffers(frame: RenderedFrame) -> dict[str, NDArray[np.float32]]:
    return {name: np.asarray(buffer, np.float32) for name, buffer in frame.buffers().items()}


def test_leaves_have_holes_through_which_one_sees() -> None:
    cover = np.zeros((8, 8, 4), np.uint8)
    cover[:, :4] = 255
    holed = textures.surface(cover / np.float32(255), np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32), bumps=0)
    card = _thing(image(2, 2), place(0, 0, -1), surface=holed, two_sided=True)
    sides: list[Callable[[float], NDArray[np.float64]]] = [_still((0, -4, 0)), _still((0, 4, 0))]
    for pose in sides:
        with Rasteriser(_scene([card], pose)) as rasteriser:
            depth = np.asarray(rasteriser.render(0, SIZE).depth)
        middle = depth[SIZE[0] // 2, 55:105]
        assert np.isfinite(middle).sum() == pytest.approx(25, abs=4)
