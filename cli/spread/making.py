"""The work itself: looking at a clip, making a piece or all of it, completing it.

All of it may be ended at any moment and begun again by another process: results get their names when they
are complete, and what is complete already is not made again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from threading import Event
from time import perf_counter, sleep
from typing import Any

from torch import Tensor

from vfi.errors import MissingFramesError
from vfi.jobs import Piece, complete, render_piece
from vfi.write import RunStore

from ..loaded import Loaded
from ..plan import Plan
from ..rendering import Rendered, render_plan, watched
from .outcome import Failure, Made, Stopped, failure_of


class Maker:
    """Makes pieces of results, or whole ones, in a process of its own."""

    def __init__(self, memory_advice: str, on_made: Callable[[int], object]) -> None:
        """Prepare.

        Args:
            memory_advice: what to try when a GPU runs out of memory.
            on_made: called after each frame with how many there are of the work at hand.
        """
        self._memory_advice = memory_advice
        self._on_made = on_made
        self._is_stopped = Event()
        self._warnings = WarningList()

    def stop(self) -> None:
        """End the work at hand after the frame it is at; no more is begun."""
        self._is_stopped.set()

    def guarded(self, make: Callable[[], Any]) -> Made[Any] | Failure | Stopped:
        """Do some work, and return an error instead of raising it: one of a clip is none of the process."""
        try:
            self._check()
            return Made(make(), self._warnings.take())
        except KeyboardInterrupt:
            return Stopped()
        except Exception as error:  # noqa: BLE001  returned, and explained to people
            return failure_of(error, self._memory_advice)

    def make_piece(
        self, loaded: Loaded[Any], job: Any, piece: Piece, stores: Sequence[RunStore]
    ) -> None:
        """Make one piece of a job's result.

        Args:
            loaded: the network.
            job: of the clip.
            piece: the piece.
            stores: where it goes.
        """
        num_made = 0

        def frames(bit_depth: int) -> Generator[Tensor, None, None]:
            return job.frames_of(loaded.model, piece, bit_depth=bit_depth)

        def count() -> None:
            nonlocal num_made
            self._check()
            num_made += 1
            self._on_made(num_made)

        render_piece(frames, piece, stores, on_frame=count, dither=job.dither)

    def make_clip(self, loaded: Loaded[Any], plan: Plan[Any]) -> Rendered:
        """Make a whole result; see ``make_piece``."""
        started = perf_counter()
        notes: list[str] = []

        def count(number: int, pixels: Tensor | None) -> None:
            self._check()
            if pixels is not None:
                self._on_made(number)

        rendered = render_plan(plan, loaded, on_frame=count, notify=notes.append)
        rendered.notes, rendered.seconds = notes, perf_counter() - started
        return rendered

    def _check(self) -> None:
        if self._is_stopped.is_set():
            raise KeyboardInterrupt


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


def look_at_clip(
    job: Any, length: int, check: Callable[[], object] | None = None
) -> Generator[Piece | Made[Rendered] | Failure, None, None]:
    """Yield a job's result in pieces, then what was found out on the way.

    Args:
        job: of the clip.
        length: frames in a piece.
        check: called before each frame of the source.
    """
    found = Rendered()
    try:
        on_cut = found.cuts.append
        yield from job.pieces(on_cut, **watched(job, found), length=length, check=check)
    except Exception as error:  # noqa: BLE001  returned, and explained to people
        yield failure_of(error)
    else:
        yield Made(found)


def complete_clip(
    plan: Plan[Any],
    key: str,
    num_frames: int,
    *,
    delays: Iterable[float] = (),
    check: Callable[[], object] | None = None,
) -> Made[list[str]] | Failure:
    """Complete a result whose pieces are all there; returns what could not be kept as it was.

    Args:
        plan: of the result.
        key: of what others have written.
        num_frames: how many there must be.
        delays: seconds until frames that are missing are looked for again: a network folder shows them late.
        check: called now and then; what it raises ends the work.
    """
    notes: list[str] = []
    try:
        for delay in (*delays, None):
            try:
                complete(plan.sinks(key, notes.append, check), num_frames)
                break
            except MissingFramesError:
                if delay is None:
                    raise
                notes.clear()
                sleep(delay)
    except Exception as error:  # noqa: BLE001  returned, and explained to people
        return failure_of(error)
    return Made(notes)
