"""How fast the networks are on this machine: alone, end to end, beside the machine's limit, and beside the published code.

    python benchmarks/speed/run.py [--published DIR] [--quick]

Ten minutes on two cores. ``--published`` is a folder with the published code (README.md says how it is laid out): it is then
run beside ours, A B A B in this program, with the same threads, weights and inputs, eager and as fetched. ``--quick`` takes
small frames and few rounds, to try whether all runs. Results: benchmarks/results/speed.PROCESSOR.COMMIT.json, of which
document.py makes docs/performance.md.
"""

from __future__ import annotations

import argparse
import copy
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
from _cases import CASES, TTVSR_CASE, Case, clip, sizes_of
from _own import own_convolutions_ms
from _published import Forward, published_form
from _report import commit, machine, write
from _timing import in_turn, ratios, summary
from _whole import one_frame

from upframe.engine.profile import Network, count
from upframe.models.ttvsr import TTVSR
from upframe.runtime.device import memory_format
from upframe.runtime.memory import keep_freed_memory
from upframe.runtime.rates import Rates, measure_rates, wait

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SECONDS_OF_ROUNDS = 12.0  # about as long as a row may take
MOST_ROUNDS = 15


def ready(network: Network, inputs: tuple[Tensor, ...]) -> Callable[[], Any]:
    """As the engine runs it: weights and images in the layout of the device."""
    layout = memory_format(DEVICE)
    network = copy.deepcopy(network).to(DEVICE)
    network.to(memory_format=layout)  # type: ignore[call-overload]
    placed = [x.to(DEVICE) if x.ndim != 4 else x.to(DEVICE, memory_format=layout) for x in inputs]
    return lambda: network(*placed)


def theirs_if_there(network: Network, folder: Path | None, size: tuple[int, int]) -> Forward | None:
    """The published form; without it, for want of a folder or because another code is there, the row goes on alone."""
    if folder is None:
        return None
    try:
        return published_form(network, folder, size)
    except (ImportError, AttributeError, FileNotFoundError) as error:
        print(f"# left out: {type(network).__name__} as published: {error}", file=sys.stderr, flush=True)
        return None


@torch.inference_mode()
def first_run(run: Callable[[], Any]) -> tuple[Any, int]:
    """What a run gives, and how many more of it fit the time of a row, at least 2. It is the warm-up, too."""
    wait(DEVICE)
    started = time.perf_counter()
    result = run()
    wait(DEVICE)
    return result, max(2, min(MOST_ROUNDS, round(SECONDS_OF_ROUNDS / 2 / (time.perf_counter() - started))))


def alone(case: Case, rates: Rates, published: Path | None) -> dict[str, Any]:
    """The network by itself, beside the limit and the published code."""
    network = case.network()
    inputs = case.inputs(network)
    frames = case.frames
    cost = count(network, *case.size)
    ours = ready(network, inputs)
    runs: dict[str, Callable[[], Any]] = {}
    theirs = theirs_if_there(network, published, case.size)
    if theirs is not None:
        runs["published"] = lambda: theirs(*inputs)
    runs["upframe"] = ours
    result, rounds = first_run(ours)
    difference = None
    if theirs is not None:
        difference = float((first_run(runs["published"])[0] - result).abs().max())
    del result
    times = in_turn(runs, rounds=rounds, warm_up=0)
    row: dict[str, Any] = {"case": case.label, "frames": frames, "upframe": summary(times["upframe"], frames=frames)}
    arithmetic, traffic = cost.convolutions / cost.frames, cost.convolution_bytes / cost.frames
    limit = rates.limit_seconds(int(arithmetic), int(traffic)) * 1e3
    median = row["upframe"]["median_ms"]
    row["limit"] = {
        "giga_multiply_adds": round(arithmetic / 1e9, 3),
        "megabytes": round(traffic / 1e6, 1),
        "by_arithmetic_ms": round(arithmetic / rates.convolution * 1e3, 3),
        "by_memory_ms": round(traffic / rates.bandwidth * 1e3, 3),
        "share_of_limit": round(limit / median, 3),
        "own_convolutions_ms": round(own_convolutions_ms(network, inputs, DEVICE, memory_format(DEVICE)) / frames, 3),
        "share_of_convolution_rate": round(arithmetic / rates.convolution * 1e3 / median, 3),
    }
    if difference is not None:
        row["published"] = summary(times["published"], frames=frames)
        row["published_over_upframe"] = ratios(times["published"], times["upframe"])
        row["largest_difference"] = difference
    return row


def whole(case: Case) -> dict[str, Any]:
    """Arrays in, arrays out; milliseconds a frame."""
    run = one_frame(case)
    rounds = 1 if case.frames > 1 else first_run(run)[1]  # a clip takes long, and its network is warm
    times = in_turn({"": run}, rounds=rounds, warm_up=0)[""]
    return {"case": case.label, "frames": case.frames, "upframe": summary(times, frames=case.frames)}


def growth_with_frames(case: Case, lengths: tuple[int, ...], published: Path | None) -> dict[str, Any]:
    """TTVSR over longer and longer clips of 64x64: milliseconds a frame. Ours stays; the published attention does not."""
    network = case.network()
    theirs = theirs_if_there(network, published, (64, 64))
    rows = []
    for frames in lengths:
        inputs = (clip(frames, 64, 64).unsqueeze(0),)
        runs: dict[str, Callable[[], Any]] = {"upframe": ready(network, inputs)}
        if theirs is not None:
            runs = {"published": lambda clip=inputs: theirs(*clip)} | runs
        times = in_turn(runs, rounds=1, warm_up=0)
        rows.append({"frames": frames} | {name: summary(taken, frames=frames) for name, taken in times.items()})
    return {"case": "ttvsr-x4 64x64, the whole clip at once", "rows": rows}


def growth_with_pixels(case: Case) -> dict[str, Any]:
    """Smaller and smaller frames: nanoseconds a pixel of the frame."""
    rows = []
    for size in sizes_of(case, (0.5, 0.75, 1.0)):
        smaller = replace(case, size=size, frames=min(case.frames, 3))
        network = smaller.network()
        run = ready(network, smaller.inputs(network))
        clips = smaller.frames > 1
        taken = in_turn({"": run}, rounds=1 if clips else 5, warm_up=0 if clips else 1)[""]
        times = summary(taken, frames=smaller.frames)
        pixels = size[0] * size[1]
        rows.append({"size": f"{size[1]}x{size[0]}", "ns_a_pixel": round(times["median_ms"] * 1e6 / pixels, 1), "times": times})
    return {"case": case.name, "rows": rows}


def memory(name: str, lengths: tuple[int, ...]) -> dict[str, Any]:
    """The peak of a program that streams so many frames of 96x64: flat."""
    rows = []
    for frames in lengths:
        command = [sys.executable, str(Path(__file__).parent / "_whole.py"), name, str(frames)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append({"frames": frames, "peak_megabytes": int(done.stdout.split()[0])})
    return {"case": f"{name} 96x64, streamed", "rows": rows}


def measure(published: Path | None, *, quick: bool) -> dict[str, Any]:
    """Everything, with a line for each row while it goes."""
    cases = [tried(case) for case in CASES] if quick else CASES
    figures: dict[str, Any] = {"quick": quick, "precision": "float32", "keeps_freed_memory": keep_freed_memory()}
    rates = measure_rates(DEVICE, torch.float32)
    figures["rates"] = {"float32": asdict(rates), "bfloat16": asdict(measure_rates(DEVICE, torch.bfloat16))}
    figures["alone"], figures["end_to_end"] = [], []
    for case in cases:
        figures["alone"].append(tell(alone(case, rates, published)))
        figures["end_to_end"].append(tell(whole(case)))
    figures["growth_with_frames"] = tell(growth_with_frames(cases[3], (4, 8) if quick else (10, 100), published))
    figures["growth_with_pixels"] = [tell(growth_with_pixels(case)) for case in cases[1:]]  # RT4KSR's larger size alone
    lengths = (12, 24) if quick else (40, 120)
    figures["memory"] = [tell(memory(name, lengths)) for name in ("frvsr-x4", "ttvsr-x4")]
    return figures


def tried(case: Case) -> Case:
    """A case that only shows whether it runs: a sixteenth of the pixels, and of TTVSR two of sixty blocks."""
    build = (lambda: TTVSR(blocks=2)) if case.name == TTVSR_CASE.name else case.build
    return replace(case, build=build, size=sizes_of(case, (0.25,))[0], frames=min(case.frames, 3))


def tell(row: dict[str, Any]) -> dict[str, Any]:
    """Show that something goes on."""
    print(f"# {row}"[:400], file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--published", type=Path, metavar="DIR", help="a folder with the published code")
    parser.add_argument("--quick", action="store_true", help="small frames, few rounds; the result is not kept")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of the published code about newer PyTorch
    figures = measure(arguments.published, quick=arguments.quick)
    if arguments.quick:
        print(figures)
        return
    here = machine()
    name = re.sub(r"[^a-z0-9]+", "-", str(here["gpu"] or here["processor"]).lower()).strip("-")
    write(f"speed.{name}.{commit().rstrip('+')}", figures)


if __name__ == "__main__":
    main()
