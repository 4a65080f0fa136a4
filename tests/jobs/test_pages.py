"""A TIFF of several pages is upscaled page by page, and keeps all of them in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray

from upframe.engine.events import Event, Failed, Finished, Note, Started
from upframe.jobs.batch import upscale_files
from upframe.jobs.options import FileOptions, RunOptions, UpscaleOptions
from upframe.media.image.file import page_count, read_image

RUN = RunOptions(model="bicubic-x2", device="cpu", threads=1)


def upscale(source: Path, target: Path, files: FileOptions | None = None) -> list[Event]:
    return list(upscale_files([str(source)], str(target), UpscaleOptions(RUN, files=files or FileOptions())))


def flat(level: int, shape: tuple[int, ...] = (16, 24, 3), dtype: type = np.uint8) -> NDArray[np.generic]:
    return np.full(shape, level, dtype)


def test_every_page_is_upscaled_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "scan.tif"
    pages = [flat(40), flat(9000, (20, 12), np.uint16), flat(200, (16, 24, 4)), flat(1, (8, 8, 3), np.float32)]
    with tifffile.TiffWriter(source) as file:
        for number, page in enumerate(pages):
            alpha = ["unassalpha"] if page.shape[-1] == 4 else None
            grey = page.ndim == 2
            file.write(
                page, photometric="minisblack" if grey else "rgb", extrasamples=alpha, resolution=(100 + number, 100 + number)
            )
    events = upscale(source, tmp_path / "large.tif")
    assert [event.frames for event in events if isinstance(event, Started | Finished)] == [4, 4]
    with tifffile.TiffFile(tmp_path / "large.tif") as file:
        found = [page.asarray() for page in file.pages]
        densities = [page.tags["XResolution"].value for page in file.pages]
    for page, large in zip(pages, found, strict=True):
        assert (large.dtype, large.shape[:2]) == (page.dtype, (2 * page.shape[0], 2 * page.shape[1]))
        np.testing.assert_allclose(large, page.flat[0], rtol=1e-5)
    assert [round(above / below) for above, below in densities] == [100, 101, 102, 103]


def test_pages_that_other_decoders_read_are_told_apart(tmp_path: Path) -> None:
    images = [PIL.Image.new("RGB", (24, 16), (60 * index, 20, 30)) for index in range(3)]
    images[0].save(tmp_path / "scan.tif", save_all=True, append_images=images[1:], compression="jpeg", quality=95)
    upscale(tmp_path / "scan.tif", tmp_path / "large.tif")
    assert page_count(tmp_path / "large.tif") == 3
    for index in range(3):
        page = read_image(tmp_path / "large.tif", page=index).pixels
        assert abs(int(page[16, 24, 0]) - 60 * index) <= 3


def test_exif_of_later_pages_is_named_as_left_out(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x8769] = {0x9003: "2020:02:02 12:00:00"}
    images = [PIL.Image.new("RGB", (24, 16), (60 * index, 20, 30)) for index in range(2)]
    images[0].save(tmp_path / "scan.tif", save_all=True, append_images=images[1:], exif=exif.tobytes())
    events = upscale(tmp_path / "scan.tif", tmp_path / "large.tif")
    assert not any(isinstance(event, Failed) for event in events)
    assert read_image(tmp_path / "large.tif", page=0).metadata.exif
    assert read_image(tmp_path / "scan.tif", page=1).metadata.exif
    assert any(isinstance(event, Note) and "EXIF of pages after the first" in event.text for event in events)


def test_a_bad_page_leaves_no_result(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write(flat(1), photometric="rgb")
        file.write(flat(1, (16, 24), np.int16))
    (failed,) = [event for event in upscale(tmp_path / "scan.tif", tmp_path / "large.tif") if isinstance(event, Failed)]
    assert "is not supported" in failed.error
    assert [path.name for path in tmp_path.iterdir()] == ["scan.tif"]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_format_without_pages_is_refused(tmp_path: Path, suffix: str) -> None:
    tifffile.imwrite(tmp_path / "scan.tif", np.stack([flat(1), flat(2)]), photometric="rgb")
    (failed,) = [event for event in upscale(tmp_path / "scan.tif", tmp_path / f"large{suffix}") if isinstance(event, Failed)]
    assert "holds 2 images, where one is expected" in failed.error
