"""The zoo: image networks of other people's families, by way of spandrel (extra ``zoo``).

spandrel knows some forty families of networks for single images and reads their hyper-parameters off the weights. It is given
tensors that were read and checked here, never a file. It needs a torchvision that fits torch, which is why it is an extra.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from upframe.errors import CheckpointError, MissingExtra
from upframe.models.contract import ExportStep, image_step
from upframe.models.info import ModelInfo

HALO = 64  # pixels around a tile; how far a network of the zoo really looks is not known


class ZooNetwork(nn.Module):
    """A network of the zoo that looks like one of ours: (n, 3, h, w) in [0, 1] -> (n, 3, scale*h, scale*w) in [0, 1].

    Sizes it does not take are padded by reflection and cropped. A grey network upscales red, green and blue one after the
    other; one that wants opacity gets full opacity. Half precision is only used by networks that bear it.
    """

    kind: Literal["image"] = "image"

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.model: nn.Module = descriptor.model
        self._descriptor = descriptor  # no module: calls ``model`` with padding where its sizes ask for it

    def forward(self, x: Tensor) -> Tensor:
        dtype = next(self.model.parameters()).dtype
        images = x.to(dtype).chunk(len(x))
        upscale = self._grey if self._descriptor.input_channels == 1 else self._colour
        return torch.cat([upscale(image) for image in images]).to(x.dtype)

    def _grey(self, image: Tensor) -> Tensor:
        """(1, 3, h, w) -> (1, 3, s*h, s*w), each colour as an image of its own."""
        return torch.cat([self._descriptor(colour)[:, :1] for colour in image.chunk(3, dim=1)], dim=1)

    def _colour(self, image: Tensor) -> Tensor:
        """(1, 3, h, w) -> (1, 3, s*h, s*w)."""
        if self._descriptor.input_channels == 4:
            image = torch.cat((image, torch.ones_like(image[:, :1])), dim=1)
        upscaled: Tensor = self._descriptor(image)
        return upscaled[:, :3] if upscaled.shape[1] >= 3 else upscaled[:, :1].expand(-1, 3, -1, -1)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ZooNetwork:
        """Move or convert as every module does, but never to a precision that the network does not bear."""
        bears = {torch.float16: self._descriptor.supports_half, torch.bfloat16: self._descriptor.supports_bfloat16}

        def bearable(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if bears.get(moved.dtype, True) else tensor.to(moved.device)

        super()._apply(bearable, recurse)  # type: ignore[no-untyped-call]  # of torch
        return self

    def example_inputs(self, height: int, width: int) -> tuple[Tensor, ...]:
        """A random image (1, 3, height, width), always the same, to profile with."""
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        return (image.to(next(self.parameters()).device),)

    def graphs(self) -> tuple[nn.Module, ...]:
        """What is compiled: all of it."""
        return (self,)

    def export_step(self) -> ExportStep:
        """An image."""
        return image_step(self, self._descriptor.scale)

    @property
    def info(self) -> ModelInfo:
        """The card of this network, as far as spandrel knows it."""
        known, sizes = self._descriptor, self._descriptor.size_requirements
        tiles = known.tiling.name == "SUPPORTED" and not sizes.square
        family = str(known.architecture.id).lower()
        return ModelInfo(
            name=f"{family}-x{known.scale}",
            family=family,
            kind=self.kind,
            scale=known.scale,
            multiple=sizes.multiple_of,
            minimum=max(sizes.minimum, 1),
            radius=HALO if tiles else None,
            parameters=sum(p.numel() for p in self.parameters()),
            summary=" ".join((f"{known.architecture.name}, by way of spandrel.", *known.tags)),
        )

    @property
    def configuration(self) -> dict[str, Any]:
        """The switches that a checkpoint's shapes do not tell: none, spandrel reads all of them off the tensors."""
        return {}


def find(candidates: Sequence[Mapping[str, Tensor]]) -> tuple[ZooNetwork, int] | None:
    """The first set of tensors that spandrel knows, and its number among ``candidates``; None if it knows none of them.

    Raises MissingExtra without spandrel, CheckpointError for a variant it cannot build, for a network that is not from
    images to images, and for anything but named tensors: spandrel's own reader of files is never given one.
    """
    for state in candidates:
        _check_tensors(state)
    spandrel = _spandrel()
    loader = spandrel.ModelLoader(device="cpu")
    failure: CheckpointError | None = None
    for number, state in enumerate(candidates):
        try:
            descriptor = loader.load_from_state_dict(dict(state))
        except spandrel.UnsupportedModelError:
            continue
        except Exception as error:  # noqa: BLE001  # whatever a network of strangers raises at weights of strangers
            failure = failure or CheckpointError(f"spandrel knows its family, but not this variant ({_first_line(error)})")
            continue
        _check_kind(descriptor, spandrel)
        return ZooNetwork(descriptor), number
    if failure:
        raise failure
    return None


def _check_tensors(state: object) -> None:
    """Raise CheckpointError for what our own reader would not have read: a path, an object, a class derived from tensors."""
    if not isinstance(state, Mapping) or any(
        type(name) is not str or type(value) not in (Tensor, nn.Parameter) for name, value in state.items()
    ):
        raise CheckpointError("only tensors that were read and checked here are given to spandrel")


def _spandrel() -> ModuleType:
    try:
        return import_module("spandrel")
    except ModuleNotFoundError as error:
        if error.name not in ("spandrel", "torchvision"):
            raise
        raise MissingExtra(error.name, "zoo", "Trying the image networks of other families") from error
    except (ImportError, RuntimeError, AttributeError) as error:
        raise CheckpointError(
            f"spandrel is installed but does not start ({_first_line(error)}): install the torchvision that belongs to torch "
            f"{torch.__version__}"
        ) from error


def _check_kind(descriptor: Any, spandrel: ModuleType) -> None:
    """Raise CheckpointError for networks that are not from one image to one image."""
    channels = (descriptor.input_channels, descriptor.output_channels)
    if not isinstance(descriptor, spandrel.ImageModelDescriptor) or not {*channels} <= {1, 3, 4}:
        raise CheckpointError(
            f"is a network of the family {descriptor.architecture.name} for {descriptor.purpose.lower()} with {channels[0]} "
            f"channels in and {channels[1]} out, and not one that makes an image larger by itself"
        )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:160]
