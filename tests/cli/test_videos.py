"""``upframe upscale`` on videos, from the command to what a player finds in the result."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from tests.cli.conftest import ENVIRONMENT, Command, Start, is_one_error
from tests.media.video_fixtures import Sound, Video, describe, samples_of, steady, uneven

from upframe.media.video.reader import VideoReader

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "media" / "bunny.mp4"
HEIGHT, WIDTH = 48, 64


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_the_bundled_clip_keeps_its_frames_times_sound_and_tags(upframe: Command, tmp_path: Path) -> None:
    outcome = upframe("upscale", SAMPLE, "-o", "big.mp4", "--json")
    assert outcome.code == 0, outcome.err
    before, after = describe(SAMPLE), describe(tmp_path / "big.mp4")
    assert after.size == (540, 960)
    assert after.frames == before.frames
    assert (after.time_base, after.colours, after.pix_fmt) == (before.time_base, before.colours, before.pix_fmt)
    assert after.streams == before.streams
    assert after.metadata == before.metadata
    assert [event["done"] for event in outcome.events_of("progress")] == list(range(1, 81))
    assert outcome.events_of("finished")[0]["frames"] == 80


def test_a_video_with_everything_comes_through_whole(upframe: Command, tmp_path: Path) -> None:
    video = Video(
        times=[time // 90 * 90 for time in uneven(12, start=90_000)],  # whole milliseconds, as Matroska keeps them
        sounds=[Sound(language="eng", title="Original"), Sound(language="deu")],
        subtitles="subrip",
        chapters=2,
        fonts=1,
        metadata={"title": "Everything"},
    )
    video.make(tmp_path / "all.mkv")
    assert upframe("upscale", "all.mkv", "-q").code == 0
    before, after = describe(tmp_path / "all.mkv"), describe(tmp_path / "all-x2.mkv")
    assert after.size == (2 * HEIGHT, 2 * WIDTH)
    assert after.times == before.times
    assert after.streams == before.streams
    assert after.chapters == before.chapters
    assert after.metadata["title"] == "Everything"


@pytest.mark.parametrize("turned", [90, 180])
def test_a_phone_clip_with_uneven_times_stays_turned(upframe: Command, tmp_path: Path, turned: int) -> None:
    Video(times=uneven(10), rotation=turned).make(tmp_path / "phone.mp4")
    assert upframe("upscale", "phone.mp4", "-q").code == 0
    before, after = describe(tmp_path / "phone.mp4"), describe(tmp_path / "phone-x2.mp4")
    assert after.rotation == before.rotation
    assert (after.times, after.ends) == (before.times, before.ends)


def test_ten_bits_of_hdr_stay_ten_bits_of_hdr(upframe: Command, tmp_path: Path) -> None:
    attributes = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    Video(codec="libx265", pix_fmt="yuv420p10le", times=steady(5), attributes=attributes).make(tmp_path / "hdr.mkv")
    assert upframe("upscale", "hdr.mkv", "-q").code == 0
    after = describe(tmp_path / "hdr-x2.mkv")
    assert (after.codec, after.pix_fmt, after.colours) == ("hevc", "yuv420p10le", (9, 9, 16, 1))


BARS = [(235, 128, 128), (210, 16, 146), (170, 166, 16), (145, 54, 34), (106, 202, 222), (81, 90, 240), (41, 240, 110)]


def grey(index: int) -> list[np.ndarray[Any, Any]]:
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return [np.full((HEIGHT, WIDTH), 100 + index, np.uint8), chroma, chroma]


def ramp(_: int) -> list[np.ndarray[Any, Any]]:
    luma = np.broadcast_to(np.linspace(16, 235, WIDTH).round().astype(np.uint8), (HEIGHT, WIDTH)).copy()
    chroma = np.broadcast_to(np.linspace(16, 240, WIDTH // 2).round().astype(np.uint8), (HEIGHT // 2, WIDTH // 2)).copy()
    return [luma, chroma, chroma[:, ::-1].copy()]


def bars(_: int) -> list[np.ndarray[Any, Any]]:
    planes = []
    for plane in range(3):
        columns = WIDTH if plane == 0 else WIDTH // 2
        row = np.array([BARS[column * len(BARS) // columns][plane] for column in range(columns)], np.uint8)
        planes.append(np.broadcast_to(row, (HEIGHT if plane == 0 else HEIGHT // 2, columns)).copy())
    return planes


@pytest.mark.parametrize("images", [grey, ramp, bars])
@pytest.mark.parametrize("colours", [(6, 1), (1, 1), (1, 2), (9, 1)], ids=["BT.601", "BT.709", "BT.709 full", "BT.2020"])
def test_colours_that_no_network_touches_come_back_the_same(
    upframe: Command, tmp_path: Path, images: Any, colours: tuple[int, int]
) -> None:
    attributes = {"colorspace": colours[0], "color_range": colours[1]}
    Video(codec="ffv1", times=steady(3), attributes=attributes, images=images).make(tmp_path / "in.mkv")
    outcome = upframe("upscale", "in.mkv", "-o", "out.mkv", "-m", "bicubic", "-s", 1, "--size", "same", "--codec", "ffv1", "-q")
    assert outcome.code == 0, outcome.err
    for before, after in zip(samples_of(tmp_path / "in.mkv"), samples_of(tmp_path / "out.mkv"), strict=True):
        for a, b in zip(before, after, strict=True):
            assert abs(a.astype(int) - b.astype(int)).max() <= 1


LAYOUTS = """yuv420p yuv422p yuv444p yuv420p10le yuv422p10le yuv444p12le gray gray10le bgr0 gbrp10le gbrp12le yuva420p
    yuva444p10le bgra"""


@pytest.mark.parametrize("pix_fmt", LAYOUTS.split())
def test_samples_of_every_layout_come_back_the_same_in_the_same_layout(upframe: Command, tmp_path: Path, pix_fmt: str) -> None:
    Video(codec="ffv1", pix_fmt=pix_fmt, times=steady(2)).make(tmp_path / "in.mkv")
    outcome = upframe("upscale", "in.mkv", "-o", "out.mkv", "-m", "bicubic", "-s", 1, "--json")
    assert outcome.code == 0, outcome.err
    with VideoReader(tmp_path / "in.mkv") as before, VideoReader(tmp_path / "out.mkv") as after:
        assert after.info.layout == before.info.layout
    for before_planes, after_planes in zip(samples_of(tmp_path / "in.mkv"), samples_of(tmp_path / "out.mkv"), strict=True):
        for a, b in zip(before_planes, after_planes, strict=True):
            assert abs(a.astype(int) - b.astype(int)).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (47, 63)], ids=str)
def test_the_oddest_sizes_work(upframe: Command, tmp_path: Path, size: tuple[int, int]) -> None:
    Video(codec="ffv1", size=size, times=steady(3)).make(tmp_path / "odd.mkv")
    outcome = upframe("upscale", "odd.mkv", "-o", "big.mkv", "-s", 3, "-q")
    assert outcome.code == 0, outcome.err
    frames = samples_of(tmp_path / "big.mkv")
    assert [planes[0].shape for planes in frames] == [(3 * size[0], 3 * size[1])] * 3


def test_a_video_can_become_numbered_images(upframe: Command, tmp_path: Path) -> None:
    Video(times=uneven(5)).make(tmp_path / "clip.mp4")
    assert upframe("upscale", "clip.mp4", "--frames", "frames", "-q").code == 0
    names = {f"{number:06d}.png" for number in range(5)} | {"timestamps.txt"}
    assert files(tmp_path / "frames") == names
    with PIL.Image.open(tmp_path / "frames/000000.png") as image:
        assert (image.size, image.mode) == ((2 * WIDTH, 2 * HEIGHT), "RGB")
    times = [float(line) / 1000 for line in (tmp_path / "frames/timestamps.txt").read_text().splitlines()[1:]]
    np.testing.assert_allclose(times, [float(t) for t in describe(tmp_path / "clip.mp4").times], atol=1e-6)


def test_ten_bit_frames_become_sixteen_bit_images(upframe: Command, tmp_path: Path) -> None:
    Video(codec="ffv1", pix_fmt="yuv420p10le", times=steady(2)).make(tmp_path / "clip.mkv")
    assert upframe("upscale", "clip.mkv", "--frames", "frames", "-q").code == 0
    assert (tmp_path / "frames/000000.png").read_bytes()[24] == 16  # bit depth, in the PNG header


def test_the_size_asked_for_is_the_size_written(upframe: Command, tmp_path: Path) -> None:
    Video(times=steady(3)).make(tmp_path / "clip.mp4")
    assert upframe("upscale", "clip.mp4", "--size", "100x80", "-q").code == 0
    assert describe(tmp_path / "clip-100x80.mp4").size == (80, 100)


def test_bad_videos_are_one_clear_line_and_leave_nothing(upframe: Command, tmp_path: Path) -> None:
    whole = Video(times=steady(50), options={"g": "10"}, sounds=[Sound()]).make(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "letter.mp4").write_text("I am a letter, not a video.")
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])  # its index is at the end, and is gone
    os.truncate(Video(times=steady(50)).make(tmp_path / "cut.mkv"), 4000)
    before = files(tmp_path)
    for name in ("empty.mp4", "letter.mp4", "cut.mp4", "cut.mkv", "nowhere.mp4"):
        outcome = upframe("upscale", name, "-q")
        assert outcome.code == 1, name
        assert is_one_error(outcome.err), outcome.err
        assert name in outcome.err
        assert "Traceback" not in outcome.err
    assert files(tmp_path) == before


def test_a_video_cut_short_is_kept_if_that_is_asked_for(upframe: Command, tmp_path: Path) -> None:
    path = Video(times=steady(50), options={"g": "5"}).make(tmp_path / "cut.mkv")
    os.truncate(path, path.stat().st_size // 2)
    refused = upframe("upscale", "cut.mkv", "-q")
    assert refused.code == 1
    assert "--allow-truncated" in refused.err
    assert upframe("upscale", "cut.mkv", "--allow-truncated", "-q").code == 0
    assert 5 < len(describe(tmp_path / "cut-x2.mkv").frames) < 50


def test_what_is_wrong_with_the_encoder_is_said_before_the_work(upframe: Command, tmp_path: Path) -> None:
    Video(times=steady(3)).make(tmp_path / "clip.mp4")
    for options in (["--codec", "xvid"], ["--codec", "ffv1"], ["--pix-fmt", "rgb99"], ["--preset", "warp9"], ["--crf", "99"]):
        outcome = upframe("upscale", "clip.mp4", *options, "--json")
        assert outcome.code == 1, options
        assert is_one_error(outcome.err), outcome.err
        assert not outcome.events_of("progress")
    assert files(tmp_path) == {"clip.mp4"}


@pytest.mark.parametrize(("kind", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGHUP, 129)])
def test_an_interrupt_ends_cleanly_and_leaves_nothing(start: Start, tmp_path: Path, kind: signal.Signals, code: int) -> None:
    Video(times=steady(2000), options={"preset": "ultrafast"}).make(tmp_path / "long.mp4")
    with start("upscale", "long.mp4", "--json") as running:
        while "progress" not in running.stdout.readline():
            assert running.poll() is None
        assert len(files(tmp_path)) == 2, "the hidden file that is being written"
        running.send_signal(kind)
        _, err = running.communicate(timeout=60)
    assert running.returncode == code
    assert "interrupted" in err
    assert "Traceback" not in err
    assert files(tmp_path) == {"long.mp4"}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files by Linux's means")
def test_a_disk_that_takes_no_more_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    Video(times=steady(40)).make(tmp_path / "clip.mp4")

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-m", "upframe", "upscale", "clip.mp4", "-m", "bicubic", "-s", "8", "--crf", "0", "-q"]
    done = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False, preexec_fn=little_room
    )
    assert done.returncode == 1
    assert is_one_error(done.stderr), done.stderr
    assert "clip-x8.mp4" in done.stderr
    assert files(tmp_path) == {"clip.mp4"}


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"), reason="mounts a small disk")
def test_a_full_disk_says_how_much_is_free(upframe: Command, tmp_path: Path) -> None:
    Video(times=steady(40)).make(tmp_path / "clip.mp4")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        outcome = upframe("upscale", "clip.mp4", "-o", "disk/", "-m", "bicubic", "-s", 8, "--crf", 0, "-q")
        assert outcome.code == 1
        assert "the disk is full" in outcome.err
        assert files(disk) == set()
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    code = (
        "import sys; from upframe.jobs.batch import upscale_files\n"
        "from upframe.jobs.options import RunOptions, UpscaleOptions\n"
        "list(upscale_files([sys.argv[1]], sys.argv[2], UpscaleOptions(RunOptions(device='cpu'))))\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    peaks = []
    for count in (60, 600):  # all frames of the longer one would take 60 MB
        video = Video(times=steady(count), size=(90, 160), options={"preset": "ultrafast"}, sounds=[Sound()])
        source = video.make(tmp_path / f"{count}.mp4")
        arguments = [sys.executable, "-c", code, source, tmp_path / f"{count}-big.mp4"]
        done = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] <= 1.05 * peaks[0], f"{peaks} kB"


def test_the_first_frame_is_not_waited_for_long_after_the_start(start: Start, tmp_path: Path) -> None:
    """No assertion on time: the events must come while the work goes on, not all at its end."""
    Video(times=steady(600), options={"preset": "ultrafast"}).make(tmp_path / "long.mp4")
    with start("upscale", "long.mp4", "--json") as running:
        for line in running.stdout:
            if "progress" in line:
                break
        time.sleep(0.1)
        assert running.poll() is None, "still at work"
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
