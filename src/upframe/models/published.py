"""The checkpoints that the authors of the five systems have published: where they are, what they are, how to know them.

Sizes and digests are of the files themselves; those of TecoGAN's x4 models (MD5) are from its download script. A file that is
offered on a page for people alone, and not at an address for programs, has a ``page`` and no ``address``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from upframe.errors import CheckpointError
from upframe.ops.sampling import Sampling, sampling_of
from upframe.remedies import Task, way

_RT4KSR = "https://raw.githubusercontent.com/eduardzamfir/RT4KSR/f8b80dd3006788e5f78e5b75bb438403e0173010/code/checkpoints"
_STSSNET = "https://raw.githubusercontent.com/ryanhe312/STSSNet-AAAI2024/0eca7383a8a808878f6161cdfe010e9afb0df8ff/checkpoints"
_TECOGAN = "https://github.com/skycrapers/TecoGAN-PyTorch"
_TTVSR = "https://drive.google.com/drive/folders/1dXzyi_9nMLC3FU7SKkvLEGOMyv0lfcV2"


@dataclass(frozen=True, slots=True)
class Published:
    """A published checkpoint. ``family``, ``scale`` and ``degradation`` as in ModelInfo; ``file``: its name there.

    ``size`` is in bytes. Size and digests are None, and the address is empty, where they are not known.
    """

    name: str
    family: str
    scale: int
    degradation: str
    licence: str
    file: str
    page: str
    address: str = ""
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    summary: str = ""

    @property
    def verified_by(self) -> str:
        """The digest that a file of it can be verified by: "SHA-256" or "MD5"; empty where none is known."""
        return "SHA-256" if self.sha256 else "MD5" if self.md5 else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        return asdict(self) | {"sampling": self.sampling, "verified_by": self.verified_by or None}

    @property
    def sampling(self) -> Sampling:
        """Where its samples lie, as in ModelInfo: its degradation says it."""
        return sampling_of(self.degradation)


def _rt4ksr(scale: int, size: int, sha256: str) -> Published:
    return Published(
        name=f"rt4ksr-x{scale}-published",
        family="rt4ksr",
        scale=scale,
        degradation="BI",
        licence="Apache-2.0",
        file=f"rt4ksr_x{scale}.pth",
        page="https://github.com/eduardzamfir/RT4KSR",
        address=f"{_RT4KSR}/rt4ksr_x{scale}.pth",
        size=size,
        sha256=sha256,
        summary="Zamfir et al., CVPR Workshops 2023: NTIRE real-time 4K.",
    )


def _stssnet(scene: str, sha256: str) -> Published:
    return Published(
        name=f"stssnet-x2-{scene.lower()}",
        family="stssnet",
        scale=2,
        degradation="rendered",
        licence="MIT",
        file="finalModel.pkl",
        page="https://github.com/ryanhe312/STSSNet-AAAI2024",
        address=f"{_STSSNET}/{scene}/finalModel.pkl",
        size=1701969,
        sha256=sha256,
        summary=f"He et al., AAAI 2024: trained on the scene {scene}.",
    )


def _tecogan(method: str, degradation: str, scale: int, data: str, drive: str, md5: str | None = None) -> Published:
    iterations = {"FRVSR": 400000, "TecoGAN": 500000}[method]
    return Published(
        name=f"{method.lower()}-x{scale}-{degradation.lower()}-{data.lower()}",
        family="frvsr",  # the generator of TecoGAN is an FRVSR
        scale=scale,
        degradation=degradation,
        licence="Apache-2.0",
        file=f"{method}_{degradation}_iter{iterations}.pth" if data == "Vimeo" else "",
        page=_TECOGAN,
        address=f"https://drive.google.com/uc?export=download&id={drive}",
        md5=md5,
        summary=f"Deng and Zhuo's PyTorch edition of {method}, trained on {data}.",
    )


def _ttvsr(degradation: str, data: str) -> Published:
    kind = degradation.partition("-")[0].lower()
    return Published(
        name=f"ttvsr-x4-{kind}-{data.lower()}",
        family="ttvsr",
        scale=4,
        degradation=degradation,
        licence="MIT",
        file=f"TTVSR_{data}.pth",
        page=_TTVSR,
        summary=f"Liu et al., CVPR 2022: trained on {data}.",
    )


PUBLISHED = (
    _rt4ksr(2, 1699164, "9ec7500092848a480e058a9c703e4b2254bc0cc97928c076bba272177752124f"),
    _rt4ksr(3, 1855452, "13229f15a7f3897096ab0ee92b7c3d3c64fd59b4e558fea3248147cec225e65e"),
    _tecogan("FRVSR", "BD", 4, "Vimeo", "11kPVS04a3B3k0SD-mKEpY_Q8WL7KrTIA", "77d33c58b5cbf1fc68a1887be80ed18f"),
    _tecogan("FRVSR", "BI", 4, "Vimeo", "1wejMAFwIBde_7sz-H7zwlOCbCvjt3G9L", "ad6337d934ec7ca72441082acd80c4ae"),
    _tecogan("FRVSR", "BD", 4, "REDS", "1YyTwBFF6P9xy6b9UBILF4ornCdmWbDLY"),
    _tecogan("FRVSR", "BD", 2, "REDS", "1ibsr3td1rYeKsDc2d-J9-8jFURBFc_ST"),
    _tecogan("TecoGAN", "BD", 4, "Vimeo", "13FPxKE6q7tuRrfhTE7GB040jBeURBj58", "13d826c9f066538aea9340e8d3387289"),
    _tecogan("TecoGAN", "BI", 4, "Vimeo", "1ie1F7wJcO4mhNWK8nPX7F0LgOoPzCwEu", "4955b65b80f88456e94443d9d042d1e6"),
    _tecogan("TecoGAN", "BD", 4, "REDS", "1vMvMbv_BvC2G-qCcaOBkNnkMh_gLNe6q"),
    _tecogan("TecoGAN", "BD", 2, "REDS", "1XN5D4hjNvitO9Kb3OrYiKGjwNU0b43ZI"),
    _ttvsr("BI", "REDS"),
    _ttvsr("BD-centred", "Vimeo90K"),  # its BD_degradation.m: sigma 1.6, sampled at the middle of each cell
    _stssnet("Arena", "2a48f98b03a94b83f2bd7f346dbf00164423fdc62adc1c0d33db03f07b124a62"),
    _stssnet("Lewis", "1501c98156dc426726ac64636ee8e9d09bed1822f052707280c62f10967fc534"),
    _stssnet("Subway", "79ea6ab04558a5c8c6476cad1b6639ed723e8072c4bdb0d3062403785ff0a409"),
    _stssnet("SunTemple", "2c84b45dfc72fed22d94ff850ac5f14653b9e3002ded890ade451b67e9d17351"),
)
"""All of them. NSRR's re-implementation has published no weights."""


def published_name(name: str) -> Published:
    """The published checkpoint of a name. Raises CheckpointError for a name that is none."""
    for entry in PUBLISHED:
        if entry.name == name:
            return entry
    raise CheckpointError(f"{name}: unknown published checkpoint", remedy=way(Task.SEE_PUBLISHED))


def published_file(file: str, sha256: str) -> Published | None:
    """The published checkpoint that a file is: by its digest, or by its own name where no digest is known to tell it."""
    by_digest = (entry for entry in PUBLISHED if entry.sha256 == sha256)
    by_name = (entry for entry in PUBLISHED if entry.sha256 is None and entry.file == file != "")
    return next(by_digest, None) or next(by_name, None)
