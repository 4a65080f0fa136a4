"""OpenEXR: scene-linear half or float, values below 0 and above 1 kept, through the OpenEXR package.

A file stores colour multiplied by alpha, and where alpha is 0 colour is light without cover (a flame): it is read and written
as it is, ``associated``.
"""

from __future__ import annotations

import contextlib
import errno
import io
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from upframe.errors import InputError, MissingExtra
from upframe.media.image.formats.exchange import Source, WriteOptions
from upframe.media.image.formats.exr_header import check_header
from upframe.media.image.image import Image, ImageEncoding, ImageMetadata, Samples
from upframe.media.memory import require_memory

SIGNATURE = b"\x76\x2f\x31\x01"
_LARGEST_HALF = np.float32(65504)
_FROM_SAMPLES = {"channels", "compression", "lineOrder", "type", "chunkCount", "tiles", "name", "version", "view", "preview"}
"""Header attributes that follow from how the samples are stored; a preview shows the image before it was upscaled."""
_WINDOWS = ("dataWindow", "displayWindow")
_LOSSLESS = {"NO_COMPRESSION", "RLE_COMPRESSION", "ZIPS_COMPRESSION", "ZIP_COMPRESSION", "PIZ_COMPRESSION"}
_MAIN_LAYERS = {"combined", "beauty", "composite", "rgba", "rgb", "color", "colour"}
_TILED_DEEP_OR_PARTS = 0x1A00  # flags in the version field
_RUBBISH = (RuntimeError, IndexError, KeyError, ValueError, TypeError)  # what the package raises on damaged files
_ONE_AT_A_TIME = threading.Lock()
_Window = tuple[int, int, int, int]
"""First column, first row, last column, last row."""


class _Layer(NamedTuple):
    """Where the image is in a file."""

    part: int
    colour: tuple[str, ...]
    alpha: str | None
    name: str

    @property
    def channels(self) -> tuple[str, ...]:
        return self.colour if self.alpha is None else (*self.colour, self.alpha)


def _openexr() -> Any:
    try:
        import OpenEXR  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingExtra("OpenEXR", "images", "reading and writing OpenEXR") from error
    return OpenEXR


class _Silence(io.TextIOBase):
    """Standard output without what this thread prints: the package prints on damaged files, and others may be writing."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._thread else self._output.write(text)


def read(source: Source) -> Image:
    """Read the colour and alpha of an OpenEXR file. Raises InputError, or MissingExtra without OpenEXR."""
    package = _openexr()
    check_header(source.path)
    try:
        headers = [dict(part.header) for part in package.File(str(source.path), header_only=True).parts]
        for header in headers:
            left, top, right, bottom = _window(header["dataWindow"])
            source.check_size(right - left + 1, bottom - top + 1)
        require_memory(sum(map(_least_bytes, headers)), source.path)  # the package reads all channels of all parts
        layer = _main_layer(source, headers)
        if len(headers) == 1 and not written_whole(source.path):
            raise InputError(f"{source.path}: the file is cut short, and no part of a cut OpenEXR can be read")
        with _ONE_AT_A_TIME, contextlib.redirect_stdout(_Silence(sys.stdout)):
            channels = package.File(str(source.path), separate_channels=True).parts[layer.part].channels
        stored = [channels[name].pixels for name in layer.channels]
        return _image(source, layer, headers[layer.part], stored)
    except _RUBBISH as error:
        raise source.damaged(error) from error


def _least_bytes(header: Mapping[str, Any]) -> int:
    """What the samples of a part take at least in memory: two bytes each, and one sample for each pixel of a deep image."""
    left, top, right, bottom = _window(header["dataWindow"])
    samples = sum(1 / max(channel.xSampling * channel.ySampling, 1) for channel in header["channels"])
    return int(2 * (right - left + 1) * (bottom - top + 1) * samples)


def _image(source: Source, layer: _Layer, header: Mapping[str, Any], stored: list[Samples]) -> Image:
    """An image from the channels of its layer."""
    if any(plane.dtype.kind != "f" for plane in stored):
        raise InputError(f"{source.path}: its colour is stored as integers", remedy="convert it to half or float")
    samples = np.stack([plane.astype(np.float32) for plane in stored], axis=2)
    pixels, alpha = samples[..., : len(layer.colour)], None
    if layer.alpha is not None:
        alpha = samples[..., -1:]
    half = all(plane.dtype == np.float16 for plane in stored)
    encoding = ImageEncoding(half=half, exr_compression=header["compression"].name)
    return Image(
        pixels,
        alpha,
        linear=True,
        associated=alpha is not None,
        format="exr",
        metadata=_metadata(header),
        encoding=encoding,
    )


def _main_layer(source: Source, headers: list[dict[str, Any]]) -> _Layer:
    """The layer that is the image, or the one asked for, with a note on all others."""
    found = [layer for index, header in enumerate(headers) for layer in _layers(index, header)]
    everything = [channel.name for header in headers for channel in header["channels"]]
    if source.layer is not None:
        chosen = _named_layer(source, found, headers)
    elif found:
        chosen = min(found, key=_rank)
    else:
        raise InputError(f"{source.path}: no colour among its channels ({_listed(everything)}): neither R, G, B nor Y")
    names = {channel.name: channel for channel in headers[chosen.part]["channels"]}
    if any(names[name].xSampling != 1 or names[name].ySampling != 1 for name in chosen.channels) or {"RY", "BY"} & names.keys():
        raise InputError(
            f"{source.path}: its colour is stored at reduced size (luminance and chroma)", remedy="convert it to RGB"
        )
    if chosen.name and source.layer is None:
        source.note(f"layer {chosen.name} is taken as the image; another can be chosen by its name")
    left_out = [name for name in names if name not in chosen.channels]
    for index, header in enumerate(headers):
        if index != chosen.part:
            left_out.append(f"part {_part_name(header) or index} ({_listed([c.name for c in header['channels']])})")
    if left_out:
        source.note(f"channels left out: {_listed(left_out)}")
    return chosen


def _part_name(header: Mapping[str, Any]) -> str:
    return str(header.get("name") or "")


def _layers(index: int, header: Mapping[str, Any]) -> Iterator[_Layer]:
    """Layers of one part that have colour; a part of one channel is a layer, too."""
    if "deep" in header["type"].name:
        return
    names = [channel.name for channel in header["channels"]]
    part = _part_name(header)
    for prefix in sorted({name[: name.rfind(".") + 1] for name in names}):
        alpha = f"{prefix}A" if f"{prefix}A" in names else None
        name = ".".join(word for word in (part, prefix.rstrip(".")) if word)
        for colour in ("RGB", "Y"):
            if all(prefix + letter in names for letter in colour):
                yield _Layer(index, tuple(prefix + letter for letter in colour), alpha, name)
                break
    if len(names) == 1 and names[0].rpartition(".")[2] != "Y":
        yield _Layer(index, (names[0],), None, part)


def _rank(layer: _Layer) -> tuple[int, int, int]:
    """RGB before grey; then the layer without a name, those by whose names renderers mean the image, and any, in order."""
    last = layer.name.rpartition(".")[2].lower()
    grey = len(layer.colour) == 1
    kind = 0 if not layer.name else 1 if last in _MAIN_LAYERS else 2
    single = grey and layer.colour[0].rpartition(".")[2] != "Y"
    return grey + single, kind, layer.part


def _named_layer(source: Source, layers: list[_Layer], headers: list[dict[str, Any]]) -> _Layer:
    """The layer of a name: by its name, the end of it, or the name of a channel. Raises InputError."""
    wanted = (source.layer or "").strip(".").lower()
    channels = [
        _Layer(index, (channel.name,), None, ".".join(word for word in (_part_name(header), channel.name) if word))
        for index, header in enumerate(headers)
        if "deep" not in header["type"].name
        for channel in header["channels"]
    ]
    for candidates in (layers, channels):
        exact = [layer for layer in candidates if layer.name.lower() == wanted]
        ending = [layer for layer in candidates if layer.name.lower().endswith(f".{wanted}")]
        if exact or ending:
            return (exact or ending)[0]
    known = [layer.name or "(without a name)" for layer in layers]
    raise InputError(f"{source.path}: has no layer {source.layer!r}; its layers: {_listed(known)}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _window(window: tuple[Any, Any]) -> _Window:
    (left, top), (right, bottom) = window
    return int(left), int(top), int(right), int(bottom)


def _metadata(header: Mapping[str, Any]) -> ImageMetadata:
    """Strings as text, and of the rest what says more than the default."""
    kept = {name: value for name, value in header.items() if name not in _FROM_SAMPLES}
    data, display = (_window(kept.pop(name)) for name in _WINDOWS)
    if data != display or data[:2] != (0, 0):
        kept.update(dataWindow=data, displayWindow=display)
    for name, default in (("pixelAspectRatio", 1), ("screenWindowCenter", 0), ("screenWindowWidth", 1)):
        if name in kept and np.all(kept[name] == default):
            del kept[name]
    density = kept.pop("xDensity", None)
    return ImageMetadata(
        text={name: value for name, value in kept.items() if isinstance(value, str)},
        dpi=(float(density), float(density) * float(kept.get("pixelAspectRatio", 1))) if density else None,
        exr_header={name: value for name, value in kept.items() if not isinstance(value, str)},
    )


def write(path: Path, image: Image, options: WriteOptions) -> None:
    """Write linear float32 as half or float: channels R G B or Y, and A."""
    package = _openexr()
    pixels, alpha = image.pixels, image.alpha
    planes = dict(zip("RGB" if pixels.shape[2] == 3 else "Y", np.moveaxis(pixels, 2, 0), strict=True))
    if alpha is not None:
        planes["A"] = alpha[..., 0]
    half = image.encoding.half
    channels = {name: _as_half(plane) if half else np.ascontiguousarray(plane) for name, plane in planes.items()}
    try:
        package.File(_header(package, image), channels).write(str(path))
    except RuntimeError as error:
        raise OSError(_error_number(str(error)), str(error)) from error
    if not written_whole(path):  # the package is silent when the last block does not fit on the disk
        raise OSError(errno.ENOSPC, "the end of the file could not be written")


def _error_number(message: str) -> int:
    return errno.ENOSPC if "No space left" in message else errno.EACCES if "Permission denied" in message else errno.EIO


def _as_half(plane: Samples) -> Samples:
    """To half; finite values beyond its range become its largest, infinities and NaN stay."""
    return np.where(np.isinf(plane), plane, plane.clip(-_LARGEST_HALF, _LARGEST_HALF)).astype(np.float16)


def _header(package: Any, image: Image) -> dict[str, Any]:
    """Attributes as they were, windows grown with the image."""
    metadata = image.metadata
    header: dict[str, Any] = {**metadata.exr_header, **metadata.text}
    header.update({name: np.asarray(value) for name, value in header.items() if isinstance(value, list)})
    if metadata.dpi:
        header["xDensity"] = metadata.dpi[0]
    windows = [header.pop(name, None) for name in _WINDOWS]
    if all(windows):
        for name, window in zip(_WINDOWS, _grown(windows[0], windows[1], image.width, image.height), strict=True):
            header[name] = (np.array(window[:2], np.int32), np.array(window[2:], np.int32))
    compression = image.encoding.exr_compression
    header["compression"] = getattr(package, compression if compression in _LOSSLESS else "ZIP_COMPRESSION")
    header["type"] = package.scanlineimage
    return header


def _grown(data: _Window, display: _Window, width: int, height: int) -> tuple[_Window, _Window]:
    """Data and display window after the data window has become ``width`` x ``height``: both about the same origin."""
    across, down = width / (data[2] - data[0] + 1), height / (data[3] - data[1] + 1)
    left, top = round(data[0] * across), round(data[1] * down)
    right, bottom = round((display[2] + 1) * across) - 1, round((display[3] + 1) * down) - 1
    return (left, top, left + width - 1, top + height - 1), (
        round(display[0] * across),
        round(display[1] * down),
        right,
        bottom,
    )


def written_whole(path: Path) -> bool:
    """Whether a file holds all blocks that its table of offsets names (OpenEXR file layout).

    Known for single-part scan-line files from top to bottom, which are what the writer makes; True for other kinds.
    """
    with path.open("rb") as file:
        start = file.read(1 << 20)  # the header, with room for an embedded preview
        size = file.seek(0, 2)
        table, simple = _table_of_offsets(start)
        if not simple:
            return True
        if table + 8 > len(start):
            return len(start) < size
        first = int(struct.unpack_from("<Q", start, table)[0])
        if not table + 8 <= first <= size - 8:
            return False
        file.seek(first - 8)  # the table ends where the first block begins
        last = int(struct.unpack("<Q", file.read(8))[0])
        if not first <= last <= size - 8:
            return False
        file.seek(last + 4)
        return bool(last + 8 + struct.unpack("<I", file.read(4))[0] <= size)


def _table_of_offsets(start: bytes) -> tuple[int, bool]:
    """Where the table begins, and whether the file is of one part of scan lines from top to bottom."""
    simple = len(start) < 8 or not struct.unpack_from("<I", start, 4)[0] & _TILED_DEEP_OR_PARTS
    position = 8
    while position < len(start) and start[position]:  # an attribute: name, type, size, value
        name_end = start.find(b"\0", position)
        position_of_size = start.find(b"\0", name_end + 1) + 1
        if name_end < 0 or position_of_size == 0 or position_of_size + 4 > len(start):
            return len(start), simple
        value = position_of_size + 4
        if start[position:name_end] == b"lineOrder" and start[value : value + 1] != b"\0":
            simple = False
        position = value + int(struct.unpack_from("<I", start, position_of_size)[0])
    return position + 1, simple
