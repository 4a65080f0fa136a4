"""What is done to a downloaded set before training: small images cut from large ones, and REDS regrouped.

What is for testing does not get into what is made for training.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from upframe.datasets.catalog_entries import REDS4
from upframe.datasets.held_out import HeldOut
from upframe.datasets.published_folders import child, images_in, subfolders
from upframe.errors import InputError
from upframe.media.atomic import atomic_output, refuse_filled
from upframe.media.image.file import read_image, write_image
from upframe.remedies import Call, way

SIZE, STEP = 512, 240
"""Pixels: the sub-images of RT4KSR, and the step of its script (``extract_subimages.py``, where the size is 720)."""

_TRAINING_CLIPS = 240
_REDS_PARTS = ("train_sharp", "train_sharp_bicubic/X4")


def subimages(source: Path, target: Path, *, size: int = SIZE, step: int = STEP) -> Iterator[Path]:
    """Cut the images of a folder into squares that overlap: ``0001.png`` -> ``0001_s001.png`` ...; row by row, from 001.

    A square begins every ``step`` pixels, and the last of a row or column ends at the edge. Yields each image when it is
    done; ``target`` appears, whole, at the end. An image's bits are kept. Images for testing are left out. Raises InputError
    for an image smaller than ``size``, OutputError when ``target`` is there and not empty.
    """
    paths = images_in(source) if source.is_dir() else []
    if not paths:
        raise InputError(f"{source}: no images in this folder")
    paths = HeldOut().keep(str(source), paths, lambda path: path)
    if not 1 <= step <= size:
        raise InputError(f"a step is from 1 to the size, {size}, not {step}, so that no part of an image is left out")
    refuse_filled(target)
    with atomic_output(target, folder=True) as folder:
        for path in paths:
            image = read_image(path)
            if min(image.height, image.width) < size:
                raise InputError(f"{path}: is {image.width}x{image.height}, smaller than a sub-image of {size}x{size}")
            number = 0
            for top in _starts(image.height, size, step):
                for left in _starts(image.width, size, step):
                    number += 1
                    cut = image.pixels[top : top + size, left : left + size]
                    write_image(folder / f"{path.stem}_s{number:03d}.png", replace(image, pixels=cut.copy(), alpha=None))
            yield path


def _starts(length: int, size: int, step: int) -> list[int]:
    starts = list(range(0, length - size + 1, step))
    return starts if starts[-1] + size == length else [*starts, length - size]


def regroup_reds(source: Path, target: Path) -> Iterator[Path]:
    """One folder of REDS' 240 training clips but REDS4, and its 30 validation clips, these renamed 240 to 269.

    ``train/train_sharp/000`` and ``val/val_sharp/000`` of ``source`` -> ``train/train_sharp/000`` to ``269`` of ``target``, and
    likewise ``train_sharp_bicubic/X4`` where it is there. Files are linked where the disk allows it, else copied; the source
    stays as it is. Yields each clip's folder when it is done; ``target`` appears, whole, at the end. Raises InputError for a
    folder without REDS in it.
    """
    clips = [(clip, place) for part in _REDS_PARTS for clip, place in _regrouped(source, part)]
    if not clips:
        raise InputError(
            f"{source}: no train/train_sharp and val/val_sharp in this folder",
            remedy=way("see ", Call("upframe.datasets.catalog.named_entry", ("reds",))),
        )
    refuse_filled(target)
    with atomic_output(target, folder=True) as folder:
        for clip, place in clips:
            (folder / place).mkdir(parents=True)
            for path in images_in(clip):
                _link(path, folder / place / path.name)
            yield clip


def _regrouped(source: Path, part: str) -> Iterator[tuple[Path, Path]]:
    """Each clip of a part, and its place in the regrouped set."""
    training = child(source, f"train/{part}") or child(source, part)
    validating = part.replace("train", "val")
    validation = child(source, f"val/{validating}") or child(source, validating)
    if training is None or validation is None:
        return
    for folder, first in ((training, 0), (validation, _TRAINING_CLIPS)):
        for clip in subfolders(folder):
            if not clip.name.isdecimal():
                raise InputError(f"{clip}: the clips of REDS are named by numbers")
            if first == 0 and f"{int(clip.name):03d}" in REDS4:
                continue
            yield clip, Path("train", part, f"{first + int(clip.name):03d}")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
