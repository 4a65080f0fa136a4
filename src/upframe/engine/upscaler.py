"""Images and frames made larger: one model, one device, one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, overload

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from upframe.engine.arrays import Pixels, as_array, as_given, to_pixels, to_tensor
from upframe.engine.associated import within_neighbours
from upframe.engine.clips import ClipStream, upscale_in_order
from upframe.engine.cuts import Cuts, choose_cuts, no_cuts
from upframe.engine.finite import finite
from upframe.engine.layers import from_layers, join_channels, peek, split_channels, to_layers
from upframe.engine.planes import PlaneKind, Planes
from upframe.engine.size import Target
from upframe.engine.streams import FittedStream, ImageStream
from upframe.engine.tiles import Tiler, automatic_tile, spans
from upframe.errors import DeviceError, InputError
from upframe.export import Backend, ExportedFile, ExportedImage, ExportedRecurrent, is_exported, open_exported
from upframe.models.catalog import Model, load
from upframe.models.interpolation import Interpolation
from upframe.models.network import ImageNetwork, VideoNetwork
from upframe.models.streams import Stream
from upframe.ops.alpha import bleed
from upframe.ops.outliers import beyond, upscaled_excess, usual_range
from upframe.ops.resize import resize
from upframe.ops.sampling import Sampling, sample_offset
from upframe.ops.shift import centred, shift
from upframe.ops.transfer import decode_linear, encode_linear
from upframe.remedies import Option, leave_out, way
from upframe.runtime.acceleration import accelerate
from upframe.runtime.device import choose_device, memory_format
from upframe.runtime.precision import Precision, choose_dtype

Given = TypeVar("Given", Pixels, PIL.Image.Image)

BAND_PIXELS = 2**22  # of an image that are upscaled at a time
MOVED = 2  # pixels of the input that a result which is moved looks further: half a cell, and two of the large pixels


def _nothing(_: str) -> None:
    pass


class Upscaler:
    """A model made ready on a device, for images of any size and kind.

    ``model``: a shipped name, a checkpoint file, what :func:`upframe.load` returned, or a file that `upframe export` has
    written. ``backend``: what computes the network, ``torch`` by default; ``onnxruntime`` and ``openvino`` compute on the CPU,
    ``ncnn`` on a ``device`` of Vulkan (``vulkan``, ``vulkan:1``) or the CPU; they export it first. An exported file runs in the
    backend it was made for. ``provider``: of ONNX Runtime, ``cpu`` by default.
    ``tile``: ``"auto"``, the side of a tile in input pixels, or None for whole images.
    ``scale``: the upscaling of the results where it is not the model's; the model's result is resized to it.
    ``sampling``: where the pixels of what is handed in lie in the cells they stand for
    (:mod:`upframe.ops.sampling`): in the ``centre``, or, of test data made as "BD", at the ``corner``. Results have theirs in
    the centre, whatever the model was trained with. ``compile``: by torch's compiler, which takes up to minutes at first.
    ``graphs``: on CUDA, recorded once for each size and replayed (:mod:`upframe.runtime.acceleration`). ``on_note`` receives
    what a user should know, such as smaller tiles for want of memory.
    Raises CheckpointError, DeviceError and MissingExtra, and InputError for a network that needs more than images, or that
    the backend does not run.

        >>> import numpy as np, upframe
        >>> up = upframe.Upscaler("bicubic", scale=2)
        >>> up.upscale(np.zeros((24, 32, 3), np.uint8)).shape
        (48, 64, 3)
        >>> frames = (np.full((24, 32, 3), grey, np.uint8) for grey in (0, 128, 255))
        >>> [frame.shape for frame in up.stream(frames)]
        [(48, 64, 3), (48, 64, 3), (48, 64, 3)]
    """

    def __init__(  # noqa: PLR0913  # one keyword for each choice a user has
        self,
        model: str | Path | Model = "rt4ksr-x2",
        *,
        device: str = "auto",
        precision: Precision = "auto",
        backend: Backend | None = None,
        provider: str | None = None,
        tile: int | Literal["auto"] | None = "auto",
        scale: float | None = None,
        sampling: Sampling = "centre",
        compile: bool = False,  # noqa: A002  # torch's own word for it
        graphs: bool = False,
        on_note: Callable[[str], None] = _nothing,
    ) -> None:
        exported = _exported(model, backend, device, provider, precision)
        loaded = exported or (model if isinstance(model, Model) else load(model))
        self.info, self._on_note = loaded.info, on_note
        self.target = Target(scale=scale)
        self.sampling = sampling
        self._offset = sample_offset(sampling, self.info.scale) - sample_offset(self.info.sampling, self.info.scale)
        self.backend: Backend = "torch" if exported is None else exported.backend
        self.card = "" if exported is None else exported.card
        in_ncnn = self.backend == "ncnn"
        if in_ncnn and device == "auto" and not self.card:
            on_note("ncnn finds no graphics card with Vulkan here: it computes on the processor")
        self.device = choose_device("cpu" if in_ncnn or (exported is not None and device == "auto") else device)
        if exported is None:
            self.dtype = choose_dtype(precision, self.device, self.info.half)
        else:
            self.dtype = torch.float16 if precision == "fp16" else torch.float32
        self.network: ImageNetwork | VideoNetwork | ExportedImage | ExportedRecurrent
        if isinstance(loaded, ExportedFile):
            if self.device.type != "cpu":
                raise DeviceError(f"{self.info.name}: exported networks compute here on the CPU", remedy=leave_out("device"))
            if compile or graphs:
                raise DeviceError(
                    f"{self.info.name}: exported networks are compiled already", remedy=leave_out("compile", "graphs")
                )
            self.network = loaded.network()
        elif loaded.network.kind == "rendered":
            raise InputError(
                f"{self.info.name}: upscales rendered frames, from their depth and motion",
                remedy="use upframe.Supersampler",
            )
        else:
            network = loaded.network.to(self.device, self.dtype).to(memory_format=memory_format(self.device))
            accelerate(network, self.device, compiled=compile, graphs=graphs, on_note=on_note)
            self.network = network
        side = automatic_tile(self.device, self.info) if tile == "auto" else tile
        self._tiler = None if self.network.kind == "video" else Tiler(self.network, self.info, side, on_note)

    @torch.inference_mode()
    def upscale_tensor(self, rgb: Tensor, target: Target | None = None) -> Tensor:
        """Upscale (n, 3, h, w) RGB, nominally in [0, 1] -> (n, 3, height, width) float32, not clamped, on the device."""
        height, width = (target or self.target).of(rgb.shape[-2], rgb.shape[-1], self.info.scale)
        rgb = rgb.to(self.device, torch.float32)
        if self._tiler is None:  # a network for video: a clip of one frame
            stream = self._video_stream(target)
            return torch.cat(stream.feed(rgb) + stream.finish())
        if isinstance(self.network, Interpolation):  # one step to any size
            upscaled = resize(rgb, (height, width), kernel=self.network.kernel)
            factors = (max(large / small, 1) for large, small in ((width, rgb.shape[-1]), (height, rgb.shape[-2])))
            return shift(upscaled, *(-factor * sample_offset(self.sampling, factor) for factor in factors))
        upscaled = centred(self._tiler(rgb.to(self.dtype)).float(), self.info.scale, (self._offset, self._offset))
        return upscaled if upscaled.shape[-2:] == (height, width) else resize(upscaled, (height, width))

    @overload
    def upscale(self, image: PIL.Image.Image, target: Target | None = None) -> PIL.Image.Image: ...
    @overload
    def upscale(self, image: Pixels, target: Target | None = None) -> Pixels: ...
    def upscale(self, image: PIL.Image.Image | Pixels, target: Target | None = None) -> PIL.Image.Image | Pixels:
        """Upscale one image; the result is of the same kind, larger.

        Arrays: (h, w), (h, w, 1), (h, w, 2), (h, w, 3) or (h, w, 4), the last channel of two and four being straight alpha;
        uint8, uint16, or float in [0, 1] (returned as float32, not clamped). PIL images: modes L, LA, RGB, RGBA, La, RGBa,
        I;16, I of 16 bits, and F; palettes and other colour models but LAB are converted to RGB or RGBA. Raises InputError
        for anything else: an empty array, one of another type or shape, lists, tensors, matrices.
        """
        pixels = as_array(image)
        return as_given(join_channels(self.upscale_layers(*split_channels(pixels), target), like=pixels), image)

    @torch.inference_mode()
    def upscale_layers(
        self, colour: Pixels, alpha: Pixels | None, target: Target | None = None, *, linear: bool = False
    ) -> tuple[Pixels, Pixels | None]:
        """Upscale colour (h, w, 1 or 3) and straight alpha (h, w, 1), each to its own type.

        ``linear``: scene-linear light, of any size, which is bent to a display's curve for the network and back again.
        Colours under fully transparent pixels are taken from their neighbours first, so that no dark fringe appears. Samples
        that are not finite are filled in (:func:`upframe.engine.finite.finite`).
        """
        colour, alpha = finite(colour, self._on_note), None if alpha is None else finite(alpha, self._on_note)
        rgb = to_tensor(colour, self.device)
        if alpha is None:
            return self._upscale_layer(rgb, colour.dtype, target, linear=linear), None
        opacity = to_tensor(alpha, self.device)
        large = self._upscale_layer(bleed(rgb, opacity), colour.dtype, target, linear=linear)
        return large, within_neighbours(self._upscale_layer(opacity, alpha.dtype, target), alpha)

    def _upscale_layer(self, layer: Tensor, dtype: np.dtype[Any], target: Target | None, *, linear: bool = False) -> Pixels:
        """Upscale (1, 1 or 3, h, w) of any range to (height, width, 1 or 3) of a type, in bands if it is large.

        What is outside [0, 1] is brought inside for the network, and back; a sample beyond the usual range is upscaled
        beside it, so that it does not darken the rest.
        """
        grey = layer.shape[1] == 1
        if linear:
            layer = encode_linear(layer)
        low, high, excess = layer.new_zeros(()), layer.new_ones(()), None
        if dtype.kind != "u":
            low, high = usual_range(layer)
            layer, excess = beyond(layer, low, high)
        target = target or self.target
        height, width = target.of(layer.shape[-2], layer.shape[-1], self.info.scale)
        result: Pixels = np.empty((height, width, layer.shape[1]), dtype if dtype.kind == "u" else np.float32)
        for band, rows, cut in self._bands(layer.shape[-2], layer.shape[-1], (height, width)):
            piece = self.upscale_tensor(((layer[..., band, :] - low) / (high - low)).expand(-1, 3, -1, -1), target)
            piece = (piece.mean(dim=1, keepdim=True) if grey else piece) * (high - low) + low
            if linear:  # where the curve is a logarithm, a slight overshoot would be a new light, brighter than any there is
                piece = piece.clamp(low, high)
            if excess is not None:
                piece = piece + upscaled_excess(excess[..., band, :], piece.shape[-2:])
            piece = piece[..., cut, :]
            result[rows] = to_pixels(decode_linear(piece) if linear else piece, dtype)
        return result

    def _bands(self, height: int, width: int, size: tuple[int, int]) -> Iterator[tuple[slice, slice, slice]]:
        """Rows to read, rows of the result they make, and which of the rows made those are.

        One band for what is resized afterwards, and for images of common sizes; else floats of the whole result, sixteen
        times its bytes, would have to be in memory at once.
        """
        scale, radius, multiple = self.info.scale, self.info.radius, self.info.multiple
        step = max(BAND_PIXELS // width // multiple, 1) * multiple
        if step >= height or radius is None or size != (height * scale, width * scale):
            yield slice(0, height), slice(0, size[0]), slice(0, size[0])
            return
        reach = radius + MOVED if self.sampling != self.info.sampling else radius
        for span in spans(height, step, math.ceil(reach / multiple) * multiple):
            first = (span.start - span.halo_start) * scale
            rows = slice(span.start * scale, span.stop * scale)
            yield slice(span.halo_start, span.halo_stop), rows, slice(first, first + rows.stop - rows.start)

    @torch.inference_mode()
    def upscale_planes(self, planes: Planes, kind: PlaneKind, target: Target | None = None) -> Planes:
        """Upscale one frame in planes, to planes of the same kind. Raises ShapeError for planes that do not fit together."""
        return kind.to_planes(self.upscale_tensor(kind.to_rgb(planes, self.device), target))

    def stream_planes(
        self, frames: Iterable[Planes], kind: PlaneKind, target: Target | None = None, *, cuts: str | Path | Cuts = "auto"
    ) -> Iterator[Planes]:
        """Upscale the frames of a clip in planes, in order, as :meth:`stream` does with images."""
        clip = self.open_clip(target, cuts=choose_cuts(cuts)())
        yield from upscale_in_order(
            frames, clip, lambda planes: [kind.to_rgb(planes, self.device)], lambda _, layers: kind.to_planes(layers[0])
        )

    def open_clip(self, target: Target | None = None, *, layers: int = 1, cuts: Cuts = no_cuts) -> ClipStream:
        """Streams for a clip of frames of ``layers`` layers; ``cuts`` matters to networks that remember."""
        if self.info.kind != "video":
            return ClipStream([ImageStream(lambda frame: self.upscale_tensor(frame, target))] * layers, no_cuts)
        return ClipStream([self._video_stream(target) for _ in range(layers)], cuts)

    def _video_stream(self, target: Target | None) -> Stream:
        assert self.network.kind == "video"
        return FittedStream(self.network.stream(), self.info, self.dtype, target or self.target, self._offset)

    def stream(
        self, frames: Iterable[Given], target: Target | None = None, *, cuts: str | Path | Cuts = "auto"
    ) -> Iterator[Given]:
        """Upscale the frames of a clip one after the other; images as for :meth:`upscale`, all of the same kind.

        A network for video remembers the frames before, and may look ahead: its results then come later, in order. ``cuts``:
        where it is to forget, ``auto``, ``off``, a file or a judge of its own (:func:`upframe.engine.cuts.choose_cuts`). Raises
        InputError.
        """
        if self.info.kind != "video":
            yield from (self.upscale(frame, target) for frame in frames)
            return
        first, pairs = peek((frame, finite(as_array(frame), self._on_note)) for frame in frames)
        if first is None:
            return
        clip = self.open_clip(target, layers=1 if split_channels(first[1])[1] is None else 2, cuts=choose_cuts(cuts)())

        def layers(pair: tuple[Given, Pixels]) -> list[Tensor]:
            return to_layers(*split_channels(pair[1]), self.device)

        def result(pair: tuple[Given, Pixels], layers: tuple[Tensor, ...]) -> Given:
            upscaled = join_channels(from_layers(layers, *split_channels(pair[1])), like=pair[1])
            given: Given = cast(Any, as_given(upscaled, pair[0]))  # of the kind of what was handed in
            return given

        yield from upscale_in_order(pairs, clip, layers, result)


def _exported(
    model: str | Path | Model, backend: Backend | None, device: str, provider: str | None, precision: Precision
) -> ExportedFile | None:
    """The file that runs in place of torch, where one is named or a backend is that needs one."""
    if is_exported(model):
        return open_exported(model, backend, device, provider, precision)
    if backend is None or backend == "torch":
        if provider is not None:
            raise InputError("torch has no providers", remedy=way("set ", Option("backend", "onnxruntime")))
        return None
    from upframe.export.cache import exported_for

    return exported_for(model if isinstance(model, Model) else load(model), backend, device, provider, precision)
