"""Which protocol an evaluation is made under, with the LPIPS network it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from upframe.datasets.clips import EvaluationSet
from upframe.datasets.rendered_clips import AS_RENDERED
from upframe.errors import CheckpointError
from upframe.metrics import LPIPS, Protocol, find_protocol, load_lpips
from upframe.metrics.masks import MaskMode
from upframe.models.info import ModelInfo

PLAIN = Protocol("plain", "images as they lie", ("psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y"))
"""What ``compare`` uses where no other is named: whole images, RGB and luma."""

_WITH_LPIPS = frozenset(("lpips", "tlp"))


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What a user says about the numbers: a protocol's name, other metrics, which pixels count, files of LPIPS weights."""

    protocol: str | None = None
    metrics: tuple[str, ...] = ()
    mode: MaskMode | None = None
    lpips_files: tuple[Path, ...] = ()


def default_protocol(dataset: EvaluationSet, infos: Iterable[ModelInfo]) -> Protocol:
    """The usual one of a set and the models.

    ``set-y`` for images; for video ``vid4-y``, and ``tecogan`` where it is BD and TTVSR is not among the models; for
    rendered clips ``nsrr``, and ``stssnet`` where that is among the models or its own frame files are scored.
    """
    if dataset.kind == "image":
        return find_protocol("set-y")
    families = {info.family for info in infos}
    if dataset.kind == "rendered":
        own = dataset.low_source == AS_RENDERED and "stssnet" not in families
        return find_protocol("nsrr" if own else "stssnet")
    return find_protocol("tecogan" if dataset.degradation == "BD" and "ttvsr" not in families else "vid4-y")


def choose_protocol(
    scoring: ScoringOptions, default: Protocol, device: torch.device, on_note: Callable[[str], None]
) -> tuple[Protocol, LPIPS | None]:
    """The protocol, and LPIPS on a device where a metric needs it.

    Where there are no weights for LPIPS, a protocol's LPIPS and tLP are left out and that is noted, unless they were asked for
    by name; weights of another network than the protocol's change its name, and that is noted, too. Raises InputError for
    names that are not known, CheckpointError for weights that are missing or cannot be read.
    """
    protocol = default
    if scoring.protocol is not None:
        protocol = PLAIN if scoring.protocol == PLAIN.name else find_protocol(scoring.protocol)
    if scoring.metrics:
        protocol = protocol.select(scoring.metrics)
    if scoring.mode is not None:
        protocol = protocol.masked(scoring.mode)
    if not _WITH_LPIPS & set(protocol.metrics):
        return protocol, None
    try:
        network = load_lpips(*scoring.lpips_files)
    except CheckpointError as error:
        if scoring.lpips_files or _WITH_LPIPS & set(scoring.metrics):
            raise
        on_note(f"protocol {protocol.name} without LPIPS and tLP: {error}")
        return protocol.select(metric for metric in protocol.metrics if metric not in _WITH_LPIPS), None
    if network.backbone != protocol.lpips_backbone:
        other = protocol.with_lpips(network.backbone)
        on_note(
            f"the LPIPS weights are of another network than that of protocol {protocol.name}, whose "
            f"published LPIPS and tLP cannot be compared with these: the numbers are those of {other.name}"
        )
        protocol = other
    return protocol, network.to(device)
