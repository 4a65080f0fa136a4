"""What accompanies the frames of a video: closed captions, which go on, and metadata that a result has no place for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import PictureType, VideoFrame

from upframe.media.video.probe import frame_side_data

_LOST = {
    SideDataType.DYNAMIC_HDR_PLUS: "HDR10+ dynamic metadata cannot be kept: players map all scenes alike, as with HDR10",
    SideDataType.DYNAMIC_HDR_VIVID: "HDR Vivid dynamic metadata cannot be kept: players map all scenes alike",
    SideDataType.STEREO3D: "the mark of a stereoscopic image cannot be kept",
    SideDataType.SPHERICAL: "the mark of a spherical image cannot be kept",
    SideDataType.ICC_PROFILE: "an ICC colour profile cannot be kept",
    SideDataType.AFD: "the active format description cannot be kept",
}
_DOLBY_VISION = (SideDataType.DOVI_METADATA, SideDataType.DOVI_RPU_BUFFER)
_DOLBY_VISION_LOST = "Dolby Vision dynamic metadata cannot be kept: "
_CARRIER = 16  # pixels of either side


def captions_of(frame: VideoFrame) -> VideoFrame | None:
    """A small frame with the closed captions of one, if it has some: PyAV copies them from frame to frame alone."""
    if SideDataType.A53_CC not in frame_side_data(frame):
        return None
    carrier = frame.reformat(width=_CARRIER, height=_CARRIER, format="gray", interpolation="POINT")
    carrier.pict_type = PictureType.NONE  # else an encoder would make it of the same type
    return carrier


def lost(side_data: Mapping[SideDataType, bytes], captions_lost: str) -> Iterator[str]:
    """What a user should know of a frame's side data. captions_lost: why its captions have no place; empty where they have."""
    if captions_lost and SideDataType.A53_CC in side_data:
        yield f"closed captions inside the images cannot be kept: {captions_lost}"
    yield from (text for kind, text in _LOST.items() if kind in side_data)
    if any(kind in side_data for kind in _DOLBY_VISION):
        if _needs_dolby_vision(side_data.get(SideDataType.DOVI_METADATA, b"")):
            yield f"{_DOLBY_VISION_LOST}its colours mean nothing without it (profile 5), and the result shows wrong ones"
        else:
            yield f"{_DOLBY_VISION_LOST}players show the images without it, as those do that do not know it"


def _needs_dolby_vision(metadata: bytes) -> bool:
    """Whether images are in Dolby's own colours (profile 5), by FFmpeg's ``AVDOVIMetadata``.

    It begins with the offset of a header, whose byte 4 is ``vdr_rpu_profile`` and byte 10 ``bl_video_full_range_flag``.
    """
    header = int.from_bytes(metadata[:8], "little")
    return len(metadata) > header + 10 and header >= 24 and metadata[header + 4] == 0 and metadata[header + 10] == 1
