"""Duplicate frames: find them, and leave them out, so that new frames take their place.

A clip of 12 frames per second in a file of 24 shows every frame twice, one of 24 in 30 every fourth
one. Interpolated as it is, it stutters: motion, a pause, motion. :func:`smooth_duplicates` drops the
duplicates and retimes the other frames so that the motion is even. :func:`redraw_duplicates` drops
them and keeps all others where they are.

A frame is a duplicate if it hardly seems to move against the one before, measured where it moves
most. Compression changes a repeated frame a little, so "hardly" also depends on the motion around.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from statistics import median

from torch import Tensor

from ..frames import Frame
from .similarity import apparent_motion

LONGEST_RUN = 5
"""Frames. A longer run of equal frames is a freeze and stays one; 12 fps in 60 is not."""

# Apparent motion, px. Six clips doubled, H.264, the 97th of 100 repeats of the worst clip: 0.10 at
# CRF 18, 0.14 at 23, 0.20 at 28; of the others 0.07, 0.11 and 0.15. A pan of 0.25 px: 0.11 to 0.19.
_DUPLICATE_AT_MOST = 0.2
_IDENTICAL = 0.01
_SHARE = 0.5  # of the motion around it
_ENOUGH = _DUPLICATE_AT_MOST / _SHARE  # more motion makes no difference

_PAST = 8  # frames that were not duplicates
_FUTURE = LONGEST_RUN + 1  # frames; the longest run ends within them
_LONGEST_CYCLE = 8  # runs; 24 fps in 30 has a cycle of 4, 16 in 30 of 8


def smooth_duplicates(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Drop duplicate frames, and retime the others so that the motion is even.

    - Of a run of up to ``LONGEST_RUN`` equal frames only the first is passed on. A longer run is a
      freeze: all its frames are passed on, at their times.
    - Where the lengths of runs come in cycles (1, 1, 1, 2 for 24 fps in 30) of at most 8 runs, at
      least twice, the frames of a cycle are spread evenly over its time. Elsewhere a frame keeps
      its time.
    - The first and the last frame of the clip are always passed on at their times, the last one
      even if it is a duplicate: the clip keeps its length.

    About 30 frames are alive, whatever the length of the clip. Comparing two frames of 1920x1080
    that differ by compression only takes 60 ms on one core of a CPU; if they are bit for bit equal,
    or clearly differ, a fraction of it.

    Args:
        frames: times strictly increasing.

    Yields:
        Frames of the input, the same pixels, times strictly increasing.
    """
    return _retime(_collapse(_mark_duplicates(frames)))


def redraw_duplicates(
    frames: Iterable[Frame], on_redrawn: Callable[[int], object]
) -> Iterator[Frame]:
    """Drop duplicate frames that lie between two different ones; all others keep their times.

    Interpolated, the gap between the two becomes one even motion, with new frames where the
    duplicates were. What has nothing to move to stays as it is, with all its frames: a run of equal
    frames before a scene cut or at the end of the clip, and a freeze of more than ``LONGEST_RUN``.

    About 15 frames are alive, whatever the length of the clip; the time is that of
    :func:`smooth_duplicates`.

    Args:
        frames: times strictly increasing.
        on_redrawn: called with the number of frames that are dropped in a row.

    Yields:
        Frames of the input, as they are.
    """
    repeats: list[Frame] = []  # of the frame yielded last
    is_freeze = False
    for frame, is_duplicate in _mark_duplicates(frames):
        if is_duplicate and not frame.begins_scene:  # a cut may be given anywhere
            repeats.append(frame)
            is_freeze = is_freeze or len(repeats) >= LONGEST_RUN
            if is_freeze:
                yield from repeats
                repeats = []
            continue
        if frame.begins_scene:
            yield from repeats
        elif repeats:
            on_redrawn(len(repeats))
        repeats, is_freeze = [], False
        yield frame
    yield from repeats


# --- which frames are duplicates -----------------------------------------------------------------


def _mark_duplicates(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Pass frames on, each with whether it is a duplicate of the one before."""
    source = _measure(frames)
    ahead = deque(islice(source, 1 + _FUTURE))
    past: deque[float] = deque(maxlen=_PAST)
    while ahead:
        frame, motion = ahead.popleft()
        is_duplicate = _is_still(motion, past, [later for _, later in ahead])
        if not is_duplicate:
            past.append(motion)
        yield frame, is_duplicate
        ahead.extend(islice(source, 1))


def _is_still(motion: float, past: Sequence[float], future: Sequence[float]) -> bool:
    """Tell whether motion is so small that it is none.

    Both the frames before and those after must move more: slow motion is slow for some time.
    """
    usual = min(median(past) if past else _ENOUGH, max(future, default=_ENOUGH))
    return motion <= _IDENTICAL or motion < min(_DUPLICATE_AT_MOST, _SHARE * usual)


def _measure(frames: Iterable[Frame]) -> Iterator[tuple[Frame, float]]:
    """Pass frames on, each with the apparent motion since the one before; inf for the first."""
    previous: Tensor | None = None
    for frame in frames:
        motion = float("inf")
        if previous is not None:
            motion = apparent_motion(previous, frame.pixels, enough=_ENOUGH)
        yield frame, motion
        previous = frame.pixels


@dataclass(frozen=True, slots=True)
class _Run:
    """A frame and its duplicates.

    Attributes:
        frame: the first of them.
        length: how many there are.
        last: the last of them, if it is the last frame of the clip and not the first of the run.
    """

    frame: Frame
    length: int = 1
    last: Frame | None = None


def _collapse(marked: Iterable[tuple[Frame, bool]]) -> Iterator[_Run]:
    """Collect frames and their duplicates into runs; each frame of a freeze is a run of its own."""
    equal: list[Frame] = []
    is_freeze = False
    for frame, is_duplicate in marked:
        if not is_duplicate:
            if equal:
                yield _Run(equal[0], len(equal))
            equal, is_freeze = [], False
        equal.append(frame)
        is_freeze = is_freeze or len(equal) > LONGEST_RUN
        if is_freeze:
            yield from map(_Run, equal)
            equal = []
    if len(equal) > 1:
        yield _Run(equal[0], len(equal), equal[-1])
    else:
        yield from map(_Run, equal)


# --- when they are shown -------------------------------------------------------------------------


def _retime(runs: Iterator[_Run]) -> Iterator[Frame]:
    """Spread the runs of each cycle evenly over its time, and pass their frames on."""
    ahead: deque[_Run] = deque()
    past: deque[int] = deque(maxlen=_LONGEST_CYCLE)
    last_size, step = 1, Fraction(0)  # of the last cycle: number of runs, and time for each
    while _fill(ahead, runs):
        size = _cycle_size(list(past), [run.length for run in ahead])
        start = ahead[0].frame.time
        if size < len(ahead):
            step = (ahead[size].frame.time - start) / size
        elif size != last_size:  # the clip ends here, and nothing tells how long the cycle takes
            size = 1
        last_size = size
        for index in range(size):
            run = ahead.popleft()
            past.append(run.length)
            yield from _frames_of(run, start + index * step, is_end=not ahead)


def _frames_of(run: _Run, time: Fraction, *, is_end: bool) -> Iterator[Frame]:
    """Yield the frame of a run at its new time; the last frame of the clip at its own."""
    if not is_end:
        yield run.frame.shown_at(time)
    elif run.last is None:
        yield run.frame
    else:
        yield run.frame.shown_at(time)
        yield run.last


def _fill(ahead: deque[_Run], runs: Iterator[_Run]) -> bool:
    """Look two of the longest cycles ahead; returns whether there is anything left."""
    ahead.extend(islice(runs, 2 * _LONGEST_CYCLE + 1 - len(ahead)))
    return bool(ahead)


def _cycle_size(past: list[int], future: list[int]) -> int:
    """Find after how many runs their lengths repeat; 1 if they do not.

    Of several cycles the one that continues longest counts; it must have occurred twice.
    """
    best, best_extent = 1, 0
    for size in range(1, _LONGEST_CYCLE + 1):
        for history in (past[-size:], []):
            extent = _extent(history, future, size)
            has_been_twice = extent + len(history) >= 2 * size
            if has_been_twice and extent > best_extent:
                best, best_extent = size, extent
    return best if _is_rate_conversion(future[:best]) else 1


def _extent(history: list[int], future: list[int], size: int) -> int:
    """Count the leading runs that are as long as those ``size`` runs before them."""
    lengths = history + future
    for index in range(max(size, len(history)), len(lengths)):
        if lengths[index] != lengths[index - size]:
            return index - len(history)
    return len(future)


def _is_rate_conversion(lengths: Sequence[int]) -> bool:
    """Tell whether each run begins within a frame of when it is due at an even pace."""
    pace = Fraction(sum(lengths), len(lengths))
    return all(abs(sum(lengths[:index]) - index * pace) < 1 for index in range(len(lengths)))
