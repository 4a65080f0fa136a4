"""The networks of this project: one line for each."""

from __future__ import annotations

from upframe.models import frvsr, nsrr, ntaau, rt4ksr, stssnet, ttvsr
from upframe.models.network import Family

FAMILIES: tuple[Family, ...] = (
    rt4ksr.FAMILY,
    frvsr.FAMILY,  # TecoGAN's generator too
    ttvsr.FAMILY,
    nsrr.FAMILY,
    stssnet.FAMILY,
    ntaau.FAMILY,
)
"""A file is of the first that recognises it."""
