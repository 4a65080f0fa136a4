"""The protocols of the five published systems and of the usual test sets.

Sources: the evaluation scripts released with each system; facts about them were checked by running those scripts.
"""

from __future__ import annotations

from dataclasses import replace

from upframe.errors import InputError
from upframe.metrics.protocol import Protocol
from upframe.metrics.structural import PADDED, TECOGAN

_RT4KSR = Protocol(
    name="rt4ksr",
    source="RT4KSR's test script, which exchanges red and blue in its luma",
    metrics=("psnr_rgb", "ssim_rgb", "psnr_y", "ssim_y"),
    luma="bt601-swapped",
)
_STSSNET = Protocol(
    name="stssnet",
    source="STSSNet's eval.py, with SSIM masked like PSNR and LPIPS scaled as its network wants it",
    metrics=("psnr_y", "ssim_y", "lpips"),
    samples="truncate",
    lpips_backbone="alex",
    averaging="parity",
)
_STSSNET_PUBLISHED = replace(
    _STSSNET,
    name="stssnet-published",
    source="STSSNet's eval.py as it stands: SSIM drops the mask, LPIPS is fed unscaled",
    ssim_masked=False,
    lpips_input="raw",
)


def _stssnet_modes(protocol: Protocol) -> list[Protocol]:
    return [
        protocol,
        replace(protocol, name=protocol.name.replace("stssnet", "stssnet-edge"), mask="edge"),
        replace(protocol, name=protocol.name.replace("stssnet", "stssnet-hole"), mask="hole"),
    ]


_ALL = [
    _RT4KSR,
    replace(_RT4KSR, name="rt4ksr-y", source="RT4KSR's test script with the luma put right", luma="bt601"),
    Protocol("set-y", "single images: Set5, Set14, BSD100, Urban100", ("psnr_y", "ssim_y"), border="scale"),
    Protocol("reds4-rgb", "video: REDS4, as BasicSR and TTVSR", ("psnr_rgb", "ssim_rgb"), averaging="clips"),
    Protocol("vid4-y", "video: Vid4, Vimeo-90K, UDM10, as BasicSR and TTVSR", ("psnr_y", "ssim_y"), averaging="clips"),
    Protocol(
        name="tecogan",
        source="TecoGAN's metrics.py, the published tables of Vid4 and ToS3",
        metrics=("psnr_y", "ssim_y", "lpips", "tof", "tlp"),
        block=32,
        skip=2,
        ssim_window=TECOGAN,
        lpips_backbone="alex",
        averaging="clips",
    ),
    Protocol(
        name="tecogan-pytorch",
        source="validation in the PyTorch edition of TecoGAN",
        metrics=("psnr_y", "lpips", "tof"),
        luma="bt601-rounded",
        lpips_backbone="alex",
        averaging="clips",
    ),
    Protocol(
        name="film",
        source="this project's own: ordinary video after compression, by a classifier that is small",
        metrics=("psnr_y", "ssim_y", "lpips", "tof", "tlp"),
        border="scale",
        averaging="clips",
    ),
    *_stssnet_modes(_STSSNET),
    *_stssnet_modes(_STSSNET_PUBLISHED),
    Protocol("nsrr", "Xiao et al. 2020: PSNR and SSIM of RGB", ("psnr_rgb", "ssim_rgb")),
    Protocol(
        name="nsrr-published",
        source="test.py of the open NSRR re-implementation, whose PSNR is not in decibels",
        metrics=("psnr_nsrr", "ssim_rgb"),
        samples="float",
        ssim_window=PADDED,
    ),
]
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def find_protocol(name: str) -> Protocol:
    """A shipped protocol by its name. Raises InputError, with the names there are."""
    if name not in PROTOCOLS:
        raise InputError(f"{name!r} is not one of the protocols: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
