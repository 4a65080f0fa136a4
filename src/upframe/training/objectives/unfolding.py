"""The folded RT4KSR that computes what one at full resolution computes.

Begun from random weights, a network that works on a pixel-unshuffled image stays for tens of thousands of steps at the best
linear filter, because each of its four phases must find its own non-linearity. One at full resolution with a quarter of the
channels finds it in a few thousand, and its convolutions are those of a folded network that treats the phases alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from torch import Tensor

from upframe.errors import CheckpointError
from upframe.models.rt4ksr import RT4KSR


def unfold(kernel: Tensor) -> Tensor:
    """(o, i, 3, 3) -> (4*o, 4*i, 3, 3), which does to a pixel-unshuffled image what the kernel does to the image."""
    outputs, inputs = kernel.shape[:2]
    folded = kernel.new_zeros(outputs, 2, 2, inputs, 2, 2, 3, 3)
    for y, x, ky, kx in product(range(2), range(2), range(3), range(3)):
        (block_y, phase_y), (block_x, phase_x) = divmod(y + ky - 1, 2), divmod(x + kx - 1, 2)
        folded[:, y, x, :, phase_y, phase_x, block_y + 1, block_x + 1] += kernel[:, :, ky, kx]
    return folded.reshape(4 * outputs, 4 * inputs, 3, 3)


def unfolded(state: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
    """The tensors of the folded network, of those of the one at full resolution."""
    result = {}
    for name, value in state.items():
        result[name] = unfold(value) if value.ndim == 4 else value.repeat_interleave(4)
        if name.startswith("upsample"):  # pixel-shuffles by 2 and by the scale in one: (c, s, s, 2, 2) -> (c, 2, s, 2, s)
            rest = result[name].shape[1:]
            parts = result[name].reshape(3, scale, scale, 2, 2, *rest)
            result[name] = parts.permute(0, 3, 1, 4, 2, *range(5, parts.ndim)).reshape(-1, *rest)
    return result


def begin_unfolded(network: RT4KSR, narrow: RT4KSR) -> None:
    """Give a folded network the weights of a narrow one. Raises CheckpointError where they do not belong together."""
    own, given = network.switches, narrow.merge().switches
    alike = all(own[key] == given[key] for key in own if key not in ("channels", "unshuffle"))
    plain = not (own["layernorm"] or own["squeeze"] or own["downscaling"] or own["high_frequency"] != "none")
    sizes = (own["channels"], own["unshuffle"]) == (4 * given["channels"], 2) and given["unshuffle"] == 1
    if not (alike and plain and sizes and network.scale == narrow.scale):
        raise CheckpointError(
            "model.unfold: needs a network of the same scale and switches with unshuffle 1 and a quarter of the channels, and "
            "merged form without layernorm, squeeze, downscaling and high_frequency"
        )
    network.load_state_dict(unfolded(narrow.merge().state_dict(), network.scale))
