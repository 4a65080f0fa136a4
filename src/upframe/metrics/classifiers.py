"""The three image classifiers whose features LPIPS compares: the convolutions only, with torchvision's parameter names.

Sources: Krizhevsky 2014 (AlexNet, one-tower edition), Simonyan and Zisserman 2015 (VGG16),
Iandola et al. 2016 (SqueezeNet 1.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Backbone = Literal["squeeze", "alex", "vgg"]


class Fire(nn.Module):
    """SqueezeNet's block: (n, c, h, w) -> (n, 2 * expand, h, w), ReLU after each of its three convolutions."""

    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1))


class Features(nn.Module):
    """A stack of layers, some of whose outputs are looked at.

    ``taps`` are the positions of those layers, ``widths`` their channels, ``smallest`` the shorter side that an image must
    have for every layer to yield something. Input: RGB normalised by the mean and deviation of ImageNet.
    """

    def __init__(self, layers: list[nn.Module], taps: tuple[int, ...], widths: tuple[int, ...], smallest: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers[: taps[-1] + 1])
        self.taps, self.widths, self.smallest = taps, widths, smallest

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        """(n, 3, h, w) -> the tapped features one after another, so that a caller need not hold all of them."""
        for position, layer in enumerate(self.features):
            x = layer(x)
            if position in self.taps:
                yield x


@dataclass(frozen=True, slots=True)
class WeightsOrigin:
    """Where the weights of a backbone were published, for messages to the user."""

    network: str
    file: str


ORIGINS: dict[Backbone, WeightsOrigin] = {
    "squeeze": WeightsOrigin("SqueezeNet 1.1", "squeezenet1_1-b8a52dc0.pth"),
    "alex": WeightsOrigin("AlexNet", "alexnet-owt-7be5be79.pth"),
    "vgg": WeightsOrigin("VGG16", "vgg16-397923af.pth"),
}


def build_backbone(backbone: Backbone) -> Features:
    """The network without weights, with the taps of LPIPS v0.1."""
    return {"squeeze": _squeezenet, "alex": _alexnet, "vgg": _vgg16}[backbone]()


def _squeezenet() -> Features:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
    layers += [Fire(64, 16, 64), Fire(128, 16, 64), nn.MaxPool2d(3, 2, ceil_mode=True)]
    layers += [Fire(128, 32, 128), Fire(256, 32, 128), nn.MaxPool2d(3, 2, ceil_mode=True)]
    layers += [Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)]
    return Features(layers, (1, 4, 7, 9, 10, 11, 12), (64, 128, 256, 384, 384, 512, 512), smallest=17)


def _alexnet() -> Features:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()]
    return Features(layers, (1, 4, 7, 9, 11), (64, 192, 384, 256, 256), smallest=31)


def _vgg16() -> Features:
    layers: list[nn.Module] = []
    channels = 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        if layers:
            layers.append(nn.MaxPool2d(2))
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return Features(layers, (3, 8, 15, 22, 29), (64, 128, 256, 512, 512), smallest=16)
