"""Reading, working and writing at once: in order, bounded, and over when anything is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from upframe.engine.pipeline import overlap


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_every_item_is_written_in_order() -> None:
    written: list[int] = []
    assert list(overlap(range(100), lambda items: (x * x for x in items), written.append)) == [x * x for x in range(100)]
    assert written == [x * x for x in range(100)]


def test_nothing_in_is_nothing_out() -> None:
    assert list(overlap([], lambda items: items, print)) == []


def test_no_more_items_are_alive_than_told() -> None:
    alive = most = 0
    lock = threading.Lock()

    def source() -> Iterator[int]:
        nonlocal alive, most
        for number in range(200):
            with lock:
                alive += 1
                most = max(most, alive)
            yield number

    def sink(_: int) -> None:
        nonlocal alive
        time.sleep(0.001)
        with lock:
            alive -= 1

    for _ in overlap(source(), lambda items: items, sink, capacity=3):
        pass
    assert most <= 2 * 3 + 3


def test_the_three_overlap() -> None:
    """Each alone takes n steps: were they one after the other, reading would be over before writing has started."""
    order: list[str] = []

    def source() -> Iterator[int]:
        for number in range(30):
            order.append("read")
            yield number

    list(overlap(source(), lambda items: items, lambda _: order.append("write"), capacity=2))
    assert "write" in order[:15]


@pytest.mark.parametrize("place", ["source", "stage", "sink"])
def test_an_error_anywhere_ends_everything_and_is_raised(place: str) -> None:
    def fail(where: str, number: int) -> int:
        if where == place and number == 20:
            raise ValueError(where)
        return number

    def sink(number: int) -> None:
        fail("sink", number)

    source = (fail("source", number) for number in range(10_000))
    with pytest.raises(ValueError, match=place):
        list(overlap(source, lambda items: (fail("stage", x) for x in items), sink))


def test_an_error_in_the_last_write_is_raised() -> None:
    def sink(number: int) -> None:
        if number == 9:
            time.sleep(0.05)
            raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="disk is full"):
        list(overlap(range(10), lambda items: items, sink))


def test_closing_early_ends_the_threads() -> None:
    results = overlap(iter(int, 1), lambda items: items, lambda _: time.sleep(0.001))
    for _ in range(5):
        next(results)
    results.close()


def test_an_interrupt_between_items_ends_the_threads() -> None:
    def stage(number: int) -> int:
        if number == 7:
            raise KeyboardInterrupt
        return number

    with pytest.raises(KeyboardInterrupt):
        list(overlap(range(1000), lambda items: map(stage, items), lambda _: None))
