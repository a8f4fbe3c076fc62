"""The process around a command line: its streams and its signals.

A message that cannot be shown must not end a job of hours.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import TextIO

# What asks a program to end: a plain kill, a terminal that is closed.
_REQUESTS = ("SIGTERM", "SIGHUP")


class MessageStream(io.TextIOBase):
    """A stream for messages: what it cannot show is written in other letters, or is lost.

    Attributes:
        is_lost: something could not be written. Nothing more is.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Write to ``stream``; None where there is none."""
        self.is_lost = stream is None
        self._stream = stream or io.StringIO()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]  a property there
        """Of the terminal; progress bars ask for it."""
        return self._stream.encoding or "ascii"

    def write(self, text: str, /) -> int:
        """Write a text, its characters outside of the encoding as escapes."""
        if not self.is_lost:
            try:
                self._write(text)
            except (OSError, ValueError):  # a pipe nobody reads, a full disk; a closed stream
                self.is_lost = True
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        if not self.is_lost:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.is_lost = True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return not (self.is_lost or self._stream.closed) and self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor; progress bars ask it for the width of the terminal."""
        return self._stream.fileno()

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            shown = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
            self._stream.write(shown)


@contextmanager
def message_streams() -> Generator[MessageStream, None, None]:
    """Let nothing that is printed in the block end it; yields standard output."""
    out, err = MessageStream(sys.stdout), MessageStream(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):  # type: ignore[type-var]  it has what is used
        try:
            yield out
        finally:
            out.flush()
            err.flush()


def prepare_process() -> None:
    """Make the process fit for long jobs; for the scripts, not for programs that call them."""
    _fill_closed_descriptors()
    for name in _REQUESTS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _stop)


def _fill_closed_descriptors() -> None:
    """Keep the numbers of closed standard streams from files: encoders print to number 2.

    They are opened for reading, so that frames for a closed standard output are an error.
    """
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(descriptor)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
