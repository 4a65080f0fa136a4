"""What may be trusted on this GPU: every network in every precision, and by every way to run it, beside the CPU in float32.

    python scripts/gpu/check.py OUT [--validate Set5/] [--weights FILE ...] [--quick] [--write]

Writes OUT/gpu_check.json, and leaves with 1 if anything but a half precision failed. Five minutes on a GPU. ``--weights``:
published checkpoints, to be checked as the shipped ones are. ``--quick --device cpu`` tries whether it runs.

A half precision passes where it costs less than 0.05 dB: by the rounding it adds to a result that has 40 dB without it, frame
by frame of a clip, and by the PSNR on the images of ``--validate``. What passes is printed as the ``half`` of a card, and
with ``--write`` put into the shipped files. Ways to run pass where nothing differs by more than 0.001 in float32. ``tf32`` is
float32 as torch has it on a GPU, judged as a half precision is.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import EAGER, fresh, results, ways, write
from numpy.typing import NDArray
from rt4ksr import psnr, read, reduce

from upframe import Upscaler
from upframe.engine.profile import published, published_names
from upframe.models.cards import weights_folder
from upframe.models.catalog import Model, load, save
from upframe.models.info import HalfPrecision
from upframe.models.rt4ksr import RT4KSR
from upframe.runtime.precision import HALF, Precision
from upframe.runtime.transfers import transfers

Frames = NDArray[Any]  # (count, h, w, 3)

RESULT_DB = 40.0  # of a result without rounding: more than most have, and so more easily harmed
PRECISIONS: dict[str, Precision] = {"fp32": "fp32", "tf32": "fp32", "fp16": "fp16", "bf16": "bf16"}
LARGEST_DROP = 0.05
LARGEST_DIFFERENCE = 1e-3
SIZES = {"image": (360, 640), "video": (136, 240), "rendered": (136, 240)}
FRAMES = {"image": 3, "video": 8, "rendered": 6}  # a graph is recorded when its size comes the second time


def drop(result: Frames, reference: Frames) -> float:
    """dB that the worst frame loses by its differences, if it had RESULT_DB without; inf where something is no number."""
    squares = np.square(result.astype(np.float64) - reference).mean(axis=(1, 2, 3)).max()
    return 10 * math.log10(1 + squares * 10 ** (RESULT_DB / 10)) if math.isfinite(squares) else math.inf


def on_images(upscaler: Upscaler, folder: Path) -> float:
    """Mean Y-PSNR over the images of a folder."""
    scale = upscaler.info.scale
    scores = []
    for path in sorted(folder.glob("*.png")):
        high = read(path, 2 * scale)
        low = reduce(high, scale)[None].float() / 255
        scores.append(psnr(upscaler.upscale_tensor(low).cpu(), high[None].float() / 255, scale))
    return sum(scores) / len(scores)


def check_model(model: Model, device: torch.device, a: argparse.Namespace) -> dict[str, Any]:
    """Each precision by each way; what differs from the CPU in float32."""
    height, width = (64, 96) if a.quick else SIZES[model.info.kind]
    count = min(FRAMES[model.info.kind], 3) if a.quick else FRAMES[model.info.kind]
    reference, _ = results(model, torch.device("cpu"), "fp32", EAGER, (height, width), count)
    rows: dict[str, Any] = {}
    for name, precision in PRECISIONS.items() if device.type == "cuda" else (("fp32", "fp32"),):
        # torch lets convolutions of float32 round their products as fp16 does, unless it is told not to.
        torch.backends.cudnn.allow_tf32 = name != "fp32"
        for way in ways(device) if name != "tf32" else (EAGER,):
            if way.compiled and (name == "bf16" or time.monotonic() > a.until):
                continue
            try:
                made, notes = results(model, device, precision, way, (height, width), count)
                row = judged(made, reference, exact=name == "fp32") | {"notes": notes}
            except Exception as error:  # noqa: BLE001  # whatever it is, the others are to be checked
                row = {"passed": False, "error": f"{type(error).__name__}: {error}"[:400]}
            rows[f"{name} {way.name}"] = row
            print(f"# {model.info.name} {name} {way.name}: {row}", file=sys.stderr, flush=True)
    return rows


def judged(made: Frames, reference: Frames, *, exact: bool) -> dict[str, Any]:
    """How far they are apart, and whether that is near enough."""
    difference, lost = float(np.abs(made - reference).max()), drop(made, reference)
    passed = difference <= LARGEST_DIFFERENCE if exact else lost < LARGEST_DROP
    return {"largest_difference": difference, "drop_db": round(lost, 4), "passed": passed}


def score_model(model: Model, device: torch.device, folder: Path) -> dict[str, float]:
    """Y-PSNR on test images in each precision, eager."""
    scores = {"cpu fp32": on_images(Upscaler(fresh(model), device="cpu"), folder)}
    for precision in ("fp32", *HALF) if device.type == "cuda" else ():
        scores[precision] = on_images(Upscaler(fresh(model), device=str(device), precision=precision), folder)
    return {name: round(score, 4) for name, score in scores.items()}


def half_of(rows: dict[str, Any], scores: dict[str, float] | None) -> tuple[HalfPrecision, ...]:
    """What belongs into the card: the half precisions that passed by every way to run but the compiler's, fp16 before bf16."""
    good: list[HalfPrecision] = []
    for precision in HALF:
        passed = [row["passed"] for name, row in rows.items() if name.startswith(f"{precision} ") and "compiled" not in name]
        lost = scores["cpu fp32"] - scores[precision] if scores else 0.0
        if passed and all(passed) and lost < LARGEST_DROP:
            good.append(precision)
    return tuple(good)


def normalised() -> Model:
    """RT4KSR as its published weights are, with layer normalisation, which the shipped ones do without."""
    torch.manual_seed(0)
    network = RT4KSR(2).merge().eval().requires_grad_(False)
    return Model(network, network.info)


def check_transfers(device: torch.device) -> bool:
    """Whether frames that go up and come down all at once arrive whole."""
    way, generator = transfers(device), np.random.default_rng(0)
    arrays = [generator.integers(0, 255, (540, 960), np.uint8) for _ in range(50)]
    started = []
    for array in arrays:
        given = array.copy()
        tensor = way.up(given)
        if device.type == "cuda":
            given[:] = 0  # it may be changed at once
        for _ in range(20):
            tensor = 255 - tensor
        started.append(way.down(tensor))
    return all(np.array_equal(arrived(), array) for arrived, array in zip(started, arrays, strict=True))


def nvenc() -> dict[str, str]:
    """What the GPU's encoders say when they are opened."""
    if find_spec("av") is None:
        return {"PyAV": "is not installed"}
    from upframe.media.video.hardware import refusal

    return {codec: refusal(codec) or "works" for codec in ("h264_nvenc", "hevc_nvenc")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--validate", type=Path)
    parser.add_argument("--weights", nargs="*", default=[], help="checkpoint files")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=5, help="after which nothing more is compiled")
    parser.add_argument("--quick", action="store_true", help="small frames, few of them")
    parser.add_argument("--write", action="store_true", help="put what passed into the cards of the shipped weights")
    a = parser.parse_args()
    a.until = time.monotonic() + 60 * a.minutes
    device = torch.device(a.device)
    shipped = [load(path.stem) for path in sorted(weights_folder().glob("*.safetensors"))]
    models = {model.info.name: model for model in (*shipped, *(load(path) for path in a.weights))}
    random = {f"{name}, random weights": published(name) for name in published_names()}
    random["rt4ksr-x2, random weights, normalised"] = normalised()
    figures: dict[str, Any] = {
        "transfers": check_transfers(device),
        "encoders": nvenc(),
        "models": {},
        "half": {},
        "images": {},
    }
    for name, model in (models | random).items():
        rows = figures["models"][name] = check_model(model, device, a)
        if name not in models or device.type != "cuda":
            continue
        if a.validate and model.info.kind == "image":
            figures["images"][name] = score_model(model, device, a.validate)
        figures["half"][name] = half = half_of(rows, figures["images"].get(name))
        if a.write and model in shipped:
            save(replace(model, info=replace(model.info, half=half)), weights_folder() / f"{name}.safetensors")
    write(a.out, "gpu_check", figures)
    exact = [row["passed"] for rows in figures["models"].values() for name, row in rows.items() if name.startswith("fp32")]
    sys.exit(0 if figures["transfers"] and all(exact) else 1)


if __name__ == "__main__":
    main()
