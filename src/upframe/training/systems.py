"""Each published system's parts: its objective, its data, and the file its network is saved to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from upframe.errors import CheckpointError, InputError
from upframe.media import atomic_output
from upframe.models.catalog import Model, load, load_file, save
from upframe.models.frvsr import FRVSR
from upframe.models.network import Network, merged
from upframe.models.rt4ksr import RT4KSR
from upframe.models.stssnet import STSSNet
from upframe.models.tecogan import SpatioTemporalDiscriminator
from upframe.models.ttvsr import SCALE as TTVSR_SCALE
from upframe.ops.sampling import sampling_of
from upframe.training import recipe as recipes
from upframe.training.data.clips import ClipCrops
from upframe.training.data.film_crops import FilmCrops, Told, degradation_of, stored_clips
from upframe.training.data.images import ImageCrops
from upframe.training.data.rendered import RenderedCrops, RenderedFrames
from upframe.training.data.rendered_clips import NSRRClips, STSSNetClips
from upframe.training.data.sets import SampleSet
from upframe.training.data.settings import ClipData, FilmData, RenderedData
from upframe.training.data.stssnet_scenes import STSSNetScenes
from upframe.training.objectives import frvsr, nsrr, rt4ksr, ttvsr
from upframe.training.objectives.nsrr import NSRRObjective
from upframe.training.objectives.objective import Objective
from upframe.training.objectives.stssnet import STSSNetObjective
from upframe.training.objectives.tecogan import TecoGANObjective
from upframe.training.objectives.unfolding import begin_unfolded
from upframe.training.objectives.widening import begin_widened
from upframe.training.recipe import Recipe

N = TypeVar("N", bound=nn.Module)


def objective_of(recipe: Recipe) -> Objective:
    """The objective of a recipe, its networks at their beginning: always the same ones for the same seed.

    Raises CheckpointError for a file that does not fit, InputError for switches that exclude each other.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            objective = _objective(recipe)
        except ValueError as error:
            raise InputError(f"model: {error}") from error
    if recipe.model.start is not None:
        _begin_from(objective.network, recipe.model.start)
    return objective


def _objective(recipe: Recipe) -> Objective:
    match recipe:
        case recipes.RT4KSRRecipe():
            network = rt4ksr.new_network(recipe.model)
            if recipe.model.unfold is not None:
                begin_unfolded(network, _narrow(recipe.model.unfold))
            return rt4ksr.RT4KSRObjective(network, recipe.losses, recipe.data.degradation)
        case recipes.FRVSRRecipe():
            return frvsr.FRVSRObjective(_frvsr(recipe), recipe.losses)
        case recipes.TecoGANRecipe():
            generator, settings = _frvsr(recipe), recipe.discriminator
            judge = SpatioTemporalDiscriminator(recipe.data.crop, channels=settings.channels, crop_ratio=settings.crop_ratio)
            return TecoGANObjective(generator, judge, recipe.losses, settings)
        case recipes.TTVSRRecipe():
            transformer = ttvsr.new_network(recipe.model)
            if recipe.model.recompute:
                ttvsr.recompute_blocks(transformer)
            return ttvsr.TTVSRObjective(transformer, recipe.losses, recipe.data.degradation)
        case recipes.NSRRRecipe():
            return NSRRObjective(nsrr.new_network(recipe.model), recipe.losses)
        case recipes.STSSNetRecipe():
            return STSSNetObjective(STSSNet(), recipe.losses)


def _frvsr(recipe: recipes.FRVSRRecipe | recipes.TecoGANRecipe) -> FRVSR:
    network = frvsr.new_network(recipe.model, recipe.data.degradation)
    if recipe.model.widen is not None:
        small = load(recipe.model.widen).network
        begin_widened(network, _of_kind(FRVSR, small, "model.widen", recipe.model.widen))
    return network


def _narrow(file: str) -> RT4KSR:
    network = load_file(Path(file).expanduser(), merge=False).network
    return _of_kind(RT4KSR, network, "model.unfold", file)


def _of_kind(kind: type[N], network: object, key: str, file: str) -> N:
    """The same network. Raises CheckpointError if it is of another kind."""
    if not isinstance(network, kind):
        raise CheckpointError(f"{file}: is a {type(network).__name__}, and {key} needs an {kind.__name__}")
    return network


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
    data, scale = recipe.data, scale_of(recipe)
    if isinstance(data, RenderedData):
        return RenderedCrops(rendered_frames(recipe, data.scenes), data, recipe.seed)
    if data.crop % scale:
        raise InputError(f"data.crop: {data.crop} is no multiple of the scale, {scale}")
    if isinstance(data, FilmData):
        return FilmCrops(data, stored_clips(data, scale, told), recipe.seed)
    if isinstance(data, ClipData):
        return ClipCrops(data, scale, recipe.seed)
    return ImageCrops(data, scale, recipe.seed)


def scale_of(recipe: Recipe) -> int:
    """How many times larger the output is."""
    match recipe:
        case recipes.TTVSRRecipe():
            return TTVSR_SCALE
        case recipes.STSSNetRecipe():
            return STSSNetScenes.scale
        case _:
            return recipe.model.scale


def rendered_frames(recipe: Recipe, scenes: Sequence[str]) -> RenderedFrames:
    """Frames as the recipe's network takes them. Raises InputError for scenes that are missing or of another scale."""
    if isinstance(recipe, recipes.NSRRRecipe):
        return NSRRClips(scenes, recipe.model.scale, recipe.model.history)
    if any(_is_published(scene) for scene in scenes):
        return STSSNetScenes(scenes)
    return STSSNetClips(scenes, STSSNetScenes.scale)


def _is_published(scene: str) -> bool:
    """Whether a folder is in the layout of STSSNet's data set."""
    folder = Path(scene).expanduser()
    return any(folder.glob("NPY/*.np[yz]")) or any(folder.glob("[Tt]rain*/NPY/*.np[yz]"))


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
