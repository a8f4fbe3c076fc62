"""Units of work on their way to the workers of a cluster, and back.

Ray starts a worker that dies again, elsewhere if need be. Its unit goes to whoever is free: Ray would
give it to the same worker, and give up before it notices that a whole machine is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence, Set
from functools import partial
from time import monotonic
from typing import Any, cast

import ray
from ray.exceptions import RayError

from vfi.errors import InputError
from vfi.jobs import Piece
from vfi.write import SEGMENT_LENGTH

from ..rendering import Rendered
from ..spread.clip_run import ClipRun
from ..spread.dispatch import MOST_RETRIES, Dispatcher, Unit, died
from ..spread.outcome import Failure, Made, Stopped, failure_of
from ..spread.watch import Watch
from .connection import Cluster, first_line, on_node
from .shipping import Shipment, Shipper, unload
from .worker import Stored, Work, complete_clip, look_at_clip

_LOOK_EVERY = 0.5  # seconds
_PATIENCE = 15.0  # seconds until workers that are asked to stop are ended


class ClusterDispatcher(Dispatcher):
    """Works through clips with a cluster's workers."""

    def __init__(
        self,
        cluster: Cluster,
        workers: Sequence[Any],
        network: Stored,
        watch: Watch,
        *,
        ships: bool,
    ) -> None:
        """Prepare.

        Args:
            cluster: where the workers are.
            workers: the actors.
            network: which they have loaded.
            watch: is told what happens.
            ships: the machines share no folder.
        """
        super().__init__(len(workers), watch)
        self._cluster = cluster
        self._workers = workers
        self._network = network
        self._ships = ships
        self._shippers: dict[int, Shipper] = {}  # id of a clip that is being made -> its files
        self._idle = deque(workers)
        self._being_made: dict[Any, int] = {}  # result -> number of its unit
        self._pending: dict[Any, Callable[[Any], None]] = {}
        self._num_lost = 0  # workers

    @property
    def _running(self) -> Set[int]:
        return set(self._being_made.values())

    @property
    def _has_idle(self) -> bool:
        return bool(self._idle)

    def _is_split(self, clip: ClipRun) -> bool:
        return clip.is_split or bool(self._ships and clip.plan.images)

    def _look_at(self, clip: ClipRun) -> None:
        task = ray.remote(num_cpus=0, num_returns="streaming", max_retries=MOST_RETRIES)(
            look_at_clip
        )
        options = self._placed(name=f"look at {clip.plan.source.name}")
        found = task.options(**options).remote(clip.sent.job, SEGMENT_LENGTH)
        self._pending[found] = partial(self._take_found, clip)

    def _placed(self, **options: Any) -> dict[str, Any]:
        """Return options of a task that needs the source, or the result."""
        if self._ships:
            return {**options, "scheduling_strategy": on_node(self._cluster.own_node)}
        return {**options, "scheduling_strategy": "SPREAD"}

    def _take_found(self, clip: ClipRun, found: Any) -> None:
        """Take what looking at a clip has found next."""
        piece: Piece | Made[Rendered] | Failure
        try:
            piece = cast(Any, ray.get(next(found)))
        except (StopIteration, RayError) as error:
            self._end_looking()
            if not isinstance(error, StopIteration):
                self._end(clip, died(f"looking at {clip.plan.source}", first_line(error)))
            return
        self._pending[found] = partial(self._take_found, clip)
        self._take_piece(clip, piece)

    def _start(self, unit: Unit) -> None:
        clip, piece = unit.clip, unit.piece
        work = Work(unit.number, self._network, self._ship(unit) if self._ships else None)
        worker = self._idle.popleft()
        if piece is None:
            result = worker.make_clip.options(name=unit.label).remote(work, clip.sent)
        else:
            method = worker.make_piece.options(name=unit.label)
            result = method.remote(work, clip.sent.job, piece, list(clip.stores))
        self._being_made[result] = unit.number
        self._pending[result] = partial(self._take_result, worker, unit)

    def _ship(self, unit: Unit) -> Shipment:
        """Hand over what a unit is made of."""
        if id(unit.clip) not in self._shippers:
            self._shippers[id(unit.clip)] = Shipper(unit.clip.sent.job.clip)
        return self._shippers[id(unit.clip)].ship(unit.piece)

    def _take_result(self, worker: Any, unit: Unit, result: Any) -> None:
        del self._being_made[result]
        try:
            made = cast("Made[Any] | Failure | Stopped", ray.get(result))
        except RayError as error:
            # It answers once it runs again.
            self._pending[worker.load.remote(self._network)] = partial(self._welcome, worker)
            self._try_again(unit, first_line(error))
            return
        self._idle.append(worker)
        try:
            self._take_answer(unit, made)
        except RayError as error:  # what it has sent is gone with it
            self._try_again(unit, first_line(error))

    def _take_made(self, unit: Unit, value: Any) -> None:
        """Unload what was shipped; see ``Dispatcher``."""
        if unit.piece is None and isinstance(value, tuple):
            value, shipped = value
            assert unit.clip.plan.video
            unload(shipped, [unit.clip.plan.video.parent])
        elif unit.piece is not None and value is not None:
            unload(value, [store.folder for store in unit.clip.stores])
        super()._take_made(unit, value)

    def _welcome(self, worker: Any, loading: Any) -> None:
        """Give units to a worker again that has died, if it can load the network where it is now."""
        try:
            loaded = cast(Any, ray.get(loading))
        except RayError as error:
            loaded = failure_of(error)
        if not isinstance(loaded, Failure):
            self._idle.append(worker)
            return
        self._num_lost += 1
        if self._num_lost == len(self._workers):
            raise InputError(f"No worker is left. {loaded.message}")

    def _complete(self, clip: ClipRun) -> None:
        task = ray.remote(num_cpus=0, max_retries=MOST_RETRIES)(complete_clip)
        options = self._placed(name=f"complete {clip.plan.source.name}")
        done = task.options(**options).remote(clip.sent, clip.key, clip.rendered.num_frames)
        self._pending[done] = partial(self._take_done, clip)

    def _take_done(self, clip: ClipRun, done: Any) -> None:
        try:
            notes = cast("Made[list[str]] | Failure", ray.get(done))
        except RayError as error:
            work = f"completing {clip.plan.describe_targets()}"
            self._end(clip, died(work, first_line(error)))
            return
        self._take_completed(clip, notes)

    def _wait(self) -> None:
        if not self._pending:
            return
        ready, _ = ray.wait(list(self._pending), timeout=_LOOK_EVERY, fetch_local=False)
        for reference in ready:
            self._pending.pop(reference)(reference)

    def _end(self, clip: ClipRun, failure: Failure | None = None) -> None:
        super()._end(clip, failure)
        self._shippers.pop(id(clip), None)

    def _stop(self) -> None:
        for worker in self._workers:
            worker.stop.remote()
        results = list(self._being_made)
        until = monotonic() + _PATIENCE
        while results and monotonic() < until:
            _, results = ray.wait(results, num_returns=len(results), timeout=_LOOK_EVERY)
