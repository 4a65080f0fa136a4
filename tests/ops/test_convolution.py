"""Convolutions in other forms: the same values, whatever the sizes, and nothing remembered."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.ops.convolution import is_channels_last_inference, narrow_conv, shuffled_conv

TOLERANCE = 1e-6


def conv_and_image(inputs: int, outputs: int, kernel: int, size: tuple[int, int], n: int = 1) -> tuple[nn.Conv2d, Tensor]:
    torch.manual_seed(0)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return conv, torch.randn(n, inputs, *size).contiguous(memory_format=torch.channels_last)


def calls_of(conv: nn.Conv2d) -> list[int]:
    """Grows by one each time the plain convolution is run."""
    calls: list[int] = []
    conv.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(64, 3, 3), (16, 2, 7), (24, 24, 3), (32, 4, 3), (5, 8, 1)])
@pytest.mark.parametrize("size", [(5, 8), (9, 4), (1, 12)])
def test_a_narrow_convolution_is_the_plain_one_in_another_form(
    inputs: int, outputs: int, kernel: int, size: tuple[int, int]
) -> None:
    conv, image = conv_and_image(inputs, outputs, kernel, size, n=2)
    with torch.inference_mode():
        expected = conv(image)
        calls = calls_of(conv)
        result = narrow_conv(image, conv)
    assert not calls
    assert result.shape == expected.shape
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert (result - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize(("outputs", "width"), [(3, 7), (3, 10), (24, 9), (16, 8), (12, 8)])
def test_a_convolution_that_gains_nothing_is_run_as_it_is(outputs: int, width: int) -> None:
    conv, image = conv_and_image(8, outputs, 3, (6, width))
    calls = calls_of(conv)
    with torch.inference_mode():
        assert torch.equal(narrow_conv(image, conv), conv(image))
    assert len(calls) == 2


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_shuffled_convolution_puts_every_value_where_the_pixel_shuffle_does(factor: int, kernel: int) -> None:
    conv, image = conv_and_image(8, 3 * factor**2, kernel, (5, 7), n=2)
    with torch.inference_mode():
        expected = F.pixel_shuffle(conv(image), factor)
        calls = calls_of(conv)
        result = shuffled_conv(image, conv, factor)
    assert not calls
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < TOLERANCE


def test_weights_that_have_changed_are_the_ones_that_count() -> None:
    conv, image = conv_and_image(8, 4, 3, (6, 8))
    with torch.no_grad():
        before = narrow_conv(image, conv), shuffled_conv(image, conv, 2)
        conv.weight.mul_(2)
        conv.bias.zero_()  # type: ignore[union-attr]
        after = narrow_conv(image, conv), shuffled_conv(image, conv, 2)
        assert not any(torch.equal(one, other) for one, other in zip(before, after, strict=True))
        assert (after[0] - conv(image)).abs().max() < TOLERANCE
        assert (after[1] - F.pixel_shuffle(conv(image), 2)).abs().max() < TOLERANCE


def test_gradients_take_the_plain_form() -> None:
    conv, image = conv_and_image(8, 4, 3, (6, 8))
    calls = calls_of(conv)
    narrow_conv(image, conv).sum().backward()  # type: ignore[no-untyped-call]  # torch has no types here
    shuffled_conv(image, conv, 2).sum().backward()  # type: ignore[no-untyped-call]  # torch has no types here
    assert len(calls) == 2
    assert conv.weight.grad is not None


def test_graphs_take_the_plain_form() -> None:
    conv, image = conv_and_image(8, 4, 3, (6, 8))

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv

        def forward(self, x: Tensor) -> Tensor:
            return narrow_conv(x, self.conv)

    with torch.inference_mode():
        assert is_channels_last_inference(image)
    with torch.no_grad():
        graph = torch.export.export(Both(), (image,)).graph
    (kernel,) = [node.args[1] for node in graph.nodes if "conv2d" in str(node.target)]
    assert kernel.meta["val"].shape == conv.weight.shape


def test_other_memory_takes_the_plain_form() -> None:
    conv, image = conv_and_image(8, 4, 3, (6, 8))
    calls = calls_of(conv)
    with torch.inference_mode():
        narrow_conv(image.contiguous(), conv)
        narrow_conv(image[..., ::2], conv)
    assert len(calls) == 2
