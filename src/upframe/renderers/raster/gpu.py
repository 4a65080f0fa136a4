"""A scene on the graphics card: textures, meshes and the matrices of their instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from upframe.errors import DeviceError, MissingExtra
from upframe.renderers.scene import Instance, Material, Matrix, Mesh, Scene, Surface, Vector
from upframe.renderers.scenes.geometry import joined

CELL = 24.0  # metres: things of one material that stand in one square are drawn together


def create_context() -> Any:
    """An OpenGL 3.3 context without a window, by EGL. Raises MissingExtra, or DeviceError where there is no OpenGL."""
    try:
        import moderngl
    except ImportError as error:
        raise MissingExtra("moderngl", "render", "rendering scenes") from error
    problems = []
    for names in ({}, {"libegl": "libEGL.so.1", "libgl": "libGL.so.1"}):  # with and without development packages
        try:
            settings: dict[str, Any] = {"backend": "egl", **names}
            return moderngl.create_context(standalone=True, require=330, **settings)
        except Exception as error:  # noqa: BLE001 - the package raises whatever the loader of the library meets
            problems.append(str(error))
    raise DeviceError(
        f"no OpenGL 3.3 without a window: {problems[-1]}",
        remedy="install EGL and a driver; on Debian and Ubuntu a software one is in libegl1, libgl1 and libgl1-mesa-dri",
    )


def program(context: Any, vertex: str, fragment: str, *, shading: bool = False, defines: Sequence[str] = ()) -> Any:
    """Compile two shaders of this package; ``shading`` puts the functions of shading before the fragment shader.

    ``defines``: what ``#ifdef`` asks for. Renderers in software compute both sides of an ``if`` for every pixel, so that what
    a surface or a scene does not have is better left out of its shader.
    """
    folder = files("upframe.renderers.raster") / "shaders"

    def text(*names: str) -> str:
        return (
            "#version 330\n"
            + "".join(f"#define {define}\n" for define in defines)
            + "\n".join((folder / f"{name}.glsl").read_text(encoding="utf-8") for name in names)
        )

    before = ("shading",) if shading else ()
    return context.program(vertex_shader=text(f"{vertex}_vertex"), fragment_shader=text(*before, f"{fragment}_fragment"))


def assign(shader: Any, **values: Any) -> None:
    """Set uniforms by name; those the compiler has removed are passed over. Matrices are given row by row, as everywhere."""
    for name, value in values.items():
        if name not in shader:
            continue
        if isinstance(value, np.ndarray):
            shader[name].write(np.ascontiguousarray(value.T if value.shape == (4, 4) else value, np.float32).tobytes())
        else:
            shader[name].value = value


class Textures:
    """The two textures of each surface, uploaded when first asked for."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._known: dict[int, tuple[Surface, Any, Any]] = {}

    def of(self, surface: Surface) -> tuple[Any, Any]:
        """Colour with coverage, and x and y of the normal with roughness; both with mip levels."""
        if id(surface) not in self._known:  # the surface is kept beside them, so that its id is not used again
            self._known[id(surface)] = (surface, *self._upload(surface))
        return self._known[id(surface)][1:]

    def _upload(self, surface: Surface) -> tuple[Any, Any]:
        height, width = surface.colour.shape[:2]
        encoded = surface.colour[..., :3] / np.float32(255)
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        cover = surface.colour[..., 3:] / np.float32(255) if surface.has_holes else np.ones((height, width, 1), np.float32)
        detail = np.full((height, width, 4), 255, np.uint8)
        detail[..., :2], detail[..., 2] = surface.normal[..., :2], surface.roughness
        textures = (
            self._levels(np.concatenate((linear, cover), axis=2).astype(np.float32)),
            self._context.texture((width, height), 4, detail[::-1].tobytes()),  # the first row of a texture is at v = 0
        )
        textures[1].build_mipmaps()
        textures[0].filter = (self._context.LINEAR_MIPMAP_LINEAR, self._context.LINEAR)
        textures[1].filter = (self._context.LINEAR_MIPMAP_NEAREST, self._context.LINEAR)  # seen through light alone
        return textures

    def _levels(self, linear: NDArray[np.float32]) -> Any:
        """A texture of square roots of a linear image, each level the mean of the one before.

        Roots spread eight bits over the dark as the eye wants it, and are cheaper to undo than sRGB where software renders.
        """
        height, width = linear.shape[:2]
        texture = self._context.texture((width, height), 4)
        halvings = ((height | width) & -(height | width)).bit_length() - 1  # how often both can be halved
        texture.build_mipmaps(0, halvings)
        for level in range(halvings + 1):
            encoded = np.concatenate((np.sqrt(linear[..., :3]), linear[..., 3:]), axis=2)
            texture.write(np.asarray(encoded[::-1] * 255 + 0.5, np.uint8).tobytes(), level=level)
            if level < halvings:
                linear = linear.reshape(len(linear) // 2, 2, -1, 2, 4).mean(axis=(1, 3))
        return texture


class Programs(NamedTuple):
    """For surfaces without texture, with one, and with one that has holes."""

    plain: Any
    textured: Any
    holes: Any

    @classmethod
    def compiled(cls, context: Any, name: str) -> Programs:
        """Of the shaders of this name."""
        return cls(*(program(context, name, name, defines=defines) for defines in ((), ("TEXTURE",), ("TEXTURE", "HOLES"))))

    def of(self, material: Material) -> Any:
        """The one for this material."""
        if material.surface is None:
            return self.plain
        return self.holes if material.surface.has_holes else self.textured


@dataclass(eq=False)
class Group:
    """Drawn at once: the moving instances of one mesh and material, or what stands still in one place of one material."""

    material: Material
    instances: list[Instance]  # none for what stands still
    centre: Vector  # of a sphere around the mesh, before its transform
    radius: float
    matrices: Any  # the buffer of (n, 2, 4, 4): now and before
    drawn: Any  # vertex arrays of the geometry pass, and of the passes of depth alone
    cover: Any  # of what has holes: its depth
    shadow: Any
    visible: int = 0  # how many instances the buffer holds

    @property
    def has_holes(self) -> bool:
        return self.material.surface is not None and self.material.surface.has_holes

    def load(self, matrices: NDArray[np.float32]) -> None:
        """Fill the buffer with (n, 2, 4, 4), columns of matrices first."""
        self.visible = len(matrices)
        if self.visible:
            self.matrices.write(matrices.tobytes())


class StillGroups:
    """All that stands still: groups of one instance, in world space already."""

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups
        self._centres = np.array([group.centre for group in groups]).reshape(-1, 3)
        self._radii = np.array([group.radius for group in groups])

    def in_sight(self, eye: Vector, clip: Matrix) -> list[tuple[float, Group]]:
        """What may be in the image, each with the square of how far away its middle is."""
        seen = np.flatnonzero(_in_sight(self._centres, self._radii, clip))
        distances = ((self._centres[seen] - eye) ** 2).sum(axis=1)
        return [(float(distance), self.groups[index]) for index, distance in zip(seen, distances, strict=True)]


class MovingGroups:
    """All that moves: where it is in a frame, and which of it may be in the image."""

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups
        self._instances = [instance for group in groups for instance in group.instances]
        counts = [len(group.instances) for group in groups]
        self._ends = np.cumsum([0, *counts])
        self._centres = np.repeat(np.array([group.centre for group in groups]).reshape(-1, 3), counts, axis=0)
        self._radii = np.repeat(np.array([group.radius for group in groups]), counts)
        self._placed: dict[int, NDArray[np.float32]] = {}  # by frame
        self._now = np.empty((0, 2, 4, 4), np.float32)

    def place(self, frame: int, fps: float) -> None:
        """Put all instances where they are in this frame, and where they were in the one before."""
        if list(self._placed) == [frame - 1, frame]:
            return
        known = self._placed
        self._placed = {number: known[number] if number in known else self._at(number / fps) for number in (frame - 1, frame)}
        self._now = np.stack((self._placed[frame], self._placed[frame - 1]), axis=1)

    def _at(self, seconds: float) -> NDArray[np.float32]:
        """Object to world of every instance, (n, 4, 4), columns first."""
        matrices = np.array([instance.at(seconds) for instance in self._instances], np.float32).reshape(-1, 4, 4)
        return matrices.transpose(0, 2, 1)

    def load_all(self) -> list[Group]:
        """Every group, its buffer filled with every instance."""
        for index, group in enumerate(self.groups):
            group.load(self._now[self._ends[index] : self._ends[index + 1]])
        return self.groups

    def load_in_sight(self, eye: Vector, clip: Matrix) -> list[tuple[float, Group]]:
        """The groups that may be in the image, their buffers filled with the instances that may, from near to far.

        Each with the square of how far away its instances are in the mean.
        """
        now = self._now[:, 0]
        stretch = np.sqrt((now[:, :3, :3] ** 2).sum(axis=2).max(axis=1, initial=0))
        centres = (self._centres[:, None] @ now[:, :3, :3])[:, 0] + now[:, 3, :3]
        seen = _in_sight(centres, self._radii * stretch, clip)
        distances = ((centres - eye) ** 2).sum(axis=1)
        result = []
        for index, group in enumerate(self.groups):
            first, end = self._ends[index : index + 2]
            those = first + np.flatnonzero(seen[first:end])
            group.load(self._now[those[np.argsort(distances[those])]])
            if group.visible:
                result.append((float(distances[those].mean()), group))
        return result


def groups_of(context: Any, scene: Scene, geometry: Programs, cover: Any, shadow: Programs) -> tuple[StillGroups, MovingGroups]:
    """Upload the meshes of a scene: what stands still, put together by place and material, and what moves."""
    still: dict[tuple[int, int, int], list[Instance]] = {}
    moving: dict[tuple[int, int], list[Instance]] = {}
    for instance in scene.instances:
        if instance.moves:
            moving.setdefault((id(instance.mesh), id(instance.material)), []).append(instance)
        else:
            x, y = np.floor(instance.at(0.0)[:2, 3] / CELL)
            still.setdefault((id(instance.material), int(x), int(y)), []).append(instance)
    programs = geometry, cover, shadow
    standing = [_group(context, _baked(gathered), gathered[0].material, [], *programs) for gathered in still.values()]
    for group in standing:
        group.load(np.tile(np.eye(4, dtype=np.float32), (1, 2, 1, 1)))
    return StillGroups(standing), MovingGroups(
        [_group(context, gathered[0].mesh, gathered[0].material, gathered, *programs) for gathered in moving.values()]
    )


def _baked(instances: list[Instance]) -> Mesh:
    """One mesh, in world space, of several that stand still."""
    return joined((instance.mesh, instance.at(0.0)) for instance in instances)


def _group(
    context: Any, mesh: Mesh, material: Material, instances: list[Instance], geometry: Programs, cover: Any, shadow: Programs
) -> Group:
    vertices = np.concatenate((mesh.positions, mesh.normals, mesh.uvs), axis=1).astype(np.float32)
    buffer, indices = context.buffer(vertices.tobytes()), context.buffer(mesh.triangles.astype(np.int32).tobytes())
    matrices = context.buffer(reserve=max(len(instances), 1) * 2 * 64)
    look = (*material.base_colour, material.roughness, material.metallic, material.emission, float(material.two_sided))
    looks = context.buffer(np.array(look, np.float32).tobytes())
    textured, has_holes = material.surface is not None, material.surface is not None and material.surface.has_holes
    seen = [
        (buffer, "3f 3f 2f" if textured else "3f 3f 8x", *("position", "normal", "uv")[: 3 if textured else 2]),
        (matrices, "16f 16f/i", "model", "model_before"),
        (looks, "4f 3f/r", "colour_and_roughness", "metallic_emission_sides"),
    ]
    cast = [
        (buffer, "3f 12x 2f" if has_holes else "3f 20x", *(("position", "uv") if has_holes else ("position",))),
        (matrices, "16f 64x/i", "model"),
    ]
    low, high = mesh.positions.min(axis=0).astype(np.float64), mesh.positions.max(axis=0).astype(np.float64)
    return Group(
        material,
        instances,
        (low + high) / 2,
        float(np.linalg.norm(high - low)) / 2,
        matrices,
        context.vertex_array(geometry.of(material), seen, indices),
        context.vertex_array(cover, cast, indices) if has_holes else None,
        context.vertex_array(shadow.of(material), cast, indices),
    )


def _in_sight(centres: NDArray[np.floating[Any]], radii: NDArray[np.floating[Any]], clip: Matrix) -> NDArray[np.bool_]:
    """Which of n spheres may be in the image of ``clip``."""
    planes = np.stack((clip[3] + clip[0], clip[3] - clip[0], clip[3] + clip[1], clip[3] - clip[1], clip[3]))
    planes = planes / np.sqrt((planes[:, :3] ** 2).sum(axis=1, keepdims=True))
    return np.asarray((centres @ planes[:, :3].T + planes[:, 3] > -radii[:, None]).all(axis=1))
