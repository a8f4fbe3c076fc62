"""Frames as bytes on a pipe, for programs that take them from there."""

from __future__ import annotations

import os
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..errors import EncodeError


class RawWriter:
    """Write frames one after the other: rgb24, rows from the top, nothing in between.

    Nothing can be taken back from a pipe, so nothing goes on where it stopped.
    """

    depth = 8
    has_alpha = False
    num_finished = 0
    part_length = 1
    is_whole = False

    def __init__(self, descriptor: int) -> None:
        """Write to an open file descriptor, which stays open."""
        self._descriptor = descriptor

    def begin_at(self, number: int) -> None:
        """Take 0, as there is nothing to go on from."""
        if number:
            raise ValueError(f"number must be 0, got {number}")

    def __enter__(self) -> RawWriter:
        return self

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Write [H, W, 3] uint8; waits while the reader is busy.

        Raises:
            EncodeError: the reader is gone.
        """
        left = np.ascontiguousarray(pixels).data.cast("B")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise EncodeError(
                f"standard output: expected a program that reads all frames, got {error.strerror}. "
                "Look at what that program says."
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the descriptor open: it belongs to the caller."""
