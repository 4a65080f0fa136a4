"""A rendered clip in a tenth of its size, for the way to a GPU: images as AVIF, geometry as whole numbers.

A file is a zip: ``clip.json``, and for each frame ``00000/colour.avif albedo.avif normal.avif surface.avif target.avif`` (eight
bits, chroma not reduced; ``surface`` is roughness and metallic) and ``geometry.xz``. What is lost is less than a training
notices: see tests/test_gpu_kit.py.
"""

from __future__ import annotations

import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from PIL import features

from upframe.errors import InputError
from upframe.media.atomic import atomic_output
from upframe.ops.transfer import decode_linear, encode_linear
from upframe.rendered.clip import NAME, ClipInfo, ClipWriter, RenderedClip
from upframe.rendered.frame import RenderedFrame

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

QUALITY = {"colour": 96, "albedo": 90, "normal": 92, "surface": 90, "target": 90}
BENDS = ([0.0, 1.0, 6.0], [0.0, 224.0, 255.0])  # display values and their codes: what is brighter than white gets few
MOTION_STEPS = 64  # in a pixel
NEAREST = 16383  # the code of the nearest surface's disparity; that of the background is 0


def pack_clip(folder: Path, path: Path, frames: int) -> None:
    """Write the first ``frames`` frames of a clip with targets as one file. Raises InputError for another clip."""
    if not features.check("avif"):
        raise InputError("this Pillow writes no AVIF: install 11.3 or newer")
    clip = RenderedClip(folder)
    count = min(frames, len(clip))
    info = clip.info.model_copy(update={"frames": clip.info.frames[:count]})
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_output(path, overwrite=True) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(NAME, info.model_dump_json())
        for number in range(count):
            frame = clip[number]
            for name, pixels in _images(frame, np.asarray(clip.target(number), np.float32)).items():
                archive.writestr(f"{number:05d}/{name}.avif", _avif(pixels, QUALITY[name]))
            geometry = _geometry(np.asarray(frame.depth, np.float64), np.asarray(frame.motion, np.float32))
            archive.writestr(f"{number:05d}/geometry.xz", geometry)


def unpack_clip(path: Path, folder: Path) -> None:
    """Make a clip's folder of a file, or the rest of it. Raises OutputError for a folder that holds other things."""
    with zipfile.ZipFile(path) as archive:
        writer = ClipWriter(folder, ClipInfo.model_validate_json(archive.read(NAME)))
        for number in writer.missing():
            frame, target = _frame(archive, number, writer.info)
            writer.write(number, frame, target)
        writer.finish()


def _images(frame: RenderedFrame, target: Floats) -> dict[str, Bytes]:
    """Each (h, w, 3)."""
    if (
        frame.colour is None
        or frame.normal is None
        or frame.albedo is None
        or frame.roughness is None
        or frame.metallic is None
    ):
        raise InputError("a clip to be packed has every buffer in every frame")
    surface = np.stack([np.asarray(plane, np.float32) for plane in (frame.roughness, frame.metallic, frame.metallic)], axis=2)
    return {
        "colour": _shown(np.asarray(frame.colour, np.float32), frame),
        "albedo": _eight_bits(np.asarray(frame.albedo, np.float32) * 255),
        "normal": _eight_bits(np.asarray(frame.normal, np.float32) * 127 + 128),
        "surface": _eight_bits(surface * 255),
        "target": _shown(target, frame),
    }


def _frame(archive: zipfile.ZipFile, number: int, info: ClipInfo) -> tuple[RenderedFrame, Floats]:
    """A frame and its target."""
    known = info.frames[number]
    images = {}
    for name in QUALITY:
        with PIL.Image.open(io.BytesIO(archive.read(f"{number:05d}/{name}.avif"))) as image:
            images[name] = np.asarray(image.convert("RGB"), np.float32)
    width, height = info.render_size
    depth, motion = _depth_and_motion(archive.read(f"{number:05d}/geometry.xz"), height, width)
    normal = images["normal"] - 128
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1)
    surface = np.isfinite(depth)[..., None]
    light = {name: _light(images[name], known.exposure, linear=info.colour == "linear") for name in ("colour", "target")}
    frame = RenderedFrame(
        colour=light["colour"],
        depth=depth,
        motion=motion,
        normal=np.where(surface, normal, 0),
        albedo=np.where(surface, images["albedo"] / 255, 0),
        roughness=np.where(surface[..., 0], images["surface"][..., 0] / 255, 0),
        metallic=np.where(surface[..., 0], images["surface"][..., 1] / 255, 0),
        linear=info.colour == "linear",
        exposure=known.exposure,
        jitter=known.jitter,
        cut=known.cut,
    )
    return frame, light["target"]


def _shown(light: Floats, frame: RenderedFrame) -> Bytes:
    """Light, or display values, as codes."""
    values = encode_linear(torch.from_numpy(light * np.float32(frame.exposure))).numpy() if frame.linear else light
    return _eight_bits(np.interp(values, *BENDS))


def _light(codes: Floats, exposure: float, *, linear: bool) -> Floats:
    values = np.interp(codes, BENDS[1], BENDS[0]).astype(np.float32)
    if not linear:
        return values
    light: Floats = (decode_linear(torch.from_numpy(values)) / exposure).numpy()
    return light


def _eight_bits(values: NDArray[np.floating[Any]]) -> Bytes:
    return values.round().clip(0, 255).astype(np.uint8)


def _avif(pixels: Bytes, quality: int) -> bytes:
    content = io.BytesIO()
    PIL.Image.fromarray(pixels).save(content, "AVIF", quality=quality, subsampling="4:4:4", speed=6)
    return content.getvalue()


def _geometry(depth: NDArray[np.float64], motion: Floats) -> bytes:
    """Disparity and motion, compressed: how far each is from the plane through three neighbours, which is often nothing."""
    finite = np.isfinite(depth)
    nearest = float(depth[finite].min()) if finite.any() else 1.0
    disparity = np.where(finite, np.maximum(np.round(NEAREST * nearest / np.where(finite, depth, 1)), 1), 0)
    steps = (motion * MOTION_STEPS).round().clip(-32768, 32767)
    planes = np.stack([disparity, steps[..., 0], steps[..., 1]]).astype(np.int64)
    around = np.pad(planes, ((0, 0), (1, 0), (1, 0)))
    off = around[:, 1:, 1:] - around[:, :-1, 1:] - around[:, 1:, :-1] + around[:, :-1, :-1]
    small = ((off << 1) ^ (off >> 63)).astype(np.uint32)  # 0 -1 1 -2 2 ... as 0 1 2 3 4 ...
    halves = np.stack([(small >> shift) & 255 for shift in (16, 8, 0)]).astype(np.uint8)
    return np.float64(nearest).tobytes() + lzma.compress(halves.tobytes())


def _depth_and_motion(content: bytes, height: int, width: int) -> tuple[Floats, Floats]:
    """(h, w) and (h, w, 2)."""
    nearest = float(np.frombuffer(content[:8], np.float64)[0])
    halves = np.frombuffer(lzma.decompress(content[8:]), np.uint8).reshape(3, 3, height, width).astype(np.int64)
    small = (halves[0] << 16) | (halves[1] << 8) | halves[2]
    planes = ((small >> 1) ^ -(small & 1)).cumsum(axis=1).cumsum(axis=2)
    with np.errstate(divide="ignore"):
        depth = (NEAREST * nearest / planes[0]).astype(np.float32)  # of 0: inf, the background
    return depth, (planes[1:].transpose(1, 2, 0) / MOTION_STEPS).astype(np.float32)
