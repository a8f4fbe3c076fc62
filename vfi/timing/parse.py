"""Rates, speeds, timestamps and ramps as people write them."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from ..errors import InputError, quoted
from .speed import SpeedCurve, SpeedPoint

# As long as any number that is meant, and short enough that arithmetic with it takes no time:
# Fraction("1e999999999") alone takes all memory.
_DECIMAL = r"(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})"
_NUMBER = re.compile(rf"[+-]?(?:{_DECIMAL}(?:[eE][+-]?\d{{1,2}})?|\d{{1,15}}/\d{{1,15}})", re.ASCII)
_TIMESTAMP = re.compile(rf"(?:(?:(\d{{1,9}}):)?(\d{{1,9}}):)?({_DECIMAL})", re.ASCII)

_NTSC_TOLERANCE = Fraction(1, 200)  # frames per second: 23.98 as well as 23.976
SLOWEST_RATE, FASTEST_RATE = Fraction(1, 1000), Fraction(4000)
"""Frames per second: x264 refuses 5000, and nobody waits longer for a picture."""
_FASTEST_SPEED = Fraction(10**9)  # and its inverse is the slowest
_MOST_POINTS = 1000  # of a ramp; each is looked at for each frame
_LATEST = 10**9  # seconds; FFmpeg counts microseconds in 64 bits


def parse_number(text: str) -> Fraction:
    """Read a number exactly: ``2``, ``0.25``, ``1e-3``, ``1/3``; at most 30 digits and 99 zeros.

    Raises:
        ValueError: it is none.
    """
    word = text.strip()
    if not _NUMBER.fullmatch(word) or re.search(r"/0+\Z", word):
        raise ValueError(f"{quoted(text)} is not a number")
    return Fraction(word)


def parse_rate(text: str) -> Fraction:
    """Read a frame rate: ``24``, ``30000/1001``, ``23.976``.

    Decimals within 0.005 of an NTSC rate n * 1000/1001 mean that rate: nobody means 23.976 exactly.

    Raises:
        InputError: not a rate that a video can have.
    """
    try:
        rate = parse_number(text)
    except ValueError:
        rate = Fraction(0)
    ntsc = Fraction(round(rate) * 1000, 1001)
    is_exact = rate.denominator == 1 or "/" in text
    if ntsc and not is_exact and abs(rate - ntsc) < _NTSC_TOLERANCE:
        rate = ntsc
    if not SLOWEST_RATE <= rate <= FASTEST_RATE:
        raise InputError(
            f"{quoted(text)} is no frame rate; give one such as 24, 23.976 or 30000/1001, from "
            f"{float(SLOWEST_RATE):g} to {FASTEST_RATE}."
        )
    return rate


def format_rate(rate: Fraction) -> str:
    """Write a frame rate: ``24``, ``23.976``, ``12.5``."""
    return (
        str(rate.numerator)
        if rate.denominator == 1
        else f"{float(rate):.3f}".rstrip("0").rstrip(".")
    )


def parse_speed(text: str) -> Fraction:
    """Read a speed: ``2``, ``0.25``, ``1/3``.

    Raises:
        InputError: not a positive number, or one beyond all measure.
    """
    try:
        speed = parse_number(text)
    except ValueError:
        speed = Fraction(0)
    if not 1 / _FASTEST_SPEED <= speed <= _FASTEST_SPEED:
        raise InputError(
            f"A speed must be a number above 0, such as 0.5, not {quoted(text)}; from "
            f"{float(1 / _FASTEST_SPEED):g} to {float(_FASTEST_SPEED):g}."
        )
    return speed


def parse_timestamp(text: str) -> Fraction:
    """Read a timestamp: seconds such as ``12.5``, or ``1:02.5``, or ``1:00:02.5``; returns seconds.

    Raises:
        InputError: it is none of these.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise InputError(
            f"{quoted(text)} is not a time. Write seconds, such as 12.5, or 1:02.5 for one minute and "
            "2.5 s."
        )
    hours, minutes, seconds = (Fraction(field or 0) for field in match.groups())
    return _bounded(3600 * hours + 60 * minutes + seconds, text)


def parse_seconds(text: str) -> Fraction:
    """Read a time in seconds, 0 or more.

    Raises:
        ValueError: it is none, or later than any clip is long.
    """
    seconds = parse_number(text)
    if seconds < 0:
        raise ValueError(f"{quoted(text)} is below 0")
    return _bounded(seconds, text)


def _bounded(seconds: Fraction, text: str) -> Fraction:
    if seconds > _LATEST:
        raise InputError(f"{quoted(text)} is later than any clip is long. Check the time.")
    return seconds


def parse_ramp(text: str) -> SpeedCurve:
    """Read a speed curve: ``0:1 2:0.25 3:1``, each point a time in source seconds and a speed.

    Raises:
        InputError: it is not such a list; the message shows one.
    """
    points: list[SpeedPoint] = []
    for word in text.replace(",", " ").split():
        time, colon, speed = word.partition(":")
        if not colon:
            raise _invalid_ramp(f"{quoted(word)} has no colon")
        points.append(SpeedPoint(_parse_ramp_time(time), parse_speed(speed)))
    if not points:
        raise _invalid_ramp("it has no points")
    if len(points) > _MOST_POINTS:
        raise _invalid_ramp(f"it has {len(points)} points, and at most {_MOST_POINTS} are taken")
    for first, second in pairwise(points):
        if second.time <= first.time:
            raise _invalid_ramp(f"{float(second.time):g} s comes after {float(first.time):g} s")
    return SpeedCurve(tuple(points))


def _parse_ramp_time(text: str) -> Fraction:
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise _invalid_ramp(f"the time {str(error).rstrip('.')}") from None


def _invalid_ramp(reason: str) -> InputError:
    return InputError(
        f"Invalid speed ramp: {reason}. Write points as time:speed with increasing times, for "
        'example "0:1 2:0.25 3:1".'
    )
