"""Work in threads beside the one that hands out work: it rings when there is something to take."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread
from typing import Any

_STOP_LIMIT = 15.0  # seconds


class Aside:
    """Threads, and what they have found.

    Attributes:
        bell: a connection that is ready to be read when there is something to take.
    """

    def __init__(self) -> None:
        self.bell, self._rope = multiprocessing.Pipe(duplex=False)
        self._found: list[Callable[[], None]] = []
        self._lock = Lock()
        self._is_unwanted = Event()
        self._threads: list[Thread] = []

    def start(self, work: Iterator[Any], take: Callable[[Any], None]) -> None:
        """Begin some work.

        Args:
            work: yields what it finds, and calls :meth:`check` meanwhile. Raises nothing else than that does.
            take: called with each of them by whoever calls :meth:`take`.
        """
        thread = Thread(target=self._run, args=(work, take), name="aside", daemon=True)
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def check(self) -> None:
        """End the work that calls this, if nobody wants it any more.

        Raises:
            KeyboardInterrupt: as if the user had interrupted it there.
        """
        if self._is_unwanted.is_set():
            raise KeyboardInterrupt

    def take(self) -> None:
        """Hand over what was found."""
        with self._lock:
            found, self._found = self._found, []
            if found:
                self.bell.recv_bytes()
        for one in found:
            one()

    def stop(self) -> None:
        """End all work; waits for it."""
        self._is_unwanted.set()
        for thread in self._threads:
            thread.join(_STOP_LIMIT)

    def _run(self, work: Iterator[Any], take: Callable[[Any], None]) -> None:
        try:
            for one in work:
                self._add(lambda one=one: take(one))
        except KeyboardInterrupt:
            return

    def _add(self, one: Callable[[], None]) -> None:
        with self._lock:
            self._found.append(one)
            if len(self._found) == 1:
                self._rope.send_bytes(b"!")
