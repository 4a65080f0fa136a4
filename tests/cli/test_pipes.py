"""Pipes in place of files: standard input and output, and pipes with names."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import PIL.Image
import pytest
from tests.media.video_fixtures import Sound, Video

from upframe.engine.events import Event, Failed, Finished, Started
from upframe.engine.size import Target
from upframe.errors import InputError, OutputError
from upframe.jobs.options import RunOptions, UpscaleOptions
from upframe.jobs.pipes import upscale_piped

OPTIONS = UpscaleOptions(RunOptions(model="bicubic", target=Target(scale=2), device="cpu"))
Piped = Callable[..., tuple[bytes, list[Event]]]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Piped:
    """What comes out of standard output, and the events, where some bytes come in."""

    def run(data: bytes, source: str = "-", output: str | None = "-", *, terminal: bool = False) -> tuple[bytes, list[Event]]:
        out = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: terminal))
            patch.setattr(sys, "stdout", SimpleNamespace(buffer=out, isatty=lambda: terminal))
            events = list(upscale_piped([source], output, OPTIONS))
        return out.getvalue(), events

    return run


def png(size: tuple[int, int] = (16, 12)) -> bytes:
    content = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)).save(content, "PNG")
    return content.getvalue()


def test_an_image_goes_through_a_pipe(piped: Piped) -> None:
    result, events = piped(png())
    with PIL.Image.open(io.BytesIO(result)) as image:
        assert (image.format, image.size) == ("PNG", (32, 24))
    (started,) = [event for event in events if isinstance(event, Started)]
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert (started.input, finished.output) == ("standard input", "standard output")


def test_a_video_comes_out_as_matroska_with_its_sound(piped: Piped, tmp_path: Path) -> None:
    source = Video(sounds=[Sound()]).make(tmp_path / "a.ts")
    result, _ = piped(source.read_bytes())
    with av.open(io.BytesIO(result)) as container:
        assert container.format.name.startswith("matroska")
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) == 12


def test_an_animation_stays_one(piped: Piped) -> None:
    content = io.BytesIO()
    frames = [PIL.Image.new("RGB", (16, 12), colour) for colour in ("red", "blue")]
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:], duration=100)
    result, _ = piped(content.getvalue())
    with PIL.Image.open(io.BytesIO(result)) as image:
        assert (image.format, image.n_frames) == ("GIF", 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_with_a_name_is_read(piped: Piped, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(png(),))
    writer.start()
    piped(b"", str(tmp_path / "pipe"), str(tmp_path / "large.png"))
    writer.join()
    with PIL.Image.open(tmp_path / "large.png") as image:
        assert image.size == (32, 24)


def test_what_cannot_be_is_said(piped: Piped) -> None:
    with pytest.raises(InputError, match="standard input is a terminal"):
        piped(b"", terminal=True)
    with pytest.raises(OutputError, match="its result has no name"):
        piped(png(), output=None)
    result, events = piped(b"no image at all")
    assert result == b""
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.error.startswith("standard input: ")


def test_a_pipeline_of_programs(tmp_path: Path) -> None:
    """All that is said goes to standard error."""
    upscale = [sys.executable, "-m", "upframe", "upscale", "-", "-o", "-", "-m", "bicubic-x2"]
    done = subprocess.run(upscale, input=png(), capture_output=True, check=True, cwd=tmp_path)
    with PIL.Image.open(io.BytesIO(done.stdout)) as image:
        assert image.size == (32, 24)
    assert b"done standard output" in done.stderr
    assert not list(tmp_path.iterdir())
