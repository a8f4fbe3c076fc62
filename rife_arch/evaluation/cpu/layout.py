"""Where the compiled loops find the pixels of an update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..layout import Layout
from ..resampling import neighbours
from .kernels import Enlargement, Kernels, make_kernels


@dataclass(frozen=True, slots=True)
class Grid:
    """Where pixels begin in the flat output of a convolution that returns blocks of them.

    Attributes:
        row_at: [h] where each row of pixels begins.
        col_at: [w] where each column begins in its row.
    """

    row_at: np.ndarray
    col_at: np.ndarray

    @staticmethod
    def of(height: int, width: int, block: int, channels: int) -> Grid:
        """Describe ``height`` x ``width`` px in blocks of ``block``, the first cut in half."""
        row, col = (np.arange(n, dtype=np.int64) + block // 2 for n in (height, width))
        num_blocks = width // block + 1
        return Grid(
            ((row // block * num_blocks * block + row % block) * block) * channels,
            (col // block * block * block + col % block) * channels,
        )

    def enlarged(self, rows: Tensor, cols: Tensor, factor: int) -> Enlargement:
        """Prepare enlarging by ``factor`` at some rows and columns of the result."""
        upper, lower, row_weight = _numpy(neighbours(rows, factor, len(self.row_at)))
        left, right, col_weight = _numpy(neighbours(cols, factor, len(self.col_at)))
        above, below = self.row_at[upper], self.row_at[lower]
        return Enlargement(above, below, row_weight, self.col_at, left, right, col_weight)


def _numpy(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def kernels_for(layout: Layout, dtype: torch.dtype) -> Kernels:
    """Make the loops that write block inputs of ``dtype``."""
    return make_kernels(
        layout.frame,
        layout.num_features,
        layout.summed,
        layout.carried,
        rounds=dtype == torch.bfloat16,
    )
