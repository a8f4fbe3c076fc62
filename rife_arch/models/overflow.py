"""Whether a result is finite: asked at once, and read when the answer matters."""

from __future__ import annotations

import torch
from torch import Tensor

from ..torch_threads import torch_threads


class FinitenessCheck:
    """A question to the device that computes a result.

    Reading a value makes Python wait for all work that was given to a GPU so far. So the answer is copied as
    part of that work, and who reads it later waits for the work before the question only.
    """

    def __init__(self, out: Tensor) -> None:
        """Ask whether all of ``out`` is finite; does not wait."""
        # A sum of many finite values in [0, 1] is finite; one that is not makes it NaN or infinite.
        with torch_threads(1):
            self._answer = out.sum().isfinite()
        self._is_copied = None
        if out.is_cuda:
            self._answer = self._answer.to("cpu", non_blocking=True)  # to pinned memory
            self._is_copied = torch.cuda.current_stream(out.device).record_event()

    def is_finite(self) -> bool:
        """Read the answer; waits until the result is there."""
        if self._is_copied is not None:
            self._is_copied.synchronize()
        return bool(self._answer)
