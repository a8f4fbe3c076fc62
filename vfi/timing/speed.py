"""How fast the source plays, and when a point of it is therefore shown.

In exact fractions; no frames, no files, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

_ROOT_STEPS = 10**12  # a square root is rounded down to a multiple of 1 / this


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """The speed at one time of the source.

    Attributes:
        time: source seconds.
        speed: source seconds that pass in one second of the result; above 0.
    """

    time: Fraction
    speed: Fraction


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """How fast the source plays.

    Before the first point the speed is that of the first point, after the last point that of the
    last. Between two points it changes linearly with the time of the result (constant
    acceleration), so ``d`` source seconds between speeds ``v0`` and ``v1`` take exactly
    ``2 d / (v0 + v1)``.

    Attributes:
        points: at least one, times increasing.
    """

    points: tuple[SpeedPoint, ...] = (SpeedPoint(Fraction(0), Fraction(1)),)

    def shown_at(self, time: Fraction) -> Fraction:
        """Return when a time of the source is shown.

        Exact where the speed is constant and at each point. Elsewhere one square root is rounded
        (1e-12), always counted from the point before, so errors do not add up.

        Args:
            time: seconds from the start of the source, 0 or more.

        Returns:
            Seconds from the start of the result.
        """
        shown = Fraction(0)
        last = SpeedPoint(Fraction(0), self.points[0].speed)
        for point in self.points:
            if time < point.time:
                return shown + _seconds_after(last, point, time)
            shown += _seconds_between(last, point)
            last = point
        return shown + (time - last.time) / last.speed


NORMAL_SPEED = SpeedCurve()


def constant_speed(speed: Fraction) -> SpeedCurve:
    """Make the curve of one speed throughout."""
    return SpeedCurve((SpeedPoint(Fraction(0), speed),))


def _seconds_between(first: SpeedPoint, second: SpeedPoint) -> Fraction:
    return 2 * (second.time - first.time) / (first.speed + second.speed)


def _seconds_after(first: SpeedPoint, second: SpeedPoint, time: Fraction) -> Fraction:
    """Return how long it takes from ``first`` to ``time``, which lies before ``second``."""
    share = (time - first.time) / (second.time - first.time)
    # Under constant acceleration the square of the speed is linear in the distance.
    square = first.speed**2 + share * (second.speed**2 - first.speed**2)
    speed = first.speed if first.speed == second.speed else _square_root(square)
    return _seconds_between(first, SpeedPoint(time, speed))


def _square_root(value: Fraction) -> Fraction:
    return Fraction(isqrt(value.numerator * _ROOT_STEPS**2 // value.denominator), _ROOT_STEPS)
