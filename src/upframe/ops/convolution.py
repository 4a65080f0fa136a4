"""Convolutions in the form a CPU is fastest at, for inference: equal to the plain ones, which everything else gets.

A CPU computes 16 output channels at once (AVX-512; 8 with AVX2). A convolution of 3 outputs leaves most of that idle, one of
24 a quarter. In ``channels_last`` memory, neighbouring columns are neighbours in memory as channels are: a convolution with a
wider kernel and a stride of ``c`` columns, that gives ``c`` columns as ``c`` times the channels, writes the same memory.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.ops.tracing import is_traced

Network = TypeVar("Network", bound=nn.Module)

LANES = 16  # values in a register


def is_eager_inference() -> bool:
    """Whether nothing is differentiated and no graph of the operations is recorded.

    Graphs, whether compiled, exported or traced, keep the plain forms: whoever reads them knows best.
    """
    return not (torch.is_grad_enabled() or torch.compiler.is_compiling() or is_traced())


def is_channels_last_inference(x: Tensor) -> bool:
    """Whether ``x`` is in ``channels_last`` memory on a CPU, and :func:`is_eager_inference`."""
    return (
        is_eager_inference()  # before anything is asked of x: in a graph a question about a size would fix it
        and x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        and not x.is_contiguous()
    )


def columns_at_once(outputs: int) -> int:
    """How many columns pay: the wider kernel computes (k + c - 1) / k as much, in full registers. Measured."""
    return 4 if outputs <= LANES // 4 else 2 if outputs % LANES == LANES // 2 else 1


def narrow_conv(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """``conv(x)``, of stride 1 and padded to the same size, where the number of its outputs leaves registers half empty.

    (n, c, h, w) -> (n, outputs, h, w). Of 64 channels to 3 it takes 0.7 of the time, of 16 to 2 with 7x7 half, of 24 to 24
    0.9. Equal to the last bit where the library adds in the same order.
    """
    columns = columns_at_once(conv.out_channels)
    if columns == 1 or not is_channels_last_inference(x) or x.shape[-1] % columns:
        result: Tensor = conv(x)
        return result
    # The kernel of column i is shifted by i: (columns * outputs, c, k, k + columns - 1).
    kernels = torch.cat([F.pad(conv.weight, (i, columns - 1 - i)) for i in range(columns)])
    kernels = kernels.contiguous(memory_format=torch.channels_last)
    bias = None if conv.bias is None else conv.bias.repeat(columns)
    reach = conv.kernel_size[0] // 2
    wide = F.conv2d(x, kernels, bias, stride=(1, columns), padding=reach)  # (n, columns * outputs, h, w / columns)
    rows = wide.permute(0, 2, 3, 1)
    return rows.reshape(*rows.shape[:2], x.shape[-1], conv.out_channels).permute(0, 3, 1, 2)


def shuffled_conv(x: Tensor, conv: nn.Conv2d, factor: int) -> Tensor:
    """``pixel_shuffle(conv(x), factor)``: (n, c, h, w) -> (n, outputs / factor**2, factor*h, factor*w).

    The outputs are computed in the order in which they lie in the upscaled image, row of the cell, column, channel, so that
    whole runs of them are moved: five times as fast as moving them one by one.
    """
    if not is_channels_last_inference(x):
        return F.pixel_shuffle(conv(x), factor)
    cell = factor * factor
    weight = conv.weight.view(-1, cell, *conv.weight.shape[1:]).transpose(0, 1).flatten(0, 1)
    weight = weight.contiguous(memory_format=torch.channels_last)
    bias = None if conv.bias is None else conv.bias.view(-1, cell).T.flatten()
    cells = F.conv2d(x, weight, bias, conv.stride, conv.padding).permute(0, 2, 3, 1)  # (n, h, w, outputs), as in memory
    n, height, width, outputs = cells.shape
    runs = cells.reshape(n, height, width, factor, outputs // factor).transpose(2, 3)  # (n, h, factor, w, factor * channels)
    return runs.reshape(n, factor * height, factor * width, outputs // cell).permute(0, 3, 1, 2)


def channels_last(network: Network) -> Network:
    """The same network, its weights laid channels last: convolutions of a processor's or a GPU's are then at their fastest."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return network
