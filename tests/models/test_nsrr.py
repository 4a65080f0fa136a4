"""NSRR: equal to the published re-implementation, and the same from kept features as from whole frames."""

from __future__ import annotations

import pytest
import torch
from tests.reference.unpack import Reference, assert_known
from torch import Tensor

from upframe.errors import CheckpointError, ShapeError
from upframe.models.nsrr import NSRR, build, disparity, recognises
from upframe.ops.shuffle import zero_upsample
from upframe.ops.warp import warp

# What timmh/neural-supersampling (commit 2dc1292, colours by kornia 0.9) gives for the network and frames below: the RGB of
# four pixels, at (0, 0), (h/2, w/3), (h-2, w/2) and (h-1, w-1), and the five reweighting maps at (h/2, w/3).
PUBLISHED = {
    2: (
        [[0.46814, 0.63837, 0.56233], [0.80417, 0.87518, 0.73408], [0.56904, 0.70786, 0.61415], [0.50251, 0.64136, 0.57927]],
        [16.0999, 9.2680, 11.5533, 9.9256, 1.0],
    ),
    3: (
        [[0.45808, 0.63818, 0.58229], [0.56765, 0.69245, 0.67335], [0.47701, 0.66401, 0.60208], [0.47456, 0.63485, 0.57029]],
        [13.8961, 10.9130, 9.9544, 10.8409, 1.0],
    ),
    4: (
        [[0.45683, 0.64216, 0.58265], [0.53285, 0.67708, 0.60537], [0.53072, 0.69883, 0.71982], [0.45583, 0.62620, 0.58529]],
        [12.6322, 10.5674, 10.5344, 10.0639, 1.0],
    ),
}


def noise(*shape: int, pitch: float) -> Tensor:
    """Values in [-1, 1) that look random and are the same wherever they are computed."""
    steps = torch.arange(1, torch.Size(shape).numel() + 1, dtype=torch.float64)
    values = torch.sin(steps * pitch) * 43758.5453
    return ((values - values.floor()) * 2 - 1).reshape(shape).float()


def filled(network: NSRR) -> NSRR:
    """The network with weights that make its output vary, without being clamped."""
    with torch.no_grad():
        for index, (_, parameter) in enumerate(sorted(network.named_parameters())):
            gain = 2 / parameter[0].numel() ** 0.5 if parameter.ndim == 4 else 0.1
            parameter.copy_(gain * noise(*parameter.shape, pitch=12.9898 + index))
        network.get_parameter("reconstruction.block10.0.weight").div_(8)
        network.get_parameter("reconstruction.block10.0.bias").add_(0.5)
    return network.eval()


def frames(height: int, width: int, history: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    colour = 0.5 + 0.5 * noise(1, history, 3, height, width, pitch=12.9898)
    depth = 0.5 + 0.5 * noise(1, history, 1, height, width, pitch=78.233)
    return colour, depth, 6 * noise(1, history, 2, height, width, pitch=37.719)


def published_constants(scale: int) -> dict[str, Tensor]:
    """What published files hold beside the weights."""
    return {
        "feature_zero_upsampling.kernel": zero_upsample(torch.ones(12, 1, 1, 1), scale),
        "rgbd_zero_upsampling.kernel": zero_upsample(torch.ones(4, 1, 1, 1), scale),
        "upsampling_factor_tensor": torch.full((1, 2, 1, 1), float(scale)),
        "feature_reweighting.factor": torch.tensor([10.0]),
        "feature_reweighting.summand": torch.tensor([1.0]),
    }


def test_the_published_weights_give_the_published_output(reference: Reference) -> None:
    golden = reference.tensors("nsrr/golden.safetensors")
    state = reference.tensors("nsrr/seeded_x4.safetensors")
    assert recognises(state)
    network = build(state, {}).eval()
    assert (network.scale, network.history, network.info.parameters) == (4, 5, 719_535)
    with torch.no_grad():
        output = network(golden["rgb"], golden["depth"], golden["accumulated_motion"])
    assert_known(output, golden["output"], atol=1e-5)


def test_its_operations_are_the_published_ones(reference: Reference) -> None:
    golden = reference.tensors("nsrr/golden.safetensors")
    warped = warp(golden["warp.image"], golden["warp.flow"], padding="zeros")
    assert_known(warped, golden["warp.output"], atol=1e-5)
    assert torch.equal(zero_upsample(golden["zero_upsampling.input"], 4), golden["zero_upsampling.output"])
    transformed = disparity(golden["depth.raw"], longest_side=480)
    torch.testing.assert_close(transformed, golden["depth.transformed_480x270"])


@pytest.mark.parametrize("scale", PUBLISHED)
def test_every_scale_gives_the_numbers_of_the_published_code(scale: int) -> None:
    network = filled(NSRR(scale))
    colour, depth, motion = frames(8, 12)
    expected, expected_maps = PUBLISHED[scale]
    with torch.no_grad():
        output = network(colour, depth, motion)[0]
        maps = network.reweighting(network.features(colour[0], depth[0])[None])[0]
    height, width = output.shape[-2:]
    assert (height, width) == (8 * scale, 12 * scale)
    places = [(0, 0), (height // 2, width // 3), (height - 2, width // 2), (height - 1, width - 1)]
    found = torch.stack([output[:, y, x] for y, x in places])
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-5, rtol=0)
    torch.testing.assert_close(maps[:, height // 2, width // 3], torch.tensor(expected_maps), atol=1e-3, rtol=0)


def test_a_stream_that_keeps_features_gets_the_same_image() -> None:
    network = filled(NSRR(2))
    colour, depth, motion = frames(6, 8)
    with torch.no_grad():
        kept = [network.features(colour[:, t], depth[:, t]) for t in range(5)]
        torch.testing.assert_close(network.reconstruct(torch.stack(kept, dim=1), motion), network(colour, depth, motion))


def test_reweighting_maps_lie_between_0_and_20_and_the_current_frame_counts_as_it_is() -> None:
    network = filled(NSRR(2))
    colour, depth, _ = frames(6, 8)
    with torch.no_grad():
        network.feature_reweighting.conv3.weight.mul_(100)
        maps = network.reweighting(network.features(colour[0], depth[0])[None])
    assert maps.shape == (1, 5, 12, 16)
    assert (maps[:, -1] == 1).all()
    assert maps.min() >= 0
    assert 19 < maps.max() <= 20


def test_disparity_is_bounded_by_the_longest_side() -> None:
    depth = torch.tensor([[0.0, 1e-9, 0.5, 2.0], [4.0, 100.0, 1e10, torch.inf]])
    torch.testing.assert_close(disparity(depth), torch.tensor([[4.0, 4.0, 2.0, 0.5], [0.25, 0.01, 1e-10, 0.0]]))
    assert disparity(depth, longest_side=480)[0, 0] == pytest.approx(480)


def test_output_is_clamped_in_evaluation_alone() -> None:
    network = filled(NSRR(2))
    inputs = frames(4, 4)
    with torch.no_grad():
        network.get_parameter("reconstruction.block10.0.bias").add_(torch.tensor([2.0, 0.0, 0.0]))
        assert network(*inputs).max() == 1
        assert network.train()(*inputs).max() > 2


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("history", [2, 5])
def test_sizes_are_read_off_a_published_file_and_off_our_own(scale: int, history: int) -> None:
    network = filled(NSRR(scale, history))
    inputs = network.example_inputs(4, 8)
    ours = build(network.state_dict(), network.configuration).eval()
    published = build(network.state_dict() | published_constants(scale), {}).eval()
    for again in (ours, published):
        assert again.info == network.info
        with torch.no_grad():
            assert torch.equal(again(*inputs), network(*inputs))


def test_a_file_that_does_not_fit_is_refused_by_the_tensor_at_fault() -> None:
    state = NSRR().state_dict() | published_constants(4)
    with pytest.raises(CheckpointError, match=r"block8\.2\.bias"):
        build({name: value for name, value in state.items() if name != "reconstruction.block8.2.bias"}, {})
    with pytest.raises(CheckpointError, match="extra"):
        build(state | {"extra": torch.zeros(1)}, {})
    with pytest.raises(CheckpointError, match=r"block1\.0\.weight"):
        build(state | {"reconstruction.block1.0.weight": torch.zeros(64, 48, 3, 3)}, {})
    with pytest.raises(CheckpointError, match="two frames"):
        build(state | {"feature_reweighting.conv1.weight": torch.zeros(32, 4, 3, 3)}, {})
    with pytest.raises(CheckpointError, match="across than down"):
        build(state | {"feature_zero_upsampling.kernel": torch.zeros(12, 1, 4, 2)}, {})
    with pytest.raises(CheckpointError, match="tanh"):
        build(state | {"feature_reweighting.factor": torch.tensor([5.0])}, {})
    with pytest.raises(CheckpointError, match="scale"):
        build(NSRR().state_dict(), {})


@pytest.mark.parametrize(("scale", "multiple"), [(2, 2), (3, 4), (4, 1)])
def test_sides_must_be_multiples_of_what_the_card_says(scale: int, multiple: int) -> None:
    network = filled(NSRR(scale))
    assert network.info.multiple == multiple
    with torch.no_grad():
        assert network(*network.example_inputs(multiple, 3 * multiple)).shape == (1, 3, scale * multiple, 3 * scale * multiple)
        if multiple > 1:
            with pytest.raises(ShapeError, match=f"multiple of {multiple}"):
                network(*network.example_inputs(multiple, multiple + 1))


def test_inputs_that_do_not_belong_together_are_named() -> None:
    network = NSRR()
    colour, depth, motion = network.example_inputs(6, 8)
    with pytest.raises(ShapeError, match="features"):
        network(colour[:, :3], depth[:, :3], motion[:, :3])
    with pytest.raises(ShapeError, match="motion"):
        network(colour, depth, motion[:, :4])
    with pytest.raises(ShapeError, match="depth"):
        network(colour, depth[..., :-1], motion)


def test_gradients_of_reprojection_and_upscaling_are_right() -> None:
    torch.manual_seed(6)
    network = NSRR(2, history=2).double()
    features, motion = torch.rand(1, 2, 12, 2, 4).double(), torch.rand(1, 2, 2, 2, 4).double()
    inputs = [tensor.requires_grad_() for tensor in (features, motion)]
    assert torch.autograd.gradcheck(network.reconstruct, inputs, fast_mode=True)


def test_gradients_reach_every_parameter_and_input() -> None:
    network = filled(NSRR(2)).train()
    inputs = [tensor.requires_grad_() for tensor in frames(8, 8)]
    network(*inputs).square().sum().backward()
    for tensor in (*network.parameters(), *inputs):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.any()
