"""Train RT4KSR on a folder of photographs: L2, Adam, one-cycle, random crops, MATLAB-bicubic low resolution in 8 bits.

    python scripts/train/rt4ksr.py photographs/ narrow-x2.pt --unshuffle 1 --channels 6 --stop-after 8000 --validate Set5/
    python scripts/train/rt4ksr.py photographs/ rt4ksr-x2.pt --unfold-from narrow-x2.pt --validate Set5/

Begun from random weights, the folded network stays for tens of thousands of steps at the best linear filter (35.2 dB on Set5
x2), because each of its four phases must find its own non-linearity. A network of six channels at full resolution finds it in
three thousand. Its convolutions are those of a folded network of 24 channels that treats the phases alike: begin there.

The whole set is in memory as bytes, upscaled and reduced images both, so that a step spends its time on the network.
The file written holds the averaged (EMA) weights and everything that is needed to go on; ``--resume`` does.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.nn import functional as F

from upframe.models.rt4ksr import RT4KSR
from upframe.ops.resize import downscale, upscale
from upframe.training.objectives.unfolding import unfolded


def read(path: Path, multiple: int) -> Tensor:
    """An image as (3, h, w) uint8, its right and bottom edges cut to a multiple."""
    pixels = torch.from_numpy(np.array(PIL.Image.open(path).convert("RGB"))).permute(2, 0, 1)
    return pixels[:, : pixels.shape[1] // multiple * multiple, : pixels.shape[2] // multiple * multiple].contiguous()


def reduce(image: Tensor, scale: int) -> Tensor:
    """The 8-bit low-resolution image: MATLAB bicubic, rounded once."""
    return downscale(image[None].float() / 255, scale)[0].mul(255).round().clamp(0, 255).byte()


class Photographs:
    """Random aligned crops of high and low resolution, flipped and turned; busy places are preferred to flat ones."""

    def __init__(self, folder: Path, scale: int, crop: int, device: torch.device, seed: int) -> None:
        self.scale, self.crop, self.device = scale, crop, device
        self.random = np.random.default_rng(seed)
        self.high = [read(path, 2 * scale) for path in sorted(folder.glob("*.png"))]
        self.low = [reduce(image, scale) for image in self.high]
        area = np.array([image[0].numel() for image in self.low], dtype=np.float64)
        self.share = area / area.sum()

    def _place(self) -> tuple[int, int, int]:
        image = int(self.random.choice(len(self.low), p=self.share))
        height, width = self.low[image].shape[1:]
        return (
            image,
            int(self.random.integers(0, height - self.crop + 1)),
            int(self.random.integers(0, width - self.crop + 1)),
        )

    def _low(self, place: tuple[int, int, int]) -> Tensor:
        image, y, x = place
        return self.low[image][:, y : y + self.crop, x : x + self.crop]

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """(size, 3, crop, crop) and (size, 3, scale*crop, scale*crop), floats in [0, 1]."""
        low, high = [], []
        for _ in range(size):
            places = [self._place() for _ in range(5)]
            place = max(places, key=lambda p: float(self._low(p)[1].float().diff(dim=1).abs().mean()))
            image, y, x = (place[0], place[1] * self.scale, place[2] * self.scale)
            pair = [self._low(place), self.high[image][:, y : y + self.crop * self.scale, x : x + self.crop * self.scale]]
            if self.random.random() < 0.5:
                pair = [p.flip(2) for p in pair]
            turns = int(self.random.integers(4))
            pair = [torch.rot90(p, turns, (1, 2)) for p in pair]
            low.append(pair[0])
            high.append(pair[1])
        stacked = (torch.stack(low).to(self.device), torch.stack(high).to(self.device))
        return stacked[0].float() / 255, stacked[1].float() / 255


def luma(image: Tensor) -> Tensor:
    """BT.601 studio luma on the 0..255 scale, of RGB in [0, 1]."""
    return 16 + image[:, 0] * 65.481 + image[:, 1] * 128.553 + image[:, 2] * 24.966


def psnr(result: Tensor, reference: Tensor, border: int) -> float:
    """Y-PSNR after rounding to 8 bits, with a border cut off."""
    inner = slice(border, -border)
    difference = (luma(result.mul(255).round().clamp(0, 255) / 255) - luma(reference))[..., inner, inner]
    return float(10 * torch.log10(255**2 / difference.square().mean()))


@torch.inference_mode()
def validate(network: RT4KSR | None, folder: Path, scale: int, device: torch.device) -> dict[str, float]:
    """Y-PSNR of every image of a folder and ``mean``; of bicubic where no network is given."""
    scores = {}
    for path in sorted(folder.glob("*.png")):
        high = read(path, 2 * scale)
        low = reduce(high, scale)[None].float().to(device) / 255
        result = upscale(low, scale) if network is None else network(low)
        scores[path.stem] = psnr(result.cpu(), high[None].float() / 255, scale)
    return scores | {"mean": sum(scores.values()) / len(scores)}


def start_from(network: RT4KSR, path: Path) -> None:
    """Take over every tensor that fits from a training of another scale."""
    own = network.state_dict()
    given = torch.load(path, map_location="cpu", weights_only=True)["ema"]
    network.load_state_dict(own | {k: v for k, v in given.items() if k in own and own[k].shape == v.shape})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--scale", type=int, default=2, choices=(2, 3, 4))
    parser.add_argument("--iterations", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop", type=int, default=48, help="side of a crop in low-resolution pixels")
    parser.add_argument("--rate", type=float, default=2e-3, help="1e-3 for a network that is started from another")
    parser.add_argument("--channels", type=int, default=24)
    parser.add_argument("--unshuffle", type=int, default=2)
    parser.add_argument("--training-form", action="store_true", help="train the wide re-parameterisable form, not the merged")
    parser.add_argument("--layernorm", action="store_true")
    parser.add_argument("--no-residual", action="store_true")
    parser.add_argument("--no-skip", action="store_true")
    parser.add_argument("--start-from", type=Path, help="a training of another scale to take the body from")
    parser.add_argument("--unfold-from", type=Path, help="a training at full resolution of a quarter of the channels")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--validate", type=Path, help="folder of high-resolution test images")
    parser.add_argument("--every", type=int, default=1000)
    parser.add_argument("--stop-after", type=int, help="stop at this iteration, with the schedule of --iterations")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


class Training:
    """The network, its moving average, and the optimiser; saved and taken up together."""

    def __init__(self, a: argparse.Namespace, device: torch.device) -> None:
        self.scale, self.output, self.device = a.scale, a.output, device
        self.configuration = {
            "channels": a.channels,
            "unshuffle": a.unshuffle,
            "layernorm": a.layernorm,
            "residual": not a.no_residual,
            "skip": not a.no_skip,
            "merged": not a.training_form,
        }
        self.network = self._build()
        with torch.no_grad():  # features large enough for GELU to bend
            self.network.head[0].weight.mul_(4)
            self.network.upsample[0].weight.div_(4)
        if a.unfold_from:
            narrow = torch.load(a.unfold_from, map_location=device, weights_only=True)["ema"]
            self.network.load_state_dict(unfolded(narrow, a.scale))
        if a.start_from:
            start_from(self.network, a.start_from)
        self.ema = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=a.rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, a.rate, a.iterations, pct_start=0.1)
        self.iteration, self.seconds = 0, 0.0
        if a.resume and a.output.exists():
            self._resume()

    def _build(self) -> RT4KSR:
        return RT4KSR(self.scale, **self.configuration).to(self.device, memory_format=torch.channels_last)

    def _resume(self) -> None:
        saved = torch.load(self.output, map_location=self.device, weights_only=True)
        self.network.load_state_dict(saved["network"])
        self.ema = saved["ema"]
        self.optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        self.iteration, self.seconds = saved["iteration"], saved["seconds"]

    def step(self, low: Tensor, high: Tensor) -> float:
        """One iteration; the loss."""
        self.iteration += 1
        loss = F.mse_loss(self.network(low.contiguous(memory_format=torch.channels_last)), high)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 0.1)
        self.optimiser.step()
        self.schedule.step()
        decay = min(0.999, self.iteration / (self.iteration + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.ema[name].lerp_(value, 1 - decay)
        return loss.item()

    def averaged(self) -> RT4KSR:
        """The network with the moving average of its weights."""
        network = self._build()
        network.load_state_dict(self.ema)
        return network

    def save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "ema": self.ema,
            "configuration": self.configuration,
            "scale": self.scale,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "iteration": self.iteration,
            "seconds": self.seconds,
        }
        temporary = self.output.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self.output)


def main() -> None:
    a = arguments()
    torch.manual_seed(a.seed)
    if a.threads:
        torch.set_num_threads(a.threads)
    device = torch.device(a.device)
    data = Photographs(a.photographs, a.scale, a.crop, device, a.seed)
    print(json.dumps({"images": len(data.high), "megapixels": round(sum(p[0].numel() for p in data.high) / 1e6, 1)}))
    training = Training(a, device)
    if training.iteration:
        data.random = np.random.default_rng((a.seed, training.iteration))
    if a.validate:
        print(json.dumps({"bicubic": validate(None, a.validate, a.scale, device)}))

    started, total, last = time.monotonic() - training.seconds, 0.0, a.stop_after or a.iterations
    while training.iteration < last:
        total += training.step(*data.batch(a.batch))
        if training.iteration % a.every == 0 or training.iteration == last:
            training.seconds = time.monotonic() - started
            line = {
                "iteration": training.iteration,
                "loss": round(total / a.every, 7),
                "minutes": round(training.seconds / 60, 2),
            }
            if a.validate:
                scores = validate(training.averaged(), a.validate, a.scale, device)
                line["set"] = {name: round(value, 3) for name, value in scores.items()}
            print(json.dumps(line), flush=True)
            total = 0.0
            training.save()


if __name__ == "__main__":
    main()
