"""What is exported of each family: one step of it, all memory explicit, every tensor named.

=========  ===================================================================================================
RT4KSR     an image
FRVSR      a frame, with the frame before and its result
TTVSR      a clip of a fixed number of frames: its two passes need the whole of it
NSRR       a frame, with four past ones; their motion is accumulated inside
STSSNet    a frame whose past has been warped to it by the host, as the published files hold it
=========  ===================================================================================================
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from upframe.errors import InputError
from upframe.export.contract import Contract, TensorSpec
from upframe.models.catalog import Model
from upframe.models.frvsr import FRVSR
from upframe.models.info import ModelInfo
from upframe.models.interpolation import Interpolation
from upframe.models.nsrr import NSRR
from upframe.models.stssnet import FEATURES, STSSNet
from upframe.models.ttvsr import SCALE as TTVSR_SCALE
from upframe.models.ttvsr import TTVSR
from upframe.ops.sampling import sample_offset
from upframe.rendered.history import accumulate_motion

FRAMES = 7  # of a TTVSR clip, unless it is said
POSITIONS = ("motion", "past_motion", "next_motion")  # half precision would move things by a part of a pixel


@dataclass(frozen=True, slots=True)
class ExportStep:
    """A module whose arguments and results are the tensors of the contract, in order."""

    module: nn.Module
    contract: Contract

    def example(self, height: int, width: int, *, seed: int = 0) -> tuple[Tensor, ...]:
        """Random arguments for a frame of this size, always the same ones: motion within two pixels, the rest in [0, 1]."""
        generator = torch.Generator().manual_seed(seed)
        found = []
        for spec in self.contract.inputs:
            values = torch.rand(spec.sizes(height, width), generator=generator)
            found.append((4 * values - 2 if spec.name in POSITIONS else values).to(getattr(torch, spec.dtype)))
        return tuple(found)

    def run(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """The results by their names."""
        with torch.inference_mode():
            found = self.module(*inputs)
        results = (found,) if isinstance(found, Tensor) else found
        return {spec.name: value for spec, value in zip(self.contract.outputs, results, strict=True)}

    def half(self) -> ExportStep:
        """The same step in half precision; positions stay in single."""

        def halved(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
            return tuple(spec if spec.name in POSITIONS else replace(spec, dtype="float16") for spec in specs)

        contract = replace(self.contract, inputs=halved(self.contract.inputs), outputs=halved(self.contract.outputs))
        return ExportStep(copy.deepcopy(self.module).half(), contract)

    def sized(self, height: int, width: int) -> ExportStep:
        """The same step for frames of one size alone. Raises ShapeError for one the network does not take."""
        contract = replace(self.contract, size=(height, width))
        contract.check_size("--size", height, width)

        def fixed(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
            return tuple(replace(spec, shape=spec.sizes(height, width)) for spec in specs)

        return ExportStep(self.module, replace(contract, inputs=fixed(contract.inputs), outputs=fixed(contract.outputs)))


def step_of(model: Model, *, frames: int = FRAMES) -> ExportStep:
    """What is exported of a model; ``frames`` is for TTVSR. Raises InputError for what is no network."""
    network = copy.deepcopy(model.network).cpu().float().to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    match network:
        case Interpolation():
            raise InputError(f"{model.info.name}: is no network, there is nothing to export")
        case FRVSR():
            step = _frvsr(network)
        case TTVSR():
            step = _ttvsr(network, frames)
        case NSRR():
            step = _nsrr(network)
        case STSSNet():
            step = _stssnet(network)
        case _:
            step = _image(network, model.info.scale)
    step.module.eval().requires_grad_(False)
    contract = replace(
        step.contract,
        outputs=tuple(map(partial(_placed, info=model.info), step.contract.outputs)),
        multiple=model.info.multiple,
        minimum=max(step.contract.minimum, model.info.minimum),
        sampling=model.info.sampling,
    )
    return replace(step, contract=contract)


def _placed(spec: TensorSpec, info: ModelInfo) -> TensorSpec:
    """The result, with a word on where its pixels lie where that is not on those of ordinary images."""
    beside = info.scale * (sample_offset("centre", info.scale) - sample_offset(info.sampling, info.scale))
    if spec.name != "output" or beside == 0:
        return spec
    return replace(spec, holds=f"{spec.holds}; of ordinary images, read it at p - {beside:g} to have it in place")


def _large(scale: int) -> tuple[int | str, ...]:
    return (1, 3, f"{scale}*h", f"{scale}*w")


def _image(network: nn.Module, scale: int) -> ExportStep:
    rgb = TensorSpec("rgb", (1, 3, "h", "w"), "the image, display-referred RGB, black 0, white 1")
    output = TensorSpec("output", _large(scale), "the larger image, not clamped")
    return ExportStep(network, Contract("image", (rgb,), (output,)))


def _frvsr(network: FRVSR) -> ExportStep:
    inputs = (
        TensorSpec("rgb", (1, 3, "h", "w"), "the frame, display-referred RGB, black 0, white 1"),
        TensorSpec("previous_rgb", (1, 3, "h", "w"), "the frame before"),
        TensorSpec("previous_output", _large(network.scale), "the result of the frame before, not clamped"),
    )
    outputs = (TensorSpec("output", _large(network.scale), "the larger frame, not clamped"),)
    state = {"previous_rgb": "rgb", "previous_output": "output"}
    return ExportStep(network, Contract("recurrent", inputs, outputs, state, begin="zeros", minimum=8))


def _ttvsr(network: TTVSR, frames: int) -> ExportStep:
    if frames < 1:
        raise InputError(f"--frames {frames}: a clip has at least one frame")
    clip = TensorSpec("frames", (1, frames, 3, "h", "w"), "a whole clip, display-referred RGB, black 0, white 1")
    large = (1, frames, 3, f"{TTVSR_SCALE}*h", f"{TTVSR_SCALE}*w")
    return ExportStep(network, Contract("clip", (clip,), (TensorSpec("output", large, "the larger clip, not clamped"),)))


class _NSRRStep(nn.Module):
    """A frame and the past ones, oldest first, -> the larger frame and the past of the next one."""

    def __init__(self, network: NSRR) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        colour: Tensor,
        disparity: Tensor,
        motion: Tensor,
        past_colour: Tensor,
        past_disparity: Tensor,
        past_motion: Tensor,
    ) -> tuple[Tensor, ...]:
        colours, disparities, motions = (
            torch.cat((past, now.unsqueeze(1)), dim=1)
            for past, now in ((past_colour, colour), (past_disparity, disparity), (past_motion, motion))
        )  # (1, history, c, h, w)
        output = self.network(colours, disparities, accumulate_motion(motions))
        return output, colours[:, 1:], disparities[:, 1:], motions[:, 1:]


def _nsrr(network: NSRR) -> ExportStep:
    def frame(name: str, channels: int, holds: str) -> TensorSpec:
        return TensorSpec(name, (1, channels, "h", "w"), holds)

    def frames(name: str, channels: int, holds: str) -> TensorSpec:
        return TensorSpec(name, (1, network.history - 1, channels, "h", "w"), f"{holds}, oldest first")

    inputs = (
        frame("colour", 3, "the frame, display-referred RGB, black 0, white 1"),
        frame("disparity", 1, "1 / max(depth, 1 / longest side in pixels); background 0"),
        frame("motion", 2, "current to previous, pixels, x right, y down, between samples; 0 in the first frame of a shot"),
        frames("past_colour", 3, "colour of the frames before"),
        frames("past_disparity", 1, "disparity of the frames before"),
        frames("past_motion", 2, "motion of the frames before"),
    )
    outputs = (
        TensorSpec("output", _large(network.scale), "the larger frame, in [0, 1]"),
        frames("next_colour", 3, "past_colour of the next frame"),
        frames("next_disparity", 1, "past_disparity of the next frame"),
        frames("next_motion", 2, "past_motion of the next frame"),
    )
    state = {f"past_{name}": f"next_{name}" for name in ("colour", "disparity", "motion")}
    begin = "the frame's own colour and disparity repeated, motion 0"
    return ExportStep(_NSRRStep(network), Contract("rendered", inputs, outputs, state, begin))


def _stssnet(network: STSSNet) -> ExportStep:
    warped = "the last shaded frame warped to this one by its motion"
    inputs = (
        TensorSpec("colour", (1, 6, "h", "w"), f"{warped}, holes filled along the motion of occlusions; the same, unchecked"),
        TensorSpec("features", (1, network.features, "h", "w"), f"G-buffers of this frame: {', '.join(FEATURES)}"),
        TensorSpec("mask", (1, 1, "h", "w"), "0 where colour has a hole, else 1"),
        TensorSpec("history", (1, network.history, 4, "h", "w"), "shaded frames warped to this one, and masks; oldest first"),
    )
    outputs = (TensorSpec("output", _large(2), "the larger frame, not clamped"),)
    return ExportStep(network, Contract("rendered", inputs, outputs))


def next_inputs(contract: Contract, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state for the step after this one."""
    tensors = inputs | outputs
    return {name: tensors[source] for name, source in contract.state.items()}
