"""Files joined end to end by their bytes, as `cat` does: all of it is read, or the user is told how much is not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.video_fixtures import Sound, Video, steady

from upframe.media.video.info import CopiedPacket, RawFrame
from upframe.media.video.reader import VideoReader

_COUNT = 30
_STEADY = steady(_COUNT)
_COUNTED = range(_COUNT)
_RATE = Fraction(1, 25)


def joined(path: Path, *videos: Video) -> Path:
    """One file of the bytes of several."""
    contents = [video.make(path.with_stem(f"part{index}")).read_bytes() for index, video in enumerate(videos)]
    path.write_bytes(b"".join(contents))
    return path


def read(path: Path) -> tuple[list[RawFrame], int, list[str]]:
    """The frames, the number of other packets, and what the user is told."""
    notes: list[str] = []
    with VideoReader(path, on_note=notes.append, changes="follow", threads=1) as reader:
        items = list(reader)
    frames = [item for item in items if isinstance(item, RawFrame)]
    return frames, sum(isinstance(item, CopiedPacket) for item in items), notes


def test_joined_flv_files_are_read_to_the_end(tmp_path: Path) -> None:
    videos = [
        Video(size=size, times=_STEADY, options={"bf": "0"}, sounds=[Sound()]) for size in ((48, 64), (96, 128), (48, 64))
    ]
    frames, packets, notes = read(joined(tmp_path / "video.flv", *videos))
    assert [frame.planes[0].shape for frame in frames] == [(48, 64)] * _COUNT + [(96, 128)] * _COUNT + [(48, 64)] * _COUNT
    seconds = [float((frame.pts - frames[0].pts) * frame.time_base) for frame in frames]
    assert seconds == pytest.approx([0.04 * index for index in range(3 * _COUNT)], abs=0.002)
    assert packets > 2.8 * read(tmp_path / "part0.flv")[1]
    assert any(note.startswith("its clock jumps 2 times, first after 1.2 s, as where recordings are joined") for note in notes)


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("video.avi", Video(codec="mpeg4", time_base=_RATE, times=_COUNTED, sounds=[Sound("pcm_s16le")])),
        ("video.mkv", Video(codec="ffv1", times=_STEADY, sounds=[Sound()])),
        ("video.webm", Video(codec="libvpx", times=_STEADY, sounds=[Sound("libopus")])),
    ],
    ids=["avi", "mkv", "webm"],
)
def test_joined_files_of_formats_that_go_on_are_read_to_the_end(tmp_path: Path, name: str, video: Video) -> None:
    frames, packets, _ = read(joined(tmp_path / name, video, video))
    seconds = [float((frame.pts - frames[0].pts) * frame.time_base) for frame in frames]
    assert seconds == pytest.approx([0.04 * index for index in range(2 * _COUNT)], abs=0.002)
    assert packets > 1.8 * read(tmp_path / f"part0{Path(name).suffix}")[1]


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("video.mp4", Video(times=_STEADY, sounds=[Sound()])),
        ("video.mov", Video(times=_STEADY, container_options={"movflags": "faststart"})),
        ("video.wmv", Video(codec="wmv2", time_base=_RATE, times=_COUNTED)),
        ("video.apng", Video(codec="apng", pix_fmt="rgb24", time_base=_RATE, times=_COUNTED)),
        ("video.swf", Video(codec="flv", time_base=_RATE, times=_COUNTED)),
    ],
    ids=["mp4", "mov", "wmv", "apng", "swf"],
)
def test_what_is_not_read_of_joined_files_is_told(tmp_path: Path, name: str, video: Video) -> None:
    frames, _, notes = read(joined(tmp_path / name, video, video))
    size = (tmp_path / name).stat().st_size
    assert len(frames) == _COUNT
    assert (
        f"the file is several joined end to end: of its {size:,} bytes the last {size // 2:,}, where another one begins, "
        "are not read; give the files one by one"
    ) in notes
    assert not [note for note in read(tmp_path / f"part0{Path(name).suffix}")[2] if "joined" in note]


def test_joined_mp4_files_in_fragments_are_said_to_be_read_in_part(tmp_path: Path) -> None:
    video = Video(times=_STEADY, options={"g": "8"}, container_options={"movflags": "frag_keyframe+empty_moov"})
    _, _, notes = read(joined(tmp_path / "video.mp4", video, video))
    assert any("may be read in part alone" in note for note in notes)
