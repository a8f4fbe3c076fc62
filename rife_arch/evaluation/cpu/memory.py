"""Memory for frames and for the temporaries of threads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def empty_frames(*shape: int) -> Tensor:
    """Allocate float32 frames."""
    return torch.from_numpy(large_pages(*shape))


def large_pages(*shape: int) -> np.ndarray:
    """Allocate float32 numbers; NumPy asks the system for large pages, which torch does not."""
    return np.empty(shape, np.float32)


def flattened(x: Tensor) -> np.ndarray:
    """View float32 [1, C, H, W] as [H W C]; copies only if memory is not channels last."""
    return x.permute(0, 2, 3, 1).contiguous().view(-1).numpy()


def as_tensor(
    x: np.ndarray, height: int, width: int, channels: int, step: int | None = None
) -> Tensor:
    """View flat [H, W, ``step``], C by default, as [1, C, H, W]."""
    step = step or channels
    size, strides = (1, channels, height, width), (height * width * step, 1, width * step, step)
    return torch.from_numpy(x).as_strided(size, strides)


class Scratch:
    """Arrays of one thread, by name, as large as the largest that was requested."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def get(self, name: str, size: int, dtype: type = np.float32) -> np.ndarray:
        """Return ``size`` uninitialised numbers."""
        array = self._arrays.get(name)
        if array is None or len(array) < size:
            array = self._arrays[name] = np.empty(size, dtype)
        return array[:size]


class ScratchPool:
    """Lends each thread a ``Scratch`` that the next strip uses again."""

    def __init__(self) -> None:
        self._free: list[Scratch] = []

    @contextmanager
    def lend(self) -> Generator[Scratch, None, None]:
        """Lend a scratch until the block ends."""
        scratch = self._free.pop() if self._free else Scratch()
        yield scratch
        self._free.append(scratch)
