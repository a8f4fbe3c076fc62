"""The first convolution of a block that works above the frame's resolution, at half a pixel.

Such a block enlarges its input by 2 (bilinear, half-pixel centres) and halves it again by a 3x3
convolution of stride 2. Both are linear, so together they are one 3x3 convolution of stride 1 on
the input as it is: row i of its output reads rows 2i - 1, 2i and 2i + 1 of the enlarged x, which are

    3/4 x[i-1] + 1/4 x[i],    1/4 x[i-1] + 3/4 x[i],    3/4 x[i] + 1/4 x[i+1].

Below the last row the enlargement repeats it, so x has to be given with a border that does. Above
the first, the convolution reads zeros where the enlargement repeats: that row, and likewise the
first column, has weights of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks import ActivatedConv

# What each row that the convolution reads takes from rows i - 1, i and i + 1.
_INNER = ((3 / 4, 1 / 4, 0), (1 / 4, 3 / 4, 0), (0, 3 / 4, 1 / 4))
_FIRST = ((0, 0, 0), (0, 1, 0), (0, 3 / 4, 1 / 4))


class EnlargedStem:
    """A block's first convolution, with the enlargement by 2 before it folded in."""

    def __init__(self, conv: ActivatedConv) -> None:
        self._conv = conv
        weight = conv.layer.weight
        self._inner = _combined(weight, _INNER, _INNER)
        self._top = _combined(weight, _FIRST, _INNER)
        self._left = _combined(weight, _INNER, _FIRST)
        self._corner = _combined(weight, _FIRST, _FIRST)

    def __call__(self, x: Tensor, *, is_top: bool) -> Tensor:
        """Convolve some rows.

        Args:
            x: [B, C, n + 2, w + 2], the input with its border pixels repeated once on each side.
            is_top: whether the first of the rows is the first of the frame.

        Returns:
            [B, O, n, w].
        """
        out = self._convolved(x, self._inner)
        out[..., :1] = self._convolved(x[..., :3], self._left)
        if is_top:
            out[:, :, :1] = self._convolved(x[:, :, :3], self._top)
            out[:, :, :1, :1] = self._convolved(x[:, :, :3, :3], self._corner)
        return out

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._conv.with_weight(x, weight, (1, 1), (0, 0))


_Taps = tuple[tuple[float, float, float], ...]


def _combined(weight: Tensor, rows: _Taps, cols: _Taps) -> Tensor:
    """Fold the enlargement into ``weight`` [O, I, 3, 3]; keeps its type and memory format."""
    by_row, by_col = (torch.tensor(taps, device=weight.device) for taps in (rows, cols))
    combined = torch.einsum("oiab,ar,bs->oirs", weight.float(), by_row, by_col)
    return torch.empty_like(weight).copy_(combined)
