"""What a video says about its colours, what is assumed where it says nothing, and what is written to the result.

Codes are those of ITU-T H.273 (code points shared by H.264, HEVC, AV1, MP4, Matroska and FFmpeg); 2 means "unspecified". The
one exception is the range, which FFmpeg numbers itself: 0 unspecified, 1 limited ("tv"), 2 full ("pc").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Matrix = Literal["bt601", "bt709", "bt2020", "smpte240m", "fcc", "rgb", "grey"]
ChromaLocation = Literal["left", "center", "topleft", "top", "bottomleft", "bottom"]
Property = Literal["matrix", "range", "primaries", "transfer"]

UNSPECIFIED = 2
LIMITED, FULL = 1, 2
PQ, HLG = 16, 18
"""Transfer codes of HDR video: SMPTE ST 2084 and ARIB STD-B67."""

_MATRIX_OF_CODE: dict[int, Matrix] = {
    0: "rgb",
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020",
}
_CODE_OF_MATRIX: dict[Matrix, int] = {
    "rgb": 0,
    "bt709": 1,
    "fcc": 4,
    "bt601": 6,
    "smpte240m": 7,
    "bt2020": 9,
    "grey": UNSPECIFIED,
}
_MATRIX_OF_PRIMARIES: dict[int, Matrix] = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
_PRIMARIES_OF_MATRIX: dict[Matrix, int] = {"bt709": 1, "fcc": 4, "smpte240m": 7, "bt2020": 9}
_WITHOUT_CONVERSION = {
    8: "YCgCo",
    10: "BT.2020 constant luminance",
    11: "SMPTE ST 2085",
    13: "chromaticity-derived constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
_NAMES: dict[Matrix, str] = {
    "bt601": "BT.601",
    "bt709": "BT.709",
    "bt2020": "BT.2020",
    "smpte240m": "SMPTE 240M",
    "fcc": "FCC",
    "rgb": "RGB",
    "grey": "grey",
}


@dataclass(frozen=True, slots=True)
class ColourCodes:
    """What a video states, by the numbers of H.273; 2 (0 for the range) where it states nothing.

    For example:

        >>> import upframe
        >>> upframe.ColourCodes(colorspace=1)  # BT.709
        ColourCodes(colorspace=1, primaries=2, transfer=2, color_range=0)
    """

    colorspace: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    color_range: int = 0


@dataclass(frozen=True, slots=True)
class ColourTags:
    """How samples stand for colours: what a conversion must honour, and what is written back.

    matrix: between Y'CbCr and R'G'B'; "rgb" for samples that are R'G'B' already, "grey" for luma alone.
    full_range: codes span 0 to 2^depth - 1; else 16 to 235 (240 for chroma), scaled to the depth.
    chroma_location: where a sample of a subsampled chroma plane is among its luma samples (H.273, figure 1).
    colorspace, primaries, transfer, color_range: the codes to write. What the video left open holds the guess that
    was made, so that a player, which guesses by size, does not guess differently once the image is larger.
    guessed: the properties that the video left open.
    """

    matrix: Matrix
    full_range: bool
    chroma_location: ChromaLocation
    colorspace: int
    primaries: int
    transfer: int
    color_range: int
    guessed: tuple[Property, ...] = ()

    @property
    def hdr(self) -> bool:
        """Whether the transfer is one of high dynamic range, PQ or HLG."""
        return self.transfer in (PQ, HLG)

    def describe(self) -> str:
        """The matrix, range, primaries and transfer in a few words, by H.273's numbers where those have no common name."""
        kind = _NAMES[self.matrix]
        spread = "full range" if self.full_range else "limited range"
        return f"{kind}, {spread} (primaries {self.primaries}, transfer {self.transfer})"

    def describe_guess(self, width: int, height: int) -> str | None:
        """One line that says what was assumed, or None if the video said it all that a conversion needs."""
        parts = []
        if "matrix" in self.guessed:
            parts.append(f"the {_NAMES[self.matrix]} matrix")
        if "range" in self.guessed:
            parts.append("full range" if self.full_range else "limited range")
        if not parts:
            return None
        return f"colours are not tagged: {' and '.join(parts)} assumed, as is usual at {width}x{height}, and written so"

    def for_layout(self, *, rgb: bool, grey: bool, width: int, height: int) -> ColourTags:
        """The tags of the same colours in another layout of samples; ``width`` and ``height`` are those of the result."""
        if rgb == (self.matrix == "rgb") and grey == (self.matrix == "grey"):
            return self
        if rgb:
            return replace(self, matrix="rgb", full_range=True, colorspace=0, color_range=FULL)
        if grey:
            return replace(self, matrix="grey", colorspace=UNSPECIFIED)
        matrix = _MATRIX_OF_PRIMARIES.get(self.primaries) or _usual_matrix(width, height)
        full = self.matrix == "grey" and self.full_range
        return replace(
            self,
            matrix=matrix,
            full_range=full,
            colorspace=_CODE_OF_MATRIX[matrix],
            primaries=_usual_primaries(matrix, height) if self.primaries == UNSPECIFIED else self.primaries,
            color_range=FULL if full else LIMITED,
        )


def read_tags(
    codes: ColourCodes,
    *,
    chroma_location: ChromaLocation,
    kind: Literal["yuv", "rgb", "grey"],
    full_if_untagged: bool,
    width: int,
    height: int,
) -> ColourTags:
    """Tags from a video's codes, completed by the usual rule.

    The rule: a matrix that is not given follows from the primaries, else it is BT.709 for images of at least 1280x720 in
    one direction and BT.601 for smaller ones; primaries follow from the matrix, those of BT.601 from the number of lines.
    ``full_if_untagged``: for RGB, JPEG-like formats and the grey of image codecs.
    """
    guessed: list[Property] = []
    colorspace, primaries, transfer, color_range = codes.colorspace, codes.primaries, codes.transfer, codes.color_range
    full = color_range == FULL or (color_range != LIMITED and full_if_untagged)
    if color_range not in (LIMITED, FULL):
        guessed.append("range")
    if kind == "rgb":
        return ColourTags("rgb", full, chroma_location, 0, primaries, transfer, FULL if full else LIMITED)
    if kind == "grey":
        matrix: Matrix = "grey"
    else:
        matrix, colorspace = _matrix(colorspace, primaries, transfer, width, height, guessed)
        primaries, transfer = _primaries_and_transfer(matrix, primaries, transfer, height, guessed)
    return ColourTags(matrix, full, chroma_location, colorspace, primaries, transfer, FULL if full else LIMITED, tuple(guessed))


def unsupported_matrix(colorspace: int) -> str | None:
    """The name of a matrix that has no conversion here, else None."""
    return _WITHOUT_CONVERSION.get(colorspace)


def _matrix(
    colorspace: int, primaries: int, transfer: int, width: int, height: int, guessed: list[Property]
) -> tuple[Matrix, int]:
    """The matrix to convert with, and the code to write: a code without a conversion here is kept as it is."""
    known = _MATRIX_OF_CODE.get(colorspace)
    if known is not None and known != "rgb":
        return known, colorspace
    usual = _MATRIX_OF_PRIMARIES.get(primaries) or ("bt2020" if transfer in (PQ, HLG) else _usual_matrix(width, height))
    if colorspace not in (0, UNSPECIFIED):
        return usual, colorspace
    guessed.append("matrix")
    of_image = _usual_primaries(usual, height) if primaries in (0, UNSPECIFIED) else primaries
    return usual, 5 if usual == "bt601" and of_image == 5 else _CODE_OF_MATRIX[usual]


def _primaries_and_transfer(
    matrix: Matrix, primaries: int, transfer: int, height: int, guessed: list[Property]
) -> tuple[int, int]:
    if primaries in (0, UNSPECIFIED):
        primaries = _usual_primaries(matrix, height)
        guessed.append("primaries")
    if transfer in (0, UNSPECIFIED):
        transfer = 14 if matrix == "bt2020" else 7 if matrix == "smpte240m" else 1  # one curve under three codes
        guessed.append("transfer")
    return primaries, transfer


def _usual_matrix(width: int, height: int) -> Matrix:
    return "bt709" if height >= 720 or width >= 1280 else "bt601"


def _usual_primaries(matrix: Matrix, height: int) -> int:
    """BT.601 has two sets, known by their number of lines; players take those of BT.709 for any other."""
    if matrix == "bt601":
        return {576: 5, 480: 6, 486: 6}.get(height, 1)
    return _PRIMARIES_OF_MATRIX.get(matrix, 1)
