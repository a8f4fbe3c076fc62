"""Which worker makes what: units of work go to workers as these become free.

Ray starts a worker that dies again, elsewhere if need be. Its unit goes to whoever is free: Ray would
give it to the same worker, and give up before it notices that a whole machine is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from time import monotonic
from typing import Any, cast

import ray
from ray.exceptions import RayError

from vfi.errors import InputError, VfiError
from vfi.jobs import Piece
from vfi.write import SEGMENT_LENGTH

from ..explain import EXIT_FAILED
from ..rendering import Rendered
from .clip_run import ClipRun
from .connection import Cluster, first_line, on_node
from .shipping import Shipped, unload
from .watch import Watch
from .worker import Failure, Made, Stopped, Stored, Work, complete_clip, failure_of, look_at_clip

MOST_RETRIES = 3
"""Of a unit whose worker died: what kills each of four is the unit."""
_LOOK_EVERY = 0.5  # seconds
_PATIENCE = 15.0  # seconds until workers that are asked to stop are ended
_QUEUED_PER_WORKER = 4  # units; more are known no sooner than they are needed


@dataclass(frozen=True)
class Unit:
    """What one worker makes at a time.

    Attributes:
        number: of this unit.
        clip: of which it is.
        piece: of the result; None: all of it.
        num_retries: how many workers have died of it, or with it.
    """

    number: int
    clip: ClipRun
    piece: Piece | None = None
    num_retries: int = 0

    @property
    def label(self) -> str:
        """Return its name in Ray's dashboard."""
        name = self.clip.plan.source.name
        return f"{name} {self.piece.first}-{self.piece.stop - 1}" if self.piece else name


class Dispatcher:
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
        self._cluster = cluster
        self._workers = workers
        self._network = network
        self._watch = watch
        self._ships = ships
        self._idle = deque(workers)
        self._waiting: deque[ClipRun] = deque()
        self._units: deque[Unit] = deque()
        self._running: dict[Any, int] = {}  # result -> number of its unit
        self._pending: dict[Any, Callable[[Any], None]] = {}
        self._num_looking = 0
        self._num_lost = 0  # workers
        self._num_left = 0  # clips that are not over
        self._numbers = count()

    def run(self, clips: Sequence[ClipRun]) -> None:
        """Make all results; each clip then says how it ended."""
        self._waiting.extend(clips)
        self._num_left = len(clips)
        try:
            # Not for as long as anything is pending: a worker may find no machine to start on again.
            while self._num_left or self._running:
                self._begin_clips()
                self._hand_out()
                self._wait()
                self._watch.look(set(self._running.values()))
        except BaseException:
            self._stop()
            raise
        finally:
            for clip in clips:
                clip.close()

    def _begin_clips(self) -> None:
        """Begin with clips as long as workers may run out of units."""
        enough = _QUEUED_PER_WORKER * len(self._workers)
        while (
            self._waiting
            and len(self._units) < enough
            and self._num_looking < max(2, len(self._workers))
        ):
            clip = self._waiting.popleft()
            clip.begin()
            self._watch.begin(clip)
            if clip.is_split or (self._ships and clip.plan.images):
                self._guard(clip, self._look_at, clip)
            else:
                self._units.append(Unit(next(self._numbers), clip))

    def _look_at(self, clip: ClipRun) -> None:
        clip.open()
        task = ray.remote(num_cpus=0, num_returns="streaming", max_retries=MOST_RETRIES)(
            look_at_clip
        )
        options = self._placed(name=f"look at {clip.plan.source.name}")
        found = task.options(**options).remote(clip.sent.job, SEGMENT_LENGTH)
        self._num_looking += 1
        self._pending[found] = partial(self._take_piece, clip)

    def _placed(self, **options: Any) -> dict[str, Any]:
        """Return options of a task that needs the source, or the result."""
        if self._ships:
            return {**options, "scheduling_strategy": on_node(self._cluster.own_node)}
        return {**options, "scheduling_strategy": "SPREAD"}

    def _take_piece(self, clip: ClipRun, found: Any) -> None:
        """Take what looking at a clip has found next."""
        piece: Piece | Made[Rendered] | Failure
        try:
            piece = cast(Any, ray.get(next(found)))
        except (StopIteration, RayError) as error:
            self._num_looking -= 1
            if not isinstance(error, StopIteration):
                self._end(clip, _died(error, f"looking at {clip.plan.source}"))
            return
        self._pending[found] = partial(self._take_piece, clip)
        if clip.is_over:
            return
        if isinstance(piece, Failure):
            self._end(clip, piece)
        elif isinstance(piece, Made):
            self._watch.warn(piece.warnings)
            clip.rendered.cuts, clip.rendered.redrawn = piece.value.cuts, piece.value.redrawn
            clip.is_looked_at = True
            self._guard(clip, self._complete_if_made, clip)
        elif clip.needs(piece):
            self._units.append(Unit(next(self._numbers), clip, piece))
        else:
            self._watch.resume(piece.num_frames)

    def _hand_out(self) -> None:
        while self._idle and self._units:
            unit = self._units.popleft()
            if unit.clip.is_over:
                continue
            self._guard(unit.clip, self._start, unit)

    def _start(self, unit: Unit) -> None:
        clip, piece = unit.clip, unit.piece
        shipment = clip.ship(piece) if self._ships else None
        work = Work(unit.number, self._network, shipment)
        worker = self._idle.popleft()
        if piece is None:
            result = worker.make_clip.options(name=unit.label).remote(work, clip.sent)
        else:
            method = worker.make_piece.options(name=unit.label)
            result = method.remote(work, clip.sent.job, piece, list(clip.stores))
        self._running[result] = unit.number
        self._pending[result] = partial(self._take_result, worker, unit)

    def _take_result(self, worker: Any, unit: Unit, result: Any) -> None:
        del self._running[result]
        clip, piece = unit.clip, unit.piece
        try:
            made = cast(Any, ray.get(result))
        except RayError as error:
            # It answers once it runs again.
            self._pending[worker.load.remote(self._network)] = partial(self._welcome, worker)
            self._try_again(unit, error)
            return
        self._idle.append(worker)
        if isinstance(made, Stopped) or clip.is_over:
            return
        if isinstance(made, Failure):
            self._end(clip, made)
            return
        self._watch.warn(made.warnings)
        take = self._take_clip if piece is None else self._take_piece_made
        try:
            self._guard(clip, take, unit, made.value)
        except RayError as error:  # what it has sent is gone with it
            self._try_again(unit, error)

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

    def _try_again(self, unit: Unit, error: RayError) -> None:
        if unit.num_retries == MOST_RETRIES:
            self._end(unit.clip, _died(error, f"making {unit.label}"))
        elif not unit.clip.is_over:
            retry = replace(unit, number=next(self._numbers), num_retries=unit.num_retries + 1)
            self._units.appendleft(retry)

    def _take_clip(self, unit: Unit, made: Rendered | tuple[Rendered, Shipped]) -> None:
        clip = unit.clip
        if isinstance(made, tuple):
            made, shipped = made
            assert clip.plan.video
            unload(shipped, [clip.plan.video.parent])
        clip.rendered = made
        self._watch.resume(made.resumed_at)
        self._watch.finish(unit.number, made.num_frames - made.resumed_at)
        self._end(clip)

    def _take_piece_made(self, unit: Unit, shipped: Shipped | None) -> None:
        clip = unit.clip
        assert unit.piece
        if shipped is not None:
            unload(shipped, [store.folder for store in clip.stores])
        clip.num_left -= 1
        self._watch.finish(unit.number, unit.piece.num_frames)
        self._complete_if_made(clip)

    def _complete_if_made(self, clip: ClipRun) -> None:
        if clip.num_left or not clip.is_looked_at:
            return
        clip.all_made()
        task = ray.remote(num_cpus=0, max_retries=MOST_RETRIES)(complete_clip)
        options = self._placed(name=f"complete {clip.plan.source.name}")
        done = task.options(**options).remote(clip.sent, clip.key, clip.rendered.num_frames)
        self._pending[done] = partial(self._take_completed, clip)

    def _take_completed(self, clip: ClipRun, done: Any) -> None:
        try:
            notes = cast(Any, ray.get(done))
        except RayError as error:
            self._end(clip, _died(error, f"completing {clip.plan.describe_targets()}"))
            return
        if isinstance(notes, Failure):
            self._end(clip, notes)
        else:
            self._watch.warn(notes.warnings)
            clip.rendered.notes = notes.value
            self._end(clip)

    def _wait(self) -> None:
        """Wait until something is done, or for a moment, and take it."""
        if not self._pending:
            return
        ready, _ = ray.wait(list(self._pending), timeout=_LOOK_EVERY, fetch_local=False)
        for reference in ready:
            self._pending.pop(reference)(reference)

    def _guard(self, clip: ClipRun, work: Callable[..., None], *arguments: Any) -> None:
        """Do something for a clip; an error of ours ends this clip, as one of a worker does."""
        try:
            work(*arguments)
        except (VfiError, OSError) as error:
            self._end(clip, failure_of(error))

    def _end(self, clip: ClipRun, failure: Failure | None = None) -> None:
        self._num_left -= not clip.is_over
        clip.end(failure)
        self._watch.end(clip)

    def _stop(self) -> None:
        """Ask the workers to leave what they are at; what is finished stays."""
        for worker in self._workers:
            worker.stop.remote()
        results = list(self._running)
        until = monotonic() + _PATIENCE
        while results and monotonic() < until:
            _, results = ray.wait(results, num_returns=len(results), timeout=_LOOK_EVERY)


def _died(error: Exception, work: str) -> Failure:
    """Explain that a process of Ray has ended, again and again."""
    return Failure(
        f"The process {work} has ended {MOST_RETRIES + 1} times ({first_line(error)}). Is there enough "
        "memory? Try fewer --workers, a smaller --scale or --precision fp16.",
        EXIT_FAILED,
        str(error),
    )
