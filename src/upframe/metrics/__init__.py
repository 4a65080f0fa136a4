"""Numbers to trust: PSNR, SSIM, LPIPS, NIQE, tOF, tLP, VMAF and more, and the protocols that say exactly how each is computed.

Metrics take tensors (..., 3, h, w), uint8 or floating point in [0, 1], result first, and return a float. ``Protocol`` names a
way of computing; ``ClipScorer`` scores frames as they come, ``average`` sums up.
"""

from upframe.metrics.by_ffmpeg import VideoScorer
from upframe.metrics.flow import farneback, reference_motion, tof, visible, warping_error
from upframe.metrics.frames import frame_tensor
from upframe.metrics.masks import edge_mask, hole_mask
from upframe.metrics.naturalness import niqe
from upframe.metrics.perceptual import LPIPS, load_lpips, lpips, tlp
from upframe.metrics.protocol import LOWER_IS_BETTER, METRICS, TEMPORAL, Metric, Protocol
from upframe.metrics.protocols import PROTOCOLS, find_protocol
from upframe.metrics.scorer import ClipScorer, score
from upframe.metrics.scores import Averages, ClipScores, FrameScores, average
from upframe.metrics.signal_to_noise import psnr, temporal_psnr
from upframe.metrics.structural import SSIMWindow, ssim, ssim_map

__all__ = [
    "LOWER_IS_BETTER",
    "LPIPS",
    "METRICS",
    "PROTOCOLS",
    "TEMPORAL",
    "Averages",
    "ClipScorer",
    "ClipScores",
    "FrameScores",
    "Metric",
    "Protocol",
    "SSIMWindow",
    "VideoScorer",
    "average",
    "edge_mask",
    "farneback",
    "find_protocol",
    "frame_tensor",
    "hole_mask",
    "load_lpips",
    "lpips",
    "niqe",
    "psnr",
    "reference_motion",
    "score",
    "ssim",
    "ssim_map",
    "temporal_psnr",
    "tlp",
    "tof",
    "visible",
    "warping_error",
]
