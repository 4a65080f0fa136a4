"""Quarter turns and mirrorings of images, as videos ask players for them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Margins = tuple[int, int, int, int]
"""Columns left and right of an image, rows above and below."""
_UNIT = 1 << 16
_EXACT = 0.01
"""How far from a quarter turn a matrix may be to count as one."""


@dataclass(frozen=True, slots=True)
class QuarterTurn:
    """Where an image's point (x, y), from its middle and y down, is shown: at (a x + c y, b x + d y). Each is -1, 0 or 1."""

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @property
    def swaps(self) -> bool:
        """Whether rows become columns: after that, rows and columns may still be reversed."""
        return not self.a

    @property
    def reverses_rows(self) -> bool:
        """Whether the result is upside down, rows and columns being swapped already."""
        return (self.b if self.swaps else self.d) < 0

    @property
    def reverses_columns(self) -> bool:
        """Whether the result is mirrored left to right, rows and columns being swapped already."""
        return (self.c if self.swaps else self.a) < 0

    def __str__(self) -> str:
        """As a user reads it: ``90 degrees clockwise``."""
        mirrored = self.a * self.d - self.b * self.c < 0
        to_the_right = (-self.a, -self.b) if mirrored else (self.a, self.b)
        words = {(1, 0): "none", (0, 1): "90 degrees clockwise", (-1, 0): "180 degrees", (0, -1): "90 degrees anticlockwise"}
        return ("mirrored, then " if mirrored else "") + words[to_the_right]

    def after(self, first: QuarterTurn) -> QuarterTurn:
        """This turn of what another has turned."""
        return QuarterTurn(
            self.a * first.a + self.c * first.b,
            self.b * first.a + self.d * first.b,
            self.a * first.c + self.c * first.d,
            self.b * first.c + self.d * first.d,
        )

    def undone(self) -> QuarterTurn:
        """The turn back."""
        return QuarterTurn(self.a, self.c, self.b, self.d)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of a turned image."""
        return (width, height) if self.swaps else (height, width)

    def margins(self, margins: Margins) -> Margins:
        """Those of a turned image."""
        left, right, top, bottom = margins
        if self.swaps:
            left, right, top, bottom = top, bottom, left, right
        if self.reverses_columns:
            left, right = right, left
        return (left, right, bottom, top) if self.reverses_rows else (left, right, top, bottom)

    def aspect(self, aspect: Fraction | None) -> Fraction | None:
        """The shape of a turned pixel, width over height."""
        return 1 / aspect if self.swaps and aspect else aspect


def turn_of(display_matrix: tuple[int, ...] | None) -> QuarterTurn | None:
    """The turn of a display matrix, whatever its shift and scale; None for one that is none, such as a rotation by a degree."""
    if display_matrix is None:
        return QuarterTurn()
    entries = [display_matrix[index] / _UNIT for index in (0, 1, 3, 4)]
    largest = max(abs(entry) for entry in entries)
    if not largest:
        return None
    rounded = [round(entry / largest) for entry in entries]
    near = all(abs(entry / largest - whole) < _EXACT for entry, whole in zip(entries, rounded, strict=True))
    turn = QuarterTurn(*rounded)
    square = abs(turn.a) + abs(turn.b) == abs(turn.c) + abs(turn.d) == abs(turn.a) + abs(turn.c) == 1
    return turn if near and square else None
