"""RT4KSR: equal to the published network in both forms, its forms equal to each other, and every switch does what it says."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch.nn import functional as F

from upframe.errors import CheckpointError, ShapeError
from upframe.models import load
from upframe.models.interpolation import Interpolation
from upframe.models.rt4ksr import RT4KSR, build
from upframe.models.rt4ksr_blocks import ChannelAttention, RepConv, attention_size

BLOCKS = ("simplified", "base", "dconvbase", "repbase", "nafbase")
VARIANTS: list[dict[str, Any]] = [
    *(dict(zip(("layernorm", "residual", "skip"), switches, strict=True)) for switches in product((False, True), repeat=3)),
    *(
        {"design": design, "block": block, "residual": residual}
        for design, block, residual in product(("rep", "base"), BLOCKS, (False, True))
    ),
    *({"activation": activation, "residual": True} for activation in ("lrelu", "relu")),
    *({"high_frequency": kind, "design": design} for kind, design in product(("gaussian", "pooling"), ("rep", "base"))),
    {"downscaling": True},
    {"downscaling": True, "high_frequency": "gaussian", "design": "base"},
    {"squeeze": True, "eca_gamma": 2},
    {"squeeze": True, "block": "nafbase", "residual": True},
    {"squeeze": True, "residual": True, "activation": "relu", "high_frequency": "pooling", "downscaling": True, "skip": True},
]


def network_of(scale: int = 2, **switches: Any) -> RT4KSR:
    """A small network whose every parameter matters."""
    torch.manual_seed(7)
    network = RT4KSR(scale, **{"channels": 8, "blocks": 2} | switches).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize(("merge", "expected"), [(False, "output"), (True, "output_reparameterised")])
def test_the_published_file_gives_the_published_output(reference: Reference, scale: int, merge: bool, expected: str) -> None:
    golden = reference.tensors(f"rt4ksr/golden_x{scale}.safetensors")
    model = load(reference.file(f"rt4ksr/rt4ksr_x{scale}.safetensors"), merge=merge)
    assert (model.info.family, model.info.scale) == ("rt4ksr", scale)
    for image in ("astronaut", "coffee"):
        output = model(golden[f"{image}.input"])
        assert_known(output, golden[f"{image}.{expected}"], atol=1e-4)


@pytest.mark.parametrize(("scale", "training", "merged"), [(2, 152_233, 44_521), (3, 165_253, 57_541)])
def test_it_has_the_published_number_of_parameters(scale: int, training: int, merged: int) -> None:
    network = RT4KSR(scale, high_frequency="gaussian")  # the published files hold the branch their forward pass does not use
    assert (network.info.parameters, network.merge().info.parameters) == (training, merged)


def test_the_branch_of_a_published_file_is_used_when_it_is_asked_for() -> None:
    network = network_of(high_frequency="gaussian")
    image = torch.rand(1, 3, 12, 10)
    without = build(network.state_dict(), {})
    assert without.high_frequency == "none"
    assert not torch.allclose(without(image), network(image), atol=1e-3)
    torch.testing.assert_close(build(network.state_dict(), {"high_frequency": "gaussian"})(image), network(image))


@pytest.mark.parametrize("kind", ["gaussian", "pooling"])
def test_the_high_frequency_branch_sees_details_and_no_flat_colour(kind: str) -> None:
    network = network_of(high_frequency=kind)
    with torch.no_grad():
        network.gamma.zero_()  # nothing but the branch is left
    dark, bright = network(torch.full((1, 3, 12, 10), 0.2)), network(torch.full((1, 3, 12, 10), 0.9))
    torch.testing.assert_close(dark, bright, atol=1e-4, rtol=0)
    assert (network(torch.rand(1, 3, 12, 10)) - dark).abs().max() > 0.01


def test_a_image_too_small_to_smooth_is_refused_in_one_line() -> None:
    with pytest.raises(ShapeError, match="2x6 pixels are too few"):
        network_of(high_frequency="gaussian")(torch.rand(1, 3, 6, 2))


def test_the_baseline_is_plain_convolutions_and_one_long_connection() -> None:
    network = network_of(3, design="base", block="base", activation="relu", unshuffle=1, layernorm=False).double()
    state, image = network.state_dict(), torch.rand(1, 3, 7, 9, dtype=torch.float64)

    def convolved(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    features = convolved(image, "head.0")
    deep = features
    for block in range(2):
        deep = convolved(deep, f"body.{block}.conv1").relu()
    expected = F.pixel_shuffle(convolved(features + convolved(deep, "tail.1"), "upsample.0"), 3)
    torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_the_merged_form_equals_the_training_form_up_to_the_border(
    variant: dict[str, Any], dtype: torch.dtype, tolerance: float
) -> None:
    network = network_of(**variant).to(dtype)
    image = torch.rand(2, 3, 12, 16, dtype=dtype)
    merged = network.merge()
    assert not any(isinstance(module, RepConv) for module in merged.modules())
    with torch.no_grad():
        expected = network(image)
        torch.testing.assert_close(merged(image), expected, atol=tolerance * max(1, expected.abs().max()), rtol=0)
    assert merged.merge() is merged


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize(("scale", "unshuffle", "channels", "blocks"), [(2, 2, 8, 1), (3, 2, 6, 3), (4, 1, 4, 2)])
@pytest.mark.parametrize("merge", [False, True])
def test_sizes_are_read_off_the_shapes(
    variant: dict[str, Any], scale: int, unshuffle: int, channels: int, blocks: int, merge: bool
) -> None:
    network = network_of(scale, channels=channels, blocks=blocks, unshuffle=unshuffle, **variant)
    network = network.merge() if merge else network
    again = build(network.state_dict(), network.configuration)
    assert repr(again) == repr(network)
    assert again.info == network.info
    image = torch.rand(1, 3, 8, 12)
    torch.testing.assert_close(again(image), network(image))
    assert again(image).shape == (1, 3, 8 * scale, 12 * scale)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_parameter_learns(variant: dict[str, Any]) -> None:
    network = network_of(**variant).train()
    network(torch.rand(1, 3, 12, 16)).square().mean().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not still


@pytest.mark.parametrize("variant", [v for v in VARIANTS if not v.get("squeeze")], ids=str)
def test_the_receptive_field_is_no_smaller_than_told(variant: dict[str, Any]) -> None:
    network = network_of(**{"blocks": 4} | variant).double()
    image = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    reaches = []
    for place in range(46, 50):  # input pixels in every phase of the folding
        (gradient,) = torch.autograd.grad(
            network(image)[0, :, 2 * place : 2 * place + 2, 2 * place : 2 * place + 2].sum(), image
        )
        rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
        reaches.append(max(int((rows - place).abs().max()), int((columns - place).abs().max())))
    assert 0 < max(reaches) <= (network.info.radius or 0)


def test_channel_attention_makes_a_network_look_everywhere() -> None:
    assert network_of(squeeze=True).info.radius is None


@pytest.mark.parametrize(("channels", "gamma", "size"), [(24, 1, 5), (24, 2, 3), (64, 1, 7), (64, 2, 3), (8, 1, 5), (8, 9, 1)])
def test_the_attention_is_as_wide_as_its_paper_says(channels: int, gamma: int, size: int) -> None:
    assert attention_size(channels, gamma) == size
    features = torch.rand(2, channels, 4, 5)
    assert ChannelAttention(channels, gamma)(features).shape == features.shape


def test_a_new_nafnet_block_with_its_identity_changes_nothing() -> None:
    body = RT4KSR(2, channels=8, blocks=2, block="nafbase", residual=True).body
    features = torch.rand(1, 8, 5, 6)
    torch.testing.assert_close(body(features), features)


def test_a_variant_that_cannot_be_built_is_named() -> None:
    state = RT4KSR(2).state_dict()
    del state["body.3.norm.bias"]
    with pytest.raises(CheckpointError, match=r"body\.3\.norm\.bias"):
        build(state, {})


@pytest.mark.parametrize("switch", ["design", "block", "activation", "high_frequency"])
def test_a_misspelt_switch_says_which_words_there_are(switch: str) -> None:
    with pytest.raises(ValueError, match=f"{switch} is 'gausian': one of .*, "):
        RT4KSR(2, **{switch: "gausian"})  # type: ignore[arg-type]


def test_attention_without_a_width_is_refused() -> None:
    with pytest.raises(ValueError, match="eca_gamma must be 1 or more"):
        RT4KSR(2, squeeze=True, eca_gamma=0)


def test_a_file_that_asks_for_an_unknown_activation_is_refused() -> None:
    with pytest.raises(CheckpointError, match="activation is 'swish'"):
        build(RT4KSR(2).state_dict(), {"activation": "swish"})


@pytest.mark.parametrize("network", [RT4KSR(2), Interpolation("bicubic", 3)], ids=["rt4ksr", "bicubic"])
def test_example_inputs_are_what_the_network_takes(network: RT4KSR | Interpolation) -> None:
    (image,) = network.example_inputs(6, 10)
    assert network(image).shape == (1, 3, 6 * network.scale, 10 * network.scale)
    assert torch.equal(image, network.example_inputs(6, 10)[0])
