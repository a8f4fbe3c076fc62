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
        """Nothing to refuse: the descriptor is open."""

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
            EncodeError: the reader is gone.
        """
        left = np.ascontiguousarray(pixels).data.cast("B")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise EncodeError(
                f"The program that reads standard output has closed it ({error.strerror}). "
                "See its messages."
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the descriptor open: it belongs to the caller."""
