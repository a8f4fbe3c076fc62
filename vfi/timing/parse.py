"""Rates, speeds, timestamps and ramps as people write them."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from ..errors import InputError
from .speed import SpeedCurve, SpeedPoint

_TIMESTAMP = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)", re.ASCII)


def parse_rate(text: str) -> Fraction:
    """Read a frame rate: ``24``, ``30000/1001``, ``23.976``.

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


def format_rate(rate: Fraction) -> str:
    """Write a frame rate: ``24``, ``23.976``, ``12.5``."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f}".rstrip("0")


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
        raise InputError(f"A speed must be a number above 0, such as 0.5, not {text!r}.")
    return speed


def parse_timestamp(text: str) -> Fraction:
    """Read a timestamp: seconds such as ``12.5``, or ``1:02.5``, or ``1:00:02.5``; returns seconds.

    Raises:
        InputError: it is none of these.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise InputError(
            f"{text!r} is not a time. Write seconds, such as 12.5, or 1:02.5 for one minute and "
            "2.5 s."
        )
    hours, minutes, seconds = (Fraction(field or 0) for field in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def parse_ramp(text: str) -> SpeedCurve:
    """Read a speed curve: ``0:1 2:0.25 3:1``, each point a time in source seconds and a speed.

    Raises:
        InputError: it is not such a list; the message shows one.
    """
    points: list[SpeedPoint] = []
    for word in text.replace(",", " ").split():
        time, colon, speed = word.partition(":")
        if not colon:
            raise _invalid_ramp(f"{word!r} has no colon")
        points.append(SpeedPoint(_parse_ramp_time(time), parse_speed(speed)))
    if not points:
        raise _invalid_ramp("it has no points")
    for first, second in pairwise(points):
        if second.time <= first.time:
            raise _invalid_ramp(f"{float(second.time):g} s comes after {float(first.time):g} s")
    return SpeedCurve(tuple(points))


def _parse_ramp_time(text: str) -> Fraction:
    try:
        time = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise _invalid_ramp(f"the time {text!r} is not a number") from None
    if time < 0:
        raise _invalid_ramp(f"the time {text!r} is below 0")
    return time


def _invalid_ramp(reason: str) -> InputError:
    return InputError(
        f"Invalid speed ramp: {reason}. Write points as time:speed with increasing times, for "
        'example "0:1 2:0.25 3:1".'
    )
