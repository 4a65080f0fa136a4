"""Signals that end a training after the step it is at."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from upframe.training.events import TrainingEvent, TrainingNote
from upframe.training.loop import _while_heard
from upframe.training.stopping import Stop


@pytest.fixture(params=[signal.SIG_IGN, signal.SIG_DFL], ids=["nohup", "terminal"])
def before(request: pytest.FixtureRequest) -> Iterator[object]:
    """What SIGHUP does before the training."""
    kept = signal.signal(signal.SIGHUP, request.param)
    yield request.param
    signal.signal(signal.SIGHUP, kept)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_that_ends_a_command_is_noted(number: int) -> None:
    stop = Stop(None)
    stop.watch(lambda: None)
    try:
        os.kill(os.getpid(), number)
        assert stop.asked
        assert stop.hung_up == (number == signal.SIGHUP)
    finally:
        stop.leave()


def test_nohup_keeps_a_training_from_the_end_of_its_terminal(before: object) -> None:
    stop = Stop(None)
    stop.watch(lambda: None)
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.asked == (before is signal.SIG_DFL)
    finally:
        stop.leave()
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_terminal_that_is_gone_does_not_keep_a_training_from_saving() -> None:
    def to_nowhere(_event: TrainingEvent) -> None:
        raise OSError(5, "Input/output error")

    stop = Stop(None)
    report = _while_heard(to_nowhere, stop)
    with pytest.raises(OSError, match="Input/output"):
        report(TrainingNote("to a terminal that should be there"))
    stop.hung_up = True
    report(TrainingNote("to one that is gone"))
