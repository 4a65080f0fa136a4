"""Features of image classifiers, for perceptual losses. The weights come from a file; Upframe carries none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from upframe.errors import CheckpointError
from upframe.metrics.classifiers import Features, build_backbone
from upframe.models.checkpoint import read_checkpoint
from upframe.training.data.settings import Section

Classifier = Literal["vgg19", "vgg16", "squeeze"]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_VGG = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
_FILES = {"vgg19": "vgg19-dcbb9e9d.pth", "vgg16": "vgg16-397923af.pth", "squeeze": "squeezenet1_1-b8a52dc0.pth"}


class FeatureSettings(Section):
    """A classifier and the file of its weights: torchvision's, or for ``squeeze`` and ``vgg16`` one of LPIPS v0.1."""

    network: Classifier
    file: str


class FrozenFeatures:
    """A classifier's features at some of its layers (positions as in torchvision), never trained and in no checkpoint.

    Images in [0, 1]; ``normalised`` by the mean and deviation of ImageNet first. ``str`` of it says which network it is.
    Raises CheckpointError for a file that is missing, unreadable, or of another network.
    """

    def __init__(self, settings: FeatureSettings, taps: Sequence[int] | None = None, *, normalised: bool = True) -> None:
        network = _build(settings.network, taps)
        _load(network, Path(settings.file).expanduser(), settings.network)
        self._network = network.eval().requires_grad_(False)
        self._normalised, self._name = normalised, f"{settings.network} of {settings.file}"

    def __str__(self) -> str:
        return self._name

    def __call__(self, images: Tensor) -> list[Tensor]:
        """(n, 3, h, w) -> the features of each layer."""
        self._network.to(images.device)
        if self._normalised:
            mean, deviation = (images.new_tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
            images = (images - mean) / deviation
        return list(self._network(images))


def _build(name: Classifier, taps: Sequence[int] | None) -> Features:
    if name == "squeeze":
        return build_backbone("squeeze")
    layers: list[nn.Module] = []
    widths: list[int] = []
    channels = 3
    for width, convolutions in zip((64, 128, 256, 512, 512), _VGG[name], strict=True):
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            widths += [width, width]
            channels = width
        layers.append(nn.MaxPool2d(2))
        widths.append(width)
    kept = tuple(taps or (i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)))
    return Features(layers, kept, tuple(widths[tap] for tap in kept), smallest=16)


def _load(network: Features, path: Path, name: Classifier) -> None:
    """Tensors named ``features.*`` as torchvision has them, or ``net.slice*`` as LPIPS keeps the same layers."""
    for weights in read_checkpoint(path).sets:
        state: dict[str, Tensor] = {}
        for key, value in weights.state.items():
            parts = key.removeprefix("net.").split(".")
            if parts[0] == "features" or parts[0].startswith("slice"):
                state[".".join(("features", *parts[1:]))] = value.to(torch.float32)
        expected = network.state_dict()
        if all(key in state and state[key].shape == value.shape for key, value in expected.items()):
            network.load_state_dict({key: state[key] for key in expected})
            return
    raise CheckpointError(f"{path}: does not hold the convolutions of {name}: torchvision publishes them as {_FILES[name]}")
