"""What runs on the machines of a cluster: workers that keep a network loaded, and tasks around them.

All of it may be killed at any moment and run again elsewhere: results get their names when they are
complete, and what is complete already is not made again.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ray
import torch

from rife_arch import CheckpointError
from vfi.jobs import Piece
from vfi.write import RunStore

from ..loaded import LoadableNetwork, Loaded
from ..plan import Plan
from ..rendering import Rendered
from ..spread import making
from ..spread.making import Maker, WarningList
from ..spread.outcome import Failure, Made, Stopped, WorkerInfo
from .connection import Share
from .environment import hide_gpus
from .metrics import FramesMade
from .shipping import Shipment, Shipped, Workbench, pack

# Seconds until another machine's files are looked for again: a network folder shows them late.
_DELAYS = (1, 4, 15, 40)


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
        self._maker = Maker(memory_advice, self._count)
        self._built: Loaded[Any] | None = None
        self._unit, self._num_made = -1, 0
        self._metrics = FramesMade()
        self._bench = Workbench()

    @ray.method(max_task_retries=-1)
    def load(self, network: Stored) -> Made[WorkerInfo] | Failure | Stopped:
        """Build the network, and say what it is."""
        return self._maker.guarded(partial(self._describe, network))

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
        return self._maker.guarded(partial(self._make_piece, work, job, piece, stores))

    def make_clip(
        self, work: Work, plan: Plan[Any]
    ) -> Made[Rendered | tuple[Rendered, Shipped]] | Failure | Stopped:
        """Make a whole result; see ``make_piece``."""
        self._begin(work)
        return self._maker.guarded(partial(self._make_clip, work, plan))

    @ray.method(concurrency_group="status")
    def progress(self) -> tuple[int, int]:
        """Return the number of the work at hand, and how many frames of it are made."""
        return self._unit, self._num_made

    @ray.method(concurrency_group="status")
    def stop(self) -> None:
        """End the work at hand after the frame it is at; no more is begun."""
        self._maker.stop()

    def leave(self) -> None:
        """Remove copies of files: the worker is about to be ended."""
        self._bench.close()

    def _begin(self, work: Work) -> None:
        self._unit, self._num_made = work.unit, 0

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
        self._maker.make_piece(loaded, job, piece, stores)
        if work.shipment is None:
            return None
        return pack(store.files(piece.first, piece.stop) for store in stores)

    def _make_clip(self, work: Work, plan: Plan[Any]) -> Rendered | tuple[Rendered, Shipped]:
        loaded = self._loaded(work.network)
        if work.shipment is not None:
            plan = self._bench.unpack_plan(work.shipment, plan)
        rendered = self._maker.make_clip(loaded, plan)
        if work.shipment is None:
            return rendered
        assert plan.video
        return rendered, pack([[plan.video]])

    def _count(self, num_made: int) -> None:
        self._num_made = num_made
        self._metrics.add(1)


def look_at_clip(job: Any, length: int) -> Generator[Piece | Made[Rendered] | Failure, None, None]:
    """Yield a job's result in pieces, then what was found out on the way."""
    warnings = WarningList()
    try:
        for found in making.look_at_clip(job, length):
            yield replace(found, warnings=warnings.take()) if isinstance(found, Made) else found
    finally:
        warnings.close()


def complete_clip(plan: Plan[Any], key: str, num_frames: int) -> Made[list[str]] | Failure:
    """Complete a result whose pieces are all there; returns what could not be kept as it was."""
    warnings = WarningList()
    try:
        done = making.complete_clip(plan, key, num_frames, delays=_DELAYS)
        return replace(done, warnings=warnings.take()) if isinstance(done, Made) else done
    finally:
        warnings.close()
