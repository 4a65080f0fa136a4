"""What is no video, or not a whole one, gets one clear line, and no frame that could be read is lost unasked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from tests.media.video_fixtures import Sound, Video, describe, jpeg, steady, uneven, upscale

from upframe.errors import InputError, OutputError
from upframe.media.video.info import RawFrame, VideoDamaged
from upframe.media.video.reader import VideoReader, probe
from upframe.media.video.writer import EncoderSettings

INDEX_FIRST = {"movflags": "faststart"}
LONG = Video(times=steady(60), options={"g": "10", "bf": "2"}, sounds=[Sound()])


def frames_of(path: Path, *, allow_truncated: bool = False) -> int:
    with VideoReader(path, allow_truncated=allow_truncated) as reader:
        return sum(isinstance(item, RawFrame) for item in reader)


def cut(path: Path, share: float) -> Path:
    os.truncate(path, int(path.stat().st_size * share))
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as refusal:
        probe(path)
    message = str(refusal.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.mp4") == "no such file"


def test_a_folder_is_not_a_video(tmp_path: Path) -> None:
    assert refused(tmp_path) == "is a folder, not a video"


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert refused(tmp_path / "empty.mp4") == "the file is empty (0 bytes)"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_text_under_the_name_of_a_video_is_found_out(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"notes.{suffix}"
    path.write_text("This is not a video.\n" * 200)
    assert refused(path) == "is not a video, or is one in an unknown format"


def test_noise_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(3).bytes(20000))
    assert "is not a video" in refused(path) or "no image" in refused(path)


def test_a_image_under_the_name_of_a_video_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "photo.mp4").write_bytes(jpeg())
    assert refused(tmp_path / "photo.mp4") == "is an image, not a video"


def test_a_file_with_sound_only_says_so(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as output, av.open(str(LONG.make(tmp_path / "video.mp4"))) as video:
        stream = output.add_stream_from_template(video.streams.audio[0])
        for packet in video.demux(audio=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    assert refused(path) == "holds sound but no video"


def test_a_song_with_a_cover_is_still_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with (
        av.open(str(path), "w") as output,
        av.open(str(Video(cover=True, sounds=[Sound()]).make(tmp_path / "video.mkv"))) as video,
    ):
        cover = next(stream for stream in video.streams.video if stream.disposition)
        kept = {
            source.index: output.add_stream_from_template(source, opaque=True) for source in (cover, video.streams.audio[0])
        }
        kept[cover.index].disposition = cover.disposition
        for packet in video.demux():
            if packet.size and packet.stream_index in kept:
                packet.stream = kept[packet.stream_index]
                if packet.pts is None:
                    packet.pts = packet.dts = 0
                output.mux(packet)
    assert refused(path) == "holds sound but no video but a cover"


def test_an_mp4_without_its_index_is_cut_short(tmp_path: Path) -> None:
    assert refused(cut(LONG.make(tmp_path / "video.mp4"), 0.8)).startswith("the file is cut short: its index (the moov box")


def test_too_many_pixels_are_refused_before_any_is_decoded(tmp_path: Path) -> None:
    path = Video(size=(96, 128)).make(tmp_path / "video.mp4")
    with pytest.raises(
        InputError,
        match=r"128x96 pixels are more than the limit of 10,000\nIf you trust the file, raise the limit with max_pixels=12288",
    ):
        VideoReader(path, max_pixels=10_000)


@pytest.mark.parametrize(
    ("suffix", "options", "of"),
    [("mp4", INDEX_FIRST, "of 60"), ("mov", INDEX_FIRST, "of 60"), ("mkv", {}, "of about 60"), ("avi", {}, "of about 60")],
)
def test_a_video_that_breaks_off_says_how_many_frames_can_be_kept(
    tmp_path: Path, suffix: str, options: dict[str, str], of: str
) -> None:
    video = Video(times=LONG.times, options={"g": "10", "bf": "0"}, sounds=LONG.sounds, container_options=options)
    if suffix == "avi":
        video.times, video.time_base, video.sounds = range(60), 3600 * video.time_base, ()
    path = cut(video.make(tmp_path / f"video.{suffix}"), 0.6)
    given: list[RawFrame] = []
    with VideoReader(path) as reader, pytest.raises(VideoDamaged) as refusal:
        given.extend(item for item in reader if isinstance(item, RawFrame))
    frames = refusal.value.frames
    assert 10 < frames < 60
    assert not given  # told before the work, not after it
    assert str(refusal.value).startswith(f"{path}: the file is cut short: ")
    assert str(refusal.value).endswith(f"; {frames} {of} frames can be read")
    assert str(refusal.value.remedy) == f"To keep the {frames} frames that can be read, use allow_truncated=True"
    assert frames_of(path, allow_truncated=True) == frames


@pytest.mark.parametrize(("suffix", "options"), [("mp4", INDEX_FIRST), ("mkv", {})])
def test_what_was_read_of_a_video_cut_short_can_be_kept(tmp_path: Path, suffix: str, options: dict[str, str]) -> None:
    video = Video(times=LONG.times, options={"g": "10", "bf": "0"}, container_options=options)
    whole = describe(video.make(tmp_path / f"whole.{suffix}"))
    path = cut(video.make(tmp_path / f"video.{suffix}"), 0.6)
    notes = upscale(path, tmp_path / f"large.{suffix}", EncoderSettings(crf=0), allow_truncated=True)
    kept = describe(tmp_path / f"large.{suffix}")
    count = len(kept.frames)
    assert 10 < count < 60
    assert kept.times == whole.times[:count]
    assert kept.samples == whole.samples[:count]
    assert f"the video is damaged or cut short: {count} frames could be read and were kept" in notes


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm", "ts", "flv"])
def test_a_whole_video_is_never_taken_for_a_broken_one(tmp_path: Path, suffix: str) -> None:
    codec = {"webm": "libvpx-vp9"}.get(suffix, "libx264")
    sounds = [] if suffix == "webm" else [Sound()]
    for start in (0, 450000):
        path = Video(codec=codec, times=steady(30, start=start), sounds=sounds).make(tmp_path / f"video{start}.{suffix}")
        assert frames_of(path) == 30


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("ts", "libx264"), ("mkv", "ffv1"), ("webm", "libvpx-vp9")]
)
def test_a_video_with_a_hole_in_it_is_not_passed_over_in_silence(tmp_path: Path, suffix: str, codec: str) -> None:
    path = Video(codec=codec, times=steady(40), size=(96, 128), options={"g": "10"}, images=_noise).make(
        tmp_path / f"video.{suffix}"
    )
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20000] = bytes(20000)
    path.write_bytes(content)
    notes: list[str] = []
    with VideoReader(path, on_note=notes.append, allow_truncated=True) as reader:
        frames = sum(isinstance(item, RawFrame) for item in reader)
    assert frames < 40
    assert [note for note in notes if "missing" in note] == [
        f"frames that seem to be missing, as the video is steady otherwise: about {40 - frames}, the first after 0.8 s; "
        "it may be damaged there"
    ]


def test_a_video_that_was_recorded_with_gaps_is_not_called_damaged(tmp_path: Path) -> None:
    screen = [3000 * time for time in (0, 1, 2, 3, 8, 9, 10, 30, 31, 32, 36, 37, 40)]
    for name, times in {"screen": screen, "phone": uneven(40), "steady": steady(40)}.items():
        notes: list[str] = []
        with VideoReader(Video(times=times).make(tmp_path / f"{name}.mkv"), on_note=notes.append) as reader:
            list(reader)
        assert not any("missing" in note for note in notes), name


def test_images_that_cannot_be_decoded_stop_the_video_or_are_left_out(tmp_path: Path) -> None:
    path = Video(codec="png", pix_fmt="rgb24", times=steady(20)).make(tmp_path / "video.mov")
    content = bytearray(path.read_bytes())
    places = [place for place in range(len(content)) if content.startswith(b"\x89PNG\r\n", place)]
    content[places[12] : places[12] + 8] = bytes(8)
    path.write_bytes(content)
    with VideoReader(path, threads=1) as reader, pytest.raises(VideoDamaged, match="the file is damaged there") as damage:
        list(reader)
    assert "after 0.4 s (frame 12 of 20): " in str(damage.value)
    assert "keep the 19 frames that can be read" in str(damage.value.remedy)
    assert damage.value.frames == frames_of(path, allow_truncated=True) == 19


def test_images_that_change_size_are_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "both.ts"
    small, large = Video(times=steady(10, start=126000)), Video(size=(96, 128), times=steady(10, start=180000))
    with path.open("wb") as both:
        for video in (small, large):
            both.write(video.make(tmp_path / "part.ts").read_bytes())
    with VideoReader(path) as reader, pytest.raises(InputError, match=r"change from 64x48 yuv420p to 128x96 yuv420p after"):
        list(reader)


def test_the_input_is_never_changed(tmp_path: Path) -> None:
    path = cut(Video(times=LONG.times, container_options=INDEX_FIRST).make(tmp_path / "video.mp4"), 0.6)
    before = path.read_bytes(), path.stat().st_mtime_ns
    upscale(path, tmp_path / "large.mp4", allow_truncated=True)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full, a disk that is always full")
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_full_disk_is_called_a_full_disk(tmp_path: Path, suffix: str) -> None:
    source = Video(times=steady(40), size=(96, 128), images=_noise).make(tmp_path / "video.mp4")
    (tmp_path / f"large.{suffix}").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="the disk is full"):
        upscale(source, tmp_path / f"large.{suffix}", scale=2)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    source = Video().make(tmp_path / "video.mp4")
    with pytest.raises(OutputError, match=r"missing.large\.mp4: cannot be written: No such file"):
        upscale(source, tmp_path / "missing" / "large.mp4")


def test_a_name_with_a_colon_or_a_percent_sign_is_only_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "http:video %03d.mp4"
    shutil.copy(Video().make(tmp_path / "video.mp4"), odd)
    upscale(odd, tmp_path / "pipe:large %d.mp4")
    assert len(describe(tmp_path / "pipe:large %d.mp4").frames) == 12


def test_words_in_an_old_encoding_do_not_stop_a_video(tmp_path: Path) -> None:
    path = Video(metadata={"title": "cafZ noir"}).make(tmp_path / "video.mkv")
    path.write_bytes(path.read_bytes().replace(b"cafZ noir", b"caf\xe9 noir"))
    upscale(path, tmp_path / "large.mkv")
    assert b"caf\xe9" in (tmp_path / "large.mkv").read_bytes()


def _noise(index: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    random = np.random.default_rng(index)
    return [random.integers(16, 235, shape).astype(np.uint8) for shape in ((96, 128), (48, 64), (48, 64))]


def test_a_gif_is_read_as_the_video_it_is(tmp_path: Path) -> None:
    pages = [PIL.Image.new("RGB", (64, 48), (10 * index, 60, 90)) for index in range(5)]
    pages[0].save(tmp_path / "video.gif", save_all=True, append_images=pages[1:], duration=100)
    notes = upscale(tmp_path / "video.gif", tmp_path / "large.mp4")
    after = describe(tmp_path / "large.mp4")
    assert [float(time) for time in after.times] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert after.pix_fmt == "yuv420p"
    assert any("GIF" in note for note in notes)
