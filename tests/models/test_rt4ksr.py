"""RT4KSR: equal to the published network in both forms, and its forms equal to each other."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from upframe.errors import CheckpointError
from upframe.models import load
from upframe.models.rt4ksr import RT4KSR, RepConv, build

VARIANTS = [
    dict(zip(("layernorm", "residual", "skip"), switches, strict=True)) for switches in product((False, True), repeat=3)
]


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize(("merge", "expected"), [(False, "output"), (True, "output_reparameterised")])
def test_the_published_file_gives_the_published_output(
    shared: Path, scale: int, suffix: str, merge: bool, expected: str
) -> None:
    folder = shared / "reference" / "rt4ksr"
    golden = load_file(folder / f"golden_x{scale}.safetensors")
    model = load(folder / f"rt4ksr_x{scale}.{suffix}", merge=merge)
    assert (model.info.family, model.info.scale) == ("rt4ksr", scale)
    for picture in ("astronaut", "coffee"):
        output = model(golden[f"{picture}.input"])
        torch.testing.assert_close(output, golden[f"{picture}.{expected}"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_merged_form_equals_the_training_form_up_to_the_border(variant: dict[str, bool]) -> None:
    torch.manual_seed(7)
    network = RT4KSR(2, channels=8, blocks=2, **variant).double().eval()
    picture = torch.rand(2, 3, 10, 14, dtype=torch.float64)
    merged = network.merge().double()
    assert not any(isinstance(module, RepConv) for module in merged.modules())
    torch.testing.assert_close(merged(picture), network(picture), atol=1e-6, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize(("scale", "unshuffle", "channels", "blocks"), [(2, 2, 8, 1), (3, 2, 6, 3), (4, 1, 4, 2)])
@pytest.mark.parametrize("merged", [False, True])
def test_sizes_are_read_off_the_shapes(
    variant: dict[str, bool], scale: int, unshuffle: int, channels: int, blocks: int, merged: bool
) -> None:
    network = RT4KSR(scale, channels=channels, blocks=blocks, unshuffle=unshuffle, merged=merged, **variant)
    again = build(network.state_dict(), network.configuration)
    assert repr(again) == repr(network)
    picture = torch.rand(1, 3, 8, 6)
    torch.testing.assert_close(again(picture), network(picture))
    assert again(picture).shape == (1, 3, 8 * scale, 6 * scale)


def test_the_receptive_field_is_no_smaller_than_told() -> None:
    network = RT4KSR(2, channels=8, skip=True, residual=True, layernorm=False).double()
    picture = torch.rand(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    network(picture)[0, :, 64:66, 64:66].sum().backward()  # what input pixel (32, 32) becomes
    assert picture.grad is not None
    rows, columns = picture.grad[0].abs().sum(0).nonzero(as_tuple=True)
    reach = max(int((rows - 32).abs().max()), int((columns - 32).abs().max()))
    assert 0 < reach <= (network.info.radius or 0)


def test_a_variant_that_cannot_be_built_is_named() -> None:
    state = RT4KSR(2).state_dict()
    del state["body.3.norm.bias"]
    with pytest.raises(CheckpointError, match=r"body\.3\.norm\.bias"):
        build(state, {})
