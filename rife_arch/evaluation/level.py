"""The geometry of a block's input: what is read of frames and updates, and in which strips of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import ActivatedConv, resize, sample
from .enlarged_stem import EnlargedStem
from .resampling import neighbours, read_positions

_STRIP_PIXELS = 1 << 16
"""Sampled pixels per strip on a CPU, where 14 float32 planes of it are 4 MB, and where memory is short."""


def pixels_per_strip(device: torch.device, *, saves_memory: bool) -> int | None:
    """Tell how many pixels to sample at a time; None: all of a frame."""
    return _STRIP_PIXELS if saves_memory or device.type == "cpu" else None


class Level:
    """The geometry of one block's input: the frame reduced by ``scale``, or itself below 1.

    Attributes:
        scale: the block's scale.
        height: of the reduced frame, px.
        width: of the reduced frame, px.
        rows: [n] px of the frame, the rows that the reduction reads.
        cols: [m] px of the frame, the columns that it reads.
        enlarged_stem: the block's first convolution, where its input is enlarged for it.
    """

    def __init__(
        self,
        frame: Tensor,
        scale: float,
        update_reductions: Sequence[int],
        stem: ActivatedConv | None = None,
        *,
        num_sampled: int | None,
    ) -> None:
        height, width = frame.shape[2:]
        self.scale = scale
        self._num_sampled = num_sampled
        self.enlarged_stem = EnlargedStem(stem) if stem is not None and scale < 1 else None
        reduction = max(1, int(scale))  # enlarging is left to the first convolution
        self.height, self.width = height // reduction, width // reduction
        rows, cols = read_positions(height, reduction), read_positions(width, reduction)
        self.rows, self.cols = rows.to(frame.device), cols.to(frame.device)
        self._samplers = [
            _Enlargement((height // factor, width // factor), factor, rows, cols, frame.device)
            for factor in update_reductions
        ]
        self._rows_per_row = len(rows) // self.height
        if update_reductions:
            last = update_reductions[-1]
            size = height // last, width // last
            all_rows, all_cols = torch.arange(self.height), torch.arange(self.width)
            self._carry = _Enlargement(size, last // reduction, all_rows, all_cols, frame.device)

    def strips(self, num_rows: int) -> Iterator[slice]:
        """Cut ``num_rows`` rows of the reduced frame into strips of ``num_sampled`` pixels; None: into one."""
        pixels_per_row = len(self.cols) * self._rows_per_row
        limit = self._num_sampled
        step = num_rows if limit is None else max(2, limit // pixels_per_row)
        for start in range(0, num_rows, step):
            yield slice(start, min(start + step, num_rows))

    def sampled(self, updates: Sequence[Tensor], strip: slice) -> Tensor:
        """Add up the updates of all blocks, [B, C, n, m] at the pixels read for ``strip``."""
        rows = self._read_rows(strip)
        parts = (
            enlarge(update, rows) for enlarge, update in zip(self._samplers, updates, strict=True)
        )
        total = next(parts)
        for part in parts:
            total = total + part
        return total

    def carried(self, features: Tensor, strip: slice) -> Tensor:
        """Enlarge the previous block's mask and features to this resolution."""
        return self._carry(features, strip)

    def read(self, frame: Tensor, strip: slice) -> Tensor:
        """Reduce ``frame`` [B, C, H, W] to this resolution, unwarped."""
        rows = self.rows[self._read_rows(strip)]
        return self.reduced(frame[:, :, rows[:, None], self.cols])

    def warped(self, frame: Tensor, flow: Tensor, strip: slice) -> Tensor:
        """Warp ``frame`` [B, C, H, W] by sampled ``flow``, reduced to this resolution."""
        return self.reduced(sample(frame, flow, self.rows[self._read_rows(strip)], self.cols))

    def _read_rows(self, strip: slice) -> slice:
        """Return which of ``rows`` belong to rows of the reduced frame."""
        return slice(strip.start * self._rows_per_row, strip.stop * self._rows_per_row)

    def reduced(self, sampled: Tensor) -> Tensor:
        """Average the four pixels read for each pixel of the reduced frame."""
        return sampled if self.scale <= 1 else resize(sampled, 0.5)


class _Enlargement:
    """Bilinear enlargement by a factor, evaluated at some rows and columns only."""

    def __init__(
        self,
        size: tuple[int, int],
        factor: int,
        rows: Tensor,
        cols: Tensor,
        device: torch.device,
    ) -> None:
        height, width = size
        self._factor = factor
        self._above, self._below, weight = (x.to(device) for x in neighbours(rows, factor, height))
        self._weight = weight[:, None]
        self._columns = None
        self._width = factor * width
        if len(cols) < self._width:
            left, right, weight = neighbours(cols, factor, width)
            index = torch.arange(len(cols))
            columns = torch.zeros(width, len(cols))
            columns[left, index] += 1 - weight
            columns[right, index] += weight
            self._columns = columns.to(device)

    def __call__(self, x: Tensor, rows: slice) -> Tensor:
        """Return [B, C, n, m] for the chosen ``rows`` of [B, C, h, w]."""
        if self._factor == 1:
            return x[:, :, rows]
        above = x.index_select(2, self._above[rows])
        below = x.index_select(2, self._below[rows])
        lines = torch.lerp(above, below, self._weight[rows])
        if self._columns is not None:
            return lines @ self._columns
        size = (lines.shape[2], self._width)
        return F.interpolate(lines, size, mode="bilinear", align_corners=False)
