"""Encoders of a GPU: used where they are asked for and there, told in one line where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.media.video_fixtures import Video, describe, steady, upscale

from upframe.errors import OutputError
from upframe.media.notes import no_notes
from upframe.media.video import encoders
from upframe.media.video.containers import VideoContainer, container_for
from upframe.media.video.encoders import EncoderSettings, Encoding, choose_encoding
from upframe.media.video.hardware import refusal
from upframe.media.video.reader import probe

WORDS = {"h264-nvenc": "h264_nvenc", "hevc-nvenc": "hevc_nvenc"}
words = pytest.mark.parametrize("word", WORDS)


@words
def test_a_gpu_encoder_is_used_or_it_is_said_why_not(word: str, tmp_path: Path) -> None:
    source = Video(size=(128, 192), times=steady(4)).make(tmp_path / "video.mp4")
    settings = EncoderSettings(codec=word)
    if refusal(WORDS[word]) is None:
        upscale(source, tmp_path / "large.mkv", settings, scale=2)
        found = describe(tmp_path / "large.mkv")
        assert (found.codec, found.size) == (WORDS[word].removesuffix("_nvenc"), (256, 384))
        assert found.times == describe(source).times
    else:
        with pytest.raises(OutputError, match=rf"{WORDS[word]} cannot be used .*\nUse codec='x26[45]' instead") as told:
            upscale(source, tmp_path / "large.mkv", settings, scale=2)
        assert "\n" not in str(told.value)
        assert not (tmp_path / "large.mkv").exists()


def test_an_encoder_that_ffmpeg_lacks_is_refused() -> None:
    assert refusal("no_such_encoder") is not None
    assert refusal("libx264") is None


@words
def test_a_gpu_encoder_writes_a_quality_and_not_a_rate(word: str, tmp_path: Path, there: None) -> None:
    encoding = chosen(tmp_path, EncoderSettings(codec=word, crf=24, preset="p6"))
    assert (encoding.codec, encoding.pix_fmt) == (WORDS[word], "yuv420p")
    assert encoding.options.items() >= {"rc": "vbr", "cq": "24", "b": "0", "preset": "p6"}.items()
    assert "crf" not in encoding.options
    assert encoding.without_reordering().options["bf"] == "0"


def test_ten_bits_stay_ten_bits_on_a_gpu(tmp_path: Path, there: None) -> None:
    video = Video(codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": "log-level=none"})
    encoding = chosen(tmp_path, EncoderSettings(codec="hevc-nvenc"), video)
    assert (encoding.pix_fmt, encoding.layout.name, encoding.layout.depth) == ("p010le", "yuv420p10le", 10)


def test_unasked_no_video_is_written_by_a_gpu(tmp_path: Path, there: None) -> None:
    for container in (container_for(Path(name)) for name in ("a.mp4", "a.mkv", "a.mov", "a.ts")):
        assert chosen(tmp_path, EncoderSettings(), container=container).codec == "libx264"
    with pytest.raises(OutputError, match="WebM is not written with hevc-nvenc"):
        chosen(tmp_path, EncoderSettings(codec="hevc-nvenc"), container=container_for(Path("a.webm")))


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this machine had an encoder in its GPU: nothing is encoded, only chosen."""
    monkeypatch.setattr(encoders, "refusal", lambda codec: None)


def chosen(
    folder: Path, settings: EncoderSettings, video: Video | None = None, container: VideoContainer | None = None
) -> Encoding:
    info = probe((video or Video(times=steady(2))).make(folder / "source.mkv"))
    return choose_encoding(info, container or container_for(Path("large.mkv")), (256, 384), settings, no_notes)
