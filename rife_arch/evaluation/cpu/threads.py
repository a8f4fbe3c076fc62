"""Threads for strips of a frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from threading import Barrier
from typing import TypeVar

import torch

from ...torch_threads import torch_threads
from .memory import ScratchPool

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_STRIP_BYTES = 1 << 22
"""Largest array of a strip: the fastest measured, about what a core's caches hold."""

_MOST_ROUNDS = 4
"""Parts for each thread: whoever is faster makes more of them."""


def chunks(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut a range into parts of ``step``, the last perhaps shorter."""
    for begin in range(start, stop, step):
        yield begin, min(begin + step, stop)


class Workers:
    """Threads that each compute a part of a frame, convolutions included.

    They are the only ones: while a frame is made, torch uses no threads of its own. Those synchronise after
    every step, and keep waiting in a loop for some milliseconds, which takes the cores from these.

    Attributes:
        count: of threads, the caller's among them.
        scratch: for convolutions. What one leaves in a core's cache is what the next one overwrites.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._size = 1  # of the pool, and this thread
        self.count = 1
        self.scratch = ScratchPool()

    @contextmanager
    def taking_over(self) -> Generator[None, None, None]:
        """Use as many threads as torch may until the block ends, and torch this one."""
        self.count = torch.get_num_threads()
        if self.count != self._size:
            self._start(self.count)
        with torch_threads(1):
            yield

    def giving_back(self) -> AbstractContextManager[None]:
        """Let torch use its own threads until the block ends."""
        return torch_threads(self.count)

    def strips(self, num_rows: int, row_bytes: int) -> list[slice]:
        """Cut rows into strips of equal size that fit into the caches, as many for each thread."""
        count = max(1, round(num_rows * row_bytes / _STRIP_BYTES))
        count = -(-count // self.count) * self.count
        return [slice(*span) for span in chunks(0, num_rows, -(-num_rows // count))]

    def shares(self, number: int, at_once: int) -> list[tuple[int, int]]:
        """Cut a range into equal parts for all threads, not much smaller than ``at_once``."""
        rounds = min(_MOST_ROUNDS, max(1, number // (self.count * at_once)))
        parts = rounds * self.count
        return list(chunks(0, number, -(-number // parts)))

    def ends(self, number: int) -> list[int]:
        """Cut a range into a part for each thread, or fewer; returns where each ends."""
        parts = min(self.count, number)
        return [number * part // parts for part in range(1, parts + 1)]

    def map(self, make: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """Return ``make(item)`` for each item, computed in parallel."""
        results: dict[int, ResultT] = {}
        remaining = iter(enumerate(items))  # next() on it is atomic

        @torch.inference_mode()
        def work() -> None:
            for index, item in remaining:
                results[index] = make(item)

        count = min(self.count, len(items)) if self._pool else 1
        others = [self._pool.submit(work) for _ in range(count - 1)] if self._pool else []
        work()
        for other in others:
            other.result()
        return [results[index] for index in range(len(items))]

    def _start(self, size: int) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None
        self._size = size
        if size > 1:
            self._pool = ThreadPoolExecutor(size - 1, "rife", _use_one_thread)
            barrier = Barrier(size - 1)
            list(self._pool.map(barrier.wait, [None] * (size - 1)))
            torch.set_num_threads(size)  # new threads start with the number that was set last


def _use_one_thread() -> None:
    torch.get_num_threads()  # else the first operation would reset it
    torch.set_num_threads(1)
