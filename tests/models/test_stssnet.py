"""STSSNet: equal to the published network with all four published weights, and built from no other file."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.unpack import Reference, assert_known
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from upframe.errors import CheckpointError, ShapeError
from upframe.models.stssnet import GatedConv, STSSNet, build, gather_alike, recognises


def check_output(state: dict[str, Tensor], golden: dict[str, Tensor], case: str, scene: str) -> None:
    assert recognises(state)
    network = build(state, {}).eval()
    with torch.no_grad():
        output = network(*(golden[f"{case}.{name}"] for name in ("input", "features", "mask", "history")))
    assert_known(output, golden[f"{case}.output.{scene}"], atol=1e-5)


def test_the_published_weights_give_the_published_output(reference: Reference) -> None:
    check_output(reference.tensors("stssnet/Lewis.pkl"), reference.tensors("stssnet/golden.safetensors"), "a", "Lewis")


def test_all_published_weights_give_the_published_output(shared: Path, subtests: pytest.Subtests) -> None:
    folder = shared / "reference" / "stssnet"
    golden = load_file(folder / "golden.safetensors")
    for scene, case in product(("Arena", "Lewis", "Subway", "SunTemple"), "ab"):
        with subtests.test(scene, case=case):
            state = torch.load(folder / f"{scene}.pkl", map_location="cpu", weights_only=True)
            check_output(state, golden, case, scene)


def test_parameters_and_multiply_adds_are_those_of_the_paper() -> None:
    assert STSSNet().info.parameters == 417_241
    network = STSSNet().to("meta")
    with FlopCounterMode(display=False) as counter:
        network(*network.example_inputs(544, 960))
    assert counter.get_total_flops() / 2e9 == pytest.approx(31.023406, abs=1e-6)


def test_frames_of_a_batch_do_not_mix() -> None:
    torch.manual_seed(1)
    network = STSSNet().eval()
    inputs = [torch.cat((tensor, tensor.flip(-1))) for tensor in network.example_inputs(16, 24)]
    with torch.no_grad():
        together = network(*inputs)
        for index in range(2):
            alone = network(*(tensor[index : index + 1] for tensor in inputs))
            torch.testing.assert_close(together[index : index + 1], alone, atol=1e-6, rtol=0)


def test_inputs_are_left_as_they_were() -> None:
    network = STSSNet()
    inputs = network.example_inputs(16, 16)
    before = [tensor.clone() for tensor in inputs]
    network(*inputs)
    assert all(torch.equal(was, now) for was, now in zip(before, inputs, strict=True))


def test_a_hole_takes_the_mean_of_the_neighbours_whose_keys_are_alike() -> None:
    torch.manual_seed(2)
    latent, keys = torch.randn(1, 3, 6, 7).double(), F.normalize(torch.randn(1, 4, 6, 7).double(), dim=1)
    mask = torch.rand(1, 1, 6, 7).double().round()
    expected = torch.zeros_like(latent)
    for y in range(6):
        for x in range(7):
            total, weights = torch.zeros(3).double(), torch.zeros(()).double()
            for v in range(max(y - 2, 0), min(y + 3, 6)):
                for u in range(max(x - 2, 0), min(x + 3, 7)):
                    weight = (keys[0, :, y, x] @ keys[0, :, v, u]).clamp_min(0) * mask[0, 0, v, u]
                    total, weights = total + weight * latent[0, :, v, u], weights + weight
            expected[0, :, y, x] = total / weights.clamp_min(1e-6)
    torch.testing.assert_close(gather_alike(latent, keys, mask), expected)


def test_where_everything_around_is_a_hole_nothing_is_made_up() -> None:
    keys = F.normalize(torch.ones(1, 4, 5, 5), dim=1)
    assert not gather_alike(torch.rand(1, 3, 5, 5), keys, torch.zeros(1, 1, 5, 5)).any()


@pytest.mark.parametrize("stride", [1, 2])
def test_a_gated_convolution_is_the_product_of_its_two_and_shows_its_mask(stride: int) -> None:
    torch.manual_seed(3)
    gated, x = GatedConv(5, 7, stride=stride), torch.randn(2, 5, 6, 8)
    masks: list[Tensor] = []
    gated.conv_mask[1].register_forward_hook(lambda module, inputs, output: masks.append(output))
    torch.testing.assert_close(gated(x), gated.conv_feature(x) * gated.conv_mask(x))
    assert masks[0].shape == (2, 1, 6 // stride, 8 // stride)


def test_gradients_of_our_own_operations_are_right() -> None:
    torch.manual_seed(4)
    latent, keys = torch.randn(1, 2, 3, 4).double(), torch.randn(1, 3, 3, 4).double()
    mask = torch.rand(1, 1, 3, 4).double()
    inputs = [tensor.requires_grad_() for tensor in (latent, keys, mask)]
    assert torch.autograd.gradcheck(gather_alike, inputs)
    gated = GatedConv(2, 3, stride=2).double()
    assert torch.autograd.gradcheck(gated, [torch.randn(1, 2, 4, 4).double().requires_grad_()])


def test_gradients_reach_every_parameter_and_input() -> None:
    torch.manual_seed(5)
    network = STSSNet()
    inputs = [tensor.requires_grad_() for tensor in network.example_inputs(32, 40)]
    network(*inputs).square().sum().backward()
    for tensor in (*network.parameters(), *inputs):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.any()


@pytest.mark.parametrize(("features", "history"), [(9, 3), (5, 3), (9, 1)])
def test_sizes_are_read_off_the_shapes(features: int, history: int) -> None:
    network = STSSNet(features=features, history=history).eval()
    again = build(network.state_dict(), network.configuration).eval()
    assert again.info == network.info
    inputs = network.example_inputs(16, 8)
    output = again(*inputs)
    assert output.shape == (1, 3, 32, 16)
    assert torch.equal(output, network(*inputs))


def test_a_file_that_does_not_fit_is_refused_by_the_tensor_at_fault() -> None:
    state = STSSNet().state_dict()
    with pytest.raises(CheckpointError, match=r"down2\.conv1\.conv_mask\.0\.bias"):
        build({name: value for name, value in state.items() if name != "down2.conv1.conv_mask.0.bias"}, {})
    with pytest.raises(CheckpointError, match="extra"):
        build(state | {"extra": torch.zeros(1)}, {})
    with pytest.raises(CheckpointError, match=r"outc\.weight"):
        build(state | {"outc.weight": torch.zeros(27, 24, 1, 1)}, {})
    with pytest.raises(CheckpointError):
        build(state | {"KEncoder.0.weight": torch.zeros(32)}, {})
    assert not recognises({"outc.weight": state["outc.weight"]})


@pytest.mark.parametrize(("position", "shape", "name"), [(1, (1, 8, 16, 16), "features"), (3, (3, 4, 16, 16), "history")])
def test_an_input_of_another_shape_is_named(position: int, shape: tuple[int, ...], name: str) -> None:
    network = STSSNet()
    inputs = list(network.example_inputs(16, 16))
    inputs[position] = torch.zeros(shape)
    with pytest.raises(ShapeError, match=name):
        network(*inputs)


def test_a_side_that_is_no_multiple_of_eight_is_refused() -> None:
    network = STSSNet()
    with pytest.raises(ShapeError, match="20x16"):
        network(*network.example_inputs(20, 16))
