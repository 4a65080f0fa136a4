"""The networks that are trained: one line for each; and what a recipe makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from torch import nn

from upframe.errors import CheckpointError, InputError
from upframe.media import atomic_output
from upframe.models.catalog import Model, load, save
from upframe.models.network import Network, merged
from upframe.ops.sampling import sampling_of
from upframe.training.data.clips import ClipCrops
from upframe.training.data.film_crops import FilmCrops, Told, degradation_of, stored_clips
from upframe.training.data.images import ImageCrops
from upframe.training.data.rendered import RenderedCrops
from upframe.training.data.sets import SampleSet
from upframe.training.data.settings import ClipData, FilmData, RenderedData
from upframe.training.objectives import frvsr, nsrr, ntaau, rt4ksr, stssnet, tecogan, ttvsr
from upframe.training.objectives.objective import Objective
from upframe.training.objectives.recipe import Recipe

RECIPES: tuple[type[Recipe], ...] = (
    rt4ksr.RT4KSRRecipe,
    frvsr.FRVSRRecipe,
    tecogan.TecoGANRecipe,
    ttvsr.TTVSRRecipe,
    nsrr.NSRRRecipe,
    stssnet.STSSNetRecipe,
    ntaau.NTAAURecipe,
)


def name_of(recipe: type[Recipe]) -> str:
    """What a recipe of this kind has for its ``system``."""
    return str(get_args(recipe.model_fields["system"].annotation)[0])


def objective_of(recipe: Recipe) -> Objective:
    """The objective of a recipe, its networks at their beginning: always the same ones for the same seed.

    Raises CheckpointError for a file that does not fit, InputError for switches that exclude each other.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            objective = recipe.objective()
        except ValueError as error:
            raise InputError(f"model: {error}") from error
    if recipe.model.start is not None:
        _begin_from(objective.network, recipe.model.start)
    return objective


def _begin_from(network: nn.Module, start: str) -> None:
    """Take over the weights of a trained network of the same kind and size."""
    given = load(start, merge=False).network
    own, other = network.state_dict(), given.state_dict()
    differing = next((name for name in own if name not in other or other[name].shape != own[name].shape), None)
    if differing is not None or own.keys() != other.keys():
        what = f"its {differing} is another or missing" if differing else f"it also has {min(other.keys() - own.keys())}"
        raise CheckpointError(f"model.start: {start}: holds a {type(given).__name__} that is not the recipe's network: {what}")
    network.load_state_dict(other)


def samples_of(recipe: Recipe, told: Told = lambda _: None) -> SampleSet:
    """What a recipe trains on. Degraded clips that are yet to be made are made, and ``told`` of, a line each.

    Raises InputError for folders that are missing or empty.
    """
    data, scale = recipe.data, recipe.scale
    if isinstance(data, RenderedData):
        return RenderedCrops(recipe.rendered_frames(data.scenes), data, recipe.seed)
    if data.crop % scale:
        raise InputError(f"data.crop: {data.crop} is no multiple of the scale, {scale}")
    if isinstance(data, FilmData):
        return FilmCrops(data, stored_clips(data, scale, told), recipe.seed)
    if isinstance(data, ClipData):
        return ClipCrops(data, scale, recipe.seed)
    return ImageCrops(data, scale, recipe.seed)


def save_weights(recipe: Recipe, network: Network, path: Path, step: int) -> None:
    """Write a network as a file that every command takes, in merged form where it has one. Raises OutputError."""
    network = merged(network)
    match recipe.data:
        case RenderedData():
            degradation = "rendered"
        case FilmData():
            degradation = str(degradation_of(recipe.data))
        case _:
            degradation = recipe.data.degradation
    info = replace(
        network.info,
        name=recipe.name,
        degradation=degradation,
        sampling=sampling_of(degradation),
        licence=recipe.licence,
        summary=f"Trained by the recipe {recipe.name}, {step:,} iterations.",
    )
    with atomic_output(path, overwrite=True) as temporary:
        save(Model(network, info), temporary)
