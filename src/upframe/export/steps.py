"""What is exported of a model: one step of its network, all memory explicit, every tensor named.

=========  ===================================================================================================
RT4KSR     an image
FRVSR      a frame, with the frame before and its result
TTVSR      a clip of a fixed number of frames: its two passes need the whole of it
NSRR       a frame, with four past ones; their motion is accumulated inside
STSSNet    a frame whose past has been warped to it by the host, as the published files hold it
=========  ===================================================================================================

Each network says it itself (``export_step``).
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import torch

from upframe.errors import InputError
from upframe.models.catalog import Model
from upframe.models.contract import ExportStep, TensorSpec
from upframe.models.info import ModelInfo
from upframe.ops.sampling import sample_offset

FRAMES = 7  # of a clip, unless it is said


def step_of(model: Model, *, frames: int = FRAMES) -> ExportStep:
    """What is exported of a model; ``frames`` is for networks that take clips. Raises InputError for what is no network."""
    if frames < 1:
        raise InputError(f"{frames} frames: a clip has at least one")
    network = copy.deepcopy(model.network).to("cpu", torch.float32).to(memory_format=torch.contiguous_format).eval()
    step = network.export_step(frames=frames) if network.kind == "video" else network.export_step()
    if step is None:
        raise InputError(f"{model.info.name}: is no network, there is nothing to export")
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
