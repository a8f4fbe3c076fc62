"""Several frames at a time, as many as fit into memory."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..memory import is_out_of_memory

Mend = Callable[[], Tensor | None]
"""Waits until work is done; returns what takes the place of its result, or None where that is right."""


class Started(NamedTuple):
    """A batch that a device may still be working on.

    Attributes:
        results: [N, ...], unless ``mend`` gives others.
        mend: see there; holds what is needed to do the work again.
    """

    results: Tensor
    mend: Mend

    def finished(self) -> Tensor:
        """Wait for the results, [N, ...]."""
        mended = self.mend()
        return self.results if mended is None else mended


Start = Callable[[Tensor], Started]


@dataclass(frozen=True, slots=True)
class Draft:
    """One result that a device may still be working on.

    Attributes:
        image: [1, ...], unless ``mended`` gives another one.
        mended: waits until it is there; None where ``image`` is right, else what takes its place.
        batch: the same object for all that are computed together, and for no others.
    """

    image: Tensor
    mended: Mend
    batch: object


def finished_behind(drafts: Iterable[Draft]) -> Iterator[Tensor]:
    """Wait for the results of a batch once the next one was started, so that a GPU always has work.

    Yields:
        [1, ...], one per draft. Those of two batches are held.
    """
    held: deque[Draft] = deque()
    for draft in drafts:
        held.append(draft)
        while held[0].batch is not draft.batch:
            yield _finished(held.popleft())
    while held:
        yield _finished(held.popleft())


def _finished(draft: Draft) -> Tensor:
    mended = draft.mended()
    return draft.image if mended is None else mended


class Batcher:
    """Splits work into batches; halves their size where memory runs out, and keeps it halved.

    Attributes:
        size: the largest batch from now on.
    """

    def __init__(self, size: int, save_memory: Callable[[], bool] = lambda: False) -> None:
        """Begin with batches of a size.

        Args:
            size: the largest batch.
            save_memory: called where a single item does not fit; whether it may be tried again.
        """
        self.size = size
        self._save_memory = save_memory
        self._newest: Callable[[], _Batch | None] = lambda: None

    def run(self, start: Start, items: Tensor) -> Iterator[Draft]:
        """Start batches one by one, each when its first result is asked for.

        Args:
            start: begins with a batch of items.
            items: [N, ...].

        Yields:
            One draft per item, in order.

        Raises:
            RuntimeError, MemoryError: of ``start``, or there is not enough memory for a single item.
        """
        while len(items):
            started = self._started(start, items[: self.size])
            if started is None:
                continue
            batch = _Batch(start, items[: len(started.results)], started.mend)
            self._newest = weakref.ref(batch)  # nobody has to settle what nobody waits for
            items = items[len(started.results) :]
            images = list(started.results.split(1))
            started = None  # who takes the images may drop them before the next batch starts
            for index in range(len(images)):
                yield Draft(images.pop(0), batch.mended(index), batch)

    def _started(self, start: Start, batch: Tensor) -> Started | None:
        """Begin with a batch; None where memory ran out, and there is something to try again with."""
        try:
            return start(batch)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            shortage = error.with_traceback(None)  # which keeps what failed in memory
        if not self._makes_room(len(batch)):
            raise shortage
        return None

    def _makes_room(self, length: int) -> bool:
        """Give up what the batch before holds, half of this one, or speed; tell whether anything was left."""
        newest = self._newest()
        if newest is not None and not newest.is_settled:
            newest.settle()
        elif length > 1:
            self.size = length // 2
        else:
            return self._save_memory()
        return True


class _Batch:
    """What is still to be found out about a batch: whether its results are right."""

    def __init__(self, start: Start, items: Tensor, mend: Mend) -> None:
        self._unsettled: tuple[Start, Tensor, Mend] | None = start, items, mend
        self._mended: Tensor | None = None

    @property
    def is_settled(self) -> bool:
        return self._unsettled is None

    def mended(self, index: int) -> Mend:
        """Return what tells the same of one of the results."""

        def mend() -> Tensor | None:
            mended = self.settle()
            return None if mended is None else mended[index : index + 1]

        return mend

    def settle(self) -> Tensor | None:
        """Wait for the batch, and let go of all that it took; see ``Mend``."""
        if self._unsettled is not None:
            self._mended = _mended_in_parts(*self._unsettled)
            self._unsettled = None
        return self._mended


def _mended_in_parts(start: Start, items: Tensor, mend: Mend) -> Tensor | None:
    """Mend a batch; it is made again in parts where memory runs out only now."""
    try:
        return mend()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error) or len(items) == 1:
            raise
    return torch.cat([_finished(draft) for draft in Batcher(len(items) // 2).run(start, items)])
