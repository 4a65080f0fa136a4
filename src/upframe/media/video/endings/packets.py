"""Files made of packets: FLV, MPEG transport and programme streams, Ogg, GXF."""

from __future__ import annotations

import struct

from upframe.media.video.endings.cut import Bytes, Cut, beyond

_TAIL = 2**18
"""Bytes at the end of a file that are searched for its last packet."""
_PACK, _PROGRAMME_END, _FIRST_STREAM = 0xBA, 0xB9, 0xBB
_AS_RECORDED = "so do recordings of broadcasts, and all that is whole is kept"
_GXF_LEADER, _GXF_END = b"\x00\x00\x00\x00\x01", 0xFB
_TRANSPORT_PACKETS = ((188, 0), (192, 4), (204, 0))
"""Sizes, and where in each the byte 0x47 is."""


def of_flv(file: Bytes) -> Cut | None:
    """Each tag is followed by its size; the first one may state the size of the file."""
    stated = _stated_flv_size(file.some(0, 4096))
    if stated is not None and stated > file.size:
        return Cut(beyond("it", stated - file.size))
    if file.blank_from(max(file.size - 4, 0)):
        return None
    size = file.big(file.size - 4, 4)
    start = file.size - 4 - size
    if size < 11 or start < 13 or file.big(start, 1) & 0x1F not in (8, 9, 18) or file.big(start + 1, 3) != size - 11:
        return Cut("its last tag is not whole")
    return None


def _stated_flv_size(head: bytes) -> int | None:
    place = head.find(b"\x00\x08filesize\x00")
    if place < 0 or len(head) < place + 19:
        return None
    size: float = struct.unpack_from(">d", head, place + 11)[0]
    return int(size) if 0 < size < 2**62 else None


def of_transport_stream(file: Bytes) -> Cut | None:
    """Packets of one size, which carry those of the streams; recordings of broadcasts end inside one of these."""
    head = file.some(0, 204 * 5)
    for size, offset in _TRANSPORT_PACKETS:
        if file.size >= 5 * size and all(head[offset + size * index] == 0x47 for index in range(5)):
            break
    else:
        return None
    if file.size % size and not file.blank_from(file.size - file.size % size):
        return Cut("it ends inside a packet")
    start = max(file.size // size - _TAIL // size, 0) * size
    missing = _missing_payload(file.some(start, file.size - start), size, offset)
    return Cut("the last packet of a stream is not whole", harmless=_AS_RECORDED) if missing else None


def _missing_payload(packets: bytes, size: int, offset: int) -> int:
    """How many bytes of a stream's last packet are not there, where it states its size."""
    owed: dict[int, int] = {}
    for place in range(offset, len(packets) - 187 + offset, size):
        stream = int.from_bytes(packets[place + 1 : place + 3], "big") & 0x1FFF
        flags = packets[place + 3]
        if packets[place] != 0x47 or not flags & 0x10 or flags & 0xC0:  # no payload, or a scrambled one
            continue
        start = place + 4 + (1 + packets[place + 4] if flags & 0x20 else 0)
        payload = packets[start : place + 188]
        if packets[place + 1] & 0x40:
            if payload[:3] == b"\x00\x00\x01" and len(payload) >= 6:
                stated = int.from_bytes(payload[4:6], "big")
                owed[stream] = stated + 6 - len(payload) if stated else 0
        elif stream in owed:
            owed[stream] -= len(payload)
    return max((count for count in owed.values() if count > 0), default=0)


def of_programme_stream(file: Bytes) -> Cut | None:
    """MPEG-1 and MPEG-2 (VOB): from the last pack on, every packet must be whole."""
    start = max(file.size - _TAIL, 0)
    tail = file.some(start, _TAIL)
    position = tail.rfind(b"\x00\x00\x01\xba")
    while 0 <= position < len(tail):
        head = tail[position : position + 14]
        if not head.strip(b"\0"):
            return None if not tail[position:].strip(b"\0") else Cut("its last packet is not whole")
        if len(head) < 4:
            return Cut("it ends inside the head of a packet")
        if head[:3] != b"\x00\x00\x01":
            return None
        if head[3] == _PROGRAMME_END:
            return None
        length = _programme_packet(head)
        if length is None:
            return Cut("it ends inside the head of a packet") if len(head) < 14 else None
        position += length
    return Cut(beyond("a packet", position - len(tail))) if position > len(tail) else None


def _programme_packet(head: bytes) -> int | None:
    """The size of a packet by its first 14 bytes; None if they are not enough, or of no known kind."""
    if head[3] == _PACK:
        if len(head) < 5:
            return None
        if head[4] & 0xC0 != 0x40:  # MPEG-1
            return 12
        return 14 + (head[13] & 7) if len(head) == 14 else None
    if head[3] < _FIRST_STREAM or len(head) < 6:
        return None
    return 6 + int.from_bytes(head[4:6], "big")


def of_ogg(file: Bytes) -> Cut | None:
    """RFC 3533: the last page of each stream is marked, and every page states its size."""
    open_streams: set[bytes] = set()
    head = file.some(0, _TAIL)
    position = 0
    while head[position : position + 4] == b"OggS" and head[position + 5] & 2:  # the first pages of all streams come first
        open_streams.add(head[position + 14 : position + 18])
        position += _page(head, position) or len(head)
    streams, start = len(open_streams), max(file.size - 8 * _TAIL, 0)
    tail = file.some(start, 8 * _TAIL)
    position = tail.find(b"OggS")
    while 0 <= position < len(tail) and tail[position : position + 4] == b"OggS":
        size = _page(tail, position)
        if size is None or position + size > len(tail):
            return Cut("its last page is not whole")
        if tail[position + 5] & 4:
            open_streams.discard(tail[position + 14 : position + 18])
        position += size
    if 0 <= position < len(tail) and len(tail) - position < 4:
        return Cut("its last page is not whole")
    closed = len(open_streams) < streams if start else not open_streams  # a stream may have ended long before
    return None if closed else Cut("its last page is not marked as the last one")


def _page(content: bytes, position: int) -> int | None:
    """The size of a page; None if its head is not whole."""
    if position + 27 > len(content):
        return None
    segments = content[position + 26]
    table = content[position + 27 : position + 27 + segments]
    return 27 + segments + sum(table) if len(table) == segments else None


def of_gxf(file: Bytes) -> Cut | None:
    """SMPTE 360M: packets that state their sizes, the last of which marks the end."""
    position = 0
    while position + 16 <= file.size:
        head = file.at(position, 16)
        if not head.startswith(_GXF_LEADER):
            return None
        if head[5] == _GXF_END:
            return None
        position += max(int.from_bytes(head[6:10], "big"), 16)
    if position > file.size:
        return Cut(beyond("a packet", position - file.size))
    return Cut("it has no packet that marks its end")
