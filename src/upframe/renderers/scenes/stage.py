"""A scene while it is being put together: its seeded generator, its materials, and the instances so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from upframe.renderers.environment import Panorama, mean_radiance
from upframe.renderers.scene import Instance, Material, Matrix, Mesh, PointLight, Scene, Shot, Sun, Surface, Transform
from upframe.renderers.scenes import drawn, textures
from upframe.renderers.scenes.clearance import Surroundings, kept_clear
from upframe.renderers.scenes.skies import day_sky, night_sky

Maker = Callable[..., Surface]


@dataclass(eq=False)
class Stage:
    """``seconds``: how long the clip is that the cameras move through. ``pixels``: of a texture's side.

    photographs: images that hang in place of drawn posters and paintings, where there are any.
    """

    rng: np.random.Generator
    seconds: float
    pixels: int = 512
    photographs: Sequence[Surface] = ()
    instances: list[Instance] = field(default_factory=list)
    lights: list[PointLight] = field(default_factory=list)
    _surfaces: dict[tuple[Any, ...], Surface] = field(default_factory=dict)
    _materials: dict[tuple[Any, ...], Material] = field(default_factory=dict)

    def surface(self, maker: Maker, variant: int = 0, **settings: Any) -> Surface:
        """A texture, made once for each variant."""
        key = (maker, variant, *sorted(settings.items()))
        if key not in self._surfaces:
            self._surfaces[key] = maker(np.random.default_rng(self.rng.integers(2**63)), self.pixels, **settings)
        return self._surfaces[key]

    def covered(
        self, maker: Maker, variant: int = 0, *, roughness: float = 1.0, emission: float = 0.0, **settings: Any
    ) -> Material:
        """A material with this texture; ``roughness`` multiplies the texture's own."""
        return self.plain(
            settings.pop("colour", (1.0, 1.0, 1.0)),
            roughness,
            settings.pop("metallic", 0.0),
            emission=emission,
            two_sided=settings.pop("two_sided", False),
            surface=self.surface(maker, variant, **settings),
        )

    def plain(
        self,
        colour: tuple[float, float, float],
        roughness: float = 0.6,
        metallic: float = 0.0,
        *,
        emission: float = 0.0,
        two_sided: bool = False,
        surface: Surface | None = None,
    ) -> Material:
        """A material; equal ones are one, so that they are drawn together."""
        key = (colour, roughness, metallic, emission, two_sided, id(surface))
        return self._materials.setdefault(key, Material(colour, roughness, metallic, emission, surface, two_sided))

    def image(self, variant: int, maker: Maker = drawn.poster, **settings: Any) -> Material:
        """A poster or painting: a photograph where there are any."""
        if self.photographs:
            return self.plain((1.0, 1.0, 1.0), surface=self.photographs[variant % len(self.photographs)], **settings)
        return self.covered(maker, variant, **settings)

    def add(self, mesh: Mesh, material: Material, *places: Matrix | Transform) -> None:
        """Put a mesh into the world, once for each place."""
        self.instances += [Instance(mesh, material, place) for place in places]

    def one_of(self, *choices: Any) -> Any:
        """One, at random."""
        return choices[int(self.rng.integers(len(choices)))]

    def wall(self) -> Material:
        """What a house is built of."""
        maker = self.one_of(textures.brick, textures.plaster, textures.plaster, textures.blocks, textures.concrete)
        return self.covered(maker, int(self.rng.integers(3)))


@dataclass(frozen=True, eq=False)
class Daylight:
    """Sky and sun of a scene, and the exposure that fits them."""

    environment: Panorama
    sun: Sun | None
    exposure: float

    @property
    def dark(self) -> bool:
        """Whether lamps are on."""
        return self.exposure > 3


def daylight(stage: Stage, *, night: float = 0.0) -> Daylight:
    """A time of day: with probability ``night`` dark, else sun high or low, or a covered sky."""
    rng = stage.rng
    if rng.random() < night:
        sky = night_sky(rng)
        moon = _direction(rng.uniform(0.6, 1.1), rng.uniform(0, 2 * np.pi))
        return Daylight(sky, Sun(moon, (0.03, 0.035, 0.05)), float(rng.uniform(5.0, 8.0)))
    elevation = rng.uniform(0.15, 0.4) if rng.random() < 0.35 else rng.uniform(0.45, 1.1)
    clouds = float(rng.choice([rng.uniform(0.1, 0.65), rng.uniform(0.85, 1.0)], p=[0.8, 0.2]))
    direction = _direction(elevation, rng.uniform(0, 2 * np.pi))
    sky = day_sky(rng, direction, clouds=clouds)
    warmth = float(np.clip(1 - elevation / 0.6, 0, 1))
    strength = (5.2 - 1.6 * warmth) * float(np.clip(2.2 - 2.1 * clouds, 0.08, 1))
    sun = Sun(direction, (strength, strength * (0.95 - 0.28 * warmth), strength * (0.88 - 0.5 * warmth)))
    return Daylight(sky, sun, 1.05 / (0.25 * strength * (0.4 + 0.6 * direction[2]) + mean_radiance(sky) * 1.5))


def _direction(elevation: float, azimuth: float) -> tuple[float, float, float]:
    c = float(np.cos(elevation))
    return c * float(np.cos(azimuth)), c * float(np.sin(azimuth)), float(np.sin(elevation))


def finished(stage: Stage, name: str, seed: int, light: Daylight, shots: Sequence[Shot], extent: float) -> Scene:
    """The scene, with shadows within ``extent`` metres of where the first camera begins to look.

    Cameras that come too near to something on their way are moved aside.
    """
    shots = _kept_clear(stage, shots)
    pose = shots[0].camera.pose(stage.seconds / 2)
    ahead = pose[:3, 3] - pose[:3, 2] * extent * 0.6
    return Scene(
        name,
        seed,
        tuple(stage.instances),
        tuple(shots),
        light.environment,
        light.sun,
        tuple(stage.lights),
        light.exposure,
        centre=(float(ahead[0]), float(ahead[1]), 2.0),
        extent=extent,
    )


def _kept_clear(stage: Stage, shots: Sequence[Shot]) -> list[Shot]:
    around = Surroundings(stage.instances)
    ends = [*(shot.start for shot in shots[1:]), stage.seconds]
    return [
        replace(shot, camera=replace(shot.camera, pose=kept_clear(around, shot.camera.pose, shot.start, end)))
        for shot, end in zip(shots, ends, strict=True)
    ]


def shots_of(stage: Stage, cameras: Sequence[Any]) -> list[Shot]:
    """One camera, or with a chance of one in three two of them with a cut between."""
    if stage.rng.random() < 1 / 3 and len(cameras) > 1:
        return [Shot(0.0, cameras[0]), Shot(stage.seconds * float(stage.rng.uniform(0.4, 0.65)), cameras[1])]
    return [Shot(0.0, cameras[0])]
