"""What a scene is made of, for whoever renders it: meshes, materials, instances, cameras, lights and an environment.

Convention: a right-handed world in metres with z up, as in Blender; time in seconds. Matrices are (4, 4) float64, for column
vectors. A camera looks along its own -z with y up (OpenGL and Blender alike). Colours are linear RGB with Rec. 709 primaries;
light is in arbitrary units that the scene's exposure brings to an image. Anything that moves is a function of time, so that
a maker may ask for the frame before the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from upframe.errors import InputError

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
Transform: TypeAlias = Callable[[float], Matrix]
"""Seconds -> object to world, or camera to world: (4, 4)."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with their own normals and texture coordinates at each vertex.

    positions (n, 3), normals (n, 3) of length 1, uvs (n, 2) with v up as in OpenGL: float32. triangles (m, 3) int32,
    anticlockwise seen from outside. Texture coordinates beyond [0, 1] repeat the texture.
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    uvs: NDArray[np.float32]
    triangles: NDArray[np.int32]

    def __post_init__(self) -> None:
        count = len(self.positions)
        shapes = (self.positions.shape, self.normals.shape, self.uvs.shape, self.triangles.shape[1:])
        if shapes != ((count, 3), (count, 3), (count, 2), (3,)):
            raise InputError(f"scene: a mesh of {shapes}; positions and normals are (n, 3), uvs (n, 2), triangles (m, 3)")
        if self.triangles.size and not 0 <= self.triangles.min() <= self.triangles.max() < count:
            raise InputError(f"scene: a mesh of {count} vertices has a triangle that names another")

    @property
    def radius(self) -> float:
        """Of the smallest sphere around the origin that holds the mesh."""
        return float(np.sqrt((self.positions.astype(np.float64) ** 2).sum(axis=1).max(initial=0)))


@dataclass(frozen=True, eq=False)
class Surface:
    """The textures of a material: images whose first row is at v = 1. All repeat, and all have the same size.

    colour (h, w, 3) and, where it has holes, (h, w, 4) uint8: sRGB and coverage. normal (h, w, 3) uint8: tangent space, x
    along u, y along v, 128 is 0. roughness (h, w) uint8: multiplies the material's; 255 is 1.
    """

    colour: Bytes
    normal: Bytes
    roughness: Bytes

    @property
    def has_holes(self) -> bool:
        """Whether parts are cut out: leaves, wire mesh."""
        return bool(self.colour.shape[2] == 4)


@dataclass(frozen=True, eq=False)
class Material:
    """A metallic-roughness surface (GGX), as in glTF.

    base_colour multiplies the texture's. emission: light given off, in multiples of the base colour. two_sided: leaves and
    cloth, seen and lit from both sides.
    """

    base_colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    roughness: float = 0.8
    metallic: float = 0.0
    emission: float = 0.0
    surface: Surface | None = None
    two_sided: bool = False

    @property
    def smoothest(self) -> float:
        """The smallest roughness anywhere on it."""
        return self.roughness * (1.0 if self.surface is None else float(self.surface.roughness.min()) / 255)


@dataclass(frozen=True, eq=False)
class Instance:
    """A mesh in the world. ``transform`` is a matrix where it stands still, a function of time where it moves."""

    mesh: Mesh
    material: Material
    transform: Matrix | Transform

    @property
    def moves(self) -> bool:
        """Whether the transform depends on the time."""
        return callable(self.transform)

    def at(self, seconds: float) -> Matrix:
        """Object to world, (4, 4)."""
        return self.transform(seconds) if callable(self.transform) else self.transform


@dataclass(frozen=True, eq=False)
class Camera:
    """pose: camera to world. field_of_view: vertical, radians. near: what is closer, in metres along the axis, is not seen."""

    pose: Transform
    field_of_view: float = 0.9
    near: float = 0.05


@dataclass(frozen=True, eq=False)
class Shot:
    """From ``start`` on, in seconds, the scene is seen through this camera; a new shot is a cut."""

    start: float
    camera: Camera


@dataclass(frozen=True, eq=False)
class Sun:
    """Light from infinitely far: direction towards it, of length 1, and irradiance on a surface that faces it, RGB."""

    direction: tuple[float, float, float]
    irradiance: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class PointLight:
    """Light from a point: position by time, intensity RGB (irradiance at one metre), and the distance at which it ends."""

    position: Callable[[float], tuple[float, float, float]]
    intensity: tuple[float, float, float]
    reach: float = 12.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything a maker needs. ``environment`` (h, 2h, 3) float32: radiance from all around, linear.

    Row 0 of the environment is straight up; its middle column is along +x, and columns go clockwise seen from above:
    column = (0.5 - atan2(y, x) / 2 pi) * width. It does not hold the sun, which is a light of its own.
    """

    name: str
    seed: int
    instances: tuple[Instance, ...]
    shots: tuple[Shot, ...]
    environment: NDArray[np.float32] = field(repr=False)
    sun: Sun | None = None
    lights: tuple[PointLight, ...] = ()
    exposure: float = 1.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    extent: float = 30.0
    """Radius in metres about the centre within which things cast shadows."""

    def __post_init__(self) -> None:
        starts = [shot.start for shot in self.shots]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise InputError(
                f"scene {self.name}: its shots begin at {starts}; the first begins at 0, and each later than the last"
            )
        height = len(self.environment)
        if self.environment.shape != (height, 2 * height, 3) or height < 16 or height & (height - 1):
            raise InputError(
                f"scene {self.name}: an environment of {self.environment.shape}; it is (h, 2h, 3), h a power of two from 16 up"
            )
        if len(self.lights) > MOST_LIGHTS:
            raise InputError(f"scene {self.name}: {len(self.lights)} point lights; at most {MOST_LIGHTS} are shaded")

    def shot(self, frame: int, fps: float) -> Shot:
        """The shot a frame belongs to; frame 0 and those before are of the first."""
        return next((shot for shot in reversed(self.shots) if first_frame(shot, fps) <= frame), self.shots[0])

    def is_cut(self, frame: int, fps: float) -> bool:
        """Whether the frame is the first of its shot."""
        return any(first_frame(shot, fps) == frame for shot in self.shots)


MOST_LIGHTS = 8


def first_frame(shot: Shot, fps: float) -> int:
    """The number of a shot's first frame."""
    return round(shot.start * fps)


def view_matrix(pose: Matrix) -> Matrix:
    """World to camera from camera to world, both rigid."""
    rotation = pose[:3, :3].T
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = rotation, -rotation @ pose[:3, 3]
    return view


def projection_matrix(camera: Camera, height: int, width: int, far: float = 2000.0) -> Matrix:
    """Camera to clip coordinates as in OpenGL: y up, depth -1 at ``near`` and 1 at ``far``; w is distance along the axis."""
    tangent = np.tan(camera.field_of_view / 2)
    near = camera.near
    projection = np.zeros((4, 4))
    projection[0, 0], projection[1, 1] = height / (width * tangent), 1 / tangent
    projection[2, 2], projection[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    projection[3, 2] = -1
    return projection


def ray_matrix(camera: Camera, pose: Matrix, height: int, width: int) -> Matrix:
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


def sun_matrix(scene: Scene) -> Matrix:
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
