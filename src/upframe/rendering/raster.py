"""The rasteriser: a scene to rendered frames, with every buffer of the contract, on any OpenGL 3.3 without a window.

Deferred: geometry into four buffers, then light, then reflections of what is on the screen for glossy surfaces. Depth, motion
and materials are exact; shadows, ambient occlusion and reflections are approximated as games do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import ShapeError
from upframe.rendering.environment import irradiance_harmonics, prefiltered
from upframe.rendering.frame import RenderedFrame
from upframe.rendering.jitter import halton
from upframe.rendering.raster_gpu import Group, Programs, Textures, assign, create_context, groups_of, in_sight, program
from upframe.rendering.scene import Camera, Material, Matrix, Scene, Vector, projection_matrix, view_matrix

SHADOW_TEXELS = 2048, 1024  # of what stands still, and of what moves
UNITS = (
    "albedo_map",
    "normal_map",
    "motion_map",
    "environment",
    "standing_shadow",
    "moving_shadow",
    "open_map",
    "lit_map",
    "mirror_map",
)
"""The texture units of the shading passes."""
GLOSSY = 0.5  # materials smoother than this mirror the screen
TARGET_SAMPLES = 16
DOWN = np.diag((1.0, -1.0, 1.0, 1.0))  # clip space with y down


@dataclass(eq=False)
class _Targets:
    """The buffers of one size."""

    geometry: Any  # framebuffer: albedo and metallic, normal and roughness, motion and depth and emission
    open: Any  # half the size
    lit: Any
    mirror: Any  # half the size
    total: Any  # float32, for sums of samples

    @property
    def maps(self) -> tuple[Any, Any, Any]:
        albedo, normal, motion = self.geometry.color_attachments
        return albedo, normal, motion

    @property
    def steps(self) -> tuple[Any, Any, Any]:
        return self.open.color_attachments[0], self.lit.color_attachments[0], self.mirror.color_attachments[0]


class Rasteriser:
    """Renders one scene, any of its frames in any order.

    with Rasteriser(scene, fps=30) as rasteriser:
        frame = rasteriser.render(0, (540, 960), jitter=(0.25, -0.1))
        target = rasteriser.target(0, (1080, 1920))

    Must be used in the thread that made it. Raises MissingExtra without moderngl, DeviceError where there is no OpenGL.
    """

    def __init__(self, scene: Scene, *, fps: float = 30.0) -> None:
        self.scene, self.fps = scene, fps
        self._context = context = create_context()
        self._geometry, self._shadow = (
            Programs(program(context, name, name), program(context, name, name, holes=True)) for name in ("geometry", "shadow")
        )
        self._background = program(context, "screen", "background")
        self._openness, self._light, self._reflect, self._compose, self._add = shading = [
            program(context, "screen", name, common=True) for name in ("openness", "light", "reflect", "compose", "add")
        ]
        for shader in shading:
            assign(shader, **{name: unit for unit, name in enumerate(UNITS)})
        triangle = context.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
        self._passes = [self._background, *shading]
        self._screens = {shader: context.vertex_array(shader, [(triangle, "2f", "position")]) for shader in self._passes}
        self._textures = Textures(context)
        self._standing, self._moving = groups_of(context, scene, self._geometry, self._shadow)
        self._glossy = any(material.smoothest < GLOSSY for material in {instance.material for instance in scene.instances})
        self._environment = self._upload_environment()
        self._targets: dict[tuple[int, int], _Targets] = {}
        self._set_up_sun()
        self._shadowed: int | None = None

    def __enter__(self) -> Rasteriser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the graphics memory back. The rasteriser cannot be used afterwards."""
        self._context.release()

    @property
    def device(self) -> str:
        """The name of the graphics card, or of the software that stands in for one."""
        return str(self._context.info["GL_RENDERER"])

    def camera(self, frame: int, height: int, width: int) -> tuple[Matrix, Matrix]:
        """View (world to camera) and projection of a frame, without jitter: as in OpenGL, y up."""
        camera, seconds = self.scene.shot(frame, self.fps).camera, frame / self.fps
        return view_matrix(camera.pose(seconds)), projection_matrix(camera, height, width)

    def exposure(self, frame: int) -> float:
        """What the light of a frame is multiplied by before it is shown."""
        return self.scene.exposure

    def is_cut(self, frame: int) -> bool:
        """Whether the frame is the first of a shot."""
        return self.scene.is_cut(frame, self.fps)

    def render(
        self,
        frame: int,
        size: tuple[int, int],
        *,
        jitter: tuple[float, float] = (0.0, 0.0),
        texture_bias: float = 0.0,
        shaded: bool = True,
    ) -> RenderedFrame:
        """One frame of ``size`` (height, width) with all buffers; colour, normal, albedo, roughness and metallic are float16.

        jitter: where each pixel is sampled, x and y in pixels from its centre. texture_bias: added to the level of detail of
        textures; -log2(scale) makes them as sharp as in a picture ``scale`` times larger. ``shaded=False``: no colour.
        """
        targets = self._of_size(size)
        self._draw(frame, size, targets, jitter, texture_bias)
        if shaded:
            self._shade(targets)
        height, width = size
        albedo, normal = (_read(texture, np.float16, height, width) for texture in targets.maps[:2])
        motion = _read(targets.maps[2], np.float32, height, width)
        colour = _read(targets.lit.color_attachments[0], np.float16, height, width)[..., :3] if shaded else None
        return RenderedFrame(
            colour=colour,
            depth=motion[..., 2],
            motion=motion[..., :2],
            normal=normal[..., :3],
            albedo=albedo[..., :3],
            roughness=normal[..., 3],
            metallic=albedo[..., 3],
            exposure=self.scene.exposure,
            jitter=jitter,
            cut=self.scene.is_cut(frame, self.fps),
        )

    def target(self, frame: int, size: tuple[int, int], *, samples: int = TARGET_SAMPLES) -> NDArray[np.float32]:
        """The picture a network should make: (height, width, 3), linear, the mean of so many samples all over each pixel."""
        targets = self._of_size(size)
        targets.total.clear()
        for jitter in halton(samples):
            self._draw(frame, size, targets, jitter, -0.5)  # the mean of samples blurs a little; textures make up for it
            self._shade(targets)
            targets.total.use()
            self._context.enable_only(self._context.NOTHING)
            self._blend()
            assign(self._add, weight=1 / samples)
            self._screens[self._add].render()
        pixels = _read(targets.total.color_attachments[0], np.float32, *size)
        return np.ascontiguousarray(pixels[..., :3])

    def _draw(
        self, frame: int, size: tuple[int, int], targets: _Targets, jitter: tuple[float, float], texture_bias: float
    ) -> None:
        """The geometry pass."""
        height, width = size
        seconds = frame / self.fps
        camera = self.scene.shot(frame, self.fps).camera
        pose, projection = camera.pose(seconds), DOWN @ projection_matrix(camera, height, width)
        clip_now, clip_before = projection @ view_matrix(pose), projection @ view_matrix(camera.pose((frame - 1) / self.fps))
        moving = [group.at(frame, self.fps) for group in self._moving]
        self._cast_shadows(frame, moving)
        view = {"size": size[::-1], "jitter": jitter, "eye": pose[:3, 3], "ray_of": _ray_matrix(camera, pose, height, width)}
        for shader in (*self._geometry, *self._passes):
            assign(shader, **view, clip_now=clip_now, clip_before=clip_before)
        shift = (-2 * jitter[0] / width, -2 * jitter[1] / height)
        for shader in self._geometry:
            assign(shader, bias=texture_bias, shift=shift, colour_map=0, detail_map=1)
        assign(self._openness, focal=height / (2 * np.tan(camera.field_of_view / 2)))
        assign(self._light, **self._lights(seconds))
        targets.geometry.use()
        targets.geometry.color_mask = ((False,) * 4,) * 3  # the background pass writes what nothing else does
        targets.geometry.clear()
        targets.geometry.color_mask = ((True,) * 4,) * 3
        self._context.enable_only(self._context.DEPTH_TEST)
        self._context.depth_func = "<="
        self._context.front_face = "cw"  # with y down
        for group, here in zip(self._moving, moving, strict=True):
            group.load(here[in_sight(here[:, 0], group, clip_now)])
        for group in self._in_order(pose[:3, 3], clip_now):
            self._use(group.material, self._geometry.of(group.material))
            group.drawn.render(instances=group.visible)
        self._context.enable_only(self._context.DEPTH_TEST)
        self._screens[self._background].render()

    def _in_order(self, eye: Vector, clip: Matrix) -> list[Group]:
        """What may be in the picture; what stands still from near to far, so that little is drawn that will be hidden."""
        unmoved = np.eye(4, dtype=np.float32)[None]
        seen = [group for group in self._standing if in_sight(unmoved, group, clip)[0]]
        seen.sort(key=lambda group: float(np.sum((group.centre - eye) ** 2)) - group.radius**2)
        return [group for group in self._moving if group.visible] + seen

    def _use(self, material: Material, shader: Any) -> None:
        """Bind a material for the geometry or the shadow pass."""
        surface = material.surface
        assign(
            shader,
            base_colour=material.base_colour,
            properties=(material.roughness, material.metallic, material.emission, float(material.two_sided)),
            textured=surface is not None,
        )
        if surface is not None:
            for unit, texture in enumerate(self._textures.of(surface)):
                texture.use(unit)
        (self._context.disable if material.two_sided else self._context.enable)(self._context.CULL_FACE)

    def _shade(self, targets: _Targets) -> None:
        """Light, and reflections where the scene has glossy surfaces."""
        context = self._context
        context.enable_only(context.DEPTH_TEST)
        bound = (*targets.maps, self._environment, *(one.depth_attachment for one in self._shadow_maps))
        for unit, texture in enumerate((*bound, *targets.steps)):
            texture.use(unit)
        context.depth_func = "1"  # these write depth as a mark, and none of them reads it
        for target, shader in ((targets.open, self._openness), (targets.lit, self._light)):
            target.use()
            self._screens[shader].render()
        if self._glossy:
            context.depth_func = "<="
            targets.mirror.use()
            targets.mirror.depth_mask = False  # the marks stay
            targets.mirror.clear()
            self._screens[self._reflect].render()
            targets.lit.use()
            self._blend()
            self._screens[self._compose].render()

    def _blend(self) -> None:
        """What is drawn from now on is added."""
        self._context.enable(self._context.BLEND)
        self._context.blend_func = (self._context.ONE, self._context.ONE)

    def _lights(self, seconds: float) -> dict[str, Any]:
        """Point lights as the shader takes them; the rest of the eight is dark."""
        places, intensities = np.zeros((8, 4), np.float32), np.zeros((8, 3), np.float32)
        for index, light in enumerate(self.scene.lights):
            places[index], intensities[index] = (*light.position(seconds), light.reach), light.intensity
        return {"lights": len(self.scene.lights), "light_places": places, "light_intensities": intensities}

    def _upload_environment(self) -> Any:
        levels = prefiltered(self.scene.environment)
        height = len(levels[0])
        texture = self._context.texture((2 * height, height), 4, _with_alpha(levels[0]).tobytes(), dtype="f4")
        texture.build_mipmaps(0, len(levels) - 1)
        for number, level in enumerate(levels[1:], start=1):
            texture.write(_with_alpha(level).tobytes(), level=number)
        texture.filter = (self._context.LINEAR_MIPMAP_LINEAR, self._context.LINEAR)
        texture.repeat_y = False
        harmonics = irradiance_harmonics(self.scene.environment)
        for shader in (self._light, self._compose):
            assign(shader, roughest=float(len(levels) - 1), harmonics=harmonics)
        return texture

    def _of_size(self, size: tuple[int, int]) -> _Targets:
        """Buffers of a size, made when first asked for."""
        if min(size) < 1:
            raise ShapeError(f"rasteriser: a size of {size}; (height, width) are at least 1")
        if size not in self._targets:
            context, shape = self._context, size[::-1]
            geometry = [context.texture(shape, 4, dtype=kind) for kind in ("f2", "f2", "f4")]
            for texture in geometry:
                texture.filter = (context.NEAREST, context.NEAREST)
            half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
            steps = tuple(context.texture(shape, 4, dtype="f2") for shape in (half, shape, half))
            for texture in steps:
                texture.repeat_x = texture.repeat_y = False
            marks = [context.depth_renderbuffer(shape) for shape in (half, shape)]
            single = [context.framebuffer([texture], mark) for texture, mark in zip(steps, (*marks, marks[0]), strict=True)]
            total = context.framebuffer([context.texture(shape, 4, dtype="f4")])
            depth = context.depth_renderbuffer(shape)
            self._targets[size] = _Targets(context.framebuffer(geometry, depth), single[0], single[1], single[2], total)
        return self._targets[size]

    def _set_up_sun(self) -> None:
        """Two shadow maps: of what stands still, drawn once, and of what moves, drawn for each frame."""
        sun = self.scene.sun
        self._shadow_maps = tuple(self._shadow_map(texels if sun else 1) for texels in SHADOW_TEXELS)
        if sun is None:
            assign(self._light, sun_irradiance=(0.0, 0.0, 0.0))
            return
        to_sun = _sun_matrix(self.scene)
        texels = tuple(2 * self.scene.extent / texels for texels in SHADOW_TEXELS)
        for shader in self._shadow:
            assign(shader, to_sun=to_sun, colour_map=0)
        assign(self._light, to_sun=to_sun, texels=texels, sun_direction=sun.direction, sun_irradiance=sun.irradiance)
        self._draw_shadows(self._shadow_maps[0], self._standing)
        self._draw_shadows(self._shadow_maps[1], [])

    def _shadow_map(self, texels: int) -> Any:
        """A framebuffer with depth alone, whose texture compares."""
        texture = self._context.depth_texture((texels, texels))
        texture.compare_func = "<="
        texture.filter = (self._context.LINEAR, self._context.LINEAR)
        return self._context.framebuffer(depth_attachment=texture)

    def _cast_shadows(self, frame: int, moving: list[NDArray[np.float32]]) -> None:
        """The shadows of what moves; once a frame."""
        if self.scene.sun is not None and moving and frame != self._shadowed:
            for group, matrices in zip(self._moving, moving, strict=True):
                group.load(matrices)
            self._draw_shadows(self._shadow_maps[1], self._moving)
            self._shadowed = frame

    def _draw_shadows(self, target: Any, groups: list[Group]) -> None:
        target.use()
        target.clear()
        self._context.enable_only(self._context.DEPTH_TEST)
        self._context.polygon_offset = 2.0, 2.0
        for group in groups:
            if group.has_holes and group.material.surface is not None:
                self._textures.of(group.material.surface)[0].use(0)
            group.shadow.render(instances=group.visible)
        self._context.polygon_offset = 0.0, 0.0


def _ray_matrix(camera: Camera, pose: Matrix, height: int, width: int) -> Matrix:
    """From (x, y, 1) in pixels, y down, to the direction of that pixel in the world, of length 1 along the view axis."""
    tangent = np.tan(camera.field_of_view / 2)
    pixel = 2 * tangent / height
    to_camera = np.zeros((4, 4))
    to_camera[0, 0], to_camera[0, 2] = pixel, -pixel * width / 2
    to_camera[1, 1], to_camera[1, 2] = -pixel, tangent
    to_camera[2, 2] = -1
    result = np.zeros((4, 4))
    result[:3, :3] = pose[:3, :3] @ to_camera[:3, :3]
    return result


def _sun_matrix(scene: Scene) -> Matrix:
    """World to the clip space of the shadow map: a box about the scene's centre, along the sun's direction."""
    assert scene.sun is not None
    back = np.array(scene.sun.direction) / np.linalg.norm(scene.sun.direction)
    right = np.cross((0.0, 1.0, 0.0) if abs(back[2]) > 0.99 else (0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    rotation = np.stack((right, np.cross(back, right), -back))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation / np.array([[1.0], [1.0], [2.0]]) / scene.extent
    matrix[:3, 3] = -matrix[:3, :3] @ np.array(scene.centre)
    return matrix


def _read(texture: Any, kind: type[np.generic], height: int, width: int) -> NDArray[Any]:
    """(height, width, 4), row 0 at the top."""
    pixels = np.empty((height, width, 4), kind)
    texture.read_into(pixels)
    return pixels


def _with_alpha(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w, 3) -> (h, w, 4): graphics cards read four channels faster than three."""
    return np.concatenate((picture, np.ones_like(picture[..., :1])), axis=2)
