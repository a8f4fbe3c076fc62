"""What runs on the machines of a cluster: workers that keep a network loaded, and tasks around them.

All of it may be killed at any moment and run again elsewhere: results get their names when they are
complete, and what is complete already is not made again.
"""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from threading import Event
from time import perf_counter, sleep
from typing import Any, Generic, TypeVar

import ray
import torch
from torch import Tensor

from rife_arch import CheckpointError
from vfi.errors import MissingFramesError
from vfi.jobs import Piece, complete, render_piece
from vfi.write import RunStore

from ..explain import exit_code, explain
from ..loaded import LoadableNetwork, Loaded
from ..plan import Plan
from ..rendering import Rendered, render_plan, watched
from .connection import Share
from .environment import hide_gpus
from .metrics import FramesMade
from .shipping import Shipment, Shipped, Workbench, pack

ValueT = TypeVar("ValueT")
# Seconds until another machine's files are looked for again: a network folder shows them late.
_DELAYS = (1, 4, 15, 40)


@dataclass(frozen=True)
class Failure:
    """An error, explained where it happened.

    Attributes:
        message: for people.
        exit_code: of a command line that ends by it.
        details: where it comes from, for ``--debug``.
    """

    message: str
    exit_code: int
    details: str


@dataclass(frozen=True)
class Made(Generic[ValueT]):
    """What came of a piece of work.

    Attributes:
        value: the result.
        warnings: what the log said on the way.
    """

    value: ValueT
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Stopped:
    """The work was ended because nobody wants it any more."""


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker says of itself.

    Attributes:
        host: name of its machine.
        name: of the network.
        settings: all that decides the pixels beside a clip's own settings; equal on all workers.
        description: of network, device and precision, for people.
    """

    host: str
    name: str
    settings: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Stored:
    """A network in the store of the cluster, which brings it to each machine once.

    Attributes:
        reference: to it.
        sha256: of its weights, as they were verified when they were read.
    """

    reference: Any
    sha256: str

    def fetch(self) -> LoadableNetwork:
        """Get it, and make sure that it is the same.

        Raises:
            CheckpointError: it is not.
        """
        network: LoadableNetwork = ray.get(self.reference)
        if network.sha256 != self.sha256:
            raise CheckpointError(
                f"The network arrived damaged on {socket.gethostname()}: its weights hash to "
                f"{network.sha256[:12]} instead of {self.sha256[:12]}. Start again; if it stays, test the "
                "memory of that machine."
            )
        return network


@dataclass(frozen=True)
class Work:
    """One unit of work, without what it is about.

    Attributes:
        unit: its number; see ``Worker.progress``.
        network: what it is made with.
        shipment: the source, where the worker's machine does not have it; the result is returned then.
    """

    unit: int
    network: Stored
    shipment: Shipment | None = None


class Worker:
    """Makes pieces of results, or whole ones, with one network; an actor of Ray.

    Its methods return an error instead of raising it, as an error of a clip is none of the worker.
    """

    def __init__(self, share: Share, memory_advice: str) -> None:
        """Prepare.

        Args:
            share: of the machine, that is the worker's.
            memory_advice: what to try when a GPU runs out of memory.
        """
        torch.set_num_threads(share.num_threads)
        if not share.gpus:
            hide_gpus()
        self._memory_advice = memory_advice
        self._built: Loaded[Any] | None = None
        self._unit, self._num_made = -1, 0
        self._is_stopped = Event()
        self._warnings = WarningList()
        self._metrics = FramesMade()
        self._bench = Workbench()

    @ray.method(max_task_retries=-1)
    def load(self, network: Stored) -> Made[WorkerInfo] | Failure | Stopped:
        """Build the network, and say what it is."""
        return self._guarded(partial(self._describe, network))

    def make_piece(
        self,
        work: Work,
        job: Any,
        piece: Piece,
        stores: list[RunStore],
    ) -> Made[Shipped | None] | Failure | Stopped:
        """Make one piece of a result.

        Args:
            work: how it is made.
            job: of the clip.
            piece: the piece.
            stores: where it goes.
        """
        self._begin(work)
        return self._guarded(partial(self._make_piece, work, job, piece, stores))

    def make_clip(
        self, work: Work, plan: Plan[Any]
    ) -> Made[Rendered | tuple[Rendered, Shipped]] | Failure | Stopped:
        """Make a whole result; see ``make_piece``."""
        self._begin(work)
        return self._guarded(partial(self._make_clip, work, plan))

    @ray.method(concurrency_group="status")
    def progress(self) -> tuple[int, int]:
        """Return the number of the work at hand, and how many frames of it are made."""
        return self._unit, self._num_made

    @ray.method(concurrency_group="status")
    def stop(self) -> None:
        """End the work at hand after the frame it is at; no more is begun."""
        self._is_stopped.set()

    def leave(self) -> None:
        """Remove copies of files: the worker is about to be ended."""
        self._bench.close()

    def _begin(self, work: Work) -> None:
        self._unit, self._num_made = work.unit, 0

    def _guarded(self, make: Callable[[], Any]) -> Any:
        try:
            self._check()
            return Made(make(), self._warnings.take())
        except KeyboardInterrupt:
            return Stopped()
        except Exception as error:  # noqa: BLE001  returned, and explained to people
            return failure_of(error, self._memory_advice)

    def _check(self) -> None:
        if self._is_stopped.is_set():
            raise KeyboardInterrupt

    def _describe(self, network: Stored) -> WorkerInfo:
        loaded = self._loaded(network)
        return WorkerInfo(socket.gethostname(), loaded.name, loaded.settings, loaded.description)

    def _loaded(self, network: Stored) -> Loaded[Any]:
        """Return the network, which is gone where this process was started again meanwhile."""
        if self._built is None:
            self._built = network.fetch().load()
        return self._built

    def _make_piece(
        self, work: Work, job: Any, piece: Piece, stores: list[RunStore]
    ) -> Shipped | None:
        loaded = self._loaded(work.network)
        if work.shipment is not None:
            job, stores = self._bench.unpack(work.shipment, job, stores)

        def frames(bit_depth: int) -> Generator[Tensor, None, None]:
            return job.frames_of(loaded.model, piece, bit_depth=bit_depth)

        render_piece(frames, piece, stores, on_frame=self._count, dither=job.dither)
        if work.shipment is None:
            return None
        return pack(store.files(piece.first, piece.stop) for store in stores)

    def _make_clip(self, work: Work, plan: Plan[Any]) -> Rendered | tuple[Rendered, Shipped]:
        loaded = self._loaded(work.network)
        started = perf_counter()
        notes: list[str] = []
        if work.shipment is not None:
            plan = self._bench.unpack_plan(work.shipment, plan)

        def count(number: int, pixels: Tensor | None) -> None:
            self._check()
            self._num_made = number
            self._metrics.add(int(pixels is not None))

        rendered = render_plan(plan, loaded, on_frame=count, notify=notes.append)
        rendered.notes, rendered.seconds = notes, perf_counter() - started
        if work.shipment is None:
            return rendered
        assert plan.video
        return rendered, pack([[plan.video]])

    def _count(self) -> None:
        self._check()
        self._num_made += 1
        self._metrics.add(1)


class WarningList(logging.Handler):
    """Collects what this process warns of, where nobody reads its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        self._messages: dict[str, None] = {}
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message; the same one once."""
        self._messages[self.format(record)] = None

    def take(self) -> tuple[str, ...]:
        """Return the messages since the last time."""
        messages, self._messages = tuple(self._messages), {}
        return messages

    def close(self) -> None:
        """Collect no more."""
        logging.getLogger().removeHandler(self)
        super().close()


def failure_of(error: Exception, memory_advice: str = "") -> Failure:
    """Explain an error where it happened."""
    return Failure(explain(error, memory_advice), exit_code(error), traceback.format_exc())


def look_at_clip(job: Any, length: int) -> Generator[Piece | Made[Rendered] | Failure, None, None]:
    """Yield a job's result in pieces, then what was found out on the way."""
    found, warnings = Rendered(), WarningList()
    try:
        yield from job.pieces(found.cuts.append, **watched(job, found), length=length)
    except Exception as error:  # noqa: BLE001  returned, and explained to people
        yield failure_of(error)
    else:
        yield Made(found, warnings.take())
    finally:
        warnings.close()


def complete_clip(plan: Plan[Any], key: str, num_frames: int) -> Made[list[str]] | Failure:
    """Complete a result whose pieces are all there; returns what could not be kept as it was."""
    notes: list[str] = []
    warnings = WarningList()
    try:
        for delay in (*_DELAYS, None):
            try:
                complete(plan.sinks(key, notes.append), num_frames)
                break
            except MissingFramesError:
                if delay is None:
                    raise
                notes.clear()
                sleep(delay)
    except Exception as error:  # noqa: BLE001  returned, and explained to people
        return failure_of(error)
    finally:
        warnings.close()
    return Made(notes, warnings.take())
