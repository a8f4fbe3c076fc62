"""One clip on its way through several processes: what is to be made, what is there, and how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

from vfi.encode import find_container
from vfi.jobs import Piece
from vfi.write import SEGMENT_LENGTH, Apart, PipeWriter, RunStore

from ..plan import Plan
from ..rendering import Rendered, resume_key_of
from .outcome import Failure


@dataclass
class ClipRun:
    """The state of one clip.

    Attributes:
        plan: what is made of it.
        key: of what an interrupted run leaves; a new one where nothing is to be found.
        rendered: what is known of the result so far.
        num_left: pieces that are not made yet, as far as they are known.
        is_looked_at: all pieces are known.
        failure: why it ended without a result.
        is_over: it has ended.
    """

    plan: Plan[Any]
    key: str
    rendered: Rendered = field(default_factory=Rendered)
    num_left: int = 0
    is_looked_at: bool = False
    failure: Failure | None = None
    is_over: bool = False

    _opened: list[Apart] = field(default_factory=list[Apart])
    _stack: ExitStack = field(default_factory=ExitStack)
    _started: float = 0.0

    @cached_property
    def sent(self) -> Plan[Any]:
        """The plan for other processes, whose current folder is another."""
        plan = self.plan
        return replace(
            plan,
            job=replace(plan.job, clip=plan.job.clip.moved(Path.absolute)),
            video=plan.video and plan.video.absolute(),
            images=plan.images and plan.images.absolute(),
        )

    @property
    def is_split(self) -> bool:
        """Whether several workers write it: it is longer than a segment, and is made of some."""
        count, video = self.plan.job.num_frames, self.plan.video
        is_one_file = video is not None and find_container(video).is_frames_only
        return not is_one_file and (count is None or count > SEGMENT_LENGTH)

    @property
    def stores(self) -> Sequence[RunStore]:
        """Where pieces go."""
        return [apart.store for apart in self._opened]

    def begin(self) -> None:
        """Take the time."""
        self._started = perf_counter()

    def open(self) -> None:
        """Let others write the result.

        Raises:
            VfiError: it cannot be written.
        """
        for sink in self.sent.sinks(self.key):
            assert not isinstance(sink, PipeWriter), "refused with the options"
            self._opened.append(self._stack.enter_context(sink.apart(keep=self.plan.output.resume)))

    def needs(self, piece: Piece) -> bool:
        """Tell whether a piece has to be made; one that an earlier run has left is counted."""
        self.rendered.num_frames = piece.stop
        if all(store.has(piece.first, piece.stop) for store in self.stores):
            self.rendered.resumed_at += piece.num_frames
            return False
        self.num_left += 1
        return True

    def all_made(self) -> None:
        """Note that all pieces are there; from now on others may write the result."""
        for apart in self._opened:
            apart.complete(self.rendered.num_frames)
        self.close()

    def close(self) -> None:
        """Let go of the result; what is finished stays for another run."""
        self._opened = []
        self._stack.close()

    def end(self, failure: Failure | None = None) -> None:
        """Note how it ended."""
        self.close()
        self.failure, self.is_over = failure, True
        self.rendered.seconds = perf_counter() - self._started


def clip_runs(plans: Iterable[Plan[Any]], settings: Sequence[str]) -> list[ClipRun]:
    """Begin with some plans.

    Args:
        plans: what is made.
        settings: of the network; see ``Loaded``.
    """
    return [ClipRun(plan, resume_key_of(plan, settings) or new_key()) for plan in plans]


def new_key() -> str:
    """Return a key that no other run has."""
    return uuid.uuid4().hex
