"""Which files a command is given, and that a result is there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest

from upframe.errors import InputError, OutputError
from upframe.media import FoundInputs, Image, Input, atomic_output, find_inputs, search_inputs, write_image

DOT = Image(np.full((2, 2, 3), 9, np.uint8))


def put(folder: Path, *names: str) -> None:
    """Small real files: images by their suffix, a video for .mp4, text for anything else."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg", ".exr"):
            write_image(path, DOT)
        elif path.suffix in (".mp4", ".mkv"):
            put_video(path)
        else:
            path.write_text("words")


def put_video(path: Path, container: str | None = None) -> None:
    with av.open(str(path), "w", format=container) as video:
        stream = video.add_stream("libx264", rate=25, width=16, height=16, pix_fmt="yuv420p")
        video.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))))
        video.mux(stream.encode(None))


def names_of(inputs: list[Input]) -> list[str]:
    return [item.relative.as_posix() for item in inputs]


# Inputs


def test_one_image_and_one_video(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.mp4")
    found = find_inputs([str(tmp_path / "b.mp4"), str(tmp_path / "a.png")])
    assert [(item.path.name, item.kind) for item in found] == [("b.mp4", "video"), ("a.png", "image")]
    assert names_of(found) == ["b.mp4", "a.png"]


def test_a_folder_gives_its_images_and_videos_in_natural_order_with_their_places(tmp_path: Path) -> None:
    put(tmp_path, "p10.png", "p9.png", "deep/er/p1.jpg", "video.MP4".lower(), "readme.txt", ".hidden.png", ".git/x.png")
    assert names_of(find_inputs([tmp_path])) == ["deep/er/p1.jpg", "p9.png", "p10.png", "video.mp4"]
    assert names_of(find_inputs([tmp_path], recursive=False)) == ["p9.png", "p10.png", "video.mp4"]


def test_suffixes_count_in_any_case(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "a.png").rename(tmp_path / "A.PNG")
    assert names_of(find_inputs([tmp_path])) == ["A.PNG"]


def test_a_glob_keeps_the_structure_below_its_fixed_part(tmp_path: Path) -> None:
    put(tmp_path, "in/a/1.png", "in/b/1.png", "in/b/1.txt")
    assert names_of(find_inputs([f"{tmp_path}/in/*/1.*"])) == ["a/1.png", "b/1.png"]
    assert names_of(find_inputs([f"{tmp_path}/**/*.png"])) == ["in/a/1.png", "in/b/1.png"]


def test_a_name_that_exists_is_never_taken_for_a_pattern(tmp_path: Path) -> None:
    put(tmp_path, "shot#1 [50%].png", "shot51.png")
    assert names_of(find_inputs([tmp_path / "shot#1 [50%].png"])) == ["shot#1 [50%].png"]


def test_the_same_file_twice_counts_once(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    assert len(find_inputs([tmp_path / "a.png", tmp_path, f"{tmp_path}/*.png"])) == 1


@pytest.mark.parametrize("pattern", ["f.%04d.png", "f.####.png"])
def test_a_sequence_keeps_its_numbers(tmp_path: Path, pattern: str) -> None:
    put(tmp_path, "f.0998.png", "f.0999.png", "f.1001.png", "f.12345.png", "f.7.png", "f.00998.png", "g.0998.png")
    (found,) = find_inputs([tmp_path / pattern])
    assert found.kind == "sequence"
    assert found.numbers == (998, 999, 1001, 12345)
    assert found.path.name == "f.%04d.png"
    assert [frame.name for frame in found.frames] == ["f.0998.png", "f.0999.png", "f.1001.png", "f.12345.png"]
    assert found.gaps == "11344 numbers have no file, the first is 1000: they stay missing"


def test_a_sequence_without_padding_is_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    put(tmp_path, "2.png", "10.png", "1.png", "01.png")
    (found,) = find_inputs([tmp_path / "%d.png"])
    assert [frame.name for frame in found.frames] == ["1.png", "2.png", "10.png"]


def test_a_still_gif_is_an_image_and_a_moving_one_an_animation(tmp_path: Path) -> None:
    frames = [PIL.Image.new("L", (8, 8), shade) for shade in (0, 90, 200)]
    frames[0].save(tmp_path / "still.gif")
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    kinds = {item.path.name: item.kind for item in find_inputs([tmp_path])}
    assert kinds == {"still.gif": "image", "moving.gif": "animation"}


def test_a_file_of_unknown_suffix_is_told_by_its_content(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "a.png").rename(tmp_path / "image.dat")
    put_video(tmp_path / "video.dat", "mp4")
    assert [item.kind for item in find_inputs([tmp_path / "image.dat", tmp_path / "video.dat"])] == ["image", "video"]


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("none.png", "no such file"),
        ("*.webm", "matches no file"),
        ("*.txt", "matches no image or video"),
        ("empty", "no image or video in this folder"),
        ("Episode #1.mp4", "Episode #1.mp4: no such file"),
        ("50% off.mp4", "50% off.mp4: no such file"),
        ("a\0b.png", "no such file"),
        ("x" * 300 + ".png", "File name too long"),
        ("frame%05d.png", "no file is numbered like this"),
        ("frame%05d.txt", "no such file"),
        ("%03d_%05d.png", "holds one number"),
        ("nowhere/%05d.png", "no such file"),
    ],
)
def test_an_argument_that_names_nothing_gets_one_line(tmp_path: Path, argument: str, line: str) -> None:
    put(tmp_path, "notes.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=line) as refused:
        find_inputs([str(tmp_path / argument)])
    assert "\n" not in str(refused.value)


def reasons(found: FoundInputs, folder: Path) -> dict[str, str]:
    return {entry.path.relative_to(folder).as_posix(): entry.reason for entry in found.passed_over}


def test_what_a_folder_holds_besides_is_told_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "notes.txt", ".hidden.png", ".git/x.png", "out/a.png", "module.ts", "elsewhere/b.png")
    put_sound(tmp_path / "song.m4a")
    (tmp_path / "gone.doc").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    found = search_inputs([str(tmp_path)], results=tmp_path / "out")
    assert names_of(found.inputs) == ["a.png", "elsewhere/b.png"]
    assert reasons(found, tmp_path) == {
        ".git": "hidden",
        ".hidden.png": "hidden",
        "gone.doc": "a broken link",
        "loop": "a link to a folder",
        "module.ts": "no image or video",
        "notes.txt": "no image or video",
        "out": "the folder of the results",
        "pipe.png": "a pipe",
        "song.m4a": "no video in it",
    }


def put_sound(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as sound:
        stream = sound.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        sound.mux(stream.encode(frame))
        sound.mux(stream.encode(None))


def test_in_a_folder_a_file_of_another_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "a.png").rename(tmp_path / "scan")
    for name, container in (("a.divx", "avi"), ("b.dat", "mpegts"), ("c.qt", "mov"), ("d", "matroska"), ("e.bin", "flv")):
        put_video(tmp_path / name, container)
    kinds = {item.path.name: item.kind for item in find_inputs([tmp_path])}
    assert kinds == {"a.divx": "video", "b.dat": "video", "c.qt": "video", "d": "video", "e.bin": "video", "scan": "image"}


def test_an_argument_that_names_nothing_does_not_end_the_others(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    (tmp_path / "empty").mkdir()
    names = [str(tmp_path / name) for name in ("a.png", "none.png", "empty", "x%05d.png", "*.webm", "b.png")]
    found = search_inputs(names)
    assert names_of(found.inputs) == ["a.png", "b.png"]
    assert [name for name, _ in found.refused] == names[1:5]


def test_in_a_folder_with_brackets_a_pattern_finds_its_files(tmp_path: Path) -> None:
    put(tmp_path, "[2020] trip/a.png", "2 trip/b.png")
    assert names_of(find_inputs([f"{tmp_path}/[2020] trip/*.png"])) == ["a.png"]


def test_results_of_an_earlier_run_are_no_inputs(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "a-x2.png", "a-x2-x2.png", "a-x1.5.png", "b.gif-x2.png", "c-x2.png", "d-30x20.png", "d.png")
    put(tmp_path, "shot/0001.png", "shot-x4/0001.png", "e-x2-2.png", "e.jpg")
    long = "é" * 125
    put(tmp_path, f"{long}.png", f"{long[:-1]}-x2.png")
    PIL.Image.new("L", (8, 8)).save(tmp_path / "b.gif")
    found = find_all(tmp_path).without_results("30x20")
    assert names_of(found.inputs) == ["a.png", "b.gif", "c-x2.png", "d.png", "e.jpg", "shot/0001.png", f"{long}.png"]
    assert {entry.reason for entry in found.passed_over} == {"a result of an earlier run"}
    assert names_of(search_inputs([str(tmp_path / "a-x2.png")]).without_results("x2").inputs) == ["a-x2.png"], "named itself"


def find_all(folder: Path) -> FoundInputs:
    return search_inputs([str(folder)])


def test_images_numbered_alike_are_clips_and_others_stay_images(tmp_path: Path) -> None:
    put(tmp_path, *(f"s1_{number:04d}.png" for number in (1, 2, 4)), *(f"s2_{number:04d}.png" for number in (7, 8)))
    put(tmp_path, "cover.png", "deep/8.jpg", "deep/9.jpg", "deep/10.jpg", "deep/1.png", "x_01_final.exr", "x_02_final.exr")
    found = find_all(tmp_path).with_clips()
    assert [(item.relative.as_posix(), item.kind, item.numbers) for item in found.inputs] == [
        ("cover.png", "image", ()),
        ("deep/1.png", "image", ()),
        ("deep/%d.jpg", "sequence", (8, 9, 10)),
        ("s1_%04d.png", "sequence", (1, 2, 4)),
        ("s2_%04d.png", "sequence", (7, 8)),
        ("x_%02d_final.exr", "sequence", (1, 2)),
    ]
    clip = found.inputs[3]
    assert [path.name for path in clip.frames] == ["s1_0001.png", "s1_0002.png", "s1_0004.png"]
    assert clip.gaps == "number 3 has no file and stays missing"


def test_names_that_no_one_pattern_writes_are_no_clip(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "01.png", "a2.png")
    assert [item.kind for item in find_all(tmp_path).with_clips().inputs] == ["image"] * 3


def test_times_for_numbers_are_counted_without_end(tmp_path: Path) -> None:
    put(tmp_path, "20240101120000123.png", "20240101120000456.png")
    (clip,) = find_all(tmp_path).with_clips().inputs
    assert clip.gaps.startswith("332 numbers")


# Whole or not at all


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_result_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "out.bin"
    with atomic_output(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".bin"
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert everything(tmp_path) == ["new", "new/folder", "new/folder/out.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_when_the_work_fails(tmp_path: Path, error: type[BaseException]) -> None:
    def work() -> None:
        with atomic_output(tmp_path / "new" / "out.bin") as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        work()
    assert everything(tmp_path) == []


def test_folders_that_were_there_before_stay_when_the_work_fails(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="stop"), atomic_output(tmp_path / "mine" / "new" / "out.bin"):
        raise ValueError("stop")
    assert everything(tmp_path) == ["mine"]


def test_an_existing_file_is_refused_before_any_work(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="Write elsewhere, or replace it with overwrite=True"), atomic_output(target):
        pytest.fail("the work began")
    assert target.read_bytes() == b"old"


def test_an_existing_file_is_replaced_when_asked_and_survives_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")

    def fail() -> None:
        with atomic_output(target, overwrite=True) as temporary:
            temporary.write_bytes(b"half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert target.read_bytes() == b"old"
    with atomic_output(target, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    assert everything(tmp_path) == ["out.bin"]


def test_a_file_that_appears_during_the_work_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"

    def work() -> None:
        with atomic_output(target) as temporary:
            temporary.write_bytes(b"ours")
            target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="exists already"):
        work()
    assert target.read_bytes() == b"theirs"
    assert everything(tmp_path) == ["out.bin"]


def test_a_folder_of_frames_appears_when_it_is_whole(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "frames", folder=True) as temporary:
        (temporary / "1.png").write_bytes(b"1")
        assert not (tmp_path / "frames").exists()
    assert everything(tmp_path) == ["frames", "frames/1.png"]


def test_a_folder_that_holds_something_is_only_added_to_and_only_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    put(folder, "mine.txt")
    (folder / "1.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="not empty"), atomic_output(folder, folder=True):
        pytest.fail("the work began")
    with atomic_output(folder, folder=True, overwrite=True) as temporary:
        (temporary / "1.png").write_bytes(b"new")
    assert everything(tmp_path) == ["frames", "frames/1.png", "frames/mine.txt"]
    assert (folder / "1.png").read_bytes() == b"new"


def test_a_file_where_a_folder_is_wanted_and_the_reverse(tmp_path: Path) -> None:
    put(tmp_path, "file.txt", "folder/a.txt")
    with pytest.raises(OutputError, match="is a file"), atomic_output(tmp_path / "file.txt", folder=True):
        pytest.fail("the work began")
    with pytest.raises(OutputError, match="is a folder"), atomic_output(tmp_path / "folder", overwrite=True):
        pytest.fail("the work began")


def test_a_place_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    put(tmp_path, "file.txt")
    with pytest.raises(OutputError, match="cannot be written"), atomic_output(tmp_path / "file.txt" / "out.bin"):
        pytest.fail("the work began")


@pytest.fixture
def image_ordinary_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in ``tmp_path`` as someone to whom permissions apply, which they do not to root."""
    (tmp_path / "locked").mkdir(mode=0o500)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="permissions of folders are POSIX")
@pytest.mark.usefixtures("image_ordinary_user")
def test_a_folder_without_permission_is_refused_before_any_work() -> None:
    with pytest.raises(OutputError, match=r"^locked/out\.bin: no permission to write there"), atomic_output("locked/out.bin"):
        pytest.fail("the work began")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_is_told_with_what_is_free_and_leaves_nothing(tmp_path: Path) -> None:
    def work() -> None:
        with atomic_output(tmp_path / "out.bin") as temporary:
            temporary.write_bytes(b"half")
            Path("/dev/full").write_bytes(b"more")

    with pytest.raises(OutputError, match=r"the disk is full: [\d,]+ MB are free"):
        work()
    assert everything(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits on file size are set as on Linux")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".exr", ".bmp", ".ppm"])
def test_a_image_whose_end_does_not_fit_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    program = textwrap.dedent(f"""
        import resource, signal
        import numpy as np
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        from upframe.errors import OutputError
        from upframe.media import Image, write_image
        image = Image(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))
        write_image("whole{suffix}", image)
        import os
        size = os.path.getsize("whole{suffix}")
        for limit in (size - 1, size // 2, 100):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                write_image("cut{suffix}", image)
                print("written")
            except OutputError as error:
                print("refused")
        print(sorted(os.listdir(".")))
    """)
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.splitlines() == ["refused"] * 3 + [f"['whole{suffix}']"], run.stderr
