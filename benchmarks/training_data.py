"""The share of a training's step that is spent waiting for data, for recipes like the small ones and one of larger crops.

Each training is a short one by the package's own loop, in a process of its own, on media made on the spot: 960x540 images, as
folders of frames, an LMDB, a video, and photographs before a moving camera. What is reported is what the training itself logs,
less its first steps, while readers start and no frame is in memory. A step on a processor is long; so the milliseconds of
processor time that a reader spends on a sample stand beside it, warm and cold: a faster device needs so many readers:
``batch * ms / (1000 * step)``. Run by itself: on a machine that is busy otherwise the shares mean little.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from _report import write

from upframe.datasets.lmdb_clips import ClipShape, LmdbWriter
from upframe.media import Image, write_image
from upframe.training.data.camera import video_image
from upframe.training.data.chance import for_sample
from upframe.training.data.drawing import draw_image
from upframe.training.objectives.recipe import Recipe
from upframe.training.recipe import read_recipe
from upframe.training.systems import samples_of

HEIGHT, WIDTH, FRAMES, CLIPS = 540, 960, 48, 2
WARM_UP, STEPS = 3, 10
LIMIT = 0.05


def make_clips(folder: Path) -> dict[str, str]:
    """The same clips in every form, and photographs: what each is called, and where it is."""
    lmdb = folder / "packed.lmdb"
    lmdb.mkdir()
    writer = LmdbWriter(lmdb, "packed", frames=FRAMES * CLIPS, pixels=FRAMES * CLIPS * HEIGHT * WIDTH)
    for number in range(CLIPS):
        image = torch.from_numpy(draw_image(number, (1080, 1920)).transpose(2, 0, 1).copy())
        square = video_image(image, FRAMES, WIDTH, for_sample(0, number))[:, :, :HEIGHT].numpy()
        frames = [np.ascontiguousarray(frame) for frame in square.transpose(0, 2, 3, 1)]
        writer.add(f"clip{number}", ClipShape(FRAMES, HEIGHT, WIDTH), frames)
        for index, frame in enumerate(frames):
            write_image(folder / f"frames/clip{number}/{index:04d}.png", Image(frame))
        write_video(folder / f"videos/clip{number}.mp4", frames)
        write_image(folder / f"photographs/{number}.png", Image(draw_image(number, (1080, 1920))))
    writer.close(whole=True)
    clips = {name: f"clips: [{folder / name}]" for name in ("frames", "videos")}
    return {**clips, "LMDB": f"clips: [{lmdb}]", "photographs": f"photographs: [{folder / 'photographs'}]"}


def write_video(path: Path, frames: list[np.ndarray]) -> None:
    """H.264 with a key frame every two seconds."""
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24, options={"crf": "18", "preset": "fast", "g": "48"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def recipes(folder: Path) -> dict[str, list[str]]:
    """The changes that make each training, its name first: the small recipes, and crops of 128 of each source."""
    small = {f"{name} as it is": [name] for name in ("frvsr-small", "stssnet-small")}
    large = {
        f"crops of 128, 10 frames: {name}": ["frvsr-small", f"data={{{source}, frames: 10, crop: 128, degradation: BD}}"]
        for name, source in make_clips(folder).items()
    }
    return {**small, **large}


def waiting(changes: list[str], folder: Path) -> dict[str, float]:
    """The median share of a step, and the seconds of one, of a training that is short."""
    run = f"run={{workers: 1, log_every: 1, save_every: {WARM_UP + STEPS}, tensorboard: false, threads: 1}}"
    command = [sys.executable, "-m", "upframe", "train", changes[0], *changes[1:], run]
    command += [f"iterations={WARM_UP + STEPS}", "validation=null", "-o", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    with (folder / "timing.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[WARM_UP:]
    seconds = [float(row["seconds_a_step"]) for row in rows]
    waited = sum(float(row["data_share"]) * taken for row, taken in zip(rows, seconds, strict=True))
    return {"share": round(waited / sum(seconds), 4), "seconds_a_step": round(float(np.median(seconds)), 3)}


def reading(recipe: Recipe) -> dict[str, float]:
    """Milliseconds of processor time for a sample: of the first ones, and once all that fits is in memory."""
    samples = samples_of(recipe)
    taken = []
    for index in range(3 * len(samples) if len(samples) < 40 else 120):
        started = time.process_time()
        samples.sample(index)
        taken.append(1e3 * (time.process_time() - started))
    few = max(len(taken) // 8, 2)
    return {"cold_ms": round(float(np.mean(taken[:few])), 2), "warm_ms": round(float(np.median(taken[-few:])), 2)}


def main() -> None:
    torch.set_num_threads(1)
    figures: dict[str, object] = {
        "images": f"{WIDTH}x{HEIGHT}, {CLIPS} clips of {FRAMES} frames",
        "steps": STEPS,
        "readers": 1,
    }
    trainings: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (title, changes) in enumerate(recipes(folder).items()):
            trainings[title] = {**waiting(changes, folder / str(number)), **reading(read_recipe(changes[0], changes[1:]))}
            print(title, json.dumps(trainings[title]), file=sys.stderr)
    figures["trainings"] = trainings
    figures["over_the_limit"] = [title for title, found in trainings.items() if found["share"] > LIMIT]
    write("training_data", figures)


if __name__ == "__main__":
    main()
