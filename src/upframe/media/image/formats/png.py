"""PNG, 8 and 16 bit, with every chunk that says something about the image (PNG specification, third edition).

Pixels of 8 bits and fewer are decoded by Pillow, of 16 bits by PyAV (Pillow has no 16-bit RGB). The writer is our own, since
FFmpeg's refuses more than 2 GiB of samples, which an upscaled photograph exceeds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from upframe.media.image.formats.exchange import Source, WriteOptions, split_alpha
from upframe.media.image.formats.ffmpeg import decode_16_bit
from upframe.media.image.image import Image, ImageEncoding, ImageMetadata, Origin, Samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = "XML:com.adobe.xmp"
_COLOUR_CHUNKS = (b"cICP", b"mDCV", b"cLLI", b"sRGB", b"gAMA", b"cHRM")
_MOST_UNPACKED = 64 << 20  # bytes of all texts and profiles of a file: no honest ones are larger, a compressed bomb is
_METRES_PER_INCH = 0.0254
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGB_ALPHA: 4}
_COLOUR_TYPE = {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGB_ALPHA}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7 passes: first column, first row, column step, row step."""

_CHUNK_NAMES = {"tIME": "time of the last change", "bKGD": "background", "sBIT": "significant bits", "hIST": "histogram"}

_Chunks = list[tuple[bytes, bytes]]


class _Header(NamedTuple):
    width: int
    height: int
    bits: int
    colour_type: int
    compression: int
    filtering: int
    interlaced: int

    def line_sizes(self) -> list[int]:
        """Bytes of each line of filtered samples, in file order, its filter byte included."""

        def line(width: int) -> int:
            return 1 + (width * self.bits * _CHANNELS[self.colour_type] + 7) // 8

        if not self.interlaced:
            return [line(self.width)] * self.height
        sizes: list[int] = []
        for left, top, across, down in _ADAM7:
            width, height = (max(0, self.width - left + across - 1) // across, max(0, self.height - top + down - 1) // down)
            sizes += [line(width)] * height if width else []
        return sizes


def read(source: Source) -> Image:
    """Read a PNG; an animated one is refused. Raises InputError."""
    chunks, whole = _split(source.path.read_bytes())
    header = _header(source, chunks)
    source.check_size(header.width, header.height)
    content: dict[bytes, bytes] = {}
    for kind, payload in chunks:
        content.setdefault(kind, payload)
    if len(content.get(b"acTL", b"")) >= 4:
        source.check_single(
            struct.unpack_from(">I", content[b"acTL"])[0],
            "save the frames of this animation as numbered images and give, for instance, frames/%05d.png",
        )
    stream = b"".join(payload for kind, payload in chunks if kind == b"IDAT")
    if not whole:
        stream = _salvaged(source, header, stream)
    needed = [(b"IHDR", content[b"IHDR"]), *((kind, content[kind]) for kind in (b"PLTE", b"tRNS") if kind in content)]
    file = b"".join((SIGNATURE, *(_chunk(*chunk) for chunk in (*needed, (b"IDAT", stream), (b"IEND", b"")))))
    try:
        samples = decode_16_bit("png", file) if header.bits == 16 else _decode_shallow(file)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise source.damaged(error) from error
    pixels, alpha = split_alpha(samples)
    if alpha is None and b"tRNS" in content and header.colour_type in (_GREY, _RGB):
        alpha = _keyed_alpha(pixels, content[b"tRNS"], header)
    if header.colour_type == _PALETTE:
        source.note(f"palette image: read as {'RGB with alpha' if alpha is not None else 'RGB'}")
    origin: Origin = "palette" if header.colour_type == _PALETTE else "bilevel" if header.bits == 1 else "samples"
    _name_left_out(source, chunks)
    metadata = _metadata(chunks, _Unpacking(source))
    return Image(pixels, alpha, format="png", metadata=metadata, encoding=ImageEncoding(origin=origin))


def _split(data: bytes) -> tuple[_Chunks, bool]:
    """All chunks up to the end or the first damage, and whether the end was reached. A chunk that is cut is kept in part."""
    chunks: _Chunks = []
    position = len(SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        payload = data[position + 8 : end]
        chunks.append((kind, payload))
        if end + 4 > len(data) or zlib.crc32(payload, zlib.crc32(kind)) != struct.unpack_from(">I", data, end)[0]:
            return chunks, False
        if kind == b"IEND":
            return chunks, True
        position = end + 4
    return chunks, False


def _header(source: Source, chunks: _Chunks) -> _Header:
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise source.damaged("no PNG header")
    header = _Header(*struct.unpack(">IIBBBBB", chunks[0][1]))
    if header.colour_type not in _CHANNELS or header.bits not in (1, 2, 4, 8, 16):
        raise source.damaged(f"colour type {header.colour_type} of {header.bits} bits")
    return header


def _salvaged(source: Source, header: _Header, stream: bytes) -> bytes:
    """The compressed samples that can still be read, followed by empty (black, transparent) ones up to the full size."""
    sizes = header.line_sizes()
    decoder, found = zlib.decompressobj(), bytearray()
    try:
        for start in range(0, len(stream), 4096):  # in small pieces: one that is damaged yields nothing
            found += decoder.decompress(stream[start : start + 4096], sum(sizes) - len(found) or 1)
    except zlib.error:
        pass
    lines, end = 0, 0
    while lines < len(sizes) and end + sizes[lines] <= len(found):
        end += sizes[lines]
        lines += 1
    source.cut_short(lines * header.height // len(sizes), header.height)
    return zlib.compress(bytes(found[:end]) + bytes(sum(sizes) - end), 1)


def _decode_shallow(file: bytes) -> Samples:
    """Samples of up to 8 bits as uint8: grey, RGB or, for a palette with transparency, RGB and alpha."""
    image = PngImageFile(BytesIO(file))
    if image.mode == "P":
        return np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))
    return np.asarray(image.convert("L") if image.mode == "1" else image)


def _keyed_alpha(pixels: Samples, key: bytes, header: _Header) -> Samples:
    """Alpha of an image in which one colour is declared transparent."""
    count = pixels.shape[2]
    colour = np.frombuffer(key[: 2 * count].ljust(2 * count, b"\0"), ">u2").astype(np.int64)
    if header.bits < 8:
        colour = colour * 255 // (2**header.bits - 1)
    return np.where((pixels == colour).all(axis=2, keepdims=True), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def _metadata(chunks: _Chunks, unpack: _Unpacking) -> ImageMetadata:
    icc, exif, xmp, dpi, aspect = None, None, None, None, None
    text: dict[str, list[str]] = {}
    colour: _Chunks = []
    for kind, payload in chunks:
        if kind == b"iCCP":
            icc = unpack(payload.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            exif = payload.removeprefix(b"Exif\0\0")
        elif kind == b"pHYs" and len(payload) == 9 and payload[8] == 1:
            across, down = struct.unpack_from(">II", payload)
            dpi = (across * _METRES_PER_INCH, down * _METRES_PER_INCH)
        elif kind == b"pHYs" and len(payload) == 9 and payload[8] == 0:
            across, down = struct.unpack_from(">II", payload)
            aspect = Fraction(down, across) if across and down else None
        elif kind in _COLOUR_CHUNKS:
            colour.append((kind, payload))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, value = _text(kind, payload, unpack)
            if keyword == _XMP_KEYWORD:
                xmp = value.encode()
            else:
                text.setdefault(keyword, []).append(value)
    joined = {keyword: "\n".join(values) for keyword, values in text.items()}
    return ImageMetadata(icc or None, exif, xmp, joined, dpi, aspect, tuple(colour))


def _name_left_out(source: Source, chunks: _Chunks) -> None:
    """A note on what of a file is not kept: chunks without a place, and the languages of texts."""
    kept = {*_COLOUR_CHUNKS, b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"eXIf", b"pHYs", b"tEXt", b"zTXt", b"iTXt"}
    lost = dict.fromkeys(kind.decode("latin-1") for kind, _ in chunks if kind not in kept and kind.isalpha())
    languages = any(
        kind == b"iTXt" and payload.partition(b"\0")[2][2:].split(b"\0", 2)[:2] != [b"", b""] for kind, payload in chunks
    )
    words = [f"{kind} ({_CHUNK_NAMES[kind]})" if kind in _CHUNK_NAMES else kind for kind in lost]
    if languages:
        words.append("the languages of its texts")
    if words:
        source.note(f"left out: {', '.join(words)}")


class _Unpacking:
    """Unpacks compressed texts and profiles, up to a limit for all of a file together: a small file may hold gigabytes."""

    def __init__(self, source: Source) -> None:
        self._source, self._left = source, _MOST_UNPACKED

    def __call__(self, data: bytes) -> bytes:
        """What a chunk holds; empty when it is damaged or beyond the limit, which is reported."""
        if not self._left:
            return b""
        decoder = zlib.decompressobj()
        try:
            content = decoder.decompress(data, self._left)
        except zlib.error:
            return b""
        if decoder.eof:
            self._left -= len(content)
            return content
        if len(content) == self._left:
            self._left = 0
            most = _MOST_UNPACKED >> 20
            self._source.note(f"its texts and profiles are over {most} MB unpacked; the rest is left out")
        return b""


def _text(kind: bytes, payload: bytes, unpack: _Unpacking) -> tuple[str, str]:
    """Keyword and text of a tEXt, zTXt or iTXt chunk."""
    keyword, _, rest = payload.partition(b"\0")
    if kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[2:]
        content = rest.split(b"\0", 2)[-1]  # after the language and the translated keyword
        return keyword.decode("latin-1"), (unpack(content) if compressed else content).decode("utf-8", "replace")
    return keyword.decode("latin-1"), (unpack(rest[1:]) if kind == b"zTXt" else rest).decode("latin-1")


def write(path: Path, image: Image, options: WriteOptions) -> None:
    """Write 8- or 16-bit grey or RGB, with or without alpha, losslessly."""
    samples = image.stacked
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * samples.itemsize, _COLOUR_TYPE[channels], 0, 0, 0)
    with path.open("wb") as file:
        file.write(SIGNATURE)
        for kind, payload in ((b"IHDR", header), *_metadata_chunks(image.metadata)):
            file.write(_chunk(kind, payload))
        for piece in _compressed(samples):
            file.write(_chunk(b"IDAT", piece))
        file.write(_chunk(b"IEND", b""))


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind)))


def _metadata_chunks(metadata: ImageMetadata) -> Iterable[tuple[bytes, bytes]]:
    """Chunks in the order the specification asks for: colour first."""
    yield from metadata.png_colour
    if metadata.icc:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)
    if metadata.dpi:
        across, down = (round(value / _METRES_PER_INCH) for value in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", across, down, 1)
    elif metadata.pixel_aspect:
        yield b"pHYs", struct.pack(">IIB", metadata.pixel_aspect.denominator, metadata.pixel_aspect.numerator, 0)
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", _XMP_KEYWORD.encode() + b"\0\0\0\0\0" + metadata.xmp
    for keyword, value in metadata.text.items():
        name = keyword.encode("latin-1", "replace")[:79].strip() or b"Comment"
        try:
            yield b"tEXt", name + b"\0" + value.encode("latin-1")
        except UnicodeEncodeError:
            yield b"iTXt", name + b"\0\0\0\0\0" + value.encode()


def _compressed(samples: Samples) -> Iterator[bytes]:
    """The filtered and compressed samples in pieces, about a megabyte of samples at a time."""
    height, width, channels = samples.shape
    pixel = channels * samples.itemsize
    rows = max(1, (1 << 20) // (width * pixel))
    compressor = zlib.compressobj(6)
    above = np.zeros((1, width * pixel), np.uint8)
    for start, stop in pairwise([*range(0, height, rows), height]):
        block = np.ascontiguousarray(samples[start:stop].astype(samples.dtype.newbyteorder(">")))
        lines = block.reshape(stop - start, -1).view(np.uint8)
        if piece := compressor.compress(_filtered(lines, np.concatenate([above, lines[:-1]]), pixel).tobytes()):
            yield piece
        above = lines[-1:]
    yield compressor.flush()


def _filtered(lines: NDArray[np.uint8], above: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """Each line by the filter that leaves the smallest residuals: (n, bytes) -> (n, 1 + bytes), the filter's number first."""
    left = np.pad(lines, ((0, 0), (pixel, 0)))[:, :-pixel]
    corner = np.pad(above, ((0, 0), (pixel, 0)))[:, :-pixel]
    average = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
    candidates = np.stack([lines, lines - left, lines - above, lines - average, lines - _paeth(left, above, corner)])
    cost = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = cost.argmin(axis=0)
    chosen = candidates[best, np.arange(len(lines))]
    return np.concatenate([best[:, None].astype(np.uint8), chosen], axis=1)


def _paeth(left: NDArray[np.uint8], above: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paeth's predictor: of left, above and corner, the one nearest to left + above - corner; ties in this order."""
    wide_corner = corner.astype(np.int16)
    to_left = np.abs(above - wide_corner)
    to_above = np.abs(left - wide_corner)
    to_corner = np.abs(left.astype(np.int16) + above - 2 * wide_corner)
    by_above = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, by_above).astype(np.uint8)
