"""What is known of a model without running it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter

from upframe.ops.sampling import Sampling, sampling_of

Kind = Literal["image", "video", "rendered"]
Material = Literal["clean", "blurred", "film", "photo", "rendered", "other"]
_PURPOSES: dict[Material, str] = {
    "clean": "clean images and video",
    "blurred": "test data that was blurred first (BD)",
    "film": "compressed or noisy video",
    "photo": "compressed or noisy images",
    "rendered": "rendered frames",
    "other": "unknown material",
}
HalfPrecision = Literal["fp16", "bf16"]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
METADATA_KEY = "upframe"  # of a safetensors file; holds ModelInfo and the configuration as one JSON object


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model's card in numbers. Sizes are in pixels of its input, before upscaling.

    ``multiple``: height and width must be multiples of it. ``minimum``: the smallest side it takes. ``radius``: how far, in
    each direction, an output pixel looks (None: everywhere, such a model cannot be tiled). ``border``: by how many pixels a
    frame is extended on each side, its outermost pixels repeated, and the result cut back, so that what is flat stays flat
    to the border: networks pad with zeros inside, which darkens it. ``past`` and ``future``: frames it wants around the
    current one. ``degradation``: how the small images of its training were made, ``BI`` (MATLAB bicubic), ``BD``
    (Gaussian, then every scale-th pixel), ``rendered`` (small by themselves), ``none`` (nothing was trained) or
    ``unknown``. ``sampling``: where its samples lie in their cells (:mod:`upframe.ops.sampling`): videos and images have
    theirs in the ``centre``, a network for BD expects them at the ``corner``. ``half``: the half precisions, the best first,
    in which results on CUDA stay within 0.05 dB, as ``scripts/gpu/check.py`` finds out; None where nobody has checked.
    ``sha256``: of the file, empty where there is none.

        >>> import upframe
        >>> info = upframe.load("rt4ksr-x3").info
        >>> info.kind, info.scale, info.degradation, info.licence
        ('image', 3, 'BI', 'Apache-2.0')
    """

    name: str
    family: str
    kind: Kind
    scale: Positive
    inputs: tuple[str, ...] = ("rgb",)
    multiple: Positive = 1
    minimum: Positive = 1
    radius: Natural | None = 0
    border: Natural = 8
    past: Natural = 0
    future: Natural = 0
    parameters: Natural = 0
    degradation: str = "unknown"
    sampling: Sampling = "centre"
    half: tuple[HalfPrecision, ...] | None = None
    licence: str = "unknown"
    sha256: str = ""
    experimental: bool = False
    summary: str = ""

    def with_file(self, *, name: str, sha256: str) -> Self:
        """The same model, as read from a file."""
        return replace(self, name=name, sha256=sha256)

    @property
    def margin(self) -> int:
        """``border``, or the next multiple: by so much a frame is extended, and the network folds it as it would without."""
        return self.border + -self.border % self.multiple

    @property
    def material(self) -> Material:
        """What it was trained for, by its degradation: of ``film mild v1`` it is ``film``."""
        known: dict[str, Material] = {"BI": "clean", "BD": "blurred", "rendered": "rendered", "film": "film", "photo": "photo"}
        return known.get(self.degradation.partition(" ")[0], "other")

    @property
    def purpose(self) -> str:
        """What it is for, in plain words."""
        if self.degradation == "none":
            return "comparison"
        return "clean video" if self.material == "clean" and self.kind == "video" else _PURPOSES[self.material]

    @property
    def caution(self) -> str:
        """What a user is told before an experimental model runs; empty for any other."""
        return f"{self.name} is experimental. {self.summary}" if self.experimental else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> ModelInfo:
        """From :meth:`as_dict`; unknown keys, of a later version, are left out.

        A card that does not say where its samples lie, of an earlier version, has them where its degradation puts them. Raises
        ValueError for values of another type or out of range.
        """
        return _reader().validate_json(json.dumps(_of_this_version(values)), strict=True)


@cache
def _reader() -> TypeAdapter[ModelInfo]:
    return TypeAdapter(ModelInfo)


def _of_this_version(values: Mapping[str, Any]) -> dict[str, Any]:
    """A card with what earlier versions did not write, or wrote otherwise: half precisions were words, ``none`` for none."""
    half = values.get("half")
    if isinstance(half, str):
        half = [] if half == "none" else half.split() or None
    return {"sampling": sampling_of(str(values.get("degradation", "unknown")))} | dict(values) | {"half": half}


def to_metadata(info: ModelInfo, configuration: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a safetensors file of this model; ``sha256`` is left out, as it is the file's own."""
    described = {key: value for key, value in info.as_dict().items() if key != "sha256"}
    return {METADATA_KEY: json.dumps({"info": described, "configuration": dict(configuration)}, sort_keys=True)}


def from_metadata(metadata: Mapping[str, str] | None) -> tuple[ModelInfo | None, dict[str, Any]]:
    """The inverse of :func:`to_metadata`; (None, {}) where the file is not one of ours."""
    try:
        entry = json.loads((metadata or {})[METADATA_KEY])
        return ModelInfo.from_dict(entry["info"]), dict(entry["configuration"])
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return None, {}
