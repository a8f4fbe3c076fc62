"""Threads for strips of a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_STRIP_BYTES = 1 << 22
"""Largest array of a strip: the fastest measured, about what a core's caches hold."""


def chunks(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut a range into parts of ``step``, the last perhaps shorter."""
    for begin in range(start, stop, step):
        yield begin, min(begin + step, stop)


class Workers:
    """Threads that each compute a whole strip, convolutions included.

    torch's own threads would synchronise after every step, and their busy waiting would take the
    cores from the compiled loops.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._count = 1

    def strips(self, num_rows: int, row_bytes: int) -> list[slice]:
        """Cut rows into strips of equal size that fit into the caches."""
        count = max(1, round(num_rows * row_bytes / _STRIP_BYTES))
        if count > 1:  # the same number for each thread
            count = -(-count // torch.get_num_threads()) * torch.get_num_threads()
        return [slice(*span) for span in chunks(0, num_rows, -(-num_rows // count))]

    def map(self, make: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """Return ``make(item)`` for each item, computed in parallel."""
        count = torch.get_num_threads()
        results: dict[int, ResultT] = {}
        remaining = iter(enumerate(items))  # next() on it is atomic

        @torch.inference_mode()
        def work() -> None:
            for index, item in remaining:
                results[index] = make(item)

        if count > 1 and len(items) > 1:
            if self._pool is None or count != self._count:
                self._start(count)
            assert self._pool is not None
            others = [self._pool.submit(work) for _ in range(count - 1)]
            torch.set_num_threads(1)
            try:
                work()
                for other in others:
                    other.result()
            finally:
                torch.set_num_threads(count)
        else:
            work()
        return [results[index] for index in range(len(items))]

    def _start(self, count: int) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = ThreadPoolExecutor(count - 1, "rife", _use_one_thread)
        self._count = count
        barrier = Barrier(count - 1)
        list(self._pool.map(barrier.wait, [None] * (count - 1)))
        torch.set_num_threads(count)  # new threads start with the number that was set last


def _use_one_thread() -> None:
    torch.get_num_threads()  # else the first operation would reset it
    torch.set_num_threads(1)
