"""Run a source ahead of its consumer, so that decoding and the network work at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")

_POLL = 0.1  # seconds until a blocked thread looks whether it is still wanted
_STOP_LIMIT = 60.0  # seconds

logger = logging.getLogger(__name__)


def prefetched(
    source: Generator[ItemT, None, None],
    ahead: int = 4,
    check: Callable[[], object] | None = None,
) -> Generator[ItemT, None, None]:
    """Yield what ``source`` yields, fetched in a thread.

    At most ``ahead`` items wait, and one more is in the making. An error of the source is raised
    after the items before it. Ending or closing this generator ends the thread and closes the
    source.

    Args:
        source: used by nobody else from now on.
        ahead: how many finished items may wait.
        check: called by the consumer's thread before each item, and while it waits for one; what it
            raises ends everything.
    """
    worker = _Worker(source, ahead)
    try:
        while True:
            item = worker.next(check)
            if item is None:
                return
            if check is not None:
                check()
            yield item[0]
    finally:
        worker.stop()


class _Worker(Generic[ItemT]):
    """The thread, and the queue between it and the consumer."""

    def __init__(self, source: Generator[ItemT, None, None], ahead: int) -> None:
        self._source = source
        self._items: Queue[tuple[ItemT] | BaseException | None] = Queue(ahead)
        self._unwanted = Event()
        self._thread = Thread(target=self._run, name="prefetch", daemon=True)
        self._thread.start()

    def next(self, check: Callable[[], object] | None) -> tuple[ItemT] | None:
        """Return the next item in a tuple, or None at the end; raises what the source raised."""
        while True:
            try:
                item = self._items.get(timeout=_POLL)
            except Empty:  # a long way to the first frame, or a drive that has gone to sleep
                if check is not None:
                    check()
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    def stop(self) -> None:
        """End the thread and close the source; a thread that does not end is left alone."""
        self._unwanted.set()
        self._thread.join(_STOP_LIMIT)
        if self._thread.is_alive():
            logger.warning("A source does not answer, and is left behind.")
        else:
            self._source.close()

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put((item,)):
                    return
        except BaseException as error:  # noqa: BLE001  handed to the consumer
            self._put(error)
        else:
            self._put(None)

    def _put(self, item: tuple[ItemT] | BaseException | None) -> bool:
        while not self._unwanted.is_set():
            try:
                self._items.put(item, timeout=_POLL)
            except Full:
                continue
            return True
        return False
