"""How large a result shall be."""

from __future__ import annotations

from dataclasses import dataclass

from upframe.errors import UpframeError


@dataclass(frozen=True, slots=True)
class Target:
    """The size asked for: a factor, an exact (height, width), or, with neither, the model's own factor.

    For example:

        >>> import upframe
        >>> upframe.Target(scale=1.5).of(720, 1280, model_scale=2)
        (1080, 1920)
    """

    scale: float | None = None
    size: tuple[int, int] | None = None
    same: bool = False

    def __post_init__(self) -> None:
        if self.scale is not None and not 0 < self.scale <= 64:
            raise UpframeError(f"scale {self.scale}: must be above 0 and at most 64")
        if self.size is not None and min(self.size) < 1:
            raise UpframeError(f"size {self.size}: must be (height, width) of at least one pixel")

    def of(self, height: int, width: int, model_scale: int) -> tuple[int, int]:
        """(height, width) of the result for an input of this size; rounded to whole pixels, at least one."""
        if self.same:
            return height, width
        if self.size is not None:
            return self.size
        scale = model_scale if self.scale is None else self.scale
        return max(round(height * scale), 1), max(round(width * scale), 1)

    def factor(self, height: int, width: int) -> float | None:
        """The upscaling this means for an input of this size; None where the model decides."""
        if self.scale is None and self.size is None and not self.same:
            return None
        result = self.of(height, width, 1)
        return max(result[0] / height, result[1] / width)


def parse_target(scale: float | None, size: str | None) -> Target:
    """From the command line's ``--scale`` and ``--size`` (``WIDTHxHEIGHT`` or ``same``); a size overrides a scale.

    Raises UpframeError for a size that cannot be read and for numbers that are not positive.
    """
    if size is None:
        return Target(scale=scale)
    if size == "same":
        return Target(same=True)
    return Target(size=parse_size(size, advice="for instance 1920x1080, or as the word 'same'"))


def parse_size(text: str, *, advice: str = "for instance 960x540") -> tuple[int, int]:
    """(height, width) of ``WIDTHxHEIGHT``. Raises UpframeError, with ``advice``, for what cannot be read."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UpframeError(f"size {text}: not a size", remedy=f"write it as WIDTHxHEIGHT, {advice}")
    return int(height), int(width)
