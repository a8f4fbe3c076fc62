"""What is prepared once and used for many frames."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

TableT = TypeVar("TableT")


class Tables(Generic[TableT]):
    """Keeps what was made for the newest two keys: a pair may be estimated at two scales in turn."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, TableT] = {}

    def get(self, key: Hashable, make: Callable[[], TableT]) -> TableT:
        """Return what was made for ``key``; makes it if need be, and lets go of the oldest."""
        if key not in self._kept:
            if len(self._kept) > 1:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = make()
        return self._kept[key]
