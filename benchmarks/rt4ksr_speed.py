"""RT4KSR x2 alone at 640x360: as Upframe runs it, beside the same merged network written plainly (eager, NCHW).

The plain form is what the released code does in its merged form, less the work whose result it throws away: convolutions
in PyTorch's default layout, layer normalisation by mean and variance over dimension 1, every sum a new tensor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent))
from _report import paired_ratio, side_by_side, write

from upframe import Upscaler
from upframe.engine.memory import keep_freed_memory
from upframe.models.catalog import Model, load
from upframe.models.rt4ksr import RT4KSR


def plain(network: RT4KSR) -> Callable[[Tensor], Tensor]:
    """The same weights, run plainly."""
    network = RT4KSR(
        network.scale, layernorm=network.layernorm, residual=network.residual, skip=network.skip, merged=True
    ).requires_grad_(False)

    def normalise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        return weight.view(1, -1, 1, 1) * ((x - mean) / (variance + 1e-6).sqrt()) + bias.view(1, -1, 1, 1)

    def forward(picture: Tensor) -> Tensor:
        x = network.head(F.pixel_unshuffle(picture, network.unshuffle))
        for block in network.body:
            y = normalise(x, block.norm.weight, block.norm.bias) if network.layernorm else x
            y = F.gelu(block.conv1(y))
            x = x + y if network.residual else y
        if network.layernorm:
            x = normalise(x, network.tail[0].weight, network.tail[0].bias)
        x = network.upsample(network.tail[1](x))
        if network.skip:
            x = x + F.interpolate(picture, scale_factor=network.scale, mode="bilinear", align_corners=False)
        return x

    return forward


@torch.inference_mode()
def measure(picture: Tensor) -> dict[str, object]:
    """Both configurations, plain and as Upframe runs them."""
    published = RT4KSR(2, merged=True).eval().requires_grad_(False)
    figures: dict[str, object] = {}
    for name, model in {"shipped": load("rt4ksr-x2"), "published configuration": Model(published, published.info)}.items():
        assert isinstance(model.network, RT4KSR)
        slow = plain(model.network)
        fast = Upscaler(model, device="cpu")
        runs: dict[str, Callable[[], object]] = {
            "plain": lambda f=slow: f(picture),
            "upframe": lambda u=fast: u.enlarge(picture),
        }
        figures[name] = side_by_side(runs, rounds=30) | {"plain over upframe, paired": paired_ratio(runs, rounds=30)}
    return figures


def main() -> None:
    picture = torch.rand(1, 3, 360, 640)
    figures: dict[str, object] = {"input": "640x360", "scale": 2, "memory as the C library has it": measure(picture)}
    if keep_freed_memory():
        figures["freed memory kept, as the command does"] = measure(picture)
    write("rt4ksr_speed", figures)


if __name__ == "__main__":
    main()
