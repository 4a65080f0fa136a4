"""A small real file for every reader, made on the spot, and the reader that a command would use on it."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import PIL.Image
import torch
from PIL import features
from safetensors.torch import save_file
from tests.media.video_fixtures import CLOCK, Sound, Video
from tests.models.test_mindspore_files import written

from upframe.datasets.lmdb_clips import LmdbClips
from upframe.engine.cuts import choose_cuts
from upframe.export import open_exported
from upframe.export.exporting import export_model
from upframe.media import Image, read_image, write_image
from upframe.media.animation import AnimationReader, is_animation
from upframe.media.video.deinterlacing import Deinterlace
from upframe.media.video.preparation import Preparation
from upframe.media.video.reader import VideoReader
from upframe.models import load
from upframe.models.catalog import Model
from upframe.models.rt4ksr import RT4KSR
from upframe.rendered.clip import RenderedClip
from upframe.rendered.layouts.arrays import read_array
from upframe.training.recipe import read_recipe

TICKS: dict[str, Any] = {"time_base": Fraction(1, 25)}  # of codecs that count frames
Read = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Sample:
    """``folder``: holds the files; ``damaged``: the one that is changed; ``read``: what reads the ``given`` path in it."""

    kind: str
    folder: Path
    damaged: str
    given: str
    read: Read


def image(path: Path) -> object:
    return read_image(path)


def animation(path: Path) -> object:
    if not is_animation(path):  # as a command asks first
        return None
    with AnimationReader(path) as reader:
        return [type(frame) for frame in reader]


def interlaced(path: Path) -> object:
    with VideoReader(path, preparation=Preparation(Deinterlace("field"))) as reader:
        return [type(item) for item in reader]


def video(path: Path) -> object:
    with VideoReader(path) as reader:
        return [type(item) for item in reader]


def lmdb_frames(path: Path) -> object:
    clips = LmdbClips(path)
    return [clips.frame(name, index) for name, shape in clips.clips.items() for index in range(min(shape.frames, 4))]


def rendered(path: Path) -> object:
    clip = RenderedClip(path)
    return [(clip[number], clip.target(number)) for number in range(min(len(clip), 2))]


def exported(path: Path) -> object:
    return open_exported(path)


def cuts(path: Path) -> object:
    return choose_cuts(path)


def recipe(path: Path) -> object:
    return read_recipe(str(path))


def model(path: Path) -> object:
    return load(path)


def samples(folder: Path) -> Iterator[Sample]:
    """All of them, each in a folder of its own."""
    for make in (_images, _animations, _videos, _weights, _exports, _arrays, _texts):
        yield from make(folder)


def _one(folder: Path, kind: str, name: str, read: Read, write: Callable[[Path], Any]) -> Sample:
    place = folder / kind.replace(" ", "-")
    place.mkdir()
    write(place / name)
    return Sample(kind, place, name, name, read)


def _noise(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).integers(0, 255, shape, dtype=np.uint8)


def _images(folder: Path) -> Iterator[Sample]:
    colour = Image(_noise(12, 16, 3))
    for suffix in ("png", "jpg", "webp", "tif", "bmp", "ppm", "tga", "jp2", "hdr", "pfm"):
        yield _one(folder, suffix, f"a.{suffix}", image, lambda path: write_image(path, colour))
    deep = Image(_noise(12, 16, 3).astype(np.uint16) * 257, alpha=_noise(12, 16, 1).astype(np.uint16) * 257)
    yield _one(folder, "png of 16 bits", "a.png", image, lambda path: write_image(path, deep))
    pillow = PIL.Image.fromarray(_noise(12, 16, 3))
    exif = PIL.Image.Exif()
    exif[274], exif[271] = 6, "a maker"
    yield _one(
        folder, "jpg with exif", "a.jpg", image, lambda path: pillow.save(path, exif=exif, comment=b"a", progressive=True)
    )
    for compression in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
        yield _one(folder, f"tif {compression}", "a.tif", image, lambda path, c=compression: pillow.save(path, compression=c))
    yield _one(folder, "gif", "a.gif", image, lambda path: pillow.convert("P").save(path, interlace=1, transparency=3))
    yield _one(folder, "png of a palette", "a.png", image, lambda path: pillow.convert("P").save(path, transparency=3))
    if features.check("avif"):
        yield _one(folder, "avif", "a.avif", image, lambda path: pillow.save(path, speed=10))
    if importlib.util.find_spec("OpenEXR"):
        light = Image(np.random.default_rng(3).random((12, 16, 3), dtype=np.float32))
        yield _one(folder, "exr", "a.exr", image, lambda path: write_image(path, light))


def _animations(folder: Path) -> Iterator[Sample]:
    frames = [PIL.Image.fromarray(_noise(12, 16, 3)), PIL.Image.fromarray(_noise(12, 16, 3)[::-1].copy())]
    for suffix in ("gif", "png", "webp", "avif"):

        def write(path: Path) -> None:
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=[50, 80], loop=0)

        yield _one(folder, f"animated {suffix}", f"a.{suffix}", animation, write)


def _videos(folder: Path) -> Iterator[Sample]:
    sounds = (Sound(rate=8000, channels=1),)
    kinds: dict[str, tuple[str, Video]] = {
        "mp4": ("a.mp4", Video(sounds=sounds)),
        "mp4 in fragments": ("a.mp4", Video(container_options={"movflags": "frag_keyframe+empty_moov"})),
        "mkv": ("a.mkv", Video(sounds=sounds, subtitles="subrip", chapters=2, fonts=1)),
        "webm": ("a.webm", Video(codec="libvpx-vp9", options={"cpu-used": "8"})),
        "mov": ("a.mov", Video(codec="prores_ks", pix_fmt="yuv422p10le")),
        "avi": ("a.avi", Video(codec="mpeg4", **TICKS)),
        "ts": ("a.ts", Video(sounds=(Sound("mp2"),))),
        "hevc": ("a.mp4", Video(codec="libx265")),
        "ffv1": ("a.mkv", Video(codec="ffv1")),
        "mjpeg": ("a.mov", Video(codec="mjpeg", pix_fmt="yuvj420p")),
        "flv": ("a.flv", Video(codec="flv1", **TICKS)),
        "mpg": ("a.mpg", Video(codec="mpeg2video", **TICKS)),
    }
    for kind, (name, made) in kinds.items():
        made.times = made.times[:5] if made.time_base == CLOCK else range(5)
        yield _one(folder, kind, name, video, made.make)
    fields = Video("mpeg2video", size=(64, 64), times=range(5), time_base=Fraction(1, 25), options={"flags": "+ildct+ilme"})
    yield _one(folder, "mpg of fields", "a.mpg", interlaced, fields.make)


def _weights(folder: Path) -> Iterator[Sample]:
    torch.manual_seed(0)
    state = RT4KSR(2, channels=4, blocks=1, merged=True).state_dict()
    beside = {"state_dict": state, "epoch": 3, "args": {"a": [1, 2.0, "b"], "sets": {1, 2}}, "best": np.float64(0.3)}
    yield _one(folder, "safetensors", "a.safetensors", model, lambda path: save_file(state, path))
    yield _one(folder, "pth", "a.pth", model, lambda path: torch.save(beside, path))
    old = {"_use_new_zipfile_serialization": False}
    yield _one(folder, "pth before 1.6", "a.pth", model, lambda path: torch.save(beside, path, **old))
    yield _one(folder, "pth of protocol 5", "a.pth", model, lambda path: torch.save(beside, path, pickle_protocol=5, **old))
    yield _one(folder, "pickle", "a.pkl", model, lambda path: path.write_bytes(pickle.dumps(beside, protocol=4)))
    yield _one(folder, "mindspore", "a.ckpt", model, lambda path: path.write_bytes(written(state)))


def _exports(folder: Path) -> Iterator[Sample]:
    if not importlib.util.find_spec("onnxruntime") or not importlib.util.find_spec("onnxscript"):
        return
    torch.manual_seed(0)
    network = RT4KSR(2, channels=4, blocks=1, merged=True).eval().requires_grad_(False)
    small = Model(network, network.info)
    for suffix in ("onnx", "pt2"):
        yield _one(folder, suffix, f"a.{suffix}", exported, lambda path: export_model(small, path, size=(16, 16)))
    if importlib.util.find_spec("openvino"):
        made = _one(folder, "openvino", "a.xml", exported, lambda path: export_model(small, path, size=(16, 16)))
        yield made


def _arrays(folder: Path) -> Iterator[Sample]:
    values = np.random.default_rng(3).random((6, 8, 33), dtype=np.float32).astype(np.float16)
    yield _one(folder, "npy", "a.npy", read_array, lambda path: np.save(path, values))
    yield _one(folder, "npz", "a.npz", read_array, lambda path: np.savez_compressed(path, values))
    yield _one(folder, "npz without compression", "a.npz", read_array, lambda path: np.savez(path, values))
    place = folder / "lmdb"
    place.mkdir()
    with lmdb.open(str(place), map_size=2**18) as environment, environment.begin(write=True) as writing:
        for index in range(3):
            writing.put(f"scene_3x12x16_{index:04d}".encode(), _noise(12, 16, 3).tobytes())
    yield Sample("lmdb", place, "data.mdb", "", lmdb_frames)


def _texts(folder: Path) -> Iterator[Sample]:
    listed = "# the first frame of each shot\n0\n12\n250\n"
    yield _one(folder, "cuts", "a.txt", cuts, lambda path: path.write_text(listed))
    for name in ("rt4ksr-small", "tecogan-small", "nsrr-small"):
        text = (resources.files("upframe.recipes") / f"{name}.yaml").read_text(encoding="utf-8")
        yield _one(folder, f"recipe {name}", "a.yaml", recipe, lambda path, text=text: path.write_text(text))
    if not importlib.util.find_spec("OpenEXR"):
        return
    from tests.rendered.test_clip import _frame, _info, _target

    from upframe.rendered.clip import ClipWriter

    for damaged in ("clip.json", "0000.exr"):
        place = folder / f"rendered-{damaged}"
        writer = ClipWriter(place, _info())
        for number in range(2):
            writer.write(number, _frame(number), _target(number))
        writer.finish()
        found = next(path.relative_to(place) for path in sorted(place.rglob("*")) if path.name.endswith(damaged[-4:]))
        yield Sample(f"rendered {damaged}", place, str(found), "", rendered)
