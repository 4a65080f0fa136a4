"""Rendered frames as others lay them out on disk: readers that bring them to our conventions, writers that go the other way."""

from upframe.rendered.layouts.arm import ArmCapture, arm_captures
from upframe.rendered.layouts.nsrr import NSRRClip, nsrr_clips, write_nsrr
from upframe.rendered.layouts.stssnet import STSSNetFrame, read_stssnet_frame, read_stssnet_target, write_stssnet

__all__ = [
    "ArmCapture",
    "NSRRClip",
    "STSSNetFrame",
    "arm_captures",
    "nsrr_clips",
    "read_stssnet_frame",
    "read_stssnet_target",
    "write_nsrr",
    "write_stssnet",
]
