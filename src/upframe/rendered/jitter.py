"""Where in a pixel it is sampled: the Halton sequence with bases 2 and 3, as games use it. And how textures are read for it."""

from __future__ import annotations

import math

from upframe.errors import InputError

SAMPLES = 8  # for each pixel of the display, in one period of the sequence


def jitter(scale: float) -> list[tuple[float, float]]:
    """One period of jitter for frames that are upscaled by ``scale``: x and y in pixels of the render size, in [-0.5, 0.5).

    8 * scale**2 places of :func:`halton`, rounded up, as FSR and DLSS advise: so each pixel of the display is sampled. Frame
    ``n`` takes place ``n % len(places)``. Raises InputError for a scale below 1.

        >>> import upframe
        >>> len(upframe.jitter(2)), upframe.jitter(2)[:2]
        (32, [(0.0, -0.16666666666666669), (-0.25, 0.16666666666666663)])
    """
    return halton(math.ceil(SAMPLES * _checked(scale) ** 2))


def mip_bias(scale: float) -> float:
    """What to add to the level of detail at which textures are read, for frames that are upscaled by ``scale``.

    log2(render size / display size) - 1: textures as fine as the display shows them, and one level finer, as the jitter
    averages over it (AMD's FSR 2 and NVIDIA's DLSS guides). Leave it off textures that flicker. Raises InputError for a scale
    below 1.

        >>> import upframe
        >>> upframe.mip_bias(2)
        -2.0
    """
    return -math.log2(_checked(scale)) - 1


def _checked(scale: float) -> float:
    if not (math.isfinite(scale) and scale >= 1):
        raise InputError(f"frames are upscaled by 1 and more, not by {scale}")
    return scale


def halton(count: int, first: int = 0) -> list[tuple[float, float]]:
    """Offsets from the pixel centre, x and y in [-0.5, 0.5): places ``first`` to ``first + count`` of the sequence."""
    return [
        (_radical_inverse(index + 1, 2) - 0.5, _radical_inverse(index + 1, 3) - 0.5) for index in range(first, first + count)
    ]


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number mirrored at the point: 6 = 110 in base 2 becomes 0.011 = 0.375."""
    result, place = 0.0, 1.0 / base
    while number:
        number, digit = divmod(number, base)
        result += digit * place
        place /= base
    return result
