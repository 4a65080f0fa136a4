"""Pictures and films in and out, with all that their files say: colour, depth, times, text.

Knows no network and no torch. Pillow and PyAV do the decoding; tifffile and OpenEXR are loaded when such a file is met.
"""

from upframe.media.atomic import atomic_output
from upframe.media.files import FILM_SUFFIXES, Found, Input, find_inputs, search_inputs
from upframe.media.naming import output_path, plan_outputs
from upframe.media.pictures.file import read_picture, write_picture
from upframe.media.pictures.picture import PICTURE_SUFFIXES, Picture, PictureEncoding, PictureFormat, PictureMetadata

__all__ = [
    "FILM_SUFFIXES",
    "PICTURE_SUFFIXES",
    "Found",
    "Input",
    "Picture",
    "PictureEncoding",
    "PictureFormat",
    "PictureMetadata",
    "atomic_output",
    "find_inputs",
    "output_path",
    "plan_outputs",
    "read_picture",
    "search_inputs",
    "write_picture",
]
