"""What people see while several processes work: one bar over all clips, and a line for each that ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence, Set
from time import monotonic
from types import TracebackType

from tqdm import tqdm

from ..program import describe_clip
from ..rendering import describe_result
from .clip_run import ClipRun

_SHOW_EVERY = 1.0  # seconds


class Watch:
    """Shows what happens; a context manager.

    Attributes:
        num_alive: how many processes are at work.
    """

    def __init__(
        self, clips: Sequence[ClipRun], num_workers: int, *, is_debug: bool = False
    ) -> None:
        self.num_alive = num_workers
        self._num_workers = num_workers
        self._clips = clips
        self._is_debug = is_debug
        self._at_hand: dict[int, int] = {}  # number of a unit -> frames made of it
        self._num_finished = 0
        self._warnings: set[str] = set()
        self._next_look = 0.0
        self._estimates = [clip.plan.job.num_frames or 0 for clip in clips]  # each takes a while

    def __enter__(self) -> Watch:
        self._bar = tqdm(total=self._count_planned(), unit="frame", smoothing=0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._show()
        self._bar.close()

    def begin(self, clip: ClipRun) -> None:
        """Work on a clip begins."""
        if len(self._clips) == 1:
            tqdm.write(describe_clip(clip.plan))

    def resume(self, num_frames: int) -> None:
        """Frames were there; they are not part of the speed."""
        self._bar.initial += num_frames
        self._bar.n += num_frames
        self._num_finished += num_frames

    def hear(self, unit: int, num_made: int) -> None:
        """Frames of a unit have been made so far."""
        self._at_hand[unit] = num_made

    def finish(self, unit: int, num_frames: int) -> None:
        """Frames were made, all of a unit."""
        self._at_hand.pop(unit, None)
        self._num_finished += num_frames

    def warn(self, messages: Sequence[str]) -> None:
        """Show what other processes warn of; the same once."""
        for message in messages:
            if message not in self._warnings:
                self._warnings.add(message)
                tqdm.write(message, file=sys.stderr)

    def end(self, clip: ClipRun) -> None:
        """Work on a clip has ended."""
        for note in clip.rendered.notes:
            tqdm.write(note)
        if clip.failure is None:
            tqdm.write(describe_result(clip.plan, clip.rendered))
        elif len(self._clips) > 1:
            details = f"{clip.failure.details}\n" if self._is_debug else ""
            message = f"{details}error: {_with_source(clip)}"
            tqdm.write(message, file=sys.stderr)

    def look(self, running: Set[int]) -> None:
        """Show how far the processes are, now and then.

        Args:
            running: numbers of the units that are being made.
        """
        self._at_hand = {unit: n for unit, n in self._at_hand.items() if unit in running}
        if monotonic() >= self._next_look:
            self._next_look = monotonic() + _SHOW_EVERY
            self._ask()
            self._show()

    def _ask(self) -> None:
        """Ask processes that do not tell by themselves how far they are."""

    def _show(self) -> None:
        """Show what is known; it goes through all clips, so not whenever one ends."""
        num_made = self._num_finished + sum(self._at_hand.values())
        self._bar.total = max(self._count_planned(), num_made)
        num_over = sum(clip.is_over for clip in self._clips)
        self._bar.set_postfix_str(
            f"clips {num_over}/{len(self._clips)}, workers {self.num_alive}/{self._num_workers}",
            refresh=False,
        )
        self._bar.update(max(0, num_made - self._bar.n))
        self._bar.refresh()

    def _count_planned(self) -> int:
        """Count frames of all results, as far as it is known."""
        return sum(
            clip.rendered.num_frames
            if clip.is_over or clip.is_looked_at
            else max(estimate, clip.rendered.num_frames)
            for clip, estimate in zip(self._clips, self._estimates, strict=True)
        )


def _with_source(clip: ClipRun) -> str:
    """Return why a clip failed; with its name, where the message does not say it."""
    assert clip.failure
    source, message = str(clip.plan.source), clip.failure.message
    return message if source in message else f"{source}: {message}"
