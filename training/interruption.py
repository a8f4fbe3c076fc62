"""Ctrl-C while a step is computed: the step ends, its state is kept, and the run stops."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """Whether somebody wants the run to stop.

    Attributes:
        has_come: a signal has come to this process; it may at any time.
        is_wanted: after each step, all processes have agreed on it.
    """

    has_come: bool = False
    is_wanted: bool = False


@contextmanager
def catching_interruptions() -> Generator[Interruption, None, None]:
    """Note the first signal instead of stopping at once; a second one stops at once."""
    interruption = Interruption()
    previous = {
        number: signal.getsignal(number)
        for name in ("SIGINT", "SIGTERM", "SIGHUP")
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) is not signal.SIG_IGN
    }

    def note(_number: int, _frame: FrameType | None) -> None:
        if interruption.has_come:
            raise KeyboardInterrupt
        interruption.has_come = True

    for number in previous:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
