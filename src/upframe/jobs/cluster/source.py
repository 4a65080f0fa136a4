"""The video and the model of a job, for machines that have them and for those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from upframe.errors import UpframeError
from upframe.jobs.cluster.worker import Weights
from upframe.jobs.segments import Segment
from upframe.media.video.frame_index import FrameIndex, SlicePlan
from upframe.media.video.head import VideoHead, read_head, whole_file
from upframe.media.video.info import VideoInfo
from upframe.media.video.reader import VideoReader
from upframe.media.video.slices import PacketSource, SlicePacket
from upframe.models.cards import named_file
from upframe.models.header import sha256

Sent = tuple[Sequence[SlicePlan], Sequence[SlicePacket] | None, Any]
"""How to decode the frames of a segment; for those who need them, their packets, and what tells how these are coded."""


class SharedSource:
    """What is sent with each segment. ``put``: brings a value to the cluster once, and gives what stands for it."""

    def __init__(self, info: VideoInfo, index: FrameIndex, model: str | None, put: Any) -> None:
        self._info, self._index, self._put = info, index, put
        self._packets: PacketSource | None = None
        self._head: Any = None
        self._is_whole = False
        weights = _weights(model)
        self.weights = None if weights is None else put(weights)

    def of(self, segment: Segment, further: int, *, seen: bool) -> Sent:
        """For a worker that sees the video, or does not. ``further``: how often it has asked for more than it was given."""
        plans = self._index.plans(segment.begin, segment.end)
        if seen:
            return plans, None, None
        if self._head is None:
            head = describing_head(self._info)
            self._head, self._is_whole = self._put(head), head.is_whole
        if further >= len(plans) and not self._is_whole:  # packets alone do not do
            self._head, self._is_whole = self._put(whole_file(self._info.path)), True
        if self._is_whole:
            return plans, None, self._head
        plan = plans[further]
        self._packets = self._packets or PacketSource(self._info.path, self._info.video_index)
        return [plan], [SlicePacket.of(packet) for packet in self._packets.packets(plan)], self._head

    def close(self) -> None:
        if self._packets is not None:
            self._packets.close()


def describing_head(info: VideoInfo) -> VideoHead:
    """So much of a video's file as another machine needs to find the same in it; all, where less does not do."""
    try:
        head = read_head(info.path, info.video_index)
        with TemporaryDirectory() as folder:
            copy = Path(folder, info.path.name)
            head.write(copy)
            with VideoReader(copy, allow_truncated=True, changes="follow", threads=1) as reader:
                if replace(reader.info, path=info.path) == info:
                    return head
    except (UpframeError, OSError):
        pass
    return whole_file(info.path)


def _weights(model: str | None) -> Weights | None:
    """The file of a model, if it has one."""
    if model is None:
        return None
    path = named_file(model) or Path(model)
    if not path.is_file():
        return None
    return Weights(path.suffix, sha256(path), path.read_bytes())
