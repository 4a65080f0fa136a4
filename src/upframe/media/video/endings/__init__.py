"""Whether a file ends before its contents do, found by the structure of its container, before anything is decoded.

Some files have nothing that says where they end: elementary streams (raw H.264, HEVC, MPEG video), WTV, and a transport
stream, programme stream, DV, Y4M, fragmented MP4 or live Matroska file that is cut exactly between two of its packets,
images, fragments or blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from upframe.media.video.endings import boxes, elements, images, packets
from upframe.media.video.endings.cut import NOTHING_LOST, Bytes, Cut
from upframe.media.video.endings.joined import Joined, joined_in

__all__ = ["NOTHING_LOST", "Cut", "Joined", "find_cut", "find_joined", "states_its_end"]

_FINDERS: dict[str, Callable[[Bytes], Cut | None]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": boxes.of_mp4,
    "avi": boxes.of_riff,
    "apng": boxes.of_png,
    "asf": boxes.of_asf,
    "rm": boxes.of_real_media,
    "roq": boxes.of_roq,
    "matroska,webm": elements.of_matroska,
    "mxf": elements.of_mxf,
    "nut": elements.of_nut,
    "flv": packets.of_flv,
    "gxf": packets.of_gxf,
    "mpegts": packets.of_transport_stream,
    "mpeg": packets.of_programme_stream,
    "ogg": packets.of_ogg,
    "yuv4mpegpipe": images.of_y4m,
    "gif": images.of_gif,
    "ivf": images.of_ivf,
    "mjpeg": images.of_mjpeg,
    "obu": images.of_obu,
    "dv": images.of_dv,
    "swf": images.of_swf,
}
"""By FFmpeg's name of the container."""


def states_its_end(container: str) -> bool:
    """Whether files of a container mostly show by their structure where they end."""
    return container in _FINDERS


def find_cut(path: Path, container: str) -> Cut | None:
    """What shows that a file was cut short; None if nothing does. ``container``: FFmpeg's name. Reads a little of the file."""
    finder = _FINDERS.get(container)
    if finder is None:
        return None
    try:
        with path.open("rb") as file:
            return finder(Bytes(file))
    except (OSError, EOFError, ValueError):  # unreadable, or a structure that makes no sense: nothing is known then
        return None


def find_joined(path: Path, container: str) -> Joined | None:
    """Where in a file another one begins that is not read; None if none does. ``container``: FFmpeg's name."""
    try:
        with path.open("rb") as file:
            return joined_in(Bytes(file), container)
    except (OSError, EOFError):
        return None
