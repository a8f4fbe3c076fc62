"""Several frames at a time, as many as fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from ..memory import is_out_of_memory


class Batcher:
    """Splits work into batches; halves their size where memory runs out, and keeps it halved.

    Attributes:
        size: the largest batch from now on.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, make: Callable[[Tensor], Tensor], items: Tensor) -> Iterator[Tensor]:
        """Yield ``make`` of each item, in order.

        Args:
            make: maps a batch of items to as many results.
            items: [N, ...].

        Yields:
            [1, ...], one per item.

        Raises:
            RuntimeError, MemoryError: of ``make``, or there is not enough memory for a single item.
        """
        while len(items):
            batch = items[: self.size]
            try:
                results = make(batch)
            except (MemoryError, RuntimeError) as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                self.size = len(batch) // 2
            else:
                items = items[len(batch) :]
                yield from results.split(1)
