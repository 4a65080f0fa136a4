"""Damaged files of every kind, each read in a forked child: by hand ``python -m tests.fuzz.run --count 10000``.

A reader must read a file or refuse it by an UpframeError of one line. Whatever else happens is reported with its seed, and the
file is kept: another exception, a signal, more than the memory or the time that there is.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fuzz.mutations import mutated
from tests.fuzz.samples import Sample, samples

from upframe.errors import UpframeError

SECONDS = 30  # for a file, which takes a tenth of one; other work may go on beside it
MEMORY = 2 * 2**30  # bytes beyond those of the program
BATCH = 25  # files to a child


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with one damaged file; ``seed`` makes it again."""

    kind: str
    seed: str
    what: str


def faults(made: Sequence[Sample], count: int, seed: int, keep: Path | None = None) -> Iterator[Fault]:
    """Try ``count`` damaged files, of all kinds in turn. The files of faults are kept in ``keep``."""
    numbers = list(range(count))
    while numbers:
        batch, numbers = numbers[:BATCH], numbers[BATCH:]
        found, done = _in_child(made, batch, seed)
        if done < len(batch):  # the child ended at this one; the rest goes to another
            numbers = batch[done + 1 :] + numbers
        for fault in found:
            if keep is not None:
                _keep(made, fault, keep)
            yield fault


def _in_child(made: Sequence[Sample], batch: Sequence[int], seed: int) -> tuple[list[Fault], int]:
    """The faults of a batch, and how many files of it were tried through."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reading)
        _child(made, batch, seed, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines if line.endswith("\n")]
    _, status = os.waitpid(child, 0)
    found = [Fault(**entry) for entry in told if entry]
    done = len(told)
    code = os.waitstatus_to_exitcode(status)
    if done < len(batch):
        sample, name = _which(made, batch[done], seed)
        what = f"no end after {SECONDS} s" if -code == signal.SIGALRM else f"signal {-code}" if code < 0 else f"exit {code}"
        found.append(Fault(sample.kind, name, what))
    return found, done


def _child(made: Sequence[Sample], batch: Sequence[int], seed: int, writing: int) -> None:
    """Read the files of a batch, and end this process; a line for each file, null or the fault."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # of a test runner: what ends the child is reported by its parent
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    for number in batch:
        signal.alarm(SECONDS)
        fault = _try(*_which(made, number, seed))
        os.write(writing, (json.dumps(asdict(fault) if fault else None) + "\n").encode())
    os._exit(0)


def _which(made: Sequence[Sample], number: int, seed: int) -> tuple[Sample, str]:
    return made[number % len(made)], f"{seed}-{number}"


def _try(sample: Sample, seed: str) -> Fault | None:
    with tempfile.TemporaryDirectory() as place:
        folder = _damaged(sample, seed, Path(place))
        try:
            sample.read(folder / sample.given)
        except UpframeError as error:
            if "\n" in str(error).strip():
                return Fault(sample.kind, seed, f"several lines: {error}")
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            return Fault(sample.kind, seed, f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})")
    return None


def _damaged(sample: Sample, seed: str, place: Path) -> Path:
    folder = Path(shutil.copytree(sample.folder, place / sample.kind.replace(" ", "-")))
    file = folder / sample.damaged
    file.write_bytes(mutated(file.read_bytes(), f"{sample.kind}-{seed}"))
    return folder


def _keep(made: Sequence[Sample], fault: Fault, keep: Path) -> None:
    sample = next(sample for sample in made if sample.kind == fault.kind)
    place = keep / fault.seed
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    _damaged(sample, fault.seed, place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="only the kinds that contain one of these words, comma between them")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where the files of faults are put")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = list(samples(Path(folder)))
        words = [word for word in options.kinds.split(",") if word]
        made = [sample for sample in made if not words or any(word in sample.kind for word in words)]
        started, seen = time.monotonic(), Counter[str]()
        for fault in faults(made, options.count, options.seed, options.keep):
            sys.stdout.write(f"{fault.kind} {fault.seed}: {fault.what}\n")
            sys.stdout.flush()
            seen[fault.kind] += 1
    took = time.monotonic() - started
    sys.stdout.write(f"{options.count:,} files of {len(made)} kinds in {took:.0f} s, {seen.total()} faults {dict(seen)}\n")
    sys.exit(1 if seen else 0)


if __name__ == "__main__":
    main()
