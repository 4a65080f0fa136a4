"""The rasteriser: a scene to rendered frames, with every buffer of the contract, on any OpenGL 3.3 without a window.

Deferred: geometry into four buffers, then light, then reflections of what is on the screen for glossy surfaces. Depth, motion
and materials are exact; shadows, ambient occlusion and reflections are approximated as games do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upframe.errors import ShapeError
from upframe.rendered.frame import RenderedFrame
from upframe.rendered.jitter import halton
from upframe.renderers.environment import irradiance_harmonics, prefiltered
from upframe.renderers.raster.gpu import Group, Programs, Textures, assign, create_context, groups_of, program
from upframe.renderers.scene import Matrix, Scene, Surface, projection_matrix, ray_matrix, sun_matrix, view_matrix

SHADOW_TEXELS = 2048, 1024  # of what stands still, and of what moves
UNITS = (
    "albedo_map",
    "normal_map",
    "motion_map",
    "environment",
    "standing_shadow",
    "moving_shadow",
    "half_map",
    "open_map",
    "lit_map",
    "mirror_map",
)
"""The texture units of the shading passes."""
GLOSSY = 0.5  # materials smoother than this mirror the screen
TARGET_SAMPLES = 16
DOWN = np.diag((1.0, -1.0, 1.0, 1.0))  # clip space with y down
BATCH = 32  # groups: where software renders, it draws one batch while the next is put together


@dataclass(eq=False)
class _Targets:
    """The buffers of one size."""

    cover: Any  # framebuffer: the depth of the geometry alone
    geometry: Any  # framebuffer: albedo and metallic, normal and roughness, motion and depth and emission
    sky: Any  # the same, and lit
    half: Any  # half the size: depth; its own depth marks glossy surfaces
    open: Any  # half the size
    lit: Any  # its depth is the geometry's
    mark: Any  # depth alone, which marks glossy surfaces
    composed: Any  # lit, with those marks
    mirror: Any  # half the size, its depth that of half
    total: Any  # float32, for sums of samples

    @property
    def maps(self) -> tuple[Any, Any, Any]:
        albedo, normal, motion = self.geometry.color_attachments
        return albedo, normal, motion

    @property
    def steps(self) -> tuple[Any, ...]:
        return tuple(one.color_attachments[0] for one in (self.half, self.open, self.lit, self.mirror))


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
        self._geometry, self._shadow = (Programs.compiled(context, name) for name in ("geometry", "shadow"))
        self._cover = program(context, "geometry", "cover", defines=("TEXTURE", "HOLES"))
        has = ["SUN"] * (scene.sun is not None) + [f"LIGHTS {len(scene.lights)}"] * bool(scene.lights)
        self._sky, self._half, self._openness, self._light, self._mark, self._reflect, self._compose, self._add = shading = [
            program(context, "screen", name, shading=True, defines=has)
            for name in ("sky", "half", "openness", "light", "mark", "reflect", "compose", "add")
        ]
        for shader in shading:
            assign(shader, **{name: unit for unit, name in enumerate(UNITS)})
        for shader in (*self._geometry, self._cover, *self._shadow):
            assign(shader, colour_map=0, detail_map=1)
        triangle = context.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
        self._shading = shading
        self._screens = {shader: context.vertex_array(shader, [(triangle, "2f", "position")]) for shader in shading}
        self._elsewhere = context.framebuffer([context.texture((1, 1), 4)])
        self._textures = Textures(context)
        self._standing, self._moving = groups_of(context, scene, self._geometry, self._cover, self._shadow)
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

    def finish(self) -> None:
        """Wait until all is drawn."""
        self._context.finish()

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
        textures; -log2(scale) makes them as sharp as in an image ``scale`` times larger. ``shaded=False``: no colour.
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
        """The image a network should make: (height, width, 3), linear, the mean of so many samples all over each pixel."""
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
        self._moving.place(frame, self.fps)
        view = {"size": size[::-1], "jitter": jitter, "eye": pose[:3, 3], "ray_of": ray_matrix(camera, pose, height, width)}
        for shader in (*self._geometry, self._cover, *self._shading):
            assign(shader, **view, clip_now=clip_now, clip_before=clip_before)
        shift = (-2 * jitter[0] / width, -2 * jitter[1] / height)
        for shader in (*self._geometry, self._cover):
            assign(shader, bias=texture_bias, shift=shift)
        assign(self._openness, focal=height / (2 * np.tan(camera.field_of_view / 2)))
        assign(self._light, **self._lights(seconds))
        eye = pose[:3, 3]
        seen = self._moving.load_in_sight(eye, clip_now) + self._standing.in_sight(eye, clip_now)
        self._draw_geometry(targets, [group for _, group in sorted(seen, key=itemgetter(0))])
        self._cast_shadows(frame)
        self._context.enable_only(self._context.DEPTH_TEST)
        self._environment.use(UNITS.index("environment"))
        targets.sky.use()
        self._screens[self._sky].render()

    def _draw_geometry(self, targets: _Targets, seen: list[Group]) -> None:
        """From near to far, so that little is drawn that will be hidden; what has holes by its depth first."""
        self._context.enable_only(self._context.DEPTH_TEST)
        self._context.depth_func = "<="
        self._context.front_face = "cw"  # with y down
        solid, holed = [group for group in seen if not group.has_holes], [group for group in seen if group.has_holes]
        targets.cover.use()
        targets.cover.clear()
        self._draw_groups(targets.cover, holed, covers=True)
        targets.geometry.use()  # the sky writes what nothing else does
        self._draw_groups(targets.geometry, solid)
        self._context.depth_func = "=="
        self._draw_groups(targets.geometry, holed)
        self._context.depth_func = "<="

    def _draw_groups(self, target: Any, groups: list[Group], *, covers: bool = False) -> None:
        """Into ``target``, which is bound, in this order."""
        two_sided, surface = True, None
        self._context.disable(self._context.CULL_FACE)
        for number, group in enumerate(groups):
            material = group.material
            if material.two_sided is not two_sided:
                two_sided = material.two_sided
                (self._context.disable if two_sided else self._context.enable)(self._context.CULL_FACE)
            if material.surface is not None and material.surface is not surface:
                surface = material.surface
                self._use(surface)
            (group.cover if covers else group.drawn).render(instances=group.visible)
            if number % BATCH == BATCH - 1:
                self._elsewhere.clear()  # what was drawn so far is on its way as soon as something else is drawn to
                target.use()

    def _use(self, surface: Surface) -> None:
        """Bind its textures for the geometry or the shadow pass."""
        for unit, texture in enumerate(self._textures.of(surface)):
            texture.use(unit)

    def _shade(self, targets: _Targets) -> None:
        """Light, and reflections where the scene has glossy surfaces."""
        context = self._context
        context.enable_only(context.DEPTH_TEST)
        bound = (*targets.maps, self._environment, *(one.depth_attachment for one in self._shadow_maps))
        for unit, texture in enumerate((*bound, *targets.steps)):
            texture.use(unit)
        self._open(targets)
        self._illuminate(targets)
        if self._glossy:
            self._reflect_glossy(targets)

    def _open(self, targets: _Targets) -> None:
        """How open everything is to the sky, at half the size."""
        self._context.depth_func = "1"  # depth is written as a mark, and not read
        for target, shader in ((targets.half, self._half), (targets.open, self._openness)):
            target.use()
            self._screens[shader].render()

    def _illuminate(self, targets: _Targets) -> None:
        self._context.depth_func = ">"  # where something is nearer than the sky
        targets.lit.use()
        targets.lit.depth_mask = False
        self._screens[self._light].render()

    def _reflect_glossy(self, targets: _Targets) -> None:
        """What glossy surfaces mirror of the screen takes the place of what they mirror of the environment."""
        context = self._context
        context.depth_func = "1"
        targets.mark.use()
        self._screens[self._mark].render()
        context.depth_func = "<="
        targets.mirror.use()
        targets.mirror.depth_mask = False  # the marks stay
        targets.mirror.clear()
        self._screens[self._reflect].render()
        targets.composed.use()
        targets.composed.depth_mask = False
        self._blend()
        self._screens[self._compose].render()

    def _blend(self) -> None:
        """What is drawn from now on is added."""
        self._context.enable(self._context.BLEND)
        self._context.blend_func = (self._context.ONE, self._context.ONE)

    def _lights(self, seconds: float) -> dict[str, Any]:
        """Point lights as the shader takes them: their values one after the other."""
        lights = self.scene.lights
        places = np.array([(*light.position(seconds), light.reach) for light in lights]).ravel()
        return {"light_places": places, "light_intensities": np.array([light.intensity for light in lights]).ravel()}

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
        for shader in (self._sky, self._light, self._compose):
            assign(shader, roughest=float(len(levels) - 1), harmonics=harmonics)
        return texture

    def _of_size(self, size: tuple[int, int]) -> _Targets:
        """Buffers of a size, made when first asked for."""
        if min(size) < 1:
            raise ShapeError(f"rasteriser: a size is (height, width) of at least 1, not {size}")
        if size not in self._targets:
            context, shape = self._context, size[::-1]
            geometry = [context.texture(shape, 4, dtype=kind) for kind in ("f2", "f2", "f4")]
            for texture in geometry:
                texture.filter = (context.NEAREST, context.NEAREST)
            half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
            far = context.texture(half, 1, dtype="f4")
            steps = (context.texture(half, 1), *(context.texture(one, 4, dtype="f2") for one in (shape, half)))
            for texture in steps:
                texture.repeat_x = texture.repeat_y = False
            opened, lit, mirrored = steps
            depth, mark, half_mark = (context.depth_renderbuffer(one) for one in (shape, shape, half))
            self._targets[size] = _Targets(
                cover=context.framebuffer(depth_attachment=depth),
                geometry=context.framebuffer(geometry, depth),
                sky=context.framebuffer([*geometry, lit], depth),
                half=context.framebuffer([far], half_mark),
                open=context.framebuffer([opened]),
                lit=context.framebuffer([lit], depth),
                mark=context.framebuffer(depth_attachment=mark),
                composed=context.framebuffer([lit], mark),
                mirror=context.framebuffer([mirrored], half_mark),
                total=context.framebuffer([context.texture(shape, 4, dtype="f4")]),
            )
        return self._targets[size]

    def _set_up_sun(self) -> None:
        """Two shadow maps: of what stands still, drawn once, and of what moves, drawn for each frame."""
        sun = self.scene.sun
        self._shadow_maps = tuple(self._shadow_map(texels if sun else 1) for texels in SHADOW_TEXELS)
        if sun is None:
            return
        to_sun = sun_matrix(self.scene)
        texels = tuple(2 * self.scene.extent / texels for texels in SHADOW_TEXELS)
        for shader in self._shadow:
            assign(shader, to_sun=to_sun)
        assign(self._light, to_sun=to_sun, texels=texels, sun_direction=sun.direction, sun_irradiance=sun.irradiance)
        self._draw_shadows(self._shadow_maps[0], self._standing.groups)
        self._draw_shadows(self._shadow_maps[1], [])

    def _shadow_map(self, texels: int) -> Any:
        """A framebuffer with depth alone, whose texture compares."""
        texture = self._context.depth_texture((texels, texels))
        texture.compare_func = "<="
        texture.filter = (self._context.LINEAR, self._context.LINEAR)
        return self._context.framebuffer(depth_attachment=texture)

    def _cast_shadows(self, frame: int) -> None:
        """The shadows of what moves; once a frame."""
        if self.scene.sun is not None and self._moving.groups and frame != self._shadowed:
            self._draw_shadows(self._shadow_maps[1], self._moving.load_all())
            self._shadowed = frame

    def _draw_shadows(self, target: Any, groups: list[Group]) -> None:
        target.use()
        target.clear()
        self._context.enable_only(self._context.DEPTH_TEST)
        self._context.depth_func = "<="
        self._context.polygon_offset = 2.0, 2.0
        for group in groups:
            if group.has_holes and group.material.surface is not None:
                self._use(group.material.surface)
            group.shadow.render(instances=group.visible)
        self._context.polygon_offset = 0.0, 0.0


def _read(texture: Any, kind: type[np.generic], height: int, width: int) -> NDArray[Any]:
    """(height, width, 4), row 0 at the top."""
    pixels = np.empty((height, width, 4), kind)
    texture.read_into(pixels)
    return pixels


def _with_alpha(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w, 3) -> (h, w, 4): graphics cards read four channels faster than three."""
    return np.concatenate((image, np.ones_like(image[..., :1])), axis=2)
