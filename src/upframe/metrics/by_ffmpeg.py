"""VMAF and XPSNR, by the ffmpeg of the ``imageio-ffmpeg`` package (0.8.1 and newer carry libvmaf).

VMAF: Netflix's model v0.6.1. XPSNR: Helmrich et al. (ICASSP 2020). Both look at the frame before, so they take clips.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import numpy as np
import torch
from torch import Tensor

from upframe.errors import InputError, MissingExtra, ShapeError
from upframe.metrics.frames import check_pair, codes_array

VideoMetric = Literal["vmaf", "xpsnr"]
VMAFModel = Literal["vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_4k_v0.6.1"]

_SMALLEST = 32  # pixels; the pyramids of VMAF have nothing left of smaller images
_VMAF_LOG, _XPSNR_LOG = "vmaf.json", "xpsnr.log"


def _executable() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingExtra("imageio-ffmpeg", "evaluate", "VMAF and XPSNR") from error
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise InputError(
            "VMAF and XPSNR: imageio-ffmpeg has no ffmpeg for this machine", remedy="name one in IMAGEIO_FFMPEG_EXE"
        ) from error


def _graph(metrics: tuple[VideoMetric, ...], height: int, width: int, model: VMAFModel, threads: int) -> str:
    """One stream whose frames hold the result above the reference: so one pipe is enough, on every system."""
    planes = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p"
    parts = ["[0:v]split=2[above][below]"]
    for source, top, name in (("above", 0, "result"), ("below", height, "reference")):
        copies = "".join(f"[{name}_{metric}]" for metric in metrics)
        parts.append(f"[{source}]crop={width}:{height}:0:{top}:exact=1,{planes},split={len(metrics)}{copies}")
    if "vmaf" in metrics:
        options = f"model='version={model}':log_fmt=json:log_path={_VMAF_LOG}:n_threads={threads}"
        parts.append(f"[result_vmaf][reference_vmaf]libvmaf={options}[vmaf]")
    if "xpsnr" in metrics:  # which takes the reference first
        parts.append(f"[reference_xpsnr][result_xpsnr]xpsnr=stats_file={_XPSNR_LOG}[xpsnr]")
    return ";".join(parts)


class VideoScorer:
    """Scores a clip as its frames are fed, in the memory of a few of them; :meth:`finish` returns a value for each frame.

    Frames (3, h, w), uint8 or in [0, 1] (rounded); ffmpeg turns them into limited-range BT.709 4:2:0. ``frame_rate`` matters
    to XPSNR, which looks two frames back above 32 a second. To be used in a ``with`` statement, or ended by ``close``.

    Raises MissingExtra without the package, ShapeError for sizes that differ or change or are below 32x32, InputError where
    ffmpeg has no such filter or fails.
    """

    def __init__(
        self,
        metrics: tuple[VideoMetric, ...] = ("vmaf", "xpsnr"),
        *,
        frame_rate: float = 25.0,
        model: VMAFModel = "vmaf_v0.6.1",
        threads: int = 1,
    ) -> None:
        self.metrics, self.frame_rate, self.model, self.threads = metrics, frame_rate, model, threads
        self._executable = _executable()
        self._size: torch.Size | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="upframe-", ignore_cleanup_errors=True)
        self._complaints = Path(self._folder.name, "errors.txt")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def add(self, result: Tensor, reference: Tensor) -> None:
        """Feed the next frame of both."""
        check_pair(result, reference)
        if self._process is None:
            self._start(result.shape)
        if result.shape != self._size:
            raise ShapeError(f"the frames of a clip must keep their size: {self._size} before, {result.shape} now")
        pair = np.concatenate((codes_array(result), codes_array(reference)))
        with suppress(BrokenPipeError):  # ffmpeg has ended: finish() says why
            self._pipe.write(pair.tobytes())

    def finish(self) -> dict[str, list[float]]:
        """The values by metric, one for each frame: ``vmaf`` (0 to 100), and ``xpsnr`` in dB of luma (infinity if equal)."""
        if self._process is None:
            return {metric: [] for metric in self.metrics}
        with suppress(BrokenPipeError):
            self._pipe.close()
        if self._process.wait():
            raise InputError(f"{' and '.join(self.metrics).upper()}: {self._complaint()}")
        folder = Path(self._folder.name)
        values: dict[str, list[float]] = {}
        if "vmaf" in self.metrics:
            log = json.loads((folder / _VMAF_LOG).read_text(encoding="utf-8"))
            values["vmaf"] = [float(frame["metrics"]["vmaf"]) for frame in log["frames"]]
        if "xpsnr" in self.metrics:
            text = (folder / _XPSNR_LOG).read_text(encoding="utf-8")
            values["xpsnr"] = [float(value) for value in re.findall(r"^n:.*?XPSNR y: *(\S+)", text, re.MULTILINE)]
        self.close()
        return values

    def close(self) -> None:
        """End ffmpeg, if it still runs, and remove its temporary files."""
        if self._process is not None:
            with suppress(BrokenPipeError):
                self._pipe.close()
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process = None
        self._folder.cleanup()

    def _start(self, size: torch.Size) -> None:
        _, height, width = size
        if min(height, width) < _SMALLEST:
            raise ShapeError(
                f"frames of {width}x{height} are too small for VMAF and XPSNR: {_SMALLEST} pixels each way are needed"
            )
        self._size = size
        command = [self._executable, "-hide_banner", "-nostdin", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{width}x{2 * height}", "-framerate", f"{self.frame_rate:g}", "-i", "pipe:0"]
        command += ["-filter_complex", _graph(self.metrics, height, width, self.model, self.threads)]
        for metric in self.metrics:
            command += ["-map", f"[{metric}]", "-f", "null", "-"]
        # The logs have plain names in the folder that ffmpeg runs in: paths would have to be escaped twice in a filter graph.
        with self._complaints.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=self._folder.name, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            )

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdin is not None
        return self._process.stdin

    def _complaint(self) -> str:
        """The first line ffmpeg wrote about what went wrong."""
        lines = self._complaints.read_text(encoding="utf-8", errors="replace").splitlines()
        if any("No such filter" in line for line in lines):
            return f"{self._executable} lacks the filter; install a newer one with: pip install 'imageio-ffmpeg>=0.8.1'"
        return next((line.strip() for line in lines if line.strip()), "ffmpeg failed and did not say why")
