"""Recipes: a YAML file that says all a training depends on, checked before anything is touched."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator

from upframe.errors import InputError
from upframe.metrics import PROTOCOLS
from upframe.regular import refuse_irregular
from upframe.training.data.settings import ClipData, FilmData, ImageData, Positive, Probability, RenderedData, Section
from upframe.training.objectives.frvsr import FRVSRLosses, FRVSRModel
from upframe.training.objectives.nsrr import NSRRLosses, NSRRModel
from upframe.training.objectives.rt4ksr import RT4KSRLosses, RT4KSRModel
from upframe.training.objectives.stssnet import STSSNetLosses, STSSNetModel
from upframe.training.objectives.tecogan import DiscriminatorSettings, TecoGANLosses
from upframe.training.objectives.ttvsr import TTVSRLosses, TTVSRModel

VERSION = 1
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Optimiser(Section):
    """Adam, or AdamW. ``clip_norm``: gradients longer than this, all together, are shortened to it."""

    name: Literal["adam", "adamw"] = "adam"
    rate: Annotated[float, Field(gt=0)]
    betas: tuple[Probability, Probability] = (0.9, 0.999)
    weight_decay: NotNegative = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None


class Schedule(Section):
    """How the learning rate goes on from the optimiser's.

    ``steps``: times ``factor`` at each of ``at``, counted in ``unit``. ``cosine``: down to ``last`` (a rate, not a factor) at
    the end. ``one_cycle``: up from a 25th of the rate in the first ``rise`` of the training, then down to nearly nothing.
    """

    kind: Literal["constant", "steps", "cosine", "one_cycle"] = "constant"
    at: tuple[Positive, ...] = ()
    unit: Literal["iterations", "epochs"] = "iterations"
    factor: Annotated[float, Field(gt=0)] = 0.5
    last: NotNegative = 0.0
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.1


class Validation(Section):
    """Measuring while training: clips or images as the data's, the middle ``crop`` of the first ``frames`` frames of each.

    ``protocol``: one of ``upframe.metrics.PROTOCOLS``; ``metrics`` of it, all where none is named. The same clips are the
    sample images.
    """

    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    every: Positive
    protocol: str
    metrics: tuple[str, ...] = ()
    frames: Positive = 10
    crop: Positive = 256
    limit: Positive = 8
    lpips_files: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _protocol_exists(self) -> Validation:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"{self.protocol!r} is no protocol; there are {', '.join(PROTOCOLS)}")
        return self


class RunSection(Section):
    """Where and how it is carried out; nothing here changes what is learnt, up to rounding.

    ``devices``: how many, or ``auto``. ``accumulate``: the batch is taken in so many equal parts, whose gradients are added,
    for less memory; losses that are no means over the samples are means over the parts, as over devices. ``compile``: the
    network, by ``torch.compile``. ``workers``: processes that read ahead. ``save_every`` and ``log_every``: in iterations.
    ``keep_every``: checkpoints that are not overwritten. ``minutes``: save and end after so many, to go on with ``--resume``.
    ``threads``: of each process on a processor. ``precision``: ``auto`` is bf16 on processors that have instructions for it,
    fp32 elsewhere; losses and warps are computed in float32 either way.
    """

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Positive | Literal["auto"] = "auto"
    nodes: Positive = 1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False
    accumulate: Positive = 1
    workers: Count = 2
    threads: Positive | None = None
    log_every: Positive = 100
    save_every: Positive = 5000
    keep_every: Positive | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    tensorboard: bool = True


class BaseRecipe(Section):
    """What all recipes have. ``batch`` is that of all devices together. ``ema``: the decay of the average of the weights."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    seed: Count = 0
    iterations: Positive | None = None
    epochs: Positive | None = None
    batch: Positive
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    licence: str = "unknown"
    optimiser: Optimiser
    schedule: Schedule = Schedule()
    validation: Validation | None = None
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _has_an_end(self) -> BaseRecipe:
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give either iterations or epochs")
        return self

    @model_validator(mode="after")
    def _can_be_shared(self) -> BaseRecipe:
        if self.batch % self.run.accumulate:
            raise ValueError(
                f"batch: {self.batch} samples cannot be taken in {self.run.accumulate} equal parts (run.accumulate)"
            )
        return self


def _check_features(losses: TecoGANLosses | NSRRLosses, network: str, file: str) -> None:
    """Raise ValueError for a feature loss without a network."""
    if losses.feature and losses.features is None:
        raise ValueError(
            f"the feature loss needs a network: losses.features.network={network} losses.features.file={file}, "
            "which torchvision publishes; or do without: losses.feature=0"
        )


def _check_lpips(losses: RT4KSRLosses | FRVSRLosses | STSSNetLosses) -> None:
    """Raise ValueError for an LPIPS loss without its weights."""
    if losses.lpips and not losses.lpips_files:
        raise ValueError("LPIPS needs its weights: losses.lpips_files=[FILE, ...]; or do without: losses.lpips=0")


def _check_frames(data: ImageData | ClipData | FilmData, *, single: bool) -> None:
    """Raise ValueError for video data of one frame where clips are trained on, and the other way round."""
    if isinstance(data, FilmData) and (data.frames == 1) != single:
        raise ValueError("data.frames must be 1, as images are trained on" if single else "data.frames must be 2 or more")


def _kind_of_data(values: Any) -> str:
    """Which of the two sections: ``film`` where it says so, else the system's own."""
    kind = values.get("kind") if isinstance(values, dict) else getattr(values, "kind", None)
    return "film" if kind == "film" else "own"


_ImageOrVideo = Annotated[Annotated[ImageData, Tag("own")] | Annotated[FilmData, Tag("film")], Discriminator(_kind_of_data)]
_ClipOrVideo = Annotated[Annotated[ClipData, Tag("own")] | Annotated[FilmData, Tag("film")], Discriminator(_kind_of_data)]


class RT4KSRRecipe(BaseRecipe):
    """RT4KSR and RTSRN."""

    system: Literal["rt4ksr"]
    model: RT4KSRModel
    data: _ImageOrVideo
    losses: RT4KSRLosses = RT4KSRLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> RT4KSRRecipe:
        _check_lpips(self.losses)
        _check_frames(self.data, single=True)
        return self


class FRVSRRecipe(BaseRecipe):
    """FRVSR."""

    system: Literal["frvsr"]
    model: FRVSRModel
    data: _ClipOrVideo
    losses: FRVSRLosses = FRVSRLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> FRVSRRecipe:
        _check_lpips(self.losses)
        _check_frames(self.data, single=False)
        return self


class TecoGANRecipe(BaseRecipe):
    """TecoGAN: an FRVSR with adversarial training."""

    system: Literal["tecogan"]
    model: FRVSRModel
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
    data: _ClipOrVideo
    losses: TecoGANLosses = TecoGANLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> TecoGANRecipe:
        _check_features(self.losses, "vgg19", "vgg19-dcbb9e9d.pth")
        _check_frames(self.data, single=False)
        if self.data.crop % 16:
            raise ValueError(f"the discriminator needs data.crop to be a multiple of 16, not {self.data.crop}")
        if self.run.accumulate > 1:
            raise ValueError(
                "run.accumulate: TecoGAN's discriminator normalises over the whole batch, which cannot be taken in parts: "
                "use more devices, or a smaller batch"
            )
        return self


class TTVSRRecipe(BaseRecipe):
    """TTVSR."""

    system: Literal["ttvsr"]
    model: TTVSRModel
    data: _ClipOrVideo
    losses: TTVSRLosses = TTVSRLosses()

    @model_validator(mode="after")
    def _is_large_enough(self) -> TTVSRRecipe:
        _check_frames(self.data, single=False)
        if self.data.crop < 256:
            raise ValueError(f"TTVSR takes 64x64 pixels or more: data.crop must be 256 at least, not {self.data.crop}")
        return self


class NSRRRecipe(BaseRecipe):
    """NSRR."""

    system: Literal["nsrr"]
    model: NSRRModel
    data: RenderedData
    losses: NSRRLosses = NSRRLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> NSRRRecipe:
        _check_features(self.losses, "vgg16", "vgg16-397923af.pth")
        return self


class STSSNetRecipe(BaseRecipe):
    """STSSNet."""

    system: Literal["stssnet"]
    model: STSSNetModel = STSSNetModel()
    data: RenderedData
    losses: STSSNetLosses = STSSNetLosses()

    @model_validator(mode="after")
    def _is_whole(self) -> STSSNetRecipe:
        _check_lpips(self.losses)
        return self


Recipe = RT4KSRRecipe | FRVSRRecipe | TecoGANRecipe | TTVSRRecipe | NSRRRecipe | STSSNetRecipe
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Annotated[Recipe, Field(discriminator="system")])
SYSTEMS = ("rt4ksr", "frvsr", "tecogan", "ttvsr", "nsrr", "stssnet")


def built_in() -> dict[str, Path]:
    """The recipes of the package, by name."""
    folder = Path(str(resources.files("upframe") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_recipe(name_or_path: str, changes: Sequence[str] = ()) -> Recipe:
    """A built-in recipe or a YAML file, with ``changes`` such as ``data.crop=96``; values are YAML too.

    Raises InputError, one line with the place of the first thing that is wrong.
    """
    values = _mapping(name_or_path)
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"{change!r} changes nothing: write key=value, for instance data.crop=96")
        _change(values, key, _parsed(value, key))
    return validated(values, name_or_path)


def validated(values: dict[str, Any], name: str) -> Recipe:
    """A recipe of plain values. Raises InputError as :func:`read_recipe`."""
    version = values.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InputError(f"{name}: version: is {version}, of a newer Upframe; this one reads {VERSION}. Update it")
    try:
        return _RECIPE.validate_python(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{name}: {_line(dict(problems[0]))}{more}") from None


def _mapping(name: str) -> dict[str, Any]:
    path = built_in().get(name) or Path(name).expanduser()
    refuse_irregular(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = difflib.get_close_matches(name, built_in(), 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"{name}: no such recipe: {hint}built in are {', '.join(built_in())}; or give a file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: is no recipe: keys and values are expected, version: 1 among them")
    return values


def _parsed(text: str, key: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{key}: {text[:40]!r} is no YAML value: {' '.join(str(error).split())}") from error


def _change(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = values.get(section)
        values[section] = inner = inner if isinstance(inner, dict) else {}
        values = inner
    values[last] = value


def _line(problem: dict[str, Any]) -> str:
    """``data.crop: must be at least 1, not 0`` of one of pydantic's errors."""
    place = [
        str(part)
        for part in problem["loc"]
        if part not in (*SYSTEMS, "own", "film") and not str(part).startswith(("literal[", "constrained"))
    ]
    key, kind, message = ".".join(place), problem["type"], problem["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = difflib.get_close_matches(place[-1], _keys(), 1)
        return f"{key}: there is no such key" + (f"; did you mean {known[0]}?" if known else "")
    if kind == "missing":
        return f"{key}: is missing"
    if kind == "too_short":
        return f"{key}: name at least one: {key}=[FOLDER], or more with commas between them"
    if kind == "tuple_type":
        return f"{key}: must be a list: {key}=[{problem['input']}]"
    if kind.startswith("union_tag"):
        return f"system: must be one of {', '.join(SYSTEMS)}"
    given = "" if kind == "value_error" else f", not {problem['input']!r}"
    return f"{key}: {message[0].lower()}{message[1:]}{given}" if key else message


def _named_types(annotation: Any) -> list[type]:
    """The classes in an annotation, at any depth."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _named_types(part)]


def _keys() -> list[str]:
    """Every key a recipe may have, at any depth."""
    found: set[str] = set()
    waiting: list[Any] = list(get_args(Recipe))
    while waiting:
        section = waiting.pop()
        for name, field in section.model_fields.items():
            found.add(name)
            waiting += [kind for kind in _named_types(field.annotation) if issubclass(kind, Section)]
    return sorted(found)
