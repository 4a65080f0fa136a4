"""What is written down for ncnn equals what torch computes, at other sizes than it was written down with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from upframe.export.onnx_file import quiet
from upframe.ops.interpolate import interpolate_bicubic
from upframe.ops.shuffle import space_to_depth
from upframe.ops.warp import warp

Operation = Callable[[Tensor], Tensor]

OPERATIONS: dict[str, Operation] = {
    "bicubic x2": lambda x: interpolate_bicubic(x, 2),
    "bicubic x4": lambda x: interpolate_bicubic(x, 4),
    "space_to_depth": lambda x: space_to_depth(x, 2),
    "warp with border": lambda x: warp(x, 9 * x[:, :2] - 3, padding="border"),
    "warp with zeros": lambda x: warp(x, 9 * x[:, :2] - 3, padding="zeros"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_traced_form_equals_the_plain_one(name: str) -> None:
    operation = OPERATIONS[name]
    generator = torch.Generator().manual_seed(0)
    with quiet():
        traced = torch.jit.trace(operation, torch.rand(1, 3, 8, 12, generator=generator))  # type: ignore[no-untyped-call]
        kinds = {node.kind() for node in traced.graph.nodes()}
    assert kinds & {"aten::_convolution", "aten::cumsum"}, "it is the traced form"
    image = torch.rand(1, 3, 26, 18, generator=generator)
    torch.testing.assert_close(traced(image), operation(image), rtol=0, atol=2e-5)
