"""What people see while a cluster works: its workers are asked how far they are."""

from __future__ import annotations

from collections.abc import Sequence, Set
from time import monotonic
from typing import Any

import ray
from ray.exceptions import RayError

from ..spread.clip_run import ClipRun
from ..spread.watch import Watch

_SILENCE = 10.0  # seconds; a worker that has not answered for so long does not count as alive


class ClusterWatch(Watch):
    """Shows what happens; a context manager."""

    def __init__(
        self, clips: Sequence[ClipRun], workers: Sequence[Any], *, is_debug: bool = False
    ) -> None:
        super().__init__(clips, len(workers), is_debug=is_debug)
        self._workers = workers
        self._asked: dict[Any, int] = {}  # reference -> number of the worker
        self._answered = [monotonic()] * len(workers)

    def look(self, running: Set[int]) -> None:
        """Take what the workers have answered; see ``Watch``."""
        if self._asked:
            ready, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
            for reference in ready:
                self._take_answer(self._asked.pop(reference), reference)
        super().look(running)

    def _ask(self) -> None:
        silent = set(self._asked.values())
        for number, worker in enumerate(self._workers):
            if number not in silent:
                self._asked[worker.progress.remote()] = number

    def _take_answer(self, worker: int, reference: Any) -> None:
        try:
            unit, num_made = ray.get(reference)
        except RayError:  # it is being started again
            return
        self._answered[worker] = monotonic()
        self.hear(unit, num_made)

    def _show(self) -> None:
        since = monotonic() - _SILENCE
        self.num_alive = sum(answered >= since for answered in self._answered)
        super()._show()
