"""The objectives of RT4KSR, TTVSR, NSRR and STSSNet, against their published formulas written out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.reference.unpack import Reference
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.errors import CheckpointError
from upframe.metrics import load_lpips
from upframe.models import nsrr, stssnet, ttvsr
from upframe.models.frvsr import FRVSR
from upframe.models.rt4ksr import RT4KSR
from upframe.training.objectives.features import FeatureSettings
from upframe.training.objectives.nsrr import NSRRLosses, NSRRModel, NSRRObjective
from upframe.training.objectives.nsrr import new_network as new_nsrr
from upframe.training.objectives.objective import Objective
from upframe.training.objectives.rt4ksr import RT4KSRLosses, RT4KSRObjective
from upframe.training.objectives.stssnet import STSSNetLosses, STSSNetObjective
from upframe.training.objectives.ttvsr import TTVSRLosses, TTVSRModel, TTVSRObjective, new_network, recompute_blocks
from upframe.training.objectives.unfolding import begin_unfolded
from upframe.training.objectives.widening import begin_widened


def terms_of(objective: Objective, batch: dict[str, Tensor], step: int = 0) -> dict[str, Tensor]:
    (turn,) = objective.turns(batch, step)
    return turn.terms


def vgg16(path: Path) -> nn.Sequential:
    """Random weights in a file, as torchvision names them, and the same as a plain stack."""
    torch.manual_seed(1)
    layers: list[nn.Module] = []
    channels = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    stack = nn.Sequential(*layers)
    save_file({f"features.{name}": value for name, value in stack.state_dict().items()}, path)
    return stack.requires_grad_(False)


def test_rt4ksr_lowers_l1_and_the_differences_of_neighbours() -> None:
    network = RT4KSR(2, channels=4, blocks=1)
    batch = {"low": torch.rand(2, 3, 8, 8), "high": torch.rand(2, 3, 16, 16)}
    terms = terms_of(RT4KSRObjective(network, RT4KSRLosses(gradient=0.5), "BI"), batch)
    wrong = network(batch["low"]) - batch["high"]
    down, across = wrong[..., 1:, :] - wrong[..., :-1, :], wrong[..., 1:] - wrong[..., :-1]
    torch.testing.assert_close(terms["pixel"], wrong.abs().mean())
    torch.testing.assert_close(terms["gradient"], 0.5 * (down.abs().mean() + across.abs().mean()))


def test_an_unfolded_network_computes_what_the_narrow_one_does() -> None:
    torch.manual_seed(0)
    switches = {"blocks": 2, "layernorm": False, "residual": True, "skip": True, "merged": True}
    narrow, folded = RT4KSR(3, channels=2, unshuffle=1, **switches), RT4KSR(3, channels=8, unshuffle=2, **switches)  # type: ignore[arg-type]
    begin_unfolded(folded, narrow)
    image = torch.rand(1, 3, 12, 10)
    torch.testing.assert_close(folded(image), narrow(image))
    with pytest.raises(CheckpointError, match="a quarter of the channels"):
        begin_unfolded(RT4KSR(3, channels=12, unshuffle=2, **switches), narrow)  # type: ignore[arg-type]


def test_a_widened_network_computes_what_the_small_one_does_and_learns_with_all_it_has() -> None:
    torch.manual_seed(0)
    small, large = (FRVSR(4, channels=c, blocks=b, flow_channels=f).double() for c, b, f in ((4, 1, 2), (6, 3, 3)))
    begin_widened(large, small)
    frame, before, output = (part.double() for part in small.example_inputs(16, 24))
    torch.testing.assert_close(large(frame, before, output), small(frame, before, output))
    large(frame, before, output).square().mean().backward()
    heard = large.srnet.conv_out.weight.grad
    assert heard is not None
    assert heard[:, 4:].abs().max() > 0, "the last layer can begin to listen to the new channels"
    with pytest.raises(CheckpointError, match="no more channels"):
        begin_widened(small, large)
    with pytest.raises(CheckpointError, match="same scale"):
        begin_widened(FRVSR(2), small)


@pytest.mark.parametrize("scale", [2, 3])
def test_an_interpolating_nsrr_begins_as_the_bilinear_upscaling(scale: int) -> None:
    torch.manual_seed(0)
    network = new_nsrr(NSRRModel(scale=scale, initial="interpolating")).eval()
    with torch.no_grad():
        network.reconstruction.block10[0].weight[:, 3:] = 0  # type: ignore[index]  # what the random channels add
        colour, depth, motion = network.example_inputs(16, 16)
        output = network(colour, depth, motion)
    wanted = F.interpolate(colour[:, -1], scale_factor=scale, mode="bilinear")
    inside = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(output[inside], wanted[inside], atol=2e-6, rtol=0)


def test_a_step_of_ttvsr_is_the_published_one(reference: Reference) -> None:
    network = ttvsr.build(reference.tensors("ttvsr/seeded_nb2.safetensors"), {})
    low = reference.tensors("ttvsr/golden.safetensors")["input"][:, :4]
    batch = {"low": low, "high": torch.rand(1, 4, 3, 256, 288, generator=torch.Generator().manual_seed(0))}
    (term,) = terms_of(TTVSRObjective(network, TTVSRLosses(flow_frozen=0), "BI"), batch).values()
    assert term.item() == pytest.approx(torch.sqrt((network(low) - batch["high"]) ** 2 + 1e-12).mean().item(), rel=1e-6)


def test_the_flow_network_of_ttvsr_learns_slowly_and_later() -> None:
    torch.manual_seed(0)
    network = new_network(TTVSRModel(channels=4, blocks=1))
    objective = TTVSRObjective(network, TTVSRLosses(flow_frozen=5), "BI")
    others, flow = objective.groups()["network"]
    assert flow["rate"] == 0.125
    assert {id(p) for p in flow["params"]} == {id(p) for p in network.spynet.parameters()}
    assert len(others["params"]) + len(flow["params"]) == len(list(network.parameters()))
    batch = {"low": torch.rand(1, 2, 3, 64, 64), "high": torch.rand(1, 2, 3, 256, 256)}
    for step, learns in ((4, False), (5, True)):
        network.zero_grad()
        terms_of(objective, batch, step)["pixel"].backward()  # type: ignore[no-untyped-call]
        assert (next(network.spynet.parameters()).grad is not None) == learns


def test_recomputed_blocks_have_the_same_names_and_gradients() -> None:
    torch.manual_seed(0)
    network = new_network(TTVSRModel(channels=4, blocks=2))
    frames = torch.rand(1, 3, 3, 64, 64)
    network(frames).mean().backward()
    names, kept = list(network.state_dict()), [p.grad.clone() for p in network.parameters() if p.grad is not None]
    recompute_blocks(network)
    network.zero_grad()
    network(frames).mean().backward()
    assert list(network.state_dict()) == names
    again = [p.grad for p in network.parameters() if p.grad is not None]
    assert len(again) == len(kept)
    for one, other in zip(kept, again, strict=True):
        assert torch.equal(one, other)


def structural_dissimilarity(x: Tensor, y: Tensor) -> Tensor:
    """(1 - SSIM) / 2 with a Gaussian of 9 pixels, sigma 1.5, over the mirrored image."""
    line = torch.exp(-((torch.arange(9.0) - 4) ** 2) / (2 * 1.5**2))
    kernel = torch.outer(line, line)[None, None] / line.sum() ** 2

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(F.pad(image, (4, 4, 4, 4), mode="reflect"), kernel.expand(3, 1, 9, 9), groups=3)

    mx, my = blur(x), blur(y)
    vx, vy, covariance = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    top = (2 * mx * my + 0.01**2) * (2 * covariance + 0.03**2)
    return ((1 - top / ((mx**2 + my**2 + 0.01**2) * (vx + vy + 0.03**2))) / 2).mean()


def test_the_losses_of_nsrr_are_the_published_ones(reference: Reference, tmp_path: Path) -> None:
    network = nsrr.build(reference.tensors("nsrr/seeded_x4.safetensors"), {}).train()
    golden = reference.tensors("nsrr/golden.safetensors")
    batch = {"colour": golden["rgb"], "depth": golden["depth"], "motion": golden["accumulated_motion"]}
    batch["target"] = torch.rand(1, 3, 128, 192, generator=torch.Generator().manual_seed(0))
    stack = vgg16(tmp_path / "vgg16.safetensors")
    features = FeatureSettings(network="vgg16", file=str(tmp_path / "vgg16.safetensors"))
    terms = terms_of(NSRRObjective(network, NSRRLosses(features=features)), batch)

    output = network(batch["colour"], batch["depth"], batch["motion"])
    x, y, squares = output, batch["target"], []
    for position, layer in enumerate(list(stack.children())[:23]):
        x, y = layer(x), layer(y)
        if position in (3, 8, 15, 22):
            squares.append(((x - y) ** 2).mean())
    torch.testing.assert_close(terms["structure"], structural_dissimilarity(output, batch["target"]), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(terms["feature"], 0.1 * torch.stack(squares).mean(), rtol=1e-4, atol=1e-7)


def test_the_losses_of_stssnet_are_the_published_ones(reference: Reference) -> None:
    weights = torch.load(reference.file("stssnet/Lewis.pkl"), map_location="cpu", weights_only=True)
    network = stssnet.build(weights, {})
    golden = reference.tensors("stssnet/golden.safetensors")
    batch = {
        "colour": golden["a.input"],
        "features": golden["a.features"],
        "mask": golden["a.mask"],
        "history": golden["a.history"],
        "target": torch.rand(1, 3, 128, 192, generator=torch.Generator().manual_seed(0)),
    }
    file = reference.file("lpips/lpips_squeeze_v0.1.safetensors")
    terms = terms_of(STSSNetObjective(network, STSSNetLosses(lpips_files=(str(file),))), batch)

    output = network(batch["colour"], batch["features"], batch["mask"], batch["history"])
    wrong = (output - batch["target"]).abs()
    hole = 1 - (F.interpolate(batch["mask"], scale_factor=2, mode="bilinear") > 0).float()
    assert 0 < hole.sum() < hole.numel()
    torch.testing.assert_close(terms["pixel"], wrong.mean())
    torch.testing.assert_close(terms["hole"], (wrong * hole).sum() / hole.sum())
    torch.testing.assert_close(terms["lpips"], 0.01 * load_lpips(file)(output, batch["target"]).mean())
    assert list(terms) == ["pixel", "hole", "lpips"]
