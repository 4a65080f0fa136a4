"""The published code of the five networks, as fetched, run with our weights: for a comparison in one program.

Nothing of it is in this repository. It is imported from a folder the user names (README.md says how that is laid out), with
stand-ins, written here, for what it imports and does not need to run: mmcv, torchvision, kornia, SciPy, OpenCV.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.models.frvsr import FRVSR
from upframe.models.nsrr import NSRR
from upframe.models.rt4ksr import RT4KSR
from upframe.models.stssnet import STSSNet
from upframe.models.ttvsr import TTVSR
from upframe.ops.ycbcr import rgb_to_ycbcr_full, ycbcr_full_to_rgb

Forward = Callable[..., Tensor]


def published_form(network: nn.Module, folder: Path, size: tuple[int, int]) -> Forward:
    """The published network with the weights of ours, eager, taking the same arguments; ``size`` = (height, width).

    Raises FileNotFoundError where the code is not in the folder.
    """
    match network:
        case RT4KSR():
            return _rt4ksr(network, folder / "rt4ksr" / "code")
        case FRVSR():
            return _frvsr(network, folder / "tecogan" / "codes")
        case TTVSR():
            return _ttvsr(network, folder / "ttvsr")
        case NSRR():
            return _nsrr(network, folder / "nsrr", size)
        case STSSNet():
            return _stssnet(network, folder / "stssnet")
    raise TypeError(type(network).__name__)


@contextmanager
def _importing(root: Path, stand_ins: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Imports come from ``root`` first, and names of ``stand_ins`` are modules of what is given; all are forgotten after.

    A stand-in with ``__path__`` is a package whose own ``__init__`` is not run, but whose modules are found. The five
    repositories call their modules alike (model, utils, metrics): none may meet another's.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: the published code is not there")
    before = dict(sys.modules)
    for name, content in stand_ins.items():
        module = ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name in set(sys.modules) - set(before):
            if name.partition(".")[0] in {*stand_ins, "model", "models", "utils", "mmedit", "metrics"}:
                del sys.modules[name]
        sys.modules.update(before)


def _ready(network: nn.Module, state: Mapping[str, Tensor]) -> Any:
    network.load_state_dict(state, strict=False)
    return network.eval().requires_grad_(False)


class _GaussianBlur(nn.Module):
    """torchvision's: a reflected border, then one convolution of each channel."""

    def __init__(self, kernel_size: int, sigma: float) -> None:
        super().__init__()
        self.reach = kernel_size // 2
        taps = torch.exp(-0.5 * (torch.arange(kernel_size) - self.reach).div(sigma) ** 2)
        self.register_buffer("kernel", torch.outer(taps, taps) / taps.sum() ** 2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.get_buffer("kernel").expand(x.shape[1], 1, -1, -1)
        return F.conv2d(F.pad(x, [self.reach] * 4, mode="reflect"), kernel, groups=x.shape[1])


def _rt4ksr(network: RT4KSR, root: Path) -> Forward:
    """The merged form. Its forward pass computes a high-frequency branch and throws the result away, as fetched."""
    transforms = {"GaussianBlur": _GaussianBlur}
    with _importing(
        root,
        {"torchvision": {"transforms": SimpleNamespace(**transforms)}, "torchvision.transforms": transforms},
    ):
        architecture = importlib.import_module("model.arch")
        settings = SimpleNamespace(
            act_type=network.switches["activation"],
            feature_channels=network.channels,
            num_blocks=network.blocks,
            scale=network.scale,
            is_train=False,
        )
        return _ready(architecture.rt4ksr_rep(settings), network.merge().state_dict())  # type: ignore[no-any-return]


def _frvsr(network: FRVSR, root: Path) -> Forward:
    """One frame of the recurrence: its ``step``."""
    with _importing(
        root,
        {
            "cv2": {},
            "scipy": {"signal": None},  # of its data, which is not loaded
            "metrics": {},
            "metrics.model_summary": {"register": None, "parse_model_info": None},
            "models": {"__path__": [str(root / "models")]},
            "models.networks": {"__path__": [str(root / "models" / "networks")]},
        },
    ):
        module = importlib.import_module("models.networks.tecogan_nets")
        theirs = module.FRNet(3, 3, network.channels, network.blocks, network.degradation, network.scale)
        return _ready(theirs, network.state_dict()).step  # type: ignore[no-any-return]


class _ConvModule(nn.Module):
    """mmcv's convolution with an activation, as SPyNet asks for it."""

    def __init__(self, *, act_cfg: object, norm_cfg: None, **convolution: int) -> None:
        super().__init__()
        assert norm_cfg is None
        self.conv = nn.Conv2d(**convolution)  # type: ignore[arg-type]
        self.activate = nn.ReLU(inplace=True) if act_cfg else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.activate(self.conv(x))
        return result


def _ttvsr(network: TTVSR, root: Path) -> Forward:
    def leave(*_: object, **__: object) -> None:
        """Initialisation: the weights are ours."""

    models = root / "mmedit" / "models"
    with _importing(
        root,
        {
            "mmcv": {},
            "mmcv.cnn": {"ConvModule": _ConvModule, "constant_init": leave, "kaiming_init": leave},
            "mmcv.runner": {"load_checkpoint": leave},
            "mmcv.utils": {},
            "mmcv.utils.parrots_wrapper": {"_BatchNorm": nn.BatchNorm2d},
            "torchvision": {"models": None},
            "mmedit": {},
            "mmedit.utils": {"get_root_logger": leave},
            "mmedit.models": {"__path__": [str(models)]},
            "mmedit.models.registry": {"BACKBONES": SimpleNamespace(register_module=lambda: lambda cls: cls)},
            "mmedit.models.common": {"__path__": [str(models / "common")]},
            "mmedit.models.backbones": {"__path__": [str(models / "backbones")]},
            "mmedit.models.backbones.sr_backbones": {"__path__": [str(models / "backbones" / "sr_backbones")]},
        },
    ):
        common = vars(sys.modules["mmedit.models.common"])
        for name in ("sr_backbone_utils", "upsample"):
            common |= vars(importlib.import_module(f"mmedit.models.common.{name}"))
        module = importlib.import_module("mmedit.models.backbones.sr_backbones.ttvsrnet")
        theirs = module.TTVSRNet(network.channels, network.blocks, network.token_stride, network.keyframe_stride)
        return _ready(theirs, network.state_dict())  # type: ignore[no-any-return]


def _nsrr(network: NSRR, root: Path, size: tuple[int, int]) -> Forward:
    """With kornia's conversion to RGB clamped, as it is since 0.7."""
    colours = {
        "rgb_to_ycbcr": rgb_to_ycbcr_full,
        "ycbcr_to_rgb": lambda ycbcr: ycbcr_full_to_rgb(ycbcr).clamp(0, 1),
    }
    with _importing(root, {"kornia": {}, "kornia.color": {}, "kornia.color.ycbcr": colours, "cv2": {}}):
        module = importlib.import_module("model.model")
        height, width = size
        theirs = module.NeuralSupersamplingModel(
            network.history, (width, height), (width * network.scale, height * network.scale)
        )
        return _ready(theirs, network.state_dict())  # type: ignore[no-any-return]


def _stssnet(network: STSSNet, root: Path) -> Forward:
    with _importing(root, {}):
        module = importlib.import_module("model")
        theirs = module.STSSNet(6, 3, network.features, 4)
        return _ready(theirs, network.state_dict())  # type: ignore[no-any-return]
