"""The programmes of a transport stream: their names are kept or named as lost, and two are never made one in silence."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import pytest
from tests.media.video_fixtures import Sound, Video, describe, steady, upscale

from upframe.media.video.programmes import Programme, find_programmes

PACKET = 188


def broadcast(path: Path, name: str, *, number: int = 1) -> Path:
    video = Video(times=steady(10), sounds=[Sound("mp2")], options={"bf": "0"})
    video.metadata = {"service_name": name, "service_provider": "Sender"}
    video.container_options = {
        "mpegts_service_id": str(number),
        "mpegts_pmt_start_pid": str(0x1000 + number),
        "mpegts_start_pid": str(0x100 * number),
    }
    return video.make(path)


def two_programmes(folder: Path) -> Path:
    """Two broadcasts in one stream, as they come from an aerial: one list of both, and their packets in turn."""
    parts = [broadcast(folder / f"{number}.ts", f"Station {number}", number=number) for number in (1, 2)]
    entries = b"".join(number.to_bytes(2, "big") + (0xE000 | 0x1000 + number).to_bytes(2, "big") for number in (1, 2))
    table = b"\x00" + (0xB000 | 9 + len(entries)).to_bytes(2, "big") + b"\x00\x01\xc1\x00\x00" + entries
    section = table + _checksum(table).to_bytes(4, "big")
    listing = (b"G\x40\x00\x10\x00" + section).ljust(PACKET, b"\xff")
    packets = [[data[at : at + PACKET] for at in range(0, len(data), PACKET)] for data in (part.read_bytes() for part in parts)]
    mixed = [
        packet for pair in zip_longest(*packets) for packet in pair if packet and packet[1:3] not in (b"\x40\x00", b"\x00\x00")
    ]
    target = folder / "both.ts"
    target.write_bytes(listing + b"".join(mixed))
    return target


def _checksum(data: bytes) -> int:
    """CRC-32 as MPEG has it: bits from the top, nothing reversed."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize("suffix", ["ts", "m2ts"])
def test_the_name_of_a_programme_is_kept_in_a_transport_stream(tmp_path: Path, suffix: str) -> None:
    source = broadcast(tmp_path / f"in.{suffix}", "Fünf plus")
    upscale(source, tmp_path / f"out.{suffix}")
    before, after = find_programmes(source), find_programmes(tmp_path / f"out.{suffix}")
    assert [(each.name, each.provider) for each in after] == [(each.name, each.provider) for each in before]
    assert before[0].provider == "Sender"


def test_the_name_of_a_programme_is_kept_in_matroska_and_named_as_lost_in_mp4(tmp_path: Path) -> None:
    source = broadcast(tmp_path / "in.ts", "Station 1")
    upscale(source, tmp_path / "out.mkv")
    assert describe(tmp_path / "out.mkv").metadata["service_name"] == "Station 1"
    notes = upscale(source, tmp_path / "out.mp4")
    assert "the name of its programme, Station 1, is left out: MP4 cannot hold it; .mkv can" in notes


def test_two_programmes_do_not_become_one_in_silence(tmp_path: Path) -> None:
    source = two_programmes(tmp_path)
    assert [str(programme) for programme in find_programmes(source)] == ["Station 1", "Station 2"]
    notes = upscale(source, tmp_path / "out.mkv")
    assert any("its 2 programmes (Station 1, Station 2) become one" in note for note in notes)
    assert [stream.kind for stream in describe(tmp_path / "out.mkv").streams].count("audio") == 2


def test_a_placeholder_is_no_name(tmp_path: Path) -> None:
    source = Video(times=steady(5)).make(tmp_path / "plain.ts")
    assert not any("programme" in note for note in upscale(source, tmp_path / "out.mp4"))


@pytest.mark.parametrize("cut", [0, 100, 188, 1000, 5000])
def test_tables_that_are_cut_or_damaged_do_no_harm(tmp_path: Path, cut: int) -> None:
    data = broadcast(tmp_path / "in.ts", "Station 1").read_bytes()
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(data[:cut] + bytes(255 - byte for byte in data[cut : cut + 60]) + data[cut + 60 : cut + 3000])
    assert all(isinstance(each, Programme) for each in find_programmes(damaged))
    damaged.write_bytes(b"G" * cut)
    assert find_programmes(damaged) == []


def test_the_name_in_a_bug_report_is_kept(shared: Path, tmp_path: Path) -> None:
    upscale(shared / "cases" / "video" / "service-name.ts", tmp_path / "out.ts", size=(16, 16))
    assert [(each.name, each.provider) for each in find_programmes(tmp_path / "out.ts")] == [("BBC ONE", "BBC")]
