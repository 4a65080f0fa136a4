"""Quality on material as people have it: clips that no training has seen, made small and worse, upscaled, compared.

    UPFRAME_LPIPS=FILE python benchmarks/quality/film.py CLIP... [--models rt4ksr-x2,FILE] [--minutes 3] [--no-peers]

Every clip is reduced and given each of the conditions of ``_conditions.py`` by itself, upscaled by bicubic interpolation,
Lanczos, every model and every public package that is there, and compared with what it was: Y-PSNR, SSIM and LPIPS
(SqueezeNet), VMAF and VMAF NEG, tOF and tLP, on still scenes temporal PSNR too. Means over clips, and the clip that gained
least over bicubic.

Each score is kept as soon as it is computed (--journal), so that a run that is ended, or that --minutes ends, goes on with the
same command; the result is written when nothing is left. The public packages are slow on a processor: they are run by
--peers-python, a Python that has them, under --peer-conditions alone; --no-peers leaves them out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _conditions import CONDITIONS
from _contenders import PLAIN, Contender, own, peers
from _journal import Journal, key_of
from _report import RESULTS, ROOT, write
from _scores import protocol, scores, summary

from upframe.datasets.degradation import cut_to_multiple
from upframe.metrics import load_lpips
from upframe.training.data.frames import Clip, open_clips

VERSION = 1  # of how a score is computed beside what its key names
PEER_CONDITIONS = "x264 23,x264 28"


@dataclass(frozen=True, slots=True)
class Truth:
    """The frames of a clip that are compared, and a digest of them."""

    frames: list[NDArray[np.uint8]]
    digest: str


def truth_of(clip: Clip, frames: int, scale: int) -> Truth:
    read = [cut_to_multiple(clip.read(index), 2 * scale) for index in range(min(len(clip), frames))]
    return Truth(read, hashlib.sha256(b"".join(frame.tobytes() for frame in read)).hexdigest())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", help="videos or folders of frames that no training has seen")
    parser.add_argument("--models", default="rt4ksr-x2", help="names or files, with commas between them")
    parser.add_argument("--conditions", default=",".join(CONDITIONS).replace(", ", "; "), help="separated by commas")
    parser.add_argument("--frames", type=int, default=6, help="of each clip")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--minutes", type=float, help="end after so many; the same command goes on")
    parser.add_argument("--journal", type=Path, default=ROOT / "build" / "film_quality.jsonl", help="where scores are kept")
    parser.add_argument("--no-peers", action="store_true", help="leave the public packages out")
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has them")
    parser.add_argument("--peer-conditions", default=PEER_CONDITIONS, help="those that they are run under")
    parser.add_argument("--output", default="film_quality", help="the name of the result")
    parser.add_argument("--add", action="store_true", help="keep what the result holds of other models")
    return parser.parse_args()


def named(conditions: str) -> list[str]:
    """The names of conditions, in which a semicolon stands for a comma."""
    return [name.replace(";", ",") for name in conditions.split(",")]


class Benchmark:
    """All scores that were asked for, computed or taken from the journal."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.journal, self.lpips = asked, Journal(asked.journal), load_lpips()
        self.contenders = [own(model, asked.scale) for model in (*PLAIN, *asked.models.split(","))]
        self.left_out: dict[str, str] = {}
        if not asked.no_peers:
            found, self.left_out = peers(asked.peers_python, asked.scale)
            self.contenders += found
        clips = open_clips(asked.clips)
        self.truths = {Path(clip.name).stem: truth_of(clip, asked.frames, asked.scale) for clip in clips}

    def tasks(self) -> Iterator[tuple[str, str, Contender]]:
        """(condition, clip, contender), those of one small clip together, and slow ones last."""
        for peer, conditions in ((False, self.asked.conditions), (True, self.asked.peer_conditions)):
            for condition in named(conditions):
                for clip in self.truths:
                    yield from ((condition, clip, one) for one in self.contenders if one.peer == peer)

    def key(self, condition: str, clip: str, contender: Contender) -> str:
        parts = (CONDITIONS[condition], self.truths[clip].digest, self.asked.scale, contender.identity)
        return key_of(VERSION, protocol(still=CONDITIONS[condition].still).digest(), *parts)

    def run(self) -> bool:
        """Whether all is done."""
        ends = float("inf") if self.asked.minutes is None else time.monotonic() + 60 * self.asked.minutes
        waiting = [task for task in self.tasks() if self.key(*task) not in self.journal]
        small: tuple[tuple[str, str], list[NDArray[np.uint8]]] | None = None
        for number, (condition, clip, contender) in enumerate(waiting):
            if time.monotonic() > ends:
                print(
                    f"{len(waiting) - number} of {len(waiting)} scores are left: give the same command again", file=sys.stderr
                )
                return False
            frames, asked = self.truths[clip].frames, CONDITIONS[condition]
            if small is None or small[0] != (condition, clip):
                small = (condition, clip), asked.small(frames, self.asked.scale)
            results, truth = contender.upscale(small[1]), asked.truth(frames)
            values = scores(results, truth, self.lpips, scale=self.asked.scale, still=asked.still)
            self.journal.keep(self.key(condition, clip, contender), values)
            print(f"{condition}  {clip}  {contender.name}  {values}", file=sys.stderr, flush=True)
        return True

    def figures(self) -> dict[str, Any]:
        kept = _before(self.asked.output) if self.asked.add else {}
        found: dict[str, Any] = kept.get("conditions", {})
        by_condition: dict[str, dict[str, dict[str, Any]]] = {}
        for condition, clip, contender in self.tasks():
            values = self.journal[self.key(condition, clip, contender)]
            by_condition.setdefault(condition, {}).setdefault(contender.name, {})[clip] = values
        for condition, models in by_condition.items():
            summed = {name: summary(by_clip, models["bicubic"]) for name, by_clip in models.items()}
            found.setdefault(condition, {}).update(summed)
        identities = {contender.name: contender.identity for contender in self.contenders if contender.name not in PLAIN}
        about = {
            "protocol": str(protocol(still=False)),
            "scale": self.asked.scale,
            "frames": self.asked.frames,
            "clips": list(self.truths),
            "sha256": kept.get("about", {}).get("sha256", {}) | identities,
            "left out": self.left_out,
        }
        return {"about": about, "conditions": found}


def _before(name: str) -> dict[str, Any]:
    file = RESULTS / f"{name}.json"
    figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.is_file() else {}
    return figures


def main() -> None:
    asked = arguments()
    benchmark = Benchmark(asked)
    for package, reason in benchmark.left_out.items():
        print(f"left out: {package}: {reason}", file=sys.stderr)
    if benchmark.run():
        write(asked.output, benchmark.figures())


if __name__ == "__main__":
    main()
