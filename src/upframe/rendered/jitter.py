"""Where in a pixel it is sampled: the Halton sequence with bases 2 and 3, as games use it."""

from __future__ import annotations


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
