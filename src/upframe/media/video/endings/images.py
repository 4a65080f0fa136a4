"""Files that are one image after the other: Y4M, GIF, IVF, AV1, DV, JPEG; and Flash, which states its size."""

from __future__ import annotations

from upframe.media.video.endings.cut import Bytes, Cut, beyond

_DV_FRAMES = (120000, 144000, 240000, 288000, 480000, 576000)
_DV_START = b"\x1f\x07\x00"
_CHROMA_SHARE = {"420": 0.5, "411": 0.5, "422": 1.0, "440": 1.0, "444": 2.0, "mon": 0.0}
"""Samples of both colour planes for one of luma."""


def of_y4m(file: Bytes) -> Cut | None:
    """A line that states the size of the images, then a line and the samples of each."""
    head = file.some(0, 4096).partition(b"\n")[0]
    words = head.decode("ascii", "replace").split()[1:]
    width, height = (next(int(word[1:]) for word in words if word[0] == letter) for letter in "WH")
    size = _y4m_frame(width, height, next((word[1:] for word in words if word[0] == "C"), "420"))
    position = len(head) + 1
    while position < file.size:
        line = file.some(position, 80)
        end = line.find(b"\n")
        if not line.startswith(b"FRAME"[: len(line)]):
            return None
        if end < 0:
            return Cut("it ends inside the head of an image")
        position += end + 1 + size
    return Cut(beyond("its last image", position - file.size)) if position > file.size else None


def _y4m_frame(width: int, height: int, chroma: str) -> int:
    """Bytes of an image. Raises ValueError for an unknown kind of chroma."""
    depth = chroma.removeprefix("mono") if chroma.startswith("mono") else chroma.partition("p")[2]
    step = 2 if depth.isdecimal() and int(depth) > 8 else 1
    kind = chroma[:3]
    if kind not in _CHROMA_SHARE:
        raise ValueError(chroma)
    half_width = -(-width // 4) if kind == "411" else -(-width // 2)
    columns = width if kind in ("444", "440") else half_width
    rows = -(-height // 2) if kind in ("420", "440") else height
    planes = width * height + (0 if kind == "mon" else 2 * columns * rows)
    return step * (planes + (width * height if "alpha" in chroma else 0))


def of_gif(file: Bytes) -> Cut | None:
    """GIF89a: blocks up to the trailer."""
    flags = file.big(10, 1)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    try:
        while (kind := file.big(position, 1)) != 0x3B:
            if kind == 0x21:
                position = _after_blocks(file, position + 2)
            elif kind == 0x2C:
                flags = file.big(position + 9, 1)
                position = _after_blocks(file, position + 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0))
            else:
                return None
    except EOFError:
        return Cut("it has no trailer")
    return None


def _after_blocks(file: Bytes, position: int) -> int:
    while size := file.big(position, 1):
        position += 1 + size
    return position + 1


def of_ivf(file: Bytes) -> Cut | None:
    """IVF: a size and a time before each image; the head may state the length in units of time."""
    position, last, length = file.little(6, 2), 0, file.little(24, 4)
    while position + 12 <= file.size:
        last = file.little(position + 4, 8)
        position += 12 + file.little(position, 4)
    if position > file.size:
        return Cut(beyond("its last image", position - file.size))
    if position < file.size:
        return Cut("it ends inside the head of an image")
    return Cut(f"its head states a length of {length}, and its last image is at {last}") if last + 1 < length else None


def of_obu(file: Bytes) -> Cut | None:
    """AV1's low-overhead format: units that state their sizes (AV1 specification, 5.3)."""
    position = 0
    while position < file.size:
        head = file.big(position, 1)
        if head & 0x81 or not head & 2:  # not this format
            return None
        position += 2 if head & 4 else 1
        try:
            size, position = _leb128(file, position)
        except EOFError:
            return Cut("it ends inside the head of a unit")
        position += size
    return Cut(beyond("its last unit", position - file.size)) if position > file.size else None


def _leb128(file: Bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = file.big(position + index, 1)
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return value, position + index + 1
    raise ValueError


def of_dv(file: Bytes) -> Cut | None:
    """DV: every image has as many bytes."""
    for size in _DV_FRAMES:
        if file.some(size, 3) == _DV_START:
            return Cut("it ends inside an image") if file.size % size else None
    return Cut("it ends inside an image") if file.size < _DV_FRAMES[-1] and file.size not in _DV_FRAMES else None


def of_swf(file: Bytes) -> Cut | None:
    """Flash that is not compressed: its size."""
    stated = file.little(4, 4)
    return Cut(beyond("it", stated - file.size)) if file.at(0, 3) == b"FWS" and stated > file.size else None


def of_mjpeg(file: Bytes) -> Cut | None:
    """JPEG images side by side: each ends with a marker."""
    tail = file.some(max(file.size - 4096, 0), 4096).rstrip(b"\0")
    return None if not tail or tail.endswith(b"\xff\xd9") else Cut("its last image has no end")
