"""Everything beside the images comes through: sound, subtitles, chapters, attachments, covers, words."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition
from tests.media.video_fixtures import FONT, Found, FoundStream, Sound, Video, describe, steady, upscale

from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.reader import VideoReader, probe
from upframe.media.video.subtitles import converted

COMMENTARY = Sound(language="ger", title="Kommentar", disposition=Disposition.comment)
RICH = Video(
    times=steady(25),
    sounds=[Sound(title="Main", disposition=Disposition.default), COMMENTARY],
    subtitles="subrip",
    chapters=3,
    fonts=2,
    cover=True,
    metadata={"title": "A video", "artist": "Someone", "creation_time": "2020-02-02T12:00:00.000000Z"},
)


def kinds(video: Found) -> list[tuple[str, str]]:
    return [(stream.kind, stream.codec) for stream in video.streams]


def only(video: Found, kind: str) -> list[FoundStream]:
    return [stream for stream in video.streams if stream.kind == kind]


def test_a_matroska_video_comes_through_whole(tmp_path: Path) -> None:
    source = RICH.make(tmp_path / "rich.mkv")
    notes = upscale(source, tmp_path / "large.mkv", scale=2)
    before, after = describe(source), describe(tmp_path / "large.mkv")
    assert after.streams == before.streams
    assert after.chapters == before.chapters
    assert len(after.chapters) == 3
    assert after.metadata | {"encoder": ""} == before.metadata | {"encoder": ""}
    assert sorted(kind for kind, _ in kinds(after)) == ["attachment", "attachment", "audio", "audio", "image", "subtitle"]
    assert [note for note in notes if "not tagged" not in note] == []


def test_two_sound_tracks_keep_their_languages_and_roles_in_mp4(tmp_path: Path) -> None:
    source = Video(sounds=RICH.sounds, cover=True, chapters=2, metadata={"title": "A video"}).make(tmp_path / "video.mp4")
    upscale(source, tmp_path / "large.mp4")
    before, after = describe(source), describe(tmp_path / "large.mp4")
    assert only(after, "audio") == only(before, "audio")
    assert [stream.language for stream in only(after, "audio")] == ["eng", "ger"]
    assert only(after, "image") == only(before, "image")
    assert len(only(after, "image")) == 1
    assert after.chapters == before.chapters
    assert kinds(after) == kinds(before)  # the track that MP4 keeps chapters in is there once, not twice
    assert after.metadata["title"] == "A video"


def test_a_cover_is_not_taken_for_the_video(tmp_path: Path) -> None:
    for suffix in ("mkv", "mp4"):
        info = probe(Video(cover=True).make(tmp_path / f"video.{suffix}"))
        assert (info.width, info.height, info.codec) == (64, 48, "h264")
        assert [stream.kind for stream in info.streams].count("image") == 1


def test_what_phones_write_about_a_clip_is_kept(tmp_path: Path) -> None:
    words = {
        "title": "Dog",
        "com.android.version": "9",
        "location": "-15.8355-048.0153/",
        "creation_time": "2019-12-20T20:08:34.000000Z",
    }
    source = Video(metadata=words, container_options={"movflags": "use_metadata_tags"}).make(tmp_path / "phone.mp4")
    upscale(source, tmp_path / "large.mp4")
    after = describe(tmp_path / "large.mp4").metadata
    assert {key: after[key] for key in words} == words


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_rotated_video_stays_as_it_is_stored_and_rotated_once(tmp_path: Path, suffix: str, degrees: int) -> None:
    source = Video(rotation=degrees).make(tmp_path / "upright.mp4")
    upscale(source, tmp_path / f"large.{suffix}", scale=2)
    before, after = describe(source), describe(tmp_path / f"large.{suffix}")
    assert after.size == (96, 128)
    assert abs(after.rotation) == abs(degrees)
    assert after.rotation == before.rotation
    assert "rotate" not in after.video_metadata


@pytest.mark.parametrize(
    ("source_suffix", "subtitles", "suffix", "codec"),
    [
        ("mkv", "subrip", "mp4", "mov_text"),
        ("mkv", "ass", "mp4", "mov_text"),
        ("mkv", "webvtt", "mov", "mov_text"),
        ("mp4", "mov_text", "mkv", "subrip"),
        ("mkv", "subrip", "webm", "webvtt"),
    ],
)
def test_subtitles_that_a_container_cannot_hold_become_plain_ones(
    tmp_path: Path, source_suffix: str, subtitles: str, suffix: str, codec: str
) -> None:
    source = Video(times=steady(20), subtitles=subtitles).make(tmp_path / f"video.{source_suffix}")
    notes = upscale(source, tmp_path / f"large.{suffix}")
    with av.open(str(tmp_path / f"large.{suffix}")) as video:
        stream = video.streams.subtitles[0]
        assert stream.codec_context.codec.canonical_name == codec
        assert stream.language == ("fra" if suffix == "mov" else "fre")
        packets = [packet for packet in video.demux(stream) if packet.size > 2]
        begin = 2 if codec == "mov_text" else 0
        assert [bytes(packet)[begin:].decode() for packet in packets] == [f"Ligne {index}\nété" for index in range(3)]
        assert [round(1000 * (packet.pts or 0) * packet.time_base) for packet in packets] == [0, 100, 200]
    assert any(f"becomes {codec}" in note for note in notes)


def test_the_words_of_subtitles_are_found_in_every_codec() -> None:
    assert converted(rb"3,0,Default,,0,0,0,,{\an8}{\i1}Hello,\Nworld", "ass", "subrip") == b"Hello,\nworld"
    assert converted(b"<v Roger>Hello <b>you</b><00:01.000>", "webvtt", "subrip") == b"Hello you"
    assert converted(b"\x00\x05Helloxxxx", "mov_text", "webvtt") == b"Hello"
    assert converted(b"2 < 3 > 1", "subrip", "mov_text") == b"\x00\x092 < 3 > 1"
    assert converted(b"\x00\x00", "mov_text", "subrip") is None


def test_what_mp4_cannot_hold_is_named_before_the_work_begins(tmp_path: Path) -> None:
    source = RICH.make(tmp_path / "rich.mkv")
    notes = upscale(source, tmp_path / "large.mp4")
    left_out = [note for note in notes if "left out" in note]
    assert left_out == [
        f"attachment stream {index} (font{index - 4}.ttf) is left out: MP4 cannot hold it; .mkv can" for index in (4, 5)
    ]
    after = describe(tmp_path / "large.mp4")
    assert [kind for kind, _ in kinds(after) if kind != "data"] == ["audio", "audio", "subtitle", "image"]


def test_a_transport_stream_gets_only_what_players_find_in_it(tmp_path: Path) -> None:
    source = RICH.make(tmp_path / "rich.mkv")
    notes = upscale(source, tmp_path / "large.ts")
    assert kinds(describe(tmp_path / "large.ts")) == [("audio", "aac"), ("audio", "aac")]
    assert [note.split(" (")[0] for note in notes if "left out: MPEG-TS" in note] == [
        "subtitle stream 3",
        "attachment stream 4",
        "attachment stream 5",
        "cover image stream 6",
        "3 chapters are left out: MPEG-TS cannot hold them; .mkv can",
    ]


def test_quicktime_is_not_given_a_cover(tmp_path: Path) -> None:
    notes = upscale(Video(cover=True).make(tmp_path / "video.mkv"), tmp_path / "large.mov")
    assert "cover image stream 1 (mjpeg) is left out: QuickTime cannot hold it; .mkv can" in notes


def test_the_titles_of_tracks_go_from_mp4_to_mp4_and_to_matroska(tmp_path: Path) -> None:
    source = Video(sounds=RICH.sounds).make(tmp_path / "video.mp4")
    for suffix in ("mp4", "mkv"):
        upscale(source, tmp_path / f"large.{suffix}")
        assert [stream.title for stream in probe(tmp_path / f"large.{suffix}").streams] == [None, "Main", "Kommentar"]


def test_an_mp4_with_a_cover_names_the_entries_it_cannot_hold(tmp_path: Path) -> None:
    source = Video(cover=True, metadata={"title": "A video", "shot by": "me"}).make(tmp_path / "video.mkv")
    notes = upscale(source, tmp_path / "large.mp4")
    assert "the entries SHOT_BY are left out: MP4 cannot hold them beside a cover; .mkv can" in notes
    assert describe(tmp_path / "large.mp4").metadata["title"] == "A video"


def test_sound_that_webm_cannot_hold_is_encoded_again_and_named(tmp_path: Path) -> None:
    source = Video(sounds=[Sound()]).make(tmp_path / "video.mp4")
    notes = upscale(source, tmp_path / "large.webm")
    assert "sound stream 1 (aac, eng) becomes opus, encoded again: WebM cannot hold it as it is; .mkv can" in notes
    assert kinds(describe(tmp_path / "large.webm")) == [("audio", "opus")]


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_uncompressed_sound_is_copied_bit_by_bit(tmp_path: Path, suffix: str) -> None:
    source = Video(sounds=[Sound("pcm_s16le")]).make(tmp_path / "video.mov")
    upscale(source, tmp_path / f"large.{suffix}")
    assert only(describe(tmp_path / f"large.{suffix}"), "audio")[0].content == only(describe(source), "audio")[0].content


def test_a_transport_stream_becomes_mp4_with_its_sound(tmp_path: Path) -> None:
    source = Video(times=steady(25, start=126000), sounds=[Sound()], options={"bf": "2"}).make(tmp_path / "tv.ts")
    upscale(source, tmp_path / "large.mp4")
    before, after = describe(source), describe(tmp_path / "large.mp4")
    assert after.times == before.times
    assert only(after, "audio")[0].packets == only(before, "audio")[0].packets
    assert float(only(after, "audio")[0].times[0]) == pytest.approx(float(only(before, "audio")[0].times[0]), abs=1e-4)


def test_a_second_video_in_the_file_is_copied_and_said_so(tmp_path: Path) -> None:
    main, second = Video(size=(96, 128)).make(tmp_path / "main.mkv"), Video(options={"bf": "2"}).make(tmp_path / "second.mkv")
    both = tmp_path / "both.mkv"
    _together([main, second], both)
    notes = upscale(both, tmp_path / "large.mkv", scale=2)
    before, after = describe(both), describe(tmp_path / "large.mkv")
    assert after.size == (192, 256)
    assert kinds(after) == [("video", "h264")]
    assert after.streams[0].content == before.streams[0].content
    assert after.streams[0].times == before.streams[0].times
    assert "2 video streams: stream 0 is upscaled, stream 1 copied as it is" in notes


def test_the_time_code_of_a_camera_is_there_once(tmp_path: Path) -> None:
    source = tmp_path / "camera.mov"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        stream.metadata["timecode"] = "01:02:03:04"
        video = Video(time_base=Fraction(1, 25), times=range(10))
        for index in range(10):
            output.mux(stream.encode(video.frame(index)))
        output.mux(stream.encode(None))
    notes = upscale(source, tmp_path / "large.mov")
    after = describe(tmp_path / "large.mov")
    assert after.video_metadata["timecode"] == "01:02:03:04"
    assert len(only(after, "data")) == 1
    assert not any("left out" in note for note in notes)


def test_fonts_are_attached_byte_by_byte(tmp_path: Path) -> None:
    upscale(Video(fonts=1).make(tmp_path / "video.mkv"), tmp_path / "large.mkv")
    with av.open(str(tmp_path / "large.mkv")) as video:
        attachment = video.streams.attachments[0]
        assert (attachment.data, attachment.mimetype) == (FONT, "application/x-truetype-font")


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "x264"),
        ("mp4", "vp9"),
        ("mov", "prores"),
        ("ts", "x264"),
        ("mkv", "x264"),
        ("mkv", "x265"),
        ("mkv", "ffv1"),
        ("mkv", "vp9"),
        ("mkv", "av1"),
        ("mkv", "prores"),
    ],
)
def test_pixels_that_are_not_square_stay_so(tmp_path: Path, suffix: str, codec: str) -> None:
    source = Video(attributes={"sample_aspect_ratio": Fraction(16, 15)}, sounds=[Sound()]).make(tmp_path / "wide.mp4")
    upscale(source, tmp_path / f"large.{suffix}", EncoderSettings(codec=codec), scale=2)
    before, after = describe(source), describe(tmp_path / f"large.{suffix}")
    assert before.aspect == after.aspect == Fraction(16, 15)
    assert after.video_metadata.get("title") is None
    assert len(after.frames) == len(before.frames)
    assert only(after, "audio")[0].packets == only(before, "audio")[0].packets


def test_webm_shows_pixels_that_are_not_square_to_the_nearest_whole_pixel(tmp_path: Path) -> None:
    source = Video(attributes={"sample_aspect_ratio": Fraction(16, 15)}).make(tmp_path / "wide.mp4")
    upscale(source, tmp_path / "large.webm", scale=2)
    assert describe(tmp_path / "large.webm").aspect == Fraction(137, 128)


def test_a_video_squeezed_into_another_shape_is_shown_in_its_own(tmp_path: Path) -> None:
    source = Video(attributes={"sample_aspect_ratio": Fraction(16, 15)}).make(tmp_path / "wide.mp4")
    upscale(source, tmp_path / "large.mp4", size=(96, 136))
    assert describe(tmp_path / "large.mp4").aspect == Fraction(16, 15) * Fraction(64 * 96, 48 * 136)


def test_streams_are_told_by_their_names(tmp_path: Path) -> None:
    with VideoReader(RICH.make(tmp_path / "rich.mkv")) as reader:
        assert [str(stream) for stream in reader.info.streams] == [
            "video stream 0 (h264)",
            "sound stream 1 (aac, eng, Main)",
            "sound stream 2 (aac, ger, Kommentar)",
            "subtitle stream 3 (subrip, fre)",
            "attachment stream 4 (font0.ttf)",
            "attachment stream 5 (font1.ttf)",
            "cover image stream 6 (mjpeg)",
        ]


def _together(paths: list[Path], target: Path) -> None:
    """The images of several videos in one file."""
    with av.open(str(target), "w") as output:
        opened = [av.open(str(path)) for path in paths]
        streams = [output.add_stream_from_template(video.streams.video[0], opaque=True) for video in opened]
        packets = []
        for video, stream in zip(opened, streams, strict=True):
            waiting = [packet for packet in video.demux(video=0) if packet.size]
            first = next(packet.dts for packet in waiting if packet.dts is not None)
            missing = [packet for packet in waiting if packet.dts is None]
            for index, packet in enumerate(missing):
                packet.dts = first - 40 * (len(missing) - index)
            for packet in waiting:
                packet.stream = stream
            packets += waiting
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0, packet.stream_index)):
            output.mux(packet)
        for video in opened:
            video.close()
