"""Protocols: exactly how a published number is computed, so that two numbers are compared only if they may be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Literal, get_args

from upframe.errors import InputError, ShapeError
from upframe.metrics.classifiers import ORIGINS, Backbone
from upframe.metrics.frames import Samples
from upframe.metrics.luma import LUMA_KINDS, Luma
from upframe.metrics.masks import MaskMode
from upframe.metrics.structural import GAUSSIAN, SSIMWindow

Averaging = Literal["frames", "clips", "parity"]
"""The mean of all frames; of the means of the clips; or of the mean of even frames and that of odd ones."""

Metric = Literal[
    "psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y", "psnr_nsrr", "lpips", "tof", "tlp", "tpsnr", "warping", "niqe", "vmaf", "xpsnr"
]
METRICS: tuple[Metric, ...] = get_args(Metric)
TEMPORAL: frozenset[Metric] = frozenset(("tof", "tlp", "tpsnr", "warping"))
"""These look at the frame before too: the first frame of a clip has no value."""
LOWER_IS_BETTER: frozenset[Metric] = frozenset(("lpips", "tof", "tlp", "warping", "niqe"))


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a number is computed: immutable, hashable, and described in a paragraph by ``str``.

    metrics           which, in the order they are reported
    samples           frames are rounded or truncated to 8 bits (after clamping to [0, 1]), or left as they are
    luma              the Y of ``psnr_y`` and ``ssim_y``
    border            pixels cut on every side, or "scale": as many as the scale
    block             above 0: the frame is cut, around its centre, to multiples of this many pixels, at least 16 less than it
                      has; ``tof`` then takes the flow of whole frames and cuts that
    skip              frames left out at each end of a clip; temporal metrics begin within what remains
    mask              which pixels count for PSNR and SSIM
    ssim_window       see :class:`upframe.metrics.structural.SSIMWindow`
    ssim_masked       False: SSIM is that of the whole frame although PSNR has a mask (as STSSNet's script prints it)
    lpips_backbone    the classifier of ``lpips`` and ``tlp``
    lpips_input       "scored": the samples the other metrics see; "raw": the frame as it came, neither clamped nor rounded, and
                      not scaled to [-1, 1] (as STSSNet's script has it)
    averaging         which mean is the result
    """

    name: str
    source: str
    metrics: tuple[Metric, ...]
    samples: Samples = "round"
    luma: Luma = "bt601"
    border: int | Literal["scale"] = 0
    block: int = 0
    skip: int = 0
    mask: MaskMode = "all"
    ssim_window: SSIMWindow = GAUSSIAN
    ssim_masked: bool = True
    lpips_backbone: Backbone = "squeeze"
    lpips_input: Literal["scored", "raw"] = "scored"
    averaging: Averaging = "frames"

    def __post_init__(self) -> None:
        unknown = [metric for metric in self.metrics if metric not in METRICS]
        if unknown:
            raise InputError(f"{unknown[0]!r} is not one of the metrics: {', '.join(METRICS)}")
        if self.luma == "bt601-rounded" and self.samples == "float" and {"psnr_y", "ssim_y"} & set(self.metrics):
            raise InputError(f"protocol {self.name}: luma rounded to whole codes needs samples of 8 bits, not float")

    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything that changes a number; not with the name or the source.

        Fields at their default are left out, so that a field added later changes no digest of before.
        """
        values = asdict(self)
        decisive = {
            field.name: values[field.name]
            for field in fields(self)
            if field.name not in ("name", "source") and (field.default is MISSING or getattr(self, field.name) != field.default)
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]

    def __str__(self) -> str:
        sentences = [f"Protocol {self.name} ({self.source}): {', '.join(self.metrics)}."]
        sentences.append(_SAMPLES[self.samples])
        if {"psnr_y", "ssim_y"} & set(self.metrics):
            sentences.append(f"Luma: {LUMA_KINDS[self.luma]}.")
        sentences.append(self._told_area())
        if {"ssim_rgb", "ssim_y"} & set(self.metrics):
            sentences.append(f"SSIM: window {self.ssim_window}.")
        if {"lpips", "tlp"} & set(self.metrics):
            raw = " of the unrounded frames in [0, 1], not scaled to [-1, 1]" if self.lpips_input == "raw" else ""
            sentences.append(f"LPIPS: v0.1 with {ORIGINS[self.lpips_backbone].network}{raw}.")
        if self.skip:
            sentences.append(f"{self.skip} frames are left out at each end of a clip.")
        sentences.append(f"{_AVERAGING[self.averaging]} [{self.digest()}]")
        return " ".join(sentences)

    def _told_area(self) -> str:
        if self.block:
            area = f"Frames are cut around their centre to multiples of {self.block} pixels, at least 16 less than they have."
        elif self.border == "scale":
            area = "As many pixels as the scale are cut on every side."
        else:
            area = f"{self.border} pixels are cut on every side." if self.border else "No border is cut."
        if self.mask != "all":
            area += " Only the " + ("edges of the reference (Canny 100, 200)" if self.mask == "edge" else "holes") + " count"
            area += "." if self.ssim_masked else ", but for SSIM the whole frame."
        return area

    def select(self, names: Iterable[str]) -> Protocol:
        """The same protocol with other metrics, ``"psnr"`` and ``"ssim"`` standing for those of its colour spaces.

        Raises InputError for a name that is none.
        """
        spaces = [space for space in ("rgb", "y") if any(metric.endswith(f"_{space}") for metric in self.metrics)] or ["rgb"]
        chosen: list[Metric] = []
        for name in names:
            wanted = [f"{name}_{space}" for space in spaces] if name in ("psnr", "ssim") else [name]
            for metric in METRICS:
                if metric in wanted and metric not in chosen:
                    chosen.append(metric)
            if not set(wanted) <= set(METRICS):
                raise InputError(f"{name!r} is not one of the metrics: psnr, ssim, {', '.join(METRICS)}")
        if tuple(chosen) == self.metrics:
            return self
        return replace(self, name=self._varied("metrics"), metrics=tuple(chosen))

    def masked(self, mode: MaskMode) -> Protocol:
        """The same protocol counting other pixels."""
        return self if mode == self.mask else replace(self, name=self._varied(mode), mask=mode)

    def with_lpips(self, backbone: Backbone) -> Protocol:
        """The same protocol with another LPIPS network, whose numbers are not comparable with those of its own."""
        if backbone == self.lpips_backbone:
            return self
        return replace(self, name=self._varied(f"lpips-{backbone}"), lpips_backbone=backbone)

    def _varied(self, by: str) -> str:
        return self.name if self.name.endswith(f"+{by}") else f"{self.name}+{by}"

    def area(self, height: int, width: int, scale: int) -> tuple[slice, slice]:
        """The rows and columns that are scored. Raises ShapeError where nothing would be left."""
        if self.block:
            rows, columns = (_centred(length, self.block) for length in (height, width))
        else:
            border = scale if self.border == "scale" else self.border
            rows, columns = slice(border, height - border), slice(border, width - border)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            raise ShapeError(f"protocol {self.name}: nothing is left of a frame of {width}x{height} once the border is cut")
        return rows, columns


def _centred(length: int, block: int) -> slice:
    kept = max(min(length, length - 16) // block * block, 0)
    first = (length - kept) // 2
    return slice(first, first + kept)


_SAMPLES: dict[Samples, str] = {
    "round": "Frames are clamped and rounded to 8 bits.",
    "truncate": "Frames are clamped and truncated to 8 bits.",
    "float": "Frames are compared in floating point as they are.",
}
_AVERAGING: dict[Averaging, str] = {
    "frames": "The result is the mean of all frames.",
    "clips": "The result is the mean of the clips' means.",
    "parity": "The result is the mean of two means, that of even frames (SF) and that of odd ones (IF).",
}
