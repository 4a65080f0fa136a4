"""Images and videos in and out, with all that their files say: colour, depth, times, text.

Knows no network and no torch. Pillow and PyAV do the decoding; tifffile and OpenEXR are loaded when such a file is met.
"""

from upframe.media.atomic import atomic_output
from upframe.media.files import VIDEO_SUFFIXES, FoundInputs, Input, find_inputs, search_inputs
from upframe.media.image.file import read_image, write_image
from upframe.media.image.image import IMAGE_SUFFIXES, Image, ImageEncoding, ImageFormat, ImageMetadata
from upframe.media.naming import output_path, plan_outputs

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "FoundInputs",
    "Image",
    "ImageEncoding",
    "ImageFormat",
    "ImageMetadata",
    "Input",
    "atomic_output",
    "find_inputs",
    "output_path",
    "plan_outputs",
    "read_image",
    "search_inputs",
    "write_image",
]
