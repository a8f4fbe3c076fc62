"""Work in threads beside the one that hands out work."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.connection import wait

from cli.devices.aside import Aside


def test_what_is_found_rings_once_and_is_taken_in_order() -> None:
    aside, taken = Aside(), list[int]()
    aside.start(iter(range(100_000)), taken.append)  # more rings would fill the pipe
    while len(taken) < 100_000:
        assert wait([aside.bell], timeout=60)
        aside.take()
    assert taken == list(range(100_000))
    assert not aside.bell.poll()


def test_work_that_nobody_wants_ends_at_its_next_check() -> None:
    aside, taken = Aside(), list[int]()

    def endless() -> Iterator[int]:
        while True:
            aside.check()
            yield 1

    aside.start(endless(), taken.append)
    assert wait([aside.bell], timeout=60)
    aside.stop()
    assert not any(thread.is_alive() for thread in aside._threads)
