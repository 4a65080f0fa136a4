"""What a recipe says about its data; a wrong word or type is refused with its place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from upframe.datasets.film_degradation import Level, Material

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Flips = Literal["all", "thirds", "none"]
"""``all``: each of the eight ways to lay a square as often (TTVSR). ``thirds``: no flip, upside down or left to right, a third
each, then any quarter turn (TecoGAN)."""


class Section(BaseModel):
    """A part of a recipe: nothing that is not named in it may be there."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(Section):
    """What all data have in common.

    ``cache_gb``: memory of each worker for frames read before. ``skip_damaged``: leave out files that cannot be
    read, instead of stopping.
    """

    skip_damaged: bool = False
    cache_gb: Annotated[float, Field(gt=0)] = 4.0


class ImageData(Source):
    """Crops of single images.

    ``images``: folders, files, or ``drawn:0-23``. ``crop``: the side in pixels of high resolution. ``choices``: so many
    places are looked at, and the one with the most detail is taken. ``degradation``: see :mod:`upframe.training.data.pairs`.
    """

    kind: Literal["images"] = "images"
    images: Annotated[tuple[str, ...], Field(min_length=1)]
    crop: Positive
    choices: Positive = 1
    flips: Flips = "all"
    degradation: Literal["BI", "BD"] = "BI"


class ClipData(Source):
    """Crops of clips, and clips made of photographs by a moving camera.

    ``clips``: videos, folders of videos or of frames, LMDBs. ``photographs``: as ``images`` of :class:`ImageData`, for
    ``photograph_share`` of the samples (all where there are no clips). ``still_share``: of the samples of clips that are one
    frame, shifted by a random walk (TecoGAN's moving first frame). ``reversal``: how likely a clip runs backwards.
    ``mirrored``: how often what was made so is followed by itself run backwards, each time twice as long (TTVSR's Vimeo-90K:
    7 frames, twice). ``speed``: of the moving camera, see :mod:`upframe.training.data.camera`.
    """

    kind: Literal["clips"] = "clips"
    clips: tuple[str, ...] = ()
    photographs: tuple[str, ...] = ()
    photograph_share: Probability = 0.5
    frames: Annotated[int, Field(ge=2)]
    crop: Positive
    still_share: Probability = 0.0
    reversal: Probability = 0.5
    mirrored: Annotated[int, Field(ge=0, le=4)] = 0
    flips: Flips = "thirds"
    degradation: Literal["BI", "BD"] = "BD"
    speed: Annotated[float, Field(gt=0)] = 3.0

    @model_validator(mode="after")
    def _has_a_source(self) -> ClipData:
        if not self.clips and not self.photographs:
            raise ValueError("name what to train on: data.clips=[FOLDER], or data.photographs=[FOLDER], or both")
        return self


class FilmData(Source):
    """Crops of clips and photographs, and of what a film degradation made of them beforehand.

    ``clips``, ``photographs``: as of :class:`ClipData`; a photograph is a clip of one frame. ``material``, ``level`` and
    ``degradation_seed``: see :mod:`upframe.datasets.film_degradation`. ``variants``: how many forms of each clip are made; they
    take the ``sizes`` (the truth is made smaller by them first) in turn. ``store``: the folder they are kept in, which
    trainings may share. ``frames`` of a sample: 1 for networks of single images.
    """

    kind: Literal["film"]
    clips: tuple[str, ...] = ()
    photographs: tuple[str, ...] = ()
    material: Material = "film"
    level: Level = "mild"
    degradation_seed: Annotated[int, Field(ge=0)] = 0
    variants: Positive = 4
    sizes: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (1.0,)
    store: str = "runs/degraded"
    frames: Positive = 1
    crop: Positive
    choices: Positive = 1
    reversal: Probability = 0.5
    flips: Flips = "all"

    @property
    def degradation(self) -> Literal["BI"]:
        """Where samples lie: in the middle of their cells, as those of BI do."""
        return "BI"

    @model_validator(mode="after")
    def _has_a_source(self) -> FilmData:
        if not self.clips and not self.photographs:
            raise ValueError("name what to train on: data.clips=[FOLDER], or data.photographs=[FOLDER], or both")
        return self


class RenderedData(Source):
    """Crops of rendered frames.

    ``scenes``: folders in a layout that is known, see :mod:`upframe.training.data.rendered`. ``crop``: the side in pixels of
    render resolution. ``crops``: how many of each frame. ``extra_holes``: how likely a rectangle is added to the holes of a
    frame that has a mask of them (STSSNet). ``frames`` of a sample, one after the other: for networks that are given what they
    made of the frame before.
    """

    kind: Literal["rendered"] = "rendered"
    scenes: Annotated[tuple[str, ...], Field(min_length=1)]
    crop: Positive
    crops: Positive = 1
    extra_holes: Probability = 0.0
    frames: Positive = 1
