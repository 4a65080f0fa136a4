"""Tapes and television as their own encoders write them: PAL and NTSC DV, MPEG-2 in a transport stream, a capture of VHS."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from upframe.media.filters import FilterChain
from upframe.media.video.deinterlacing import Deinterlace, look_at_fields
from upframe.media.video.info import RawFrame
from upframe.media.video.planes import view_plane
from upframe.media.video.preparation import Preparation
from upframe.media.video.reader import VideoReader

COUNT = 10
NTSC, PAL = Fraction(30000, 1001), Fraction(25)


@dataclass(frozen=True)
class Tape:
    """How a recording is made. first: the field that is shown first. grain: deviation of its noise."""

    name: str
    codec: str
    pix_fmt: str
    size: tuple[int, int]
    rate: Fraction
    first: Literal["tff", "bff"]
    aspect: Fraction | None
    flagged: bool = True
    grain: float = 0.0
    options: tuple[tuple[str, str], ...] = ()

    def make(self, path: Path) -> Path:
        with av.open(str(path), "w") as output:
            stream = output.add_stream(self.codec, rate=self.rate, options=dict(self.options))
            assert isinstance(stream, VideoStream)
            (stream.height, stream.width), stream.pix_fmt = self.size, self.pix_fmt
            if self.aspect is not None:
                stream.codec_context.sample_aspect_ratio = self.aspect
            marked = FilterChain(
                (self.size[1], self.size[0], self.pix_fmt), [f"setfield={self.first if self.flagged else 'prog'}"]
            )
            for index in range(COUNT):
                frame = self.frame(index)
                frame.pts, frame.time_base = index, 1 / self.rate
                for each in marked.put(frame):
                    each.pts, each.time_base = index, 1 / self.rate
                    output.mux(stream.encode(each))
            output.mux(stream.encode(None))
        return path

    def frame(self, index: int) -> VideoFrame:
        """Two moments in one, of every other row each."""
        early, late = self.moment(2 * index), self.moment(2 * index + 1)
        place = 1 if self.first == "tff" else 0  # the rows of the later field
        early[place::2] = late[place::2]
        noise = np.random.default_rng(index).normal(0, 1, early.shape) * self.grain
        frame = VideoFrame(self.size[1], self.size[0], self.pix_fmt)
        view_plane(frame, 0, np.uint8)[...] = np.clip(np.rint(early + noise), 16, 235)
        for chroma in (1, 2):
            view_plane(frame, chroma, np.uint8)[...] = 128
        return frame

    def moment(self, time: int) -> NDArray[np.float64]:
        """Soft shapes that move by four pixels from field to field."""
        y, x = np.ogrid[: self.size[0], : self.size[1]]
        return np.asarray(120 + 60 * np.sin((x - 4 * time) / 17) * np.cos(y / 40))


TAPES = [
    Tape("pal.dv", "dvvideo", "yuv420p", (576, 720), PAL, "bff", Fraction(16, 15)),
    Tape("ntsc.dv", "dvvideo", "yuv411p", (480, 720), NTSC, "bff", Fraction(8, 9)),
    Tape(
        "1080i.ts",
        "mpeg2video",
        "yuv420p",
        (1080, 1920),
        PAL,
        "tff",
        Fraction(1),
        options=(("flags", "+ildct+ilme"), ("b", "25M"), ("bf", "2"), ("field_order", "tt")),
    ),
    Tape("vhs.avi", "huffyuv", "yuv422p", (576, 720), PAL, "tff", None, flagged=False, grain=4),
]


def read(path: Path, mode: Literal["auto", "off", "frame", "field"]) -> tuple[list[RawFrame], list[str], VideoReader]:
    notes: list[str] = []
    with VideoReader(path, on_note=notes.append, preparation=Preparation(Deinterlace(mode))) as reader:
        return [item for item in reader if isinstance(item, RawFrame)], notes, reader


def error(frame: RawFrame, tape: Tape, time: int) -> float:
    """Mean absolute error of luma, the border aside."""
    difference = np.abs(frame.planes[0].astype(float) - tape.moment(time))
    return float(difference[16:-16, 16:-16].mean())


@pytest.mark.parametrize("tape", TAPES, ids=[tape.name for tape in TAPES])
def test_a_tape_becomes_whole_frames_at_their_times(tape: Tape, tmp_path: Path) -> None:
    source = tape.make(tmp_path / tape.name)
    seen = look_at_fields(source, 1 << 24)
    assert seen.flagged == (COUNT if tape.flagged else 0)
    combed, _, before = read(source, "off")
    frames, notes, after = read(source, "auto" if tape.flagged else "frame")
    assert any("is interlaced" in note for note in notes)
    assert (before.info.interlaced, after.info.interlaced) == (tape.flagged, False)
    assert after.info.sample_aspect_ratio == tape.aspect
    assert [frame.pts * frame.time_base for frame in frames] == [frame.pts * frame.time_base for frame in combed]
    for i in range(2, COUNT - 2, 3):
        assert error(frames[i], tape, 2 * i) < 0.7 * error(combed[i], tape, 2 * i)


@pytest.mark.parametrize("tape", [TAPES[0], TAPES[1], TAPES[3]], ids=["pal.dv", "ntsc.dv", "vhs.avi"])
def test_every_field_of_a_tape_becomes_a_frame_in_its_order(tape: Tape, tmp_path: Path) -> None:
    frames, _, reader = read(tape.make(tmp_path / tape.name), "field")
    assert len(frames) == 2 * COUNT
    assert reader.info.average_rate == 2 * tape.rate
    for i in range(4, 2 * COUNT - 4, 3):
        assert min((i - 1, i, i + 1), key=lambda time, frame=frames[i]: error(frame, tape, time)) == i
