"""Winograd's convolution: the same sums with fewer multiplications.

F(m x m, r x r) makes squares of m x m outputs of an r x r convolution at once. A square depends on
n x n inputs, n = m + r - 1. Inputs and weights are transformed to n x n numbers each, multiplied one
by one and summed over channels, and the sums are transformed to the outputs: n² multiplications
where the definition takes m² r². All three transforms evaluate or interpolate polynomials at n - 1
points and at infinity (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).

The points decide how exact that is in float32. Zero, ±3/4 and ±3/2 halve the error of the usual zero,
±1 and ±2, and all that is made of them is a short binary fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a convolution is cut into squares.

    Attributes:
        outputs: side of a square of the result, m.
        taps: side of the convolution, r.
        points: of each pair of points, the positive one; zero and infinity are always used.
    """

    outputs: int
    taps: int
    points: tuple[float, ...]

    @property
    def inputs(self) -> int:
        """Side of the square of inputs that a square of the result depends on, n."""
        return self.outputs + self.taps - 1

    def products_of(self, excluded: int | None = None) -> list[float]:
        """List the coefficients of the product of x² - p² over the points, of x⁰, x², x⁴ and so on."""
        coefficients = [1.0]
        for index, point in enumerate(self.points):
            if index != excluded:
                raised = [0.0, *coefficients]
                lowered = [-point * point * c for c in coefficients] + [0.0]
                coefficients = [a + b for a, b in zip(raised, lowered, strict=True)]
        return coefficients

    def transformed(self, weight: Tensor) -> Tensor:
        """Transform weights [O, I, r, r] to float32 [n n, I, O]."""
        matrix = torch.tensor(self._weight_rows(), dtype=torch.float64)
        taps = weight.detach().double().permute(2, 3, 1, 0)  # [r, r, I, O]
        return torch.einsum("ij,jkco,lk->ilco", matrix, taps, matrix).flatten(0, 1).float()

    def _weight_rows(self) -> list[list[float]]:
        """Return the transform of weights along one side, n x r."""
        finite = [0.0, *(sign * point for point in self.points for sign in (1, -1))]
        rows = [_evaluated(self.taps, point, finite) for point in finite]
        return [*rows, [0.0] * (self.taps - 1) + [1.0]]


TRUNK_TILING = Tiling(outputs=4, taps=3, points=(0.75, 1.5))
"""For the 3x3 convolutions of a block: 4 times fewer multiplications."""

HEAD_TILING = Tiling(outputs=3, taps=2, points=(1.0,))
"""For the 2x2 convolution that ends a block: 2.25 times fewer."""

TILINGS = {tiling.outputs: tiling for tiling in (TRUNK_TILING, HEAD_TILING)}


def _evaluated(taps: int, point: float, points: Sequence[float]) -> list[float]:
    """Return the powers of a point, over the product of its distances from the others."""
    scale = 1.0
    for other in points:
        scale *= point - other if other != point else 1.0
    return [point**power / scale for power in range(taps)]
