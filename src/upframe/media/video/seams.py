"""Where a video is divided between encoders, inside a shot: what they are shown so that nobody sees the place.

An encoder that knows nothing of what follows saves on its last frames, as nothing is predicted from them. So x264 and x265 are
shown some more, and what they make of these is dropped; the frame before is encoded by itself or from earlier ones (a P frame),
so that nothing that is kept needs what is dropped. The key frame after the seam is given a little less than other key frames:
it stands where one breath has none. Measured: docs/jobs.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from av.video.frame import VideoFrame

from upframe.media.filters import FilterChain, shape_of
from upframe.media.video.info import PixelLayout, RawFrame
from upframe.media.video.planes import make_frame


@dataclass(frozen=True, slots=True)
class SeamCare:
    """tail: frames that the encoder is shown after the last one. key_offset: of the key frame at a seam, in the unit of
    FFmpeg's addroi: of the whole range of quantisers, above 0 is coarser.
    """

    tail: int = 0
    key_offset: float = 0.0


_CARE = {"libx264": SeamCare(12, 0.03), "libx264rgb": SeamCare(12, 0.03), "libx265": SeamCare(16, 0.06)}
LONGEST_TAIL = max(care.tail for care in _CARE.values())


def seam_care(codec: str) -> SeamCare:
    """What is done for FFmpeg's encoder of a name: nothing where it changes nothing (VP9) or does harm (AV1)."""
    return _CARE.get(codec, SeamCare())


def coarser(image: VideoFrame, offset: float) -> VideoFrame:
    """The same image, marked to be encoded coarser by ``offset``. Encoders without adaptive quantisers ignore it."""
    [marked] = FilterChain(shape_of(image), [f"addroi=x=0:y=0:w=iw:h=ih:qoffset={offset}"]).put(image)
    return marked


def enlarged(frame: RawFrame, layout: PixelLayout, size: tuple[int, int], pix_fmt: str) -> VideoFrame:
    """A frame of the source, by FFmpeg's bicubic scaler, as an encoder of ``size`` (height, width) takes it."""
    height, width = size
    return make_frame(frame.planes, layout).reformat(width=width, height=height, format=pix_fmt, interpolation="BICUBIC")
