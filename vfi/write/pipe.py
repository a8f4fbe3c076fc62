"""Frames as bytes on a pipe, for programs that take them from there."""

from __future__ import annotations

import os
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..errors import EncodeError


class PipeWriter:
    """Write frames one after the other: rgb24, rows from the top, nothing in between.

    What went into a pipe is gone, so nothing can be resumed.
    """

    bit_depth = 8
    has_alpha = False
    num_finished = 0

    def __init__(self, descriptor: int) -> None:
        """Write to an open file descriptor, which stays open."""
        self._descriptor = descriptor

    def validate(self) -> None:
        """Refuse a standard output that was closed before the work.

        Raises:
            EncodeError: nothing can be written to it.
        """
        self._write(memoryview(b""))

    def can_start_at(self, number: int) -> bool:
        """Tell whether :meth:`start_at` takes a number."""
        return number == 0

    def start_at(self, number: int) -> None:
        """Take 0: there is nothing to resume."""
        if number:
            raise ValueError(f"number must be 0, got {number}")

    def __enter__(self) -> PipeWriter:
        return self

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Write [H, W, 3] uint8; waits while the reader is busy.

        Raises:
            EncodeError: the reader is gone, or has no room.
        """
        left = np.ascontiguousarray(pixels).data.cast("B")
        while left:
            left = left[self._write(left) :]

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BrokenPipeError as error:
            raise EncodeError(
                f"The program that reads standard output has closed it ({error.strerror}). "
                "See its messages."
            ) from error
        except OSError as error:
            raise EncodeError(
                f"Standard output cannot be written ({error.strerror}). Redirect it to a program, or "
                "to a file on a disk with room."
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the descriptor open: it belongs to the caller."""
