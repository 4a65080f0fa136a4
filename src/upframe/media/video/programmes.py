"""The programmes of a transport stream and their names, which PyAV does not tell (ISO 13818-1, EN 300 468: PAT, PMT, SDT)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upframe.media.notes import Notes
from upframe.media.video.containers import VideoContainer

_LOOKED_AT = 4 << 20
"""Bytes at the beginning of a file; a receiver must find the tables in less."""
_PAT_PID, _SDT_PID = 0x00, 0x11
_PAT, _PMT, _SDT = 0x00, 0x02, 0x42
_SERVICE = 0x48  # the descriptor that holds a service's name
_NO_NAME = ("Service01", "FFmpeg")
"""What FFmpeg writes where nobody gave a name."""
_UTF8, _UTF16, _TABLES = 0x15, 0x11, range(1, 12)


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme: its number, the streams it has (as PyAV's ``id``), the name of its service and of who sends it."""

    number: int
    streams: frozenset[int]
    name: str = ""
    provider: str = ""

    def __str__(self) -> str:
        return self.name or f"number {self.number}"


def find_programmes(path: Path) -> list[Programme]:
    """The programmes that the tables of a transport stream list; none for any other file."""
    with path.open("rb") as file:
        data = file.read(_LOOKED_AT)
    maps: dict[int, int] = {}  # the stream of each programme's own table, and its number
    streams: dict[int, frozenset[int]] = {}
    names: dict[int, tuple[str, str]] = {}
    for pid, section in _sections(data):
        if pid == _PAT_PID and section[0] == _PAT:
            maps |= {
                _pid(section, at + 2): _number(section, at) for at in range(8, len(section) - 7, 4) if _number(section, at)
            }
        elif pid == _SDT_PID and section[0] == _SDT:
            names |= _names(section)
        elif pid in maps and section[0] == _PMT:
            streams[maps[pid]] = _streams(section)
    return [Programme(number, pids, *names.get(number, ("", ""))) for number, pids in sorted(streams.items())]


def service_metadata(path: Path, video_id: int, container: VideoContainer, note: Notes) -> dict[str, str]:
    """The entries that keep the name of the programme whose images are upscaled; what cannot be kept is reported."""
    programmes = find_programmes(path)
    if len(programmes) > 1:
        note(
            f"its {len(programmes)} programmes ({', '.join(map(str, programmes))}) become one, with the streams of all: "
            f"{container.name} is written with no more than one"
        )
    chosen = next((programme for programme in programmes if video_id in programme.streams), None)
    if chosen is None or not chosen.name or (chosen.name, chosen.provider) == _NO_NAME:
        return {}
    if container.format not in ("mpegts", "matroska", "webm"):
        note(f"the name of its programme, {chosen.name}, is left out: {container.name} cannot hold it; .mkv can")
        return {}
    return {"service_name": chosen.name} | ({"service_provider": chosen.provider} if chosen.provider else {})


def _sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each table's parts, put together from the packets they came in, with the stream they came by."""
    size, first = (192, 4) if data[4:5] == data[196:197] == b"G" and data[:1] != b"G" else (188, 0)
    open_sections: dict[int, bytes] = {}
    for at in range(first, len(data) - 187, size):
        packet = data[at : at + 188]
        if packet[0] != ord("G"):
            return
        pid = _pid(packet, 1)
        begins, has_field, has_payload = packet[1] & 0x40, packet[3] & 0x20, packet[3] & 0x10
        if not has_payload or not (begins or pid in open_sections):
            continue
        payload = packet[5 + packet[4] :] if has_field else packet[4:]
        if begins:
            if payload[:3] == b"\0\0\1" or not payload:  # images or sound, no table
                continue
            open_sections[pid] = payload[1 + payload[0] :]
        else:
            open_sections[pid] += payload
        section = open_sections[pid]
        end = 3 + (_number(section, 1) & 0xFFF) if len(section) >= 3 else len(section) + 1
        if len(section) >= end > 8:
            del open_sections[pid]
            yield pid, section[:end]


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _pid(data: bytes, at: int) -> int:
    return _number(data, at) & 0x1FFF


def _streams(section: bytes) -> frozenset[int]:
    found = set()
    at = 12 + (_number(section, 10) & 0xFFF)
    while at + 5 <= len(section) - 4:
        found.add(_pid(section, at + 1))
        at += 5 + (_number(section, at + 3) & 0xFFF)
    return frozenset(found)


def _names(section: bytes) -> dict[int, tuple[str, str]]:
    """The name and the provider of each service."""
    found = {}
    at = 11
    while at + 5 <= len(section) - 4:
        number = _number(section, at)
        end = min(at + 5 + (_number(section, at + 3) & 0xFFF), len(section) - 4)
        at += 5
        while at + 2 <= end:
            body = section[at + 2 : at + 2 + section[at + 1]]
            if section[at] == _SERVICE and len(body) > 2:
                provider = body[2 : 2 + body[1]]
                name = body[3 + body[1] :][: body[2 + body[1]]] if len(body) > 2 + body[1] else b""
                found[number] = _text(name), _text(provider)
            at += 2 + len(section[at + 2 : at + 2 + section[at + 1]])
        at = end
    return found


def _text(raw: bytes) -> str:
    """Text of DVB, whose first byte may name a table of characters (EN 300 468, annex A)."""
    encoding = "iso8859-1"
    if raw and raw[0] in (_UTF8, _UTF16):
        encoding, raw = ("utf-8" if raw[0] == _UTF8 else "utf-16-be"), raw[1:]
    elif raw and raw[0] in _TABLES and raw[0] != 8:  # there is no ISO 8859-12
        encoding, raw = f"iso8859-{raw[0] + 4}", raw[1:]
    return "".join(character for character in raw.decode(encoding, "replace") if character.isprintable()).strip()
