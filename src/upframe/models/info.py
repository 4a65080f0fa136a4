"""What is known of a model without running it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from upframe.ops.sampling import SAMPLINGS, Sampling, sampling_of

Kind = Literal["image", "video", "rendered"]
HalfPrecision = Literal["fp16", "bf16"]
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
    """

    name: str
    family: str
    kind: Kind
    scale: int
    inputs: tuple[str, ...] = ("rgb",)
    multiple: int = 1
    minimum: int = 1
    radius: int | None = 0
    border: int = 8
    past: int = 0
    future: int = 0
    parameters: int = 0
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
    def caution(self) -> str:
        """What a user is told before an experimental model runs; empty for any other."""
        return f"{self.name} is experimental. {self.summary}" if self.experimental else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From :meth:`as_dict`; unknown keys, of a later version, are left out.

        A card that does not say where its samples lie, of an earlier version, has them where its degradation puts them. Raises
        TypeError for values of another type, ValueError for a sampling that is not known.
        """
        known = {f.name for f in fields(cls)}
        given = {key: value for key, value in values.items() if key in known}
        example = cls(name="", family="", kind="image", scale=1)
        for key, value in given.items():
            if key not in ("inputs", "radius", "half") and type(value) is not type(getattr(example, key)):
                raise TypeError(f"{key} is no {type(getattr(example, key)).__name__}")
        given["half"] = _half_precisions(given.get("half"))
        given.setdefault("sampling", sampling_of(given.get("degradation", "unknown")))
        if given["sampling"] not in SAMPLINGS:
            raise ValueError(f"{given['sampling']!r} is no sampling")
        return cls(**given | {"inputs": tuple(given.get("inputs", ("rgb",)))})


def _half_precisions(stored: object) -> tuple[HalfPrecision, ...] | None:
    """As a card has them. Earlier versions wrote words: those that passed, ``none``, or nothing where nobody had checked."""
    if isinstance(stored, str):
        stored = [] if stored == "none" else stored.split() or None
    if stored is None:
        return None
    if not isinstance(stored, list | tuple) or not set(stored) <= set(get_args(HalfPrecision)):
        raise TypeError(f"half is no list of {', '.join(get_args(HalfPrecision))}")
    return tuple(stored)


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
