"""Several frames at a time, as many as fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from torch import Tensor

from ..memory import is_out_of_memory

Finish = Callable[[], Tensor]
"""Waits for a batch that was started, and returns its results."""


class _Started(NamedTuple):
    items: Tensor
    finish: Finish


class Batcher:
    """Splits work into batches; halves their size where memory runs out, and keeps it halved.

    Attributes:
        size: the largest batch from now on.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self, start: Callable[[Tensor], Finish], items: Tensor, *, ahead: bool = False
    ) -> Iterator[Tensor]:
        """Yield the result of each item, in order.

        Args:
            start: begins with a batch of items, and returns what gives as many results.
            items: [N, ...].
            ahead: finish a batch only once the next one was started, so that a GPU has work while
                its results are read. One more batch is held for that.

        Yields:
            [1, ...], one per item.

        Raises:
            RuntimeError, MemoryError: of ``start``, or there is not enough memory for a single item.
        """
        held: _Started | None = None
        while len(items):
            started = self._start(start, items[: self.size], ahead, is_alone=held is None)
            if held is not None:
                yield from self._finish(start, held)
                held = None
            if started is not None:
                items = items[len(started.items) :]
                if ahead:
                    held = started
                else:
                    yield from started.finish().split(1)
        if held is not None:
            yield from self._finish(start, held)

    def _start(
        self, start: Callable[[Tensor], Finish], batch: Tensor, ahead: bool, *, is_alone: bool
    ) -> _Started | None:
        """Begin with a batch; None where memory ran out, for the caller to try again."""
        try:
            finish = start(batch)
            if not ahead:
                results = finish()
                return _Started(batch, lambda: results)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or (is_alone and len(batch) == 1):
                raise
            if is_alone:  # else what is held may be what fills the memory
                self.size = len(batch) // 2
            return None
        return _Started(batch, finish)

    def _finish(self, start: Callable[[Tensor], Finish], held: _Started) -> Iterator[Tensor]:
        """Yield the results of a batch; it is made again in parts where memory runs out only now."""
        try:
            results = held.finish()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or len(held.items) == 1:
                raise
            results = None
        if results is not None:
            yield from results.split(1)
        else:
            yield from Batcher(len(held.items) // 2).run(start, held.items)
