"""LPIPS v0.1: distance of two images in the features of an image classifier (Zhang et al., CVPR 2018).

No torchvision: the networks are built here, their weights read from the files that were published.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from upframe.errors import CheckpointError, ShapeError
from upframe.metrics.classifiers import ORIGINS, Backbone, build_backbone
from upframe.metrics.frames import check_pair, images, unit
from upframe.regular import refuse_irregular
from upframe.remedies import either

WHERE = "UPFRAME_LPIPS"
"""The environment variable that names the files of LPIPS; Upframe carries none."""


class LPIPS(nn.Module):
    """The distance, differentiable, so that it serves as a loss too. :func:`load_lpips` makes one with weights.

    Parameters: ``net.features.*`` (torchvision's names) and one weight a channel of each tapped layer in ``heads.*``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone: Backbone = backbone
        self.net = build_backbone(backbone)
        self.heads = nn.ParameterList(torch.zeros(width) for width in self.net.widths)
        # Mean and deviation of ImageNet, for inputs in [-1, 1].
        self.register_buffer("shift", torch.tensor((-0.030, -0.088, -0.188)).reshape(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor((0.458, 0.448, 0.450)).reshape(3, 1, 1), persistent=False)

    def forward(self, result: Tensor, reference: Tensor, *, unscaled: bool = False) -> Tensor:
        """Two (n, 3, h, w) in [0, 1], not clamped -> (n,): 0 where they are equal.

        ``unscaled`` leaves out the scaling to [-1, 1] that the networks were made for, as STSSNet's evaluation does.
        Raises ShapeError for sizes that differ or are too small for the network.
        """
        if result.shape != reference.shape:
            raise ShapeError(f"the result is {tuple(result.shape)}, the reference {tuple(reference.shape)}")
        if min(result.shape[-2:]) < self.net.smallest:
            raise ShapeError(
                f"an image of {result.shape[-1]}x{result.shape[-2]} is too small for LPIPS with "
                f"{ORIGINS[self.backbone].network}: {self.net.smallest} pixels each way are needed"
            )
        distance = torch.zeros(len(result), device=result.device, dtype=result.dtype)
        features = zip(
            self.net(self._normalised(result, unscaled)), self.net(self._normalised(reference, unscaled)), strict=True
        )
        for (a, b), head in zip(features, self.heads, strict=True):  # (n, c, h / 2^k, w / 2^k)
            difference = (_unit_length(a) - _unit_length(b)).square()
            distance = distance + (difference * head[:, None, None]).sum(dim=1).mean(dim=(1, 2))
        return distance

    def _normalised(self, frame: Tensor, unscaled: bool) -> Tensor:
        return ((frame if unscaled else frame * 2 - 1) - self.shift) / self.scale


def _unit_length(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


@torch.no_grad()
def lpips(network: LPIPS, result: Tensor, reference: Tensor, *, unscaled: bool = False) -> float:
    """LPIPS of frames (..., 3, h, w), uint8 or in [0, 1]; of several images the mean. Computed where the network is.

    Raises ShapeError for sizes or types that differ or are too small, InputError for NaN.
    """
    check_pair(result, reference)
    a, b = (unit(images(frame).to(network.shift.device)).float() for frame in (result, reference))
    return float(network(a, b, unscaled=unscaled).mean())


@torch.no_grad()
def tlp(network: LPIPS, previous_result: Tensor, result: Tensor, previous_reference: Tensor, reference: Tensor) -> float:
    """tLP of TecoGAN (Chu et al., 2020), times 100: |LPIPS(reference t-1, t) - LPIPS(result t-1, t)|.

    How far the perceived change from one frame to the next departs from that of the reference. Frames (3, h, w), uint8 or in
    [0, 1]. Raises as :func:`lpips`.
    """
    check_pair(result, reference)
    change = lpips(network, previous_result, result)
    return 100 * abs(lpips(network, previous_reference, reference) - change)


def load_lpips(*files: Path | str) -> LPIPS:
    """LPIPS with the weights of the given files; without any, of those that ``UPFRAME_LPIPS`` in the environment names.

    Either one file that holds all (names ``net.slice*`` and ``lin*`` or ``lins.*``, as the ``lpips`` package's state dict has
    them), or two: the heads (``alex.pth``, ``vgg.pth`` or ``squeeze.pth`` of LPIPS v0.1, names ``lin0.model.1.weight``) and
    the classifier (torchvision's file, names ``features.*``), in any order. Which network it is follows from the heads.
    Files are safetensors, or what ``torch.save`` wrote, read without running any code.
    Several files in ``UPFRAME_LPIPS`` are separated as in PATH. Raises CheckpointError where no file is named, and for a
    file that is missing, unreadable, or does not hold what is needed.
    """
    paths = [Path(file) for file in files or os.environ.get(WHERE, "").split(os.pathsep) if str(file)]
    if not paths:
        raise CheckpointError(
            "LPIPS needs its weights: the package lpips carries the heads (squeeze.pth, alex.pth, "
            "vgg.pth), torchvision publishes the classifiers",
            remedy=either(f"name the file, or set {WHERE}", "leave out lpips and tlp"),
        )
    state: dict[str, Tensor] = {}
    for path in paths:
        state |= _read(path)
    named = ", ".join(str(path) for path in paths)
    heads = [state[name].flatten() for name in sorted(state) if name.startswith("heads.")]
    backbone = _backbone_of(heads, named)
    network = LPIPS(backbone)
    expected = network.state_dict()
    missing = [name for name in expected if name not in state]
    if missing:
        origin = ORIGINS[backbone]
        raise CheckpointError(
            f"{named}: the weights of {origin.network} are missing ({missing[0]} and {len(missing) - 1} more)",
            remedy=f"give torchvision's file beside the heads ({origin.file})",
        )
    wrong = next((name for name, tensor in expected.items() if state[name].numel() != tensor.numel()), None)
    if wrong is not None:
        raise CheckpointError(f"{named}: {wrong} has the shape {tuple(state[wrong].shape)}, not {tuple(expected[wrong].shape)}")
    network.load_state_dict({name: state[name].reshape(tensor.shape) for name, tensor in expected.items()})
    return network.eval().requires_grad_(False)


def _backbone_of(heads: list[Tensor], named: str) -> Backbone:
    widths = tuple(len(head) for head in heads)
    names: tuple[Backbone, ...] = ("squeeze", "alex", "vgg")
    for backbone in names:
        if build_backbone(backbone).widths == widths:
            return backbone
    raise CheckpointError(
        f"{named}: holds no LPIPS v0.1 heads (lin0.model.1.weight and so on) of SqueezeNet, AlexNet or VGG16",
        remedy="give alex.pth, vgg.pth or squeeze.pth of LPIPS beside the classifier's file",
    )


_NAMES = (
    (re.compile(r"^(?:net\.)?slice\d+\.(\d+)\.(.+)$"), r"net.features.\1.\2"),  # slices keep the positions of torchvision
    (re.compile(r"^features\.(.+)$"), r"net.features.\1"),
    (re.compile(r"^lins?\.?(\d)\.model\.1\.weight$"), r"heads.\1"),
)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file under our names; what LPIPS does not need (a classifier's last layers) is left out."""
    state: dict[str, Tensor] = {}
    for name, tensor in _tensors(path).items():
        for pattern, ours in _NAMES:
            if pattern.match(name):
                state[pattern.sub(ours, name)] = tensor.float()
                break
    if not state:
        raise CheckpointError(f"{path}: holds no weights of LPIPS or of a classifier it uses")
    return state


def _tensors(path: Path) -> dict[str, Tensor]:
    refuse_irregular(path, CheckpointError)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file: LPIPS weights are expected there")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols torch does not write itself
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckpointError(f"{path}: LPIPS weights cannot be read ({reason})") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds no named tensors: LPIPS weights are expected there")
    return {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
