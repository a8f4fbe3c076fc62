"""When output frames are shown, in exact fractions. Pure: no frames, no files, no torch.

Output k is shown at k / rate seconds, counted from the first source frame. A source frame is shown
at its own time, or where a speed curve puts it. Where an output lies between two source frames is a
matter of those two moments alone, so constant and variable frame rates, whole multiples, target
rates and speeds are one case, and nothing adds up over a long clip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, isqrt

from ..errors import InputError

_MOMENT = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_ROOT_STEPS = 10**12  # a square root is rounded down to a multiple of 1 / this


class EndRule(str, Enum):
    """What happens after the last source frame is reached."""

    LAST_FRAME = "last-frame"
    """End on it: N frames at multiplier m give (N - 1) m + 1, a little shorter than the source."""
    FULL_DURATION = "full-duration"
    """Show it as long as the source does: N frames give N m, as long as the source's sound."""


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """The speed at one moment of the source.

    Attributes:
        time: seconds of the source.
        speed: source seconds that pass in one second of the result; above 0.
    """

    time: Fraction
    speed: Fraction


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """How fast the source plays.

    The speed is that of the first point before it, and that of the last point after it. Between two
    points it changes evenly as one watches, like that of a car with its foot on the pedal, so
    ``d`` source seconds between speeds ``v0`` and ``v1`` take exactly ``2 d / (v0 + v1)``.

    Attributes:
        points: at least one, times increasing.
    """

    points: tuple[SpeedPoint, ...] = (SpeedPoint(Fraction(0), Fraction(1)),)

    def shown_at(self, time: Fraction) -> Fraction:
        """Return when a moment of the source is shown.

        Exact where the speed is constant and at each point. Elsewhere one square root is rounded
        (1e-12), always from the last point before, so that errors do not add up.

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


def _seconds_between(first: SpeedPoint, second: SpeedPoint) -> Fraction:
    return 2 * (second.time - first.time) / (first.speed + second.speed)


def _seconds_after(first: SpeedPoint, second: SpeedPoint, time: Fraction) -> Fraction:
    """Return how long it takes from ``first`` to ``time`` on the way to ``second``."""
    part = (time - first.time) / (second.time - first.time)
    # Under constant acceleration the square of the speed is linear in the distance.
    square = first.speed**2 + part * (second.speed**2 - first.speed**2)
    speed = first.speed if first.speed == second.speed else _square_root(square)
    return _seconds_between(first, SpeedPoint(time, speed))


def _square_root(value: Fraction) -> Fraction:
    return Fraction(isqrt(value.numerator * _ROOT_STEPS**2 // value.denominator), _ROOT_STEPS)


def constant_speed(speed: Fraction) -> SpeedCurve:
    """Make the curve of one speed throughout."""
    return SpeedCurve((SpeedPoint(Fraction(0), speed),))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which moments are shown.

    Attributes:
        rate: outputs per second. Above the source's, new moments lie between the source's frames;
            below it, the clip is resampled: frames whose moments are not asked for are left out.
        last_duration: seconds the source shows its last frame, where that is not known of the frame.
        end: where the output ends.
        speed: how fast the source plays.
    """

    rate: Fraction
    last_duration: Fraction
    end: EndRule = EndRule.FULL_DURATION
    speed: SpeedCurve = SpeedCurve()

    def timesteps_between(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """List the outputs shown from one source frame until the next.

        Between two neighbouring frames the speed counts as constant.

        Args:
            start: time of the earlier frame, source seconds.
            stop: time of the later frame; after ``start``.

        Returns:
            Timesteps in [0, 1), increasing; 0 is the earlier frame itself.
        """
        first, last = self._position(start), self._position(stop)
        return [(index - first) / (last - first) for index in range(ceil(first), ceil(last))]

    def count(self, last: Fraction, duration: Fraction | None = None) -> int:
        """Count the outputs of a clip.

        With ``full-duration`` they last as long as the source, to half an output.

        Args:
            last: time of the last frame, source seconds.
            duration: for how long the source shows it; None: ``last_duration``.
        """
        if self.end is EndRule.LAST_FRAME:
            return floor(self._position(last)) + 1
        return max(1, self._rounded(last + (self.last_duration if duration is None else duration)))

    def count_certain(self, time: Fraction) -> int:
        """Count the outputs of which there are at least so many if a frame is shown at ``time``."""
        if self.end is EndRule.LAST_FRAME:
            return floor(self._position(time)) + 1
        return self._rounded(time)

    def _position(self, time: Fraction) -> Fraction:
        """Turn a source time into a number of outputs, which is whole where one is shown."""
        return self.speed.shown_at(time) * self.rate

    def _rounded(self, time: Fraction) -> int:
        return floor(self._position(time) + Fraction(1, 2))


def parse_rate(text: str) -> Fraction:
    """Read a frame rate as people write it: ``24``, ``30000/1001``, ``23.976``.

    Decimals within 0.005 of an NTSC rate n * 1000/1001 mean that rate: nobody means 23.976 exactly.

    Raises:
        ValueError: not a positive number.
    """
    rate = Fraction(text)
    ntsc = Fraction(round(rate) * 1000, 1001)
    if rate.denominator != 1 and "/" not in text and abs(rate - ntsc) < Fraction(1, 200):
        rate = ntsc
    if rate <= 0:
        raise ValueError(f"a frame rate must be above 0, got {text}")
    return rate


def parse_speed(text: str) -> Fraction:
    """Read a speed: ``2``, ``0.25``, ``1/3``.

    Raises:
        InputError: not a positive number.
    """
    try:
        speed = Fraction(text)
    except (ValueError, ZeroDivisionError):
        speed = Fraction(0)
    if speed <= 0:
        raise InputError(f"speed: expected a number above 0, such as 0.5, got {text!r}.")
    return speed


def parse_moment(text: str) -> Fraction:
    """Read a moment: seconds such as ``12.5``, or ``1:02.5``, or ``1:00:02.5``; returns seconds.

    Raises:
        InputError: it is none.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise InputError(
            f"time: expected seconds such as 12.5, or 1:02.5 for one minute and 2.5 s, got {text!r}."
        )
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def parse_ramp(text: str) -> SpeedCurve:
    """Read a speed curve: ``0:1 2:0.25 3:1``, each point the seconds of the source and the speed.

    Raises:
        InputError: it is none; the message shows how one looks.
    """
    points: list[SpeedPoint] = []
    for word in text.replace(",", " ").split():
        time, colon, speed = word.partition(":")
        if not colon:
            raise _no_ramp(f"{word!r} without a colon")
        points.append(SpeedPoint(_parse_time(time), parse_speed(speed)))
    if not points:
        raise _no_ramp("no point")
    for first, second in pairwise(points):
        if second.time <= first.time:
            raise _no_ramp(f"{float(second.time):g} s after {float(first.time):g} s")
    return SpeedCurve(tuple(points))


def _parse_time(text: str) -> Fraction:
    try:
        time = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise _no_ramp(f"the time {text!r}") from None
    if time < 0:
        raise _no_ramp(f"the time {text!r}, which is below 0")
    return time


def _no_ramp(found: str) -> InputError:
    return InputError(
        "ramp: expected points time:speed with increasing times, got "
        f'{found}. Write for example "0:1 2:0.25 3:1".'
    )


def format_rate(rate: Fraction) -> str:
    """Write a frame rate for people: ``24``, ``23.976``, ``12.5``."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f}".rstrip("0")
