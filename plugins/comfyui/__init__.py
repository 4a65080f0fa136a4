"""Upframe's nodes: load a model, upscale images, upscale a video file."""

from .host import check_host

check_host()

from .images import UpscaleImages  # noqa: E402  # what they import has been looked for
from .loader import LoadModel  # noqa: E402
from .video import UpscaleVideo  # noqa: E402

NODE_CLASS_MAPPINGS = {
    "UpframeLoadModel": LoadModel,
    "UpframeUpscaleImages": UpscaleImages,
    "UpframeUpscaleVideo": UpscaleVideo,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "UpframeLoadModel": "Load Model (Upframe)",
    "UpframeUpscaleImages": "Upscale Images (Upframe)",
    "UpframeUpscaleVideo": "Upscale Video File (Upframe)",
}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
