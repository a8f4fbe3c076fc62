"""Scene cuts, given by the user or detected, marked on the frames that begin a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ..errors import InputError
from ..frames import Frame
from .scene_detection import mark_cuts


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
        times: seconds; the first frame at or after each begins a scene.
    """

    numbers: frozenset[int] = frozenset()
    times: tuple[Fraction, ...] = ()


def parse_cuts(text: str) -> CutList:
    """Read a list of scene cuts: ``48, 96`` are frame numbers, ``2.5s`` is a time in seconds.

    Raises:
        InputError: an item is neither.
    """
    words = text.replace(",", " ").split()
    try:
        times = {Fraction(word[:-1]) for word in words if word.endswith("s")}
        numbers = {int(word) for word in words if not word.endswith("s")}
    except (ValueError, ZeroDivisionError):
        raise InputError(
            f"Cuts must be frame numbers such as 48 or times such as 2.5s, not {text!r}. "
            'Write for example "48, 96" or "2.5s 4s".'
        ) from None
    return CutList(frozenset(numbers), tuple(sorted(times)))


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
        is_given = number in given.numbers or any(
            before < time <= frame.time for time in given.times
        )
        before = frame.time
        if number and (is_detected or is_given):
            on_cut(Cut(number, frame.time))
            yield replace(frame, begins_scene=True)
        else:
            yield frame
