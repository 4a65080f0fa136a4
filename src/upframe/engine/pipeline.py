"""Three things at once: a source is read in one thread, a sink is written in another, the work between is done here.

The queues between them are bounded, so that memory depends on the size of an item and never on how many there are.
An error on any side stops the other two and is raised here; so does closing the generator, or Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from upframe.engine.timeline import Timeline

Item = TypeVar("Item")
Result = TypeVar("Result")


def give_way() -> None:
    """Let this thread, and those it starts from now on, run only where the network's threads leave a processor free.

    A network's threads wait for each other many times a frame, so that one of them set aside for an encoder's stops them all;
    an encoder that waits loses nothing, as its queue is never empty then. On Linux, where priorities are a thread's own.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)


def in_background(make: Callable[[], Result]) -> Result:
    """What ``make`` returns, made in a thread that gives way, as all threads do that it starts: an encoder's, for instance."""

    def work() -> Result:
        give_way()
        return make()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


class Closed(Exception):
    """The other end of a channel has gone: a signal between threads, never seen outside."""


class Channel(Generic[Item]):
    """A bounded queue with an end: ``close`` lets the reader finish what is there, ``abort`` wakes both sides at once."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._condition = threading.Condition()
        self._closed = self._aborted = False

    def put(self, item: Item) -> None:
        """Wait for room, then append. Raises Closed once the channel is aborted."""
        with self._condition:
            self._condition.wait_for(lambda: self._aborted or len(self._items) < self._capacity)
            if self._aborted:
                raise Closed
            self._items.append(item)
            self._condition.notify_all()

    def __iter__(self) -> Iterator[Item]:
        """Items until the channel is closed and empty. Raises Closed once it is aborted."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._aborted or self._closed or self._items)
                if self._aborted:
                    raise Closed
                if not self._items:
                    return
                item = self._items.popleft()
                self._condition.notify_all()
            yield item

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def abort(self) -> None:
        with self._condition:
            self._aborted = True
            self._items.clear()
            self._condition.notify_all()


class _Worker(threading.Thread):
    """A thread that keeps the error it died of."""

    def __init__(self, name: str, run: Callable[[], None], channels: tuple[Channel[Item], Channel[Result]]) -> None:
        super().__init__(name=f"upframe-{name}", daemon=True)
        self._run, self._channels = run, channels
        self.error: BaseException | None = None

    def run(self) -> None:
        give_way()
        try:
            with suppress(Closed):
                self._run()
        except BaseException as error:  # noqa: BLE001 - kept, and raised in the calling thread
            self.error = error
            for channel in self._channels:
                channel.abort()


def overlap(
    source: Iterable[Item],
    stage: Callable[[Iterable[Item]], Iterable[Result]],
    sink: Callable[[Result], None],
    *,
    capacity: int = 4,
    timeline: Timeline | None = None,
) -> Generator[Result, None, None]:
    """Pass the items of ``source`` through ``stage`` to ``sink``, in order, and yield each result once it is handed on.

    ``stage`` makes results of the items as they come, and runs in the calling thread. The generator ends when the last
    result has been written. Up to ``2 * capacity + 3`` items are alive at a time, and those that ``stage`` holds. The first
    error of the source, else of the sink, else of the stage is raised, threads joined. ``timeline``: where the source's and
    the sink's times are written down.
    """
    if timeline is not None:
        source, sink = timeline.awaited("read", source), timeline.timed("write", sink)
    read: Channel[Item] = Channel(capacity)
    done: Channel[Result] = Channel(capacity)

    def produce() -> None:
        for item in source:
            read.put(item)
        read.close()

    def consume() -> None:
        for result in done:
            sink(result)

    workers = (_Worker("read", produce, (read, done)), _Worker("write", consume, (read, done)))
    for worker in workers:
        worker.start()
    try:
        with suppress(Closed):
            for result in stage(read):
                done.put(result)
                yield result
        done.close()
        workers[1].join()
    finally:
        for channel in (read, done):
            channel.abort()
        for worker in workers:
            worker.join()
    for worker in workers:
        if worker.error is not None:
            raise worker.error
