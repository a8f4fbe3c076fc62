"""Which process makes what: units of work go to processes as these become free.

What is to be done next is decided here; how a process is given work and how it answers, subclasses know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from vfi.errors import VfiError
from vfi.jobs import Piece

from ..explain import EXIT_FAILED
from ..rendering import Rendered
from .clip_run import ClipRun
from .outcome import Failure, Made, Stopped, failure_of
from .watch import Watch

MOST_RETRIES = 3
"""Of a unit whose process died: what kills each of four is the unit."""
_QUEUED_PER_WORKER = 4  # units; more are known no sooner than they are needed


@dataclass(frozen=True)
class Unit:
    """What one process makes at a time.

    Attributes:
        number: of this unit.
        clip: of which it is.
        piece: of the result; None: all of it.
        num_retries: how many processes have died of it, or with it.
    """

    number: int
    clip: ClipRun
    piece: Piece | None = None
    num_retries: int = 0

    @property
    def label(self) -> str:
        """Return its name for people."""
        name = self.clip.plan.source.name
        return f"{name} {self.piece.first}-{self.piece.stop - 1}" if self.piece else name


class Dispatcher(ABC):
    """Works through clips with some processes."""

    def __init__(self, num_workers: int, watch: Watch) -> None:
        """Prepare.

        Args:
            num_workers: how many processes there are.
            watch: is told what happens.
        """
        self._num_workers = num_workers
        self._watch = watch
        self._waiting: deque[ClipRun] = deque()
        self._units: deque[Unit] = deque()
        self._num_looking = 0
        self._num_left = 0  # clips that are not over
        self._numbers = count()

    def run(self, clips: Sequence[ClipRun]) -> None:
        """Make all results; each clip then says how it ended."""
        self._waiting.extend(clips)
        self._num_left = len(clips)
        try:
            # Not for as long as a process may answer: it may find no machine to start on again.
            while self._num_left or self._running:
                self._begin_clips()
                self._hand_out()
                self._wait()
                self._watch.look(self._running)
        except BaseException:
            self._stop()
            raise
        finally:
            for clip in clips:
                clip.close()

    @property
    @abstractmethod
    def _running(self) -> Set[int]:
        """Numbers of the units that are being made."""

    @property
    @abstractmethod
    def _has_idle(self) -> bool:
        """Whether a process has nothing to do."""

    @abstractmethod
    def _look_at(self, clip: ClipRun) -> None:
        """Begin to find out the pieces of a clip; each goes to ``_take_piece``."""

    @abstractmethod
    def _start(self, unit: Unit) -> None:
        """Give a unit to an idle process; the answer goes to ``_take_answer``."""

    @abstractmethod
    def _complete(self, clip: ClipRun) -> None:
        """Begin to put a result together; the answer goes to ``_take_completed``."""

    @abstractmethod
    def _wait(self) -> None:
        """Wait until something is done, or for a moment, and take it."""

    @abstractmethod
    def _stop(self) -> None:
        """Ask the processes to leave what they are at; what is finished stays."""

    def _is_split(self, clip: ClipRun) -> bool:
        """Tell whether a clip is made in pieces."""
        return clip.is_split

    def _begin_clips(self) -> None:
        """Begin with clips as long as processes may run out of units."""
        enough = _QUEUED_PER_WORKER * self._num_workers
        while (
            self._waiting
            and len(self._units) < enough
            and self._num_looking < max(2, self._num_workers)
        ):
            clip = self._waiting.popleft()
            clip.begin()
            self._watch.begin(clip)
            if self._is_split(clip):
                self._guard(clip, self._begin_looking, clip)
            else:
                self._units.append(Unit(next(self._numbers), clip))

    def _begin_looking(self, clip: ClipRun) -> None:
        clip.open()
        self._look_at(clip)
        self._num_looking += 1

    def _end_looking(self) -> None:
        """One of the looks has ended."""
        self._num_looking -= 1

    def _take_piece(self, clip: ClipRun, found: Piece | Made[Rendered] | Failure) -> None:
        """Take what looking at a clip has found next."""
        if clip.is_over:
            return
        if isinstance(found, Failure):
            self._end(clip, found)
        elif isinstance(found, Made):
            self._watch.warn(found.warnings)
            clip.rendered.cuts, clip.rendered.redrawn = found.value.cuts, found.value.redrawn
            clip.is_looked_at = True
            self._guard(clip, self._complete_if_made, clip)
        elif clip.needs(found):
            self._units.append(Unit(next(self._numbers), clip, found))
        else:
            self._watch.resume(found.num_frames)

    def _hand_out(self) -> None:
        while self._has_idle and self._units:
            unit = self._units.popleft()
            if not unit.clip.is_over:
                self._guard(unit.clip, self._start, unit)

    def _take_answer(self, unit: Unit, made: Made[Any] | Failure | Stopped) -> None:
        """Take what a process says of a unit."""
        clip = unit.clip
        if isinstance(made, Stopped) or clip.is_over:
            return
        if isinstance(made, Failure):
            self._end(clip, made)
            return
        self._watch.warn(made.warnings)
        self._guard(clip, self._take_made, unit, made.value)

    def _take_made(self, unit: Unit, value: Any) -> None:
        """Take what has been made: None for a piece, else what is known of the result."""
        clip = unit.clip
        if unit.piece is None:
            clip.rendered = value
            self._watch.resume(value.resumed_at)
            self._watch.finish(unit.number, value.num_frames - value.resumed_at)
            self._end(clip)
        else:
            clip.num_left -= 1
            self._watch.finish(unit.number, unit.piece.num_frames)
            self._complete_if_made(clip)

    def _try_again(self, unit: Unit, reason: str) -> None:
        """Let another process make a unit whose process has died."""
        if unit.num_retries == MOST_RETRIES:
            self._end(unit.clip, died(f"making {unit.label}", reason))
        elif not unit.clip.is_over:
            retry = replace(unit, number=next(self._numbers), num_retries=unit.num_retries + 1)
            self._units.appendleft(retry)

    def _complete_if_made(self, clip: ClipRun) -> None:
        if clip.num_left or not clip.is_looked_at:
            return
        clip.all_made()
        self._complete(clip)

    def _take_completed(self, clip: ClipRun, done: Made[list[str]] | Failure) -> None:
        if isinstance(done, Failure):
            self._end(clip, done)
        else:
            self._watch.warn(done.warnings)
            clip.rendered.notes = done.value
            self._end(clip)

    def _guard(self, clip: ClipRun, work: Callable[..., None], *arguments: Any) -> None:
        """Do something for a clip; an error of ours ends this clip, as one of a process does."""
        try:
            work(*arguments)
        except (VfiError, OSError) as error:
            self._end(clip, failure_of(error))

    def _end(self, clip: ClipRun, failure: Failure | None = None) -> None:
        self._num_left -= not clip.is_over
        clip.end(failure)
        self._watch.end(clip)


def died(work: str, reason: str) -> Failure:
    """Explain that processes at some work have ended, again and again."""
    return Failure(
        f"The process {work} has ended {MOST_RETRIES + 1} times ({reason}). Is there enough "
        "memory? Try fewer of them at a time, a smaller --scale or --precision fp16.",
        EXIT_FAILED,
        reason,
    )
