"""Units of work on their way to the processes of devices, and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from vfi.errors import VfiError
from vfi.jobs import Piece
from vfi.write import SEGMENT_LENGTH

from ..rendering import Rendered
from ..spread.clip_run import ClipRun
from ..spread.dispatch import Dispatcher, Unit
from ..spread.making import complete_clip, look_at_clip
from ..spread.outcome import Failure, Made
from ..spread.watch import Watch
from .aside import Aside
from .messages import MakeClip, MakePiece, Progress, receive, send
from .process import DeviceProcess

_LOOK_EVERY = 0.5  # seconds


class DeviceDispatcher(Dispatcher):
    """Works through clips with a process for each device.

    Looking at clips and completing results are done in threads of this process. A process that has died
    is not started again: the others go on with its work.
    """

    def __init__(self, processes: Sequence[DeviceProcess], watch: Watch) -> None:
        """Prepare.

        Args:
            processes: all have loaded the network.
            watch: is told what happens.
        """
        super().__init__(len(processes), watch)
        self._aside = Aside()
        self._processes = {process.connection: process for process in processes}
        self._idle = deque(processes)
        self._busy: dict[Any, Unit] = {}  # connection -> what is made at its other end

    @property
    def _running(self) -> Set[int]:
        return {unit.number for unit in self._busy.values()}

    @property
    def _has_idle(self) -> bool:
        return bool(self._idle)

    def _look_at(self, clip: ClipRun) -> None:
        found = look_at_clip(clip.sent.job, SEGMENT_LENGTH, self._aside.check)
        self._aside.start(_with_end(found), partial(self._take_found, clip))

    def _take_found(self, clip: ClipRun, found: Piece | Made[Rendered] | Failure | None) -> None:
        if found is None:
            self._end_looking()
        else:
            self._take_piece(clip, found)

    def _start(self, unit: Unit) -> None:
        clip, process = unit.clip, self._idle.popleft()
        if unit.piece is None:
            request: object = MakeClip(unit.number, clip.sent)
        else:
            request = MakePiece(unit.number, clip.sent.job, unit.piece, list(clip.stores))
        self._busy[process.connection] = unit
        with suppress(OSError):  # it has died, which its connection will tell
            send(process.connection, request)

    def _complete(self, clip: ClipRun) -> None:
        self._aside.start(self._completing(clip), partial(self._take_completed, clip))

    def _completing(self, clip: ClipRun) -> Iterator[Made[list[str]] | Failure]:
        number = clip.rendered.num_frames
        yield complete_clip(clip.sent, clip.key, number, check=self._aside.check)

    def _wait(self) -> None:
        ready: Any = wait([*self._processes, self._aside.bell], timeout=_LOOK_EVERY)
        for connection in ready:
            if connection is self._aside.bell:
                self._aside.take()
            else:
                self._hear(self._processes[connection])

    def _hear(self, process: DeviceProcess) -> None:
        try:
            message = receive(process.connection)
        except (EOFError, OSError):
            self._lose(process)
            return
        if isinstance(message, Progress):
            self._watch.hear(message.unit, message.num_made)
            return
        self._idle.append(process)
        self._take_answer(self._busy.pop(process.connection), message.outcome)

    def _lose(self, process: DeviceProcess) -> None:
        """Go on without a process that has died.

        Raises:
            VfiError: it was the last one.
        """
        del self._processes[process.connection]
        self._watch.num_alive -= 1
        reason = process.how_it_ended()
        unit = self._busy.pop(process.connection, None)
        if process in self._idle:
            self._idle.remove(process)
        work = f" while it made {unit.label}" if unit else ""
        if not self._processes:
            raise VfiError(
                f"The process on {process.device} has ended{work} ({reason}), and no other is left. Is there "
                "enough memory? Try fewer devices, a smaller --scale or --precision fp16."
            )
        rest = ", ".join(other.device for other in self._processes.values())
        self._watch.warn(
            [
                f"WARNING: the process on {process.device} has ended{work} ({reason}); going on with {rest}."
            ]
        )
        if unit:
            self._try_again(unit, reason)

    def _stop(self) -> None:
        for process in self._processes.values():
            process.ask_to_end()
        self._aside.stop()


def _with_end(found: Iterator[Any]) -> Iterator[Any]:
    """Yield None after the last one."""
    yield from found
    yield None
