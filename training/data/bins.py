"""Slow and fast motion in fair shares.

Most of what people film hardly moves. A network that sees each sample as often as it occurs learns to
make frames where there is next to nothing to make.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict

EDGES = (1.0, 2.5, 5.0, 10.0)
"""px of apparent motion for each step: where one bin of motion ends and the next one begins."""


def bin_of(motion: float) -> int:
    """Return the number of the bin of an apparent motion, px for each step; 0 is the slowest."""
    return bisect_right(EDGES, motion)


class FairShare:
    """Of candidates that come one by one keep some, as many of each bin as there are.

    While there is room, all are kept. Then the bin that has the most gives one up, by lot. At the end
    the bins have equal shares, those with less all they had, whatever the order was.
    """

    def __init__(self, most: int) -> None:
        """Keep ``most`` candidates."""
        self._most = most
        self._size = 0
        self._bins: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)

    def offer(self, number: int, motion: float, lot: float) -> int | None:
        """Take a candidate in.

        Args:
            number: of the candidate.
            motion: decides on its bin.
            lot: drawn by chance; the highest of a bin is given up first.

        Returns:
            The number of the one that is given up for it, which may be itself; None if there is room.
        """
        own = self._bins[bin_of(motion)]
        heapq.heappush(own, (-lot, number))
        self._size += 1
        if self._size <= self._most:
            return None
        self._size -= 1
        fullest = max(self._bins.values(), key=lambda each: (len(each), each is own))
        return heapq.heappop(fullest)[1]
