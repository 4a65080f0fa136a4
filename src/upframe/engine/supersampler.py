"""Rendered frames made larger one after the other, as a renderer delivers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from upframe.errors import DeviceError, InputError
from upframe.models.catalog import Model, load
from upframe.models.fitting import fit
from upframe.ops.outliers import around_brightest, upscaled_excess, usual_brightest
from upframe.ops.shift import centred
from upframe.ops.transfer import decode_linear
from upframe.remedies import Option, either, way
from upframe.rendered.frame import Buffer, RenderedFrame
from upframe.rendered.history import nearest
from upframe.rendered.preparation import FramePreparation, planes
from upframe.rendered.repair import BadSampleMonitor
from upframe.runtime.acceleration import accelerate
from upframe.runtime.device import choose_device, memory_format, out_of_memory
from upframe.runtime.precision import Precision, choose_dtype


class Supersampler:
    """A model made ready on a device for the frames of one running image.

    ``model``: a shipped name, a checkpoint file, or what :func:`upframe.load` returned; of a network for rendered frames.
    ``far``: for STSSNet, the depth it sees as 1, in scene units, beyond which all is as far; None stretches the depths of
    each frame to [0, 1]. Both were published: :func:`upframe.rendered.history.normalised_depth`. ``compile``: the network,
    by torch's compiler, which takes up to minutes at first. ``graphs``: on CUDA, the network is recorded once for each size
    and replayed (:mod:`upframe.runtime.acceleration`); ``on_note`` hears where that cannot be.

    The past stays on the device in buffers that are made with the first frame and written in place after it. Frames that
    are missing from it, at the beginning and after a cut, are stood for by the oldest one there is, without motion. The size
    may change from frame to frame (dynamic resolution): the past is resampled. A frame of other proportions starts again, as
    one with ``cut`` does. A frame that comes twice, as in a paused game, has not moved.

    Published networks do not know of jitter: what they make is where the frame was sampled. It is moved back to the pixels.

    A sample that cannot be (not finite, a depth that is not above 0) is repaired from around it, so that it changes no more
    than that; ``on_note`` hears of it once. ``strict``: such a frame is refused instead, by an InputError.

    Raises CheckpointError and DeviceError, and InputError for a network of another kind.

        >>> import numpy as np, upframe
        >>> ss = upframe.Supersampler("nsrr-x2")
        >>> colour, motion = np.zeros((32, 48, 3), np.float32), np.zeros((32, 48, 2), np.float32)
        >>> frame = upframe.RenderedFrame(colour=colour, depth=np.ones((32, 48), np.float32), motion=motion, linear=False)
        >>> ss.step(frame).shape
        (64, 96, 3)
    """

    def __init__(
        self,
        model: str | Path | Model,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        far: float | None = None,
        compile: bool = False,  # noqa: A002  # torch's own word for it
        graphs: bool = False,
        strict: bool = False,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        loaded = model if isinstance(model, Model) else load(model)
        self.info = loaded.info
        network = loaded.network
        if network.kind != "rendered":
            raise InputError(f"{self.info.name}: upscales images, not rendered frames; it is for upframe.Upscaler")
        self._history = network.new_history(far=far)
        self._prepare = FramePreparation(self._history, undoes_jitter=network.undoes_jitter)
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device, self.info.half)
        self.network = network.to(self.device, self.dtype).to(memory_format=memory_format(self.device))
        accelerate(self.network, self.device, compiled=compile, graphs=graphs, on_note=on_note)
        self._watch = BadSampleMonitor(strict=strict, on_note=on_note)

    def reset(self) -> None:
        """Forget all frames: the next one is the first."""
        self._prepare.forget()

    @torch.inference_mode()
    def step(self, frame: RenderedFrame) -> Buffer:
        """The next frame, upscaled: (scale * h, scale * w, 3) float32; a NumPy array if the frame has arrays, else a tensor.

        Display-referred frames stay so and are not clamped. Of a ``linear`` frame the result is scene-linear light: for the
        network its colours are multiplied by the exposure and bent to a display's curve (:mod:`upframe.ops.transfer`);
        what comes out is limited to [0, the brightest the network saw around it, or 1], bent back, and divided by the exposure.

        Raises InputError, and changes nothing, for what is not a rendered frame, for one that lacks a buffer the model
        needs, and where ``strict`` for one with a bad sample. STSSNet needs no colour, but for a first frame. Raises
        DeviceError when memory runs out.
        """
        if not isinstance(frame, RenderedFrame):
            raise InputError(f"step takes an upframe.RenderedFrame, not {type(frame).__name__}")
        self._check(frame)
        wanted = {*self.info.inputs, *self.network.optional}
        if "reactive" in wanted:
            wanted.add("transparency")
        buffers = {name: planes(buffer, self.device) for name, buffer in frame.buffers().items() if name in wanted}
        unread = {"motion"} if self._prepare.is_first(frame) else set()
        self._watch.see({name: buffer for name, buffer in buffers.items() if name not in unread})
        result, brightest, excess = self._upscale(self._prepare(frame, buffers))
        if not self.network.undoes_jitter:
            result = centred(result, self.info.scale, frame.jitter)
        if frame.linear:
            result = result.clamp_min(0).minimum(brightest)
        result = result + centred(excess, self.info.scale, frame.jitter).clamp_min(0)
        if frame.linear:
            result = decode_linear(result).div_(frame.gain)
        pixels = result[0].permute(1, 2, 0).contiguous()
        if not isinstance(frame.depth, np.ndarray):
            return pixels
        array = pixels.cpu().numpy()
        self._watch.look()  # all has been computed now
        return array

    def _check(self, frame: RenderedFrame) -> None:
        missing = frame.missing(self.info.inputs)
        fills_in = self.network.fills_in
        if fills_in and not self._prepare.is_first(frame) and "colour" in missing:
            missing.remove("colour")
        if missing:
            first = " in the first frame of a stream and of every shot" if fills_in and "colour" in missing else ""
            raise InputError(f"{self.info.name} needs {', '.join(missing)}{first}, which this rendered frame does not have")

    def _upscale(self, frame: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The next frame through the network: the result, not clamped; the brightest it may be; what is beyond that."""
        inputs = self._history.inputs(frame)
        arguments = dict(inputs.arguments)
        limits = self._limits(arguments)
        for name, limit in limits.items():
            limited = arguments[name].minimum(limit)
            arguments[name] = limited / limit if self.network.unit_range else limited
        result = self._run(arguments)
        size = result.shape[-2:]
        brightest = torch.stack([nearest(limit, size) for limit in limits.values()]).amax(dim=0)
        if self.network.unit_range:
            result = result * brightest
        self._history.remember(result)
        newest = inputs.newest
        excess = (newest - nearest(brightest, newest.shape[-2:])).clamp_min(0)
        return result[:, :3], brightest, upscaled_excess(excess, size)

    def _limits(self, arguments: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The brightest that each colour is shown with, (1, 1, h, w): of what is around, so that a bad sample stays local.

        A network that must be given [0, 1] sees all of a frame by one, (1, 1, 1, 1): small lights must not darken the rest.
        """
        colours = {name: arguments[name] for name in self.network.colours}
        if not self.network.unit_range:
            return {name: around_brightest(colour) for name, colour in colours.items()}
        brightest = torch.stack([usual_brightest(colour.flatten(0, -4)) for colour in colours.values()]).amax()
        return dict.fromkeys(colours, brightest.view(1, 1, 1, 1))

    def _run(self, arguments: Mapping[str, Tensor]) -> Tensor:
        """The network on its device, for tensors of any size: float32 in and out, whatever it computes in."""
        height, width = next(iter(arguments.values())).shape[-2:]
        types = {name: torch.float32 if name in self.network.positions else self.dtype for name in arguments}
        fitted = [self._fit(argument).to(types[name]) for name, argument in arguments.items()]
        try:
            result: Tensor = self.network(*fitted)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise DeviceError(
                f"{self.info.name}: no memory left for frames of {width}x{height}",
                remedy=either("close other programs", way("set ", Option("device", "cpu")), "render smaller frames"),
            ) from error
        return result[..., : height * self.info.scale, : width * self.info.scale].float()

    def _fit(self, image: Tensor) -> Tensor:
        """(..., c, h, w), its last row and column repeated to a size the network takes."""
        fitted = fit(image.reshape(-1, *image.shape[-3:]), self.info)
        return fitted.view(*image.shape[:-2], *fitted.shape[-2:])
