"""Frames as the planes of a host, and what they stand for: for programs that decode and encode by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upframe.errors import InputError
from upframe.media.video.colour import ChromaLocation, ColourCodes, ColourTags, read_tags, unsupported_matrix
from upframe.ops.colour import planes_to_rgb, rgb_to_planes

Planes = Sequence[NDArray[Any]]
"""Y; Y, U, V; or G, B, R: uint8 for a depth of 8, else uint16, (h, w); U and V smaller where they are subsampled."""


@dataclass(frozen=True, slots=True)
class PlaneKind:
    """How planes stand for colours: their bits, how many luma samples have one of chroma (y, x), and what their colours are.

    For example:

        >>> import numpy as np, upframe
        >>> kind = upframe.PlaneKind.read(upframe.ColourCodes(), size=(32, 48), depth=8, subsampling=(2, 2))
        >>> planes = [np.full((32, 48), 128, np.uint8), *(np.full((16, 24), 128, np.uint8) for _ in "uv")]
        >>> [plane.shape for plane in upframe.Upscaler("bicubic").upscale_planes(planes, kind)]
        [(64, 96), (32, 48), (32, 48)]
    """

    depth: int
    subsampling: tuple[int, int]
    colour: ColourTags

    @classmethod
    def read(
        cls,
        codes: ColourCodes,
        *,
        size: tuple[int, int],
        depth: int,
        planes: int = 3,
        subsampling: tuple[int, int] = (1, 1),
        chroma_location: ChromaLocation = "left",
    ) -> PlaneKind:
        """Of grey (one plane) or Y'CbCr (three) of a size (height, width). What no code says is taken as for a video's frames.

        ``colour`` then says it, to be handed on. Raises InputError for a matrix that has no conversion here.
        """
        unknown = unsupported_matrix(codes.colorspace)
        if unknown is not None and planes == 3:
            raise InputError(
                f"frames of the matrix {unknown} are not supported", remedy="convert them to BT.709 or BT.2020 first"
            )
        colour = read_tags(
            codes,
            chroma_location=chroma_location,
            kind="grey" if planes == 1 else "yuv",
            full_if_untagged=False,
            width=size[1],
            height=size[0],
        )
        return cls(depth, subsampling, colour)

    def to_rgb(self, planes: Planes, device: torch.device) -> Tensor:
        """The planes of a frame -> (1, 3, h, w) float32. Raises ShapeError for planes that do not fit together."""
        copies = [torch.from_numpy(np.array(plane)).to(device) for plane in planes]
        return planes_to_rgb(copies, **self._conversion())

    def to_planes(self, rgb: Tensor) -> tuple[NDArray[Any], ...]:
        """The inverse, for (1, 3, h, w) of any size."""
        return tuple(plane.cpu().numpy() for plane in rgb_to_planes(rgb, **self._conversion()))

    def _conversion(self) -> dict[str, Any]:
        return {
            "matrix": self.colour.matrix,
            "full_range": self.colour.full_range,
            "depth": self.depth,
            "chroma_location": self.colour.chroma_location,
            "subsampling": self.subsampling,
        }
