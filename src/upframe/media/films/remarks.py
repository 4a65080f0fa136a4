"""What a user should know of a film before it is enlarged."""

from __future__ import annotations

from collections.abc import Iterator

from upframe.media.films.colour import unsupported_matrix
from upframe.media.films.endings import Joined
from upframe.media.films.film import FilmInfo

INTERLACED = (
    "the film is interlaced: its frames are enlarged as they are, combs included; deinterlace it first for a better result"
)


def remarks_on(info: FilmInfo, joined: Joined | None) -> Iterator[str]:
    """Lines about what of it is not read, and its colours, fields and samples, where they are not what they might be."""
    if joined is not None:
        yield str(joined)
    guess = info.colour.describe_guess(info.width, info.height)
    if guess:
        yield guess
    matrix = unsupported_matrix(info.colour.colorspace) if info.colour.matrix not in ("rgb", "grey") else None
    if matrix:
        yield f"colours are {matrix}: the network sees them through the {info.colour.matrix} matrix; they are kept"
    if info.interlaced:
        yield INTERLACED
    if info.source_format in ("yuv411p", "yuvj411p", "uyyvyy411", "yuv410p"):
        yield f"{info.source_format} pictures are read as {info.layout}"
