"""When output frames are shown, in exact fractions. Pure: no frames, no files, no torch.

Output k is shown at k / rate seconds, counted from the first source frame. Where such a moment lies
between two source frames is a matter of their times alone, so constant and variable frame rates
need no separate treatment, and nothing adds up over a long clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from fractions import Fraction
from math import ceil, floor


class EndRule(str, Enum):
    """What happens after the last source frame is reached."""

    LAST_FRAME = "last-frame"
    """End on it: N frames at multiplier m give (N - 1) m + 1, a little shorter than the source."""
    FULL_DURATION = "full-duration"
    """Show it as long as the source does: N frames give N m, as long as the source's sound."""


def timesteps_between(start: Fraction, stop: Fraction, rate: Fraction) -> Iterator[Fraction]:
    """Yield where the outputs due in [start, stop) lie within this pair of source frames.

    Args:
        start: time of the earlier frame, seconds.
        stop: time of the later frame, seconds; after ``start``.
        rate: outputs per second.

    Yields:
        Timesteps in [0, 1), increasing; 0 is the earlier frame itself.
    """
    for index in range(ceil(start * rate), ceil(stop * rate)):
        yield (index / rate - start) / (stop - start)


def count_at_end(last: Fraction, duration: Fraction, rate: Fraction, end: EndRule) -> int:
    """Count the outputs that show the last source frame.

    Args:
        last: time of that frame, seconds.
        duration: seconds the source shows it.
        rate: outputs per second.
        end: where the output ends.
    """
    if end is EndRule.FULL_DURATION:
        return ceil((last + duration) * rate) - ceil(last * rate)
    return floor(last * rate) - ceil(last * rate) + 1


def count_outputs(num_frames: int, source_rate: Fraction, rate: Fraction, end: EndRule) -> int:
    """Count all outputs of a clip of constant rate, at least one frame long."""
    last = (num_frames - 1) / source_rate
    return ceil(last * rate) + count_at_end(last, 1 / source_rate, rate, end)


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


def format_rate(rate: Fraction) -> str:
    """Write a frame rate for people: ``24``, ``23.976``, ``12.5``."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f}".rstrip("0")
