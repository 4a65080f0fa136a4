"""Sound is copied where it can be, else kept to the sample, else encoded again: never left out without need."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.video_fixtures import Sound, Video, describe, samples, steady, upscale

from upframe.errors import OutputError
from upframe.media.video.containers import CONTAINER_OF_SUFFIX
from upframe.media.video.encoders import EncoderSettings
from upframe.media.video.sound import AudioMode
from upframe.media.video.streams import suitable_suffix

COUNTED = Video("mpeg2video", times=range(25), time_base=Fraction(1, 25))
PHONE = Video("mpeg4", times=range(25), time_base=Fraction(1, 25))


def with_sound(video: Video, *sounds: Sound) -> Video:
    video.sounds = sounds
    return video


def dvd(path: Path) -> Path:
    return with_sound(COUNTED, Sound("pcm_dvd")).make(path)


def phone(path: Path) -> Path:
    return with_sound(PHONE, Sound("libopencore_amrnb", rate=8000, channels=1)).make(path)


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "pcm_s16le"), ("mov", "pcm_s16le"), ("mp4", "flac")])
def test_the_pcm_of_a_dvd_keeps_every_sample_and_its_time(tmp_path: Path, suffix: str, codec: str) -> None:
    source, target = dvd(tmp_path / "dvd.vob"), tmp_path / f"large.{suffix}"
    notes = upscale(source, target)
    before, after = describe(source), describe(target)
    assert [stream.codec for stream in after.streams] == [codec]
    old, new = samples(source), samples(target)
    assert np.array_equal(old.astype(np.int64), new.astype(np.int64))
    assert float(after.streams[0].times[0]) == pytest.approx(float(before.streams[0].times[0]), abs=0.001)
    assert any(f"becomes {codec}, every sample kept" in note for note in notes)


@pytest.mark.parametrize("codec", ["pcm_s24le", "pcm_f32le", "pcm_s32le", "pcm_u8", "pcm_alaw"])
def test_no_pcm_is_lost_in_matroska(tmp_path: Path, codec: str) -> None:
    source = with_sound(Video(times=steady(10)), Sound(codec)).make(tmp_path / "video.mov")
    upscale(source, tmp_path / "large.mkv", EncoderSettings(audio="pcm"))
    assert np.array_equal(samples(tmp_path / "large.mkv"), samples(source))


def test_the_sound_of_a_phone_is_copied_where_it_can_be(tmp_path: Path) -> None:
    source = phone(tmp_path / "phone.3gp")
    assert suitable_suffix(source) == ".3gp"
    for suffix in ("3gp", "mov"):
        assert upscale(source, tmp_path / f"large.{suffix}") == upscale(source, tmp_path / f"again.{suffix}")
        assert describe(tmp_path / f"large.{suffix}").streams[0].content == describe(source).streams[0].content


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "aac"), ("mp4", "aac"), ("webm", "opus"), ("ts", "aac"), ("flv", "aac")])
def test_what_no_wrapping_holds_is_encoded_again_and_said(tmp_path: Path, suffix: str, codec: str) -> None:
    source, target = phone(tmp_path / "phone.3gp"), tmp_path / f"large.{suffix}"
    notes = upscale(source, target)
    assert [stream.codec for stream in describe(target).streams] == [codec]
    old, new = samples(source), samples(target).astype(np.float32)
    length = len(new) / _rate(target)
    # An encoder's first 1024 samples are not to be heard, which TS and FLV cannot say.
    assert length == pytest.approx(len(old) / 8000, abs=0.26 if suffix in ("ts", "flv") else 0.15)
    assert _pitch(new[:, 0], _rate(target)) == pytest.approx(_pitch(old[:, 0], 8000), rel=0.02)
    assert any(f"becomes {codec}, encoded again" in note and note.endswith("; .mov can") for note in notes)


def test_the_video_named_as_able_to_hold_it_does(tmp_path: Path) -> None:
    source = phone(tmp_path / "phone.3gp")
    advice = next(note for note in upscale(source, tmp_path / "large.mkv") if note.endswith(" can"))
    better = advice.rsplit("; ", 1)[1].split()[0]
    assert not any("becomes" in note or "left out" in note for note in upscale(source, tmp_path / f"better{better}"))


@pytest.mark.parametrize(("audio", "codec"), [("aac", "aac"), ("opus", "opus"), ("pcm", "pcm_f32le"), ("copy", "mp3")])
def test_sound_becomes_what_is_asked_for(tmp_path: Path, audio: AudioMode, codec: str) -> None:
    source = with_sound(Video(times=steady(25)), Sound("mp3", language="ger")).make(tmp_path / "video.mkv")
    notes = upscale(source, tmp_path / "large.mkv", EncoderSettings(audio=audio))
    (sound,) = describe(tmp_path / "large.mkv").streams
    assert (sound.codec, sound.language) == (codec, "ger")
    assert any("as asked for" in note for note in notes) == (audio != "copy")


def test_copying_alone_leaves_out_what_cannot_be_copied(tmp_path: Path) -> None:
    notes = upscale(phone(tmp_path / "phone.3gp"), tmp_path / "large.webm", EncoderSettings(audio="copy"))
    assert describe(tmp_path / "large.webm").streams == []
    assert any("is left out: WebM cannot hold it; .mov can" in note for note in notes)


def test_sound_that_a_container_never_holds_is_refused_before_the_work(tmp_path: Path) -> None:
    for audio, suffix in (("aac", "webm"), ("pcm", "ts")):
        with pytest.raises(OutputError, match=r"holds no .* sound"):
            upscale(dvd(tmp_path / "dvd.vob"), tmp_path / f"large.{suffix}", EncoderSettings(audio=audio))  # type: ignore[arg-type]


def test_a_silent_gap_stays_as_long_when_sound_is_encoded_again(tmp_path: Path) -> None:
    video = with_sound(Video(times=steady(50), options={"bf": "0"}), Sound("mp2"))
    source = video.make(tmp_path / "video.mkv")
    gapped = tmp_path / "gapped.mkv"
    with av.open(str(source)) as old, av.open(str(gapped), "w") as new:
        streams = [new.add_stream_from_template(stream, opaque=True) for stream in old.streams]
        for packet in old.demux():
            time = float((packet.pts or 0) * packet.time_base)
            if packet.size and not (packet.stream_index == 1 and 0.5 < time < 1.2):
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    upscale(gapped, tmp_path / "large.mov", EncoderSettings(audio="aac"))
    heard = np.abs(samples(tmp_path / "large.mov")[:, 0])
    assert len(heard) / 48000 == pytest.approx(2.0, abs=0.1)
    assert heard[int(0.65 * 48000) : int(1.05 * 48000)].max() < 0.02
    assert heard[int(1.4 * 48000) : int(1.8 * 48000)].max() > 0.2


def test_sound_that_begins_late_in_a_transport_stream_is_found(tmp_path: Path) -> None:
    video = with_sound(Video(times=steady(400), options={"bf": "0"}), Sound("mp2", start=Fraction(13)))
    source = video.make(tmp_path / "late.ts")
    notes = upscale(source, tmp_path / "large.mkv", size=(16, 16))
    (sound,) = describe(tmp_path / "large.mkv").streams
    assert sound.times[0] > 12
    assert not any("sound" in note for note in notes)


def test_late_sound_of_a_bug_report_is_copied(shared: Path, tmp_path: Path) -> None:
    source = shared / "cases" / "video" / "ts-late-audio.ts"
    upscale(source, tmp_path / "large.ts", size=(16, 16))
    (sound,) = describe(tmp_path / "large.ts").streams
    assert (sound.packets, sound.content) == (167, describe(source).streams[0].content)


def test_every_container_takes_what_its_sound_is_said_to_become(tmp_path: Path) -> None:
    source = phone(tmp_path / "phone.3gp")
    for suffix, container in CONTAINER_OF_SUFFIX.items():
        settings = EncoderSettings(audio=container.lossy, codec="vp9" if suffix == ".webm" else None)
        upscale(source, tmp_path / f"large{suffix}", settings, size=(16, 16))
        assert [stream.codec for stream in describe(tmp_path / f"large{suffix}").streams] == [container.lossy]


def _rate(path: Path) -> int:
    with av.open(str(path)) as video:
        return video.streams.audio[0].rate


def _pitch(tone: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(tone.astype(np.float64) * np.hanning(len(tone))))
    return float(spectrum[1:].argmax() + 1) * rate / len(tone)
