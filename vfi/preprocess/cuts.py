"""Scene cuts, given by the user or detected, marked on the frames that begin a scene."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ..errors import InputError, quoted
from ..frames import Frame
from ..timing import parse_seconds
from .scene_detection import mark_cuts

_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cut:
    """A scene cut.

    Attributes:
        number: of the first frame of the new scene, from 0.
        time: of that frame, seconds from the start of the source.
    """

    number: int
    time: Fraction


@dataclass(frozen=True, slots=True)
class CutList:
    """Scene cuts given by the user.

    Attributes:
        numbers: of the frames that begin a scene, from 0.
        times: seconds, ascending; the first frame at or after each begins a scene.
    """

    numbers: frozenset[int] = frozenset()
    times: tuple[Fraction, ...] = ()


def parse_cuts(text: str) -> CutList:
    """Read a list of scene cuts: ``48, 96`` are frame numbers, ``2.5s`` is a time in seconds.

    Raises:
        InputError: an item is neither.
    """
    words = text.replace(",", " ").split()
    times = {_parse_time(word) for word in words if word.endswith("s")}
    numbers = {_parse_number(word) for word in words if not word.endswith("s")}
    return CutList(frozenset(numbers), tuple(sorted(times)))


def _parse_time(word: str) -> Fraction:
    try:
        return parse_seconds(word[:-1])
    except ValueError:
        raise _invalid_cut(word) from None


def _parse_number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise _invalid_cut(word)
    return int(word)


def _invalid_cut(word: str) -> InputError:
    return InputError(
        f"Cuts must be frame numbers such as 48 or times such as 2.5s, not {quoted(word)}. "
        'Write for example "48, 96" or "2.5s 4s".'
    )


def with_cuts(
    frames: Iterable[Frame],
    threshold: float,
    given: CutList,
    on_cut: Callable[[Cut], object],
) -> Iterator[Frame]:
    """Mark the frames that begin a scene, detected or given by the user.

    Args:
        frames: of the source, times increasing.
        threshold: of the detector; 0 turns it off.
        given: by the user.
        on_cut: called with each cut, in order.
    """
    before = Fraction(-1)
    for number, (frame, is_detected) in enumerate(mark_cuts(frames, threshold)):
        num_before = bisect_right(given.times, before)
        is_given = number in given.numbers or bisect_right(given.times, frame.time) > num_before
        before = frame.time
        if number and (is_detected or is_given):
            on_cut(Cut(number, frame.time))
            yield replace(frame, begins_scene=True)
        else:
            yield frame
