"""Videos that were cut short, in every container that can tell: none passes as a whole one, whatever the place."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.media.video_fixtures import Sound, Video, steady
from tests.media.video_zoo import FRAMES, zoo

from upframe.errors import InputError
from upframe.media.video.endings import find_cut
from upframe.media.video.info import RawFrame, VideoDamaged
from upframe.media.video.reader import VideoReader, probe

_COUNTED: dict[str, Any] = {"time_base": Fraction(1, 25), "times": range(24)}
_VIDEOS = {
    "index-last.mp4": Video(times=steady(24), sounds=[Sound()]),
    "index-first.mp4": Video(times=steady(24), sounds=[Sound()], container_options={"movflags": "faststart"}),
    "fragments.mp4": Video(times=steady(24), options={"g": "8"}, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "video.mov": Video(codec="mpeg4", sounds=[Sound("pcm_s16le")], **_COUNTED),
    "video.mkv": Video(codec="ffv1", times=steady(24), sounds=[Sound()]),
    "live.mkv": Video(times=steady(24), container_options={"live": "1"}),
    "video.avi": Video(codec="mjpeg", pix_fmt="yuvj420p", sounds=[Sound("pcm_s16le")], **_COUNTED),
    "video.flv": Video(times=steady(24), options={"bf": "0"}, sounds=[Sound()]),
    "video.ts": Video(times=steady(24), sounds=[Sound()]),
    "video.mpg": Video(codec="mpeg1video", sounds=[Sound("mp2")], **_COUNTED),
    "deep.y4m": Video(codec="wrapped_avframe", pix_fmt="yuv422p", size=(47, 63), **_COUNTED),
    "video.gif": Video(codec="gif", pix_fmt="rgb8", time_base=Fraction(1, 100), times=range(0, 96, 4)),
    "video.apng": Video(codec="apng", pix_fmt="rgb24", **_COUNTED),
    "video.mxf": Video(codec="mpeg2video", **_COUNTED),
    "video.nut": Video(codec="ffv1", sounds=[Sound("pcm_s16le")], **_COUNTED),
    "video.mjpeg": Video(codec="mjpeg", pix_fmt="yuvj420p", **_COUNTED),
    "video.swf": Video(codec="flv", **_COUNTED),
    "video.gxf": Video(codec="mpeg2video", size=(576, 720), time_base=Fraction(1, 25), times=range(4)),
}


def read(path: Path, *, allow_truncated: bool = False) -> tuple[int, list[str]]:
    """How many frames there are, and what the user is told."""
    notes: list[str] = []
    with VideoReader(path, on_note=notes.append, allow_truncated=allow_truncated, threads=1) as reader:
        return sum(isinstance(item, RawFrame) for item in reader), notes


def attempt(path: Path) -> tuple[int, list[str], InputError | None]:
    """The same as ``read``, and the refusal, if the video is refused."""
    try:
        return *read(path), None
    except InputError as error:
        return 0, [], error


def check_cuts(path: Path, folder: Path, frames: int) -> None:
    """That a video is whole, and each of five beginnings of it is told from a whole one."""
    whole, notes = read(path)
    assert whole == frames
    assert not [note for note in notes if "cut" in note]
    content = path.read_bytes()
    for share in (0.15, 0.4, 0.6, 0.85, 0.97):
        cut = folder / f"cut-{share}-{path.name}"
        cut.write_bytes(content[: int(len(content) * share) | 1])  # not by chance between two packets
        found, notes, refusal = attempt(cut)
        if isinstance(refusal, VideoDamaged):
            kept, _ = read(cut, allow_truncated=True)
            assert refusal.frames == kept
            assert f"{kept} " in str(refusal)
        elif refusal is not None:
            assert "cut short" in str(refusal) or "is not a video" in str(refusal)
        else:
            assert found == whole, share
            assert [note for note in notes if note.startswith("the file is cut short: ")], share


@pytest.mark.parametrize("name", _VIDEOS)
def test_a_cut_video_never_passes_for_a_whole_one(tmp_path: Path, name: str) -> None:
    check_cuts(_VIDEOS[name].make(tmp_path / name), tmp_path, len(_VIDEOS[name].times))


@pytest.mark.parametrize("name", zoo())
def test_no_kind_of_video_passes_for_a_whole_one_when_it_is_cut(tmp_path: Path, zoo_folder: Path, name: str) -> None:
    check_cuts(zoo_folder / name, tmp_path, FRAMES)


def test_an_mp4_cut_inside_its_index_is_not_taken_for_a_shorter_one(tmp_path: Path) -> None:
    content = _VIDEOS["index-last.mp4"].make(tmp_path / "video.mp4").read_bytes()
    index = content.index(b"moov") - 4
    cuts = 0
    for share in (0.3, 0.5, 0.7, 0.9, 0.99):
        path = tmp_path / f"{share}.mp4"
        path.write_bytes(content[: index + int((len(content) - index) * share)])
        with pytest.raises(InputError, match="cut short") as refusal:
            read(path)
        cuts += isinstance(refusal.value, VideoDamaged)
    assert cuts > 0  # some could be opened


def test_sound_that_is_missing_at_the_end_is_missed(tmp_path: Path) -> None:
    content = bytearray(_VIDEOS["index-first.mp4"].make(tmp_path / "video.mp4").read_bytes())
    box = content.index(b"mdat") - 4
    lost = 40
    content[box : box + 4] = (int.from_bytes(content[box : box + 4], "big") - lost).to_bytes(4, "big")
    (tmp_path / "video.mp4").write_bytes(content[:-lost])  # no box is cut: the index alone knows
    assert find_cut(tmp_path / "video.mp4", "mov,mp4,m4a,3gp,3g2,mj2") is None
    with pytest.raises(VideoDamaged, match="cut short"):
        read(tmp_path / "video.mp4")


def test_a_video_whose_index_alone_is_cut_is_upscaled_with_a_note(tmp_path: Path) -> None:
    for name in ("video.avi", "video.mkv", "video.nut", "video.mxf"):
        content = _VIDEOS[name].make(tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:-5])
        frames, notes = read(tmp_path / name)
        assert frames == 24
        assert [note for note in notes if note.endswith("; its images and sound are whole")], name


def test_a_broadcast_that_ends_inside_a_packet_of_a_stream_is_whole_enough(tmp_path: Path) -> None:
    video = Video(times=steady(24), sounds=[Sound("mp2")])
    content = video.make(tmp_path / "video.ts").read_bytes()
    (tmp_path / "video.ts").write_bytes(content[: 188 * (len(content) // 188 - 1)])
    frames, notes = read(tmp_path / "video.ts")
    assert frames == 24
    assert [note for note in notes if note.startswith("the file is cut short: ") and "broadcasts" in note]


def test_blanks_behind_a_video_are_not_taken_for_a_cut(tmp_path: Path) -> None:
    for name in ("index-first.mp4", "video.ts", "video.mpg", "video.flv"):
        path = _VIDEOS[name].make(tmp_path / name)
        with path.open("ab") as file:
            file.write(bytes(1000))
        assert find_cut(path, probe(path).container) is None, name


def test_the_cut_videos_people_handed_in_are_told(shared: Path, subtests: pytest.Subtests) -> None:
    for name in ("gifcut.gif", "y4mcut.y4m", "ffv1cut.mkv"):
        with subtests.test(name):
            with pytest.raises(VideoDamaged, match="the file is cut short: ") as damage:
                read(shared / "cases" / "damaged" / name)
            assert damage.value.frames == read(shared / "cases" / "damaged" / name, allow_truncated=True)[0]


def test_what_can_be_kept_is_counted_before_it_is_promised(shared: Path) -> None:
    path = shared / "cases" / "video" / "corrupt-middle.mp4"
    with pytest.raises(VideoDamaged, match="To keep the 97 frames that can be read, use allow_truncated=True"):
        read(path)
    assert read(path, allow_truncated=True)[0] == 97
