"""What samples are drawn from, and how a loader takes them in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from upframe.errors import InputError, UpframeError
from upframe.training.data.readers import await_parent

Sample = dict[str, Tensor]
Batch = dict[str, Any]
"""Tensors with a first dimension more than a sample's; ``samples``, their numbers; ``skipped``, files that were left out; and
``damaged``, the first error of a worker, empty where there was none."""


class SampleSet(Protocol):
    """A source of samples. Every method depends on its arguments and on how the set was made, on nothing else."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the sources: what was left out of them, and what should not be in them."""
        ...

    def __len__(self) -> int:
        """Samples that are one epoch; :meth:`sample` takes any number."""
        ...

    def sample(self, index: int, attempt: int = 0) -> Sample:
        """Sample ``index``; another in its place for each further ``attempt``. Raises InputError, naming the file."""
        ...

    def describe(self, index: int) -> str:
        """What a sample is cut from, in a few words."""
        ...


class NumberedSamples(Dataset[tuple[int, "Sample | str", "list[str]"]]):
    """A sample by its number. Errors are handed on as text: from a worker, an exception arrives with its traceback."""

    def __init__(self, samples: SampleSet, *, skip_damaged: bool) -> None:
        self._samples, self._attempts = samples, 8 if skip_damaged else 1

    def __getitem__(self, index: int) -> tuple[int, Sample | str, list[str]]:
        skipped: list[str] = []
        for attempt in range(self._attempts):
            try:
                return index, self._samples.sample(index, attempt), skipped
            except UpframeError as error:
                skipped.append(str(error))
        return index, skipped[-1], skipped


def collate(samples: Sequence[tuple[int, Sample | str, list[str]]]) -> Batch:
    """Samples as one batch."""
    batch: Batch = {"samples": [index for index, _, _ in samples], "skipped": [text for _, _, skip in samples for text in skip]}
    damaged = [sample for _, sample, _ in samples if isinstance(sample, str)]
    whole = [sample for _, sample, _ in samples if not isinstance(sample, str)]
    batch["damaged"] = damaged[0] if damaged else ""
    return batch if damaged else batch | {key: torch.stack([sample[key] for sample in whole]) for key in whole[0]}


class Steps(Sampler[list[int]]):
    """The numbers of the samples of each step, from step ``start`` to ``stop``, for one of several processes.

    Step k of all processes together is samples ``k * batch`` to ``(k + 1) * batch - 1``, however many share them.
    """

    def __init__(self, *, start: int, stop: int, batch: int, rank: int = 0, processes: int = 1) -> None:
        if batch % processes:
            raise InputError(
                f"batch: {batch} samples cannot be shared equally by {processes} devices", remedy="choose a multiple"
            )
        self.start, self.stop, self.batch = start, stop, batch
        self._share = range(rank * batch // processes, (rank + 1) * batch // processes)

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.stop):
            yield [step * self.batch + place for place in self._share]

    def __len__(self) -> int:
        """Of a whole training, also where it is taken up in the middle."""
        return self.stop


class Loader(DataLoader[Any]):
    """Batches of steps. It tells Lightning that it can be taken up: its sampler knows where."""

    def __init__(self, numbered: NumberedSamples, steps: Steps, *, workers: int, pinned: bool) -> None:
        super().__init__(
            numbered,
            batch_sampler=steps,
            collate_fn=collate,
            num_workers=workers,
            worker_init_fn=await_parent,
            pin_memory=pinned,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers else None,
        )

    def state_dict(self) -> dict[str, int]:
        """Nothing: where to go on is the training's to say, a loader has read ahead of it."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing, as in :meth:`state_dict`."""
