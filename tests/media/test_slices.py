"""Frames decoded from a few packets of a video: those of the whole, to the last sample."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.packet import Packet
from av.stream import Stream
from tests.media.video_fixtures import Sound, Video, steady, uneven

from upframe.media.video.frame_index import FrameIndex, IndexingReader
from upframe.media.video.info import RawFrame
from upframe.media.video.probe import open_video
from upframe.media.video.slices import PacketSource, SliceDecoder, SlicedVideo, SliceError, SlicePacket

FRAMES = 50
COUNTED = {"times": range(FRAMES), "time_base": Fraction(1, 25)}
VIDEOS = {
    "open264.mkv": Video(options={"x264-params": "keyint=10:min-keyint=10:open-gop=1:bframes=3:b-pyramid=2:scenecut=0"}),
    "open264.ts": Video(options={"x264-params": "keyint=10:min-keyint=10:open-gop=1:bframes=3:scenecut=0"}, sounds=[Sound()]),
    "open265.mkv": Video("libx265", options={"x265-params": "log-level=none:keyint=10:min-keyint=10:open-gop=1:scenecut=0"}),
    "refreshed.mp4": Video(options={"x264-params": "keyint=10:intra-refresh=1:scenecut=0"}),
    "uneven.mp4": Video(times=uneven(FRAMES), options={"g": "10", "bf": "3"}, sounds=[Sound()]),
    "before-zero.mp4": Video(times=steady(FRAMES, start=-18000), options={"g": "10", "bf": "3"}),
    "hidden.webm": Video("libvpx-vp9", options={"g": "10", "lag-in-frames": "10", "auto-alt-ref": "1"}),
    "alpha.webm": Video("libvpx-vp9", "yuva420p", options={"g": "10"}),
    "one-key.mkv": Video(options={"g": "1000"}),
    "packed.avi": Video("mpeg4", options={"g": "10", "bf": "2"}, **COUNTED),
    "broadcast.mpg": Video("mpeg2video", options={"g": "10", "bf": "2"}, sounds=[Sound("mp2")], **COUNTED),
    "still.mkv": Video("ffv1", images=lambda _: [np.full(shape, 90, np.uint8) for shape in ((48, 64), (24, 32), (24, 32))]),
}
SPANS = [(0, 7), (33, 50), (10, 20), (21, 29), (8, 34), (49, 50), (0, 50)]


@pytest.fixture(params=VIDEOS)
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    described = VIDEOS[request.param]
    if len(described.times) != FRAMES:
        described.times = steady(FRAMES)
    return described.make(tmp_path / request.param)


def read_whole(path: Path, clock: str = "join") -> tuple[list[RawFrame], FrameIndex, int]:
    with IndexingReader(path, changes="follow", clock=clock) as reader:
        frames = [item for item in reader if isinstance(item, RawFrame)]
        return frames, reader.index, reader.info.video_index


def assert_same(found: list[RawFrame], expected: list[RawFrame]) -> None:
    facts = [[(f.index, f.pts, f.time_base, f.duration, f.kind) for f in frames] for frames in (found, expected)]
    assert facts[0] == facts[1]
    for one, other in zip(found, expected, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True))


def test_frames_from_their_packets_are_those_of_the_whole_video(video: Path) -> None:
    whole, index, stream = read_whole(video)
    sliced = SlicedVideo(video, stream, far=3)  # so that places are looked for in the file
    for begin, end in SPANS:
        begin, end = min(begin, len(whole) - 1), min(end, len(whole))  # noqa: PLW2901  # an MP4 hides frames before zero
        assert_same(list(sliced.frames(index.plans(begin, end))), whole[begin:end])
    sliced.close()


def test_packets_that_travel_give_the_same_frames(video: Path) -> None:
    """A decoder elsewhere, which has seen nothing of the rest."""
    whole, index, stream = read_whole(video)
    source = PacketSource(video, stream)
    for begin, end in SPANS[:1] + SPANS[2:4]:
        plan = index.plans(begin, end)[-1 if video.name == "refreshed.mp4" else 0]
        sent = [SlicePacket.of(packet) for packet in source.packets(plan)]
        with open_video(video) as container:
            decoder = SliceDecoder(container.streams.video[0])
            frames = decoder.frames((packet.packet(decoder.time_base) for packet in sent), plan)
            assert_same(list(frames), whole[begin:end])
    source.close()


def test_no_more_packets_are_read_than_from_the_key_frame_before() -> None:
    """Of an hour of groups of 250 frames, those that hold twenty seconds, and a few more for what is reordered."""
    index = FrameIndex()
    for number in range(3600 * 25):
        packet: Packet[Stream] = Packet(number.to_bytes(4))
        packet.pts = packet.dts = number
        packet.is_keyframe = number % 250 == 0
        index.add_packet(packet)
        if number >= 40:  # what threads hold back
            index.add_frame(RawFrame((np.zeros((1, 1), np.uint8),), number - 40, Fraction(1, 25), 1, number - 40))
    plan = index.plans(40100, 40600)[0]
    assert (plan.start, plan.stop - 40600) == (40000, 31)
    assert index.plans(40000, 40600)[0].start == 40000


def test_a_file_that_has_changed_is_not_taken_for_the_one_that_was_planned(tmp_path: Path) -> None:
    first = Video(times=steady(FRAMES), options={"g": "10"}).make(tmp_path / "a.mkv")
    _, index, stream = read_whole(first)
    Video(times=steady(FRAMES), options={"g": "10", "crf": "40"}).make(tmp_path / "a.mkv")
    with pytest.raises(SliceError, match=r"a\.mkv: (packet|frame) \d+"):
        list(SlicedVideo(first, stream).frames(index.plans(12, 20)))
