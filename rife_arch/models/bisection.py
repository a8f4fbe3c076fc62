"""Networks that know the middle of a pair only: other timesteps by repeated halving."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from torch import Tensor

from ..networks import Pair


def nearest_dyadic(timestep: float) -> Fraction:
    """Return the timestep that repeated halving reaches for ``timestep``.

    Itself, where that takes at most six halvings (multipliers up to 64 that are powers of two);
    otherwise the nearest sixteenth between 0 and 1.
    """
    exact = Fraction(timestep).limit_denominator(64)
    if abs(exact - Fraction(timestep)) < 1e-6 and exact.denominator.bit_count() == 1:
        return exact
    return Fraction(min(max(round(timestep * 16), 1), 15), 16)


def bisect(
    pair: Pair,
    timestep: Fraction,
    *,
    interpolate_middle: Callable[[Pair], Tensor],
    encode: Callable[[Tensor], Tensor],
) -> Tensor:
    """Interpolate at a dyadic timestep by halving the interval around it.

    Args:
        pair: the encoded frames, of batch size 1.
        timestep: between 0 and 1, its denominator a power of two.
        interpolate_middle: makes the middle frame of a pair, [1, 3 or 4, H, W].
        encode: attaches its features to a frame.

    Returns:
        [1, 3 or 4, H, W].
    """
    while True:
        middle = interpolate_middle(pair)
        if timestep == Fraction(1, 2):
            return middle
        encoded, alpha = encode(middle[:, :3]), middle[:, 3:]
        alphas = pair.alphas
        timestep *= 2
        if timestep < 1:
            pair = Pair(pair.frame0, encoded, alphas and Pair(alphas.frame0, alpha))
        else:
            pair = Pair(encoded, pair.frame1, alphas and Pair(alpha, alphas.frame1))
            timestep -= 1
