"""What is said while work goes on: lines and one bar, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from upframe.cli.printing import console, printable


class _FramesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        fps = task.fields.get("fps", 0.0)
        return Text(f"{fps:.1f} fps" if fps else "", style="cyan")


class _Beside(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("beside", "")), style="dim")


def counted() -> tuple[ProgressColumn, ...]:
    """Columns behind a bar: how many of how many, how fast where that is reported (``fps``), and the time that is left."""
    return MofNCompleteColumn(), _FramesPerSecond(), TimeRemainingColumn(elapsed_when_finished=True), _Beside()


def transferred() -> tuple[ProgressColumn, ...]:
    """Columns behind the bar of a download, in bytes."""
    return DownloadColumn(), TransferSpeedColumn()


class Terminal:
    """Lines for what happened, a bar for what is happening. Text may hold Rich's markup."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._beside = ""
        self._bar = progress.add_task("", total=None, visible=False)

    def say(self, text: str) -> None:
        """A line, above the bar."""
        self._console.print(printable(text), highlight=False, soft_wrap=True)

    def begin(self, description: str, total: int | None, done: int = 0) -> None:
        """A new bar in the place of the last; ``total`` is None where it is not known."""
        self.end()
        self._bar = self._progress.add_task(printable(description), total=total, completed=done, beside=self._beside)

    def beside(self, text: str) -> None:
        """What stands behind this bar and those after it."""
        self._beside = text
        self._progress.update(self._bar, beside=text)

    def move(self, done: int, total: int | None = None, *, description: str | None = None, fps: float = 0.0) -> None:
        """How far it is; ``total`` and ``description`` where they are others by now."""
        words = None if description is None else printable(description)
        self._progress.update(self._bar, completed=done, total=total, description=words, visible=True, fps=fps)

    def end(self) -> None:
        """No bar any more."""
        self._progress.update(self._bar, visible=False)


@contextmanager
def terminal(columns: tuple[ProgressColumn, ...], *, quiet: bool = False) -> Iterator[Terminal]:
    """A terminal whose bar is followed by ``columns``. No bar is drawn if ``quiet``, nor into a file or a pipe."""
    screen = console(stderr=True, quiet=quiet)
    drawn = TextColumn("{task.description}"), BarColumn(), *columns
    with Progress(*drawn, console=screen, transient=True, disable=quiet or not screen.is_terminal) as progress:
        yield Terminal(screen, progress)
