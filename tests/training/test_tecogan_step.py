"""One step of FRVSR's and TecoGAN's training, against the published one written out by hand.

In double precision: of float32, a leaky ReLU that tips over on the last bit changes whole gradients.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.reference.unpack import Reference
from torch import Tensor, nn
from torch.nn import functional as F

from upframe.models import frvsr, tecogan
from upframe.ops.interpolate import interpolate
from upframe.training.objectives.features import FeatureSettings, FrozenFeatures
from upframe.training.objectives.frvsr import FRVSRLosses, FRVSRObjective, pixel_loss, warping_loss
from upframe.training.objectives.losses import cosine_distance
from upframe.training.objectives.objective import Objective
from upframe.training.objectives.tecogan import DiscriminatorSettings, TecoGANLosses, TecoGANObjective

RATE = 5e-5


def generator_of(reference: Reference) -> frvsr.FRVSR:
    return frvsr.build(reference.tensors("frvsr/seeded_bd_x4_nb2.safetensors"), {}).double().train()


def discriminator_of(reference: Reference) -> tecogan.SpatioTemporalDiscriminator:
    network = tecogan.build(reference.tensors("frvsr/seeded_discriminator_size64.safetensors"), {})
    assert isinstance(network, tecogan.SpatioTemporalDiscriminator)
    return network.double().train()


@pytest.fixture(scope="session")
def clip(reference: Reference) -> dict[str, Tensor]:
    golden = reference.tensors("frvsr/golden_discriminator.safetensors")
    noise = torch.rand(1, 4, 3, 64, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return {"low": golden["lr_data"][:, :4].double(), "high": 0.9 * golden["bi_data"][:, :4].double() + 0.1 * noise}


@pytest.fixture(scope="session")
def vgg19(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Sequential]:
    """A VGG19 of random weights, as torchvision names them, and the same as a plain stack."""
    torch.manual_seed(7)
    layers: list[nn.Module] = []
    channels = 3
    for width, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    stack = nn.Sequential(*layers)
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file({f"features.{name}": value for name, value in stack.state_dict().items()}, path)
    return path, stack.double().requires_grad_(False)


def charbonnier(x: Tensor, y: Tensor) -> Tensor:
    return torch.sqrt((x - y) * (x - y) + 1e-6).mean()


def moved(image: Tensor, flow: Tensor) -> Tensor:
    """Backward warping with aligned corners and repeated borders."""
    _, _, h, w = image.shape
    y, x = torch.meshgrid(torch.arange(h, dtype=image.dtype), torch.arange(w, dtype=image.dtype), indexing="ij")
    grid = torch.stack((2 * (x + flow[:, 0]) / (w - 1) - 1, 2 * (y + flow[:, 1]) / (h - 1) - 1), dim=-1)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=True)


def outputs_of(net: frvsr.FRVSR, low: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Outputs (1, t, 3, H, W), the warping loss, and the upscaled flows from each frame to the one before."""
    black = torch.zeros(1, 3 * 16, *low.shape[-2:], dtype=low.dtype)
    outputs, flows, warped, flow_list = [net.srnet(low[:, 0], black)], [], [], []
    for i in range(1, low.shape[1]):
        flow = net.fnet(low[:, i], low[:, i - 1])
        warped.append(moved(low[:, i - 1], flow))
        flows.append(flow)
        large = 4 * interpolate(flow, 4, "BD")
        flow_list.append(large)
        previous = moved(outputs[-1], large)
        n, c, h, w = previous.shape
        folded = previous.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 3, 5, 1, 2, 4).reshape(n, 16 * c, h // 4, w // 4)
        outputs.append(net.srnet(low[:, i], folded))
    return torch.stack(outputs, 1), charbonnier(torch.cat(warped), torch.cat(list(low[0, 1:, None]))), flow_list


def published_tecogan_step(
    net: frvsr.FRVSR, judge: tecogan.SpatioTemporalDiscriminator, vgg: nn.Sequential, clip: dict[str, Tensor], threshold: float
) -> dict[str, float]:
    """The step of ``vsrgan_model.py``, every term and both optimisers."""
    adam_g, adam_d = (torch.optim.Adam(network.parameters(), lr=RATE) for network in (net, judge))
    low, high = (torch.cat((frames, frames[:, [2, 1, 0]]), dim=1) for frames in (clip["low"], clip["high"]))
    large = torch.stack([interpolate(low[:, i], 4, "BD") for i in range(7)], dim=1)
    output, warping, flows = outputs_of(net, low)
    # Triplets (0 1 2) and (3 4 5): from the middle one back, and on: on to i + 1 is back from 6 - i to 5 - i.
    still = torch.zeros_like(flows[0])
    triplets = torch.cat([flows[0], still, flows[4], flows[3], still, flows[1]]).detach()

    real, fake = judge(high, large, triplets).logits, judge(output.detach(), large, triplets).logits
    ahead = float((torch.log(torch.sigmoid(real) + 1e-8).mean() - torch.log(torch.sigmoid(fake) + 1e-8).mean()).detach())
    terms = {"lead": ahead}
    if ahead < threshold:
        bce = nn.BCEWithLogitsLoss()
        loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
        adam_d.zero_grad()
        loss_d.backward()
        adam_d.step()
        terms["discriminator"] = loss_d.item()

    feature = torch.zeros((), dtype=torch.float64)
    mean, deviation = (
        torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    x, y = (output[0] - mean) / deviation, (high[0] - mean) / deviation
    for position, layer in enumerate(list(vgg.children())[:36]):
        x, y = layer(x), layer(y)
        if position in (8, 17, 26, 35):
            feature = feature + 1 - ((x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1)).clamp_min(1e-8)).mean()
    parts = {
        "pixel": charbonnier(output, high),
        "warping": warping,
        "feature": 0.2 * feature,
        "ping_pong": 0.5 * charbonnier(output[:, :3], output[:, 4:].flip(1)),
        "adversarial": 0.01 * -torch.log(torch.sigmoid(judge(output, large, triplets).logits)).mean(),
    }
    adam_g.zero_grad()
    torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
    adam_g.step()
    return terms | {name: value.item() for name, value in parts.items()}


def our_step(objective: Objective, clip: dict[str, Tensor]) -> dict[str, float]:
    optimisers = {name: torch.optim.Adam(groups[0]["params"], lr=RATE) for name, groups in objective.groups().items()}
    terms: dict[str, float] = {}
    for turn in objective.turns(clip, 0):
        optimisers[turn.optimiser].zero_grad()
        torch.stack(list(turn.terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimisers[turn.optimiser].step()
        terms |= {name: value.item() for name, value in (turn.terms | turn.seen).items()}
    return terms


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    theirs = other.state_dict()
    for name, value in one.state_dict().items():
        assert (value.double() - theirs[name].double()).abs().max() < 2e-8, name  # Adam moves by 5e-5


def test_a_step_of_frvsr_is_the_published_one(reference: Reference, clip: dict[str, Tensor]) -> None:
    ours = generator_of(reference)
    theirs = copy.deepcopy(ours)
    terms = our_step(FRVSRObjective(ours, FRVSRLosses()), clip)
    adam = torch.optim.Adam(theirs.parameters(), lr=RATE)
    output, warping, _ = outputs_of(theirs, clip["low"])
    pixel = charbonnier(output, clip["high"])
    (pixel + warping).backward()  # type: ignore[no-untyped-call]
    adam.step()
    assert terms == pytest.approx({"pixel": pixel.item(), "warping": warping.item()}, rel=1e-9)
    assert_same_weights(ours, theirs)


@pytest.mark.long
@pytest.mark.parametrize("threshold", [0.4, -1.0])
def test_a_step_of_tecogan_is_the_published_one(
    reference: Reference, clip: dict[str, Tensor], vgg19: tuple[Path, nn.Sequential], threshold: float
) -> None:
    generator, discriminator = generator_of(reference), discriminator_of(reference)
    their_generator, their_discriminator = copy.deepcopy(generator), copy.deepcopy(discriminator)
    features = FeatureSettings(network="vgg19", file=str(vgg19[0]))
    settings = DiscriminatorSettings(threshold=threshold)
    objective = TecoGANObjective(generator, discriminator, TecoGANLosses(features=features), settings)
    assert objective.features is not None
    objective.features._network.double()
    terms = our_step(objective, clip)
    published = published_tecogan_step(their_generator, their_discriminator, vgg19[1], clip, threshold)
    if threshold > 0:
        assert terms["discriminator_real"] + terms["discriminator_fake"] == pytest.approx(published.pop("discriminator"))
    assert ("discriminator_real" in terms) == (threshold > 0)
    assert {name: terms[name] for name in published} == pytest.approx(published, rel=1e-8)
    assert_same_weights(generator, their_generator)
    assert_same_weights(discriminator, their_discriminator)


def test_the_losses_are_those_of_the_published_code(reference: Reference) -> None:
    golden = reference.tensors("frvsr/golden_generator.safetensors")
    expected = json.loads((reference.file("metrics/values_more.json")).read_text())["tecogan_losses"]
    low = golden["BD4.train.lr_data"]
    large = interpolate(low[0], 4, "BD")
    with torch.no_grad():
        result = generator_of(reference).float().clip(low)  # test_frvsr.py: what the published one gives
    output = result.output
    values = {
        "charbonnier_mean(hr_data, BD upsampling of lr_data)": pixel_loss(output, large[None]),
        "warping(lr_prev warped by lr_flow, lr_curr)": warping_loss(result),
        "cosine(hr_data[0], BD upsampling of lr_data[0])": cosine_distance(output[0], large),
    }
    for name, value in values.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-5, abs=1e-7), name


def test_features_of_squeezenet_come_from_the_file_of_lpips(reference: Reference) -> None:
    file = reference.file("lpips/lpips_squeeze_v0.1.safetensors")
    features = FrozenFeatures(FeatureSettings(network="squeeze", file=str(file)))
    assert [value.shape[1] for value in features(torch.rand(1, 3, 32, 32))] == [64, 128, 256, 384, 384, 512, 512]
    assert str(features) == f"squeeze of {file}"
