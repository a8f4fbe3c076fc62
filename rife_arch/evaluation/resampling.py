"""Which pixels bilinear resizing by whole factors reads: half-pixel centres, clamped at borders."""

from __future__ import annotations

import torch
from torch import Tensor


def read_positions(length: int, scale: int) -> Tensor:
    """List the pixels that reducing ``length`` px by ``scale`` reads: two in each cell's middle."""
    if scale == 1:
        return torch.arange(length)
    middle = torch.arange(scale // 2, length, scale)
    return torch.stack((middle - 1, middle), 1).flatten()


def neighbours(positions: Tensor, factor: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find what enlarging ``length`` px by ``factor`` reads for some pixels of the result.

    Returns:
        The two source pixels around each of ``positions``, int64, and the second one's weight.
    """
    source = ((positions.double() + 0.5) / factor - 0.5).clamp(0, length - 1)
    lower = source.floor().long()
    return lower, (lower + 1).clamp(max=length - 1), (source - lower).float()
