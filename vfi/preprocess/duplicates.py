"""Repeated frames: find them, and spread the motion evenly over the time they take.

A clip of 12 frames per second in a file of 24 shows every frame twice, one of 24 in 30 every fourth
one. Interpolated as it stands it stutters: motion, a pause, motion. :func:`smoothed` takes the
repeats out, and gives the frames that are left the times at which the motion is even.

Which frames repeat is told by how far the picture seems to move, measured where it moves most: the
change of brightness against the slope of brightness. Compression changes a repeated picture a
little, so "a little" is judged by the motion around it as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

from ..alpha import premultiply
from ..frames import Frame

LONGEST_HOLD = 5
"""Frames. A picture shown longer is a freeze and stays one: 12 in 60 is bridged, a pause is not."""

_BLOCK = 32  # px; large enough for compression noise to average out, small enough for a mouth
_BAND = 2 * _BLOCK  # rows at a time; what they take stays in the processor's cache
_SLOPE_FLOOR = 16  # code values per px; in flat parts noise is most of what changes

# Apparent motion, px. Six clips doubled, H.264, the 97th of 100 repeats of the worst clip: 0.10 at
# CRF 18, 0.14 at 23, 0.20 at 28; of the others 0.07, 0.11 and 0.15. A pan of 0.25 px: 0.11 to 0.19.
_SAME = 0.08
_SAME_AT_MOST = 0.2
_IDENTICAL = 0.01
_SHARE = 0.5  # of the motion around it
_MUCH = _SAME_AT_MOST / _SHARE

_PAST = 8  # changes of the picture
_FUTURE = LONGEST_HOLD + 1  # frames; a picture held for that long changes within them
_LONGEST_CYCLE = 8  # pictures; 24 in 30 has a cycle of 4, 16 in 30 of 8


def smoothed(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Leave repeated frames out, and time the others so that the motion is even.

    - A picture shown for up to ``LONGEST_HOLD`` frames is passed on once. One shown longer is a
      freeze: all its frames are passed on, at their times.
    - Where the numbers of frames for which pictures are shown come in cycles (1, 1, 1, 2 in 24 of
      30), twice at least and of at most 8 pictures, those of a cycle are spread evenly over it. Elsewhere a picture is shown when it was first shown.
    - The first and the last frame of the clip are always passed on, at their times, the last one
      also where it repeats: the clip keeps its length, and the pictures' own times lie in between.

    About 30 frames are alive, whatever the length of the clip. Comparing two equal frames of
    1920x1080 takes 60 ms on one core of a CPU; bit for bit equal ones and those that clearly differ
    a fraction of it.

    Args:
        frames: times strictly increasing.

    Yields:
        Frames of the input, the same pixels, times strictly increasing.
    """
    return _with_even_times(_without_repeats(_mark_repeats(frames)))


def is_repeat(pixels0: Tensor, pixels1: Tensor) -> bool:
    """Tell whether two pictures are the same apart from light compression noise (CRF 20).

    Args:
        pixels0: [H, W, C], RGB or RGBA.
        pixels1: the same shape and type.
    """
    return apparent_motion(pixels0, pixels1, enough=_SAME) < _SAME


def apparent_motion(pixels0: Tensor, pixels1: Tensor, *, enough: float = float("inf")) -> float:
    """Measure how far the picture moves where it moves most.

    Per block of 32x32 px: change / (slope + a floor), both root mean squares; the largest of all
    blocks. A pan of s px gives s / 2, about. Any change counts, so a fade counts as motion, and
    so does a change of alpha.

    Args:
        pixels0: [H, W, C] uint8 or floating point in [0, 1], RGB or RGBA.
        pixels1: the same shape and type.
        enough: px; when this much is found, the rest of the picture is not looked at.

    Returns:
        px, roughly; 0 for equal pictures.
    """
    if pixels0.shape != pixels1.shape:
        return float("inf")
    if torch.equal(pixels0, pixels1):
        return 0.0
    most = 0.0
    for band0, band1 in zip(pixels0.split(_BAND), pixels1.split(_BAND), strict=True):
        most = max(most, _motion_in_band(band0, band1))
        if most >= enough:
            break
    return most


def _motion_in_band(pixels0: Tensor, pixels1: Tensor) -> float:
    image0, image1 = _to_float(pixels0), _to_float(pixels1)
    change = (image1 - image0).square_().sum(-1)
    slope = F.pad(image0.diff(dim=1).square_().sum(-1), (0, 1))
    slope += F.pad(image0.diff(dim=0).square_().sum(-1), (0, 0, 0, 1))
    return float((_block_rms(change) / (_block_rms(slope) + 3**0.5 * _SLOPE_FLOOR)).max())


def _to_float(pixels: Tensor) -> Tensor:
    """[H, W, C] -> [H, W, 3 or 4] float32 in [0, 255]."""
    image = premultiply(pixels)
    return image * 255 if pixels.is_floating_point() else image


def _block_rms(squares: Tensor) -> Tensor:
    return F.avg_pool2d(squares[None], _BLOCK, ceil_mode=True).sqrt_()


# --- which frames repeat -------------------------------------------------------------------------


def _mark_repeats(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Pass frames on, each with whether it repeats the one before."""
    source = _measure(frames)
    ahead = deque(islice(source, 1 + _FUTURE))
    past: deque[float] = deque(maxlen=_PAST)
    while ahead:
        frame, motion = ahead.popleft()
        repeats = _is_little(motion, past, [later for _, later in ahead])
        if not repeats:
            past.append(motion)
        yield frame, repeats
        ahead.extend(islice(source, 1))


def _is_little(motion: float, past: Sequence[float], future: Sequence[float]) -> bool:
    """Tell whether motion is so little that it is none.

    Both what was and what comes must have more of it: slow motion is slow for some time.
    """
    usual = min(median(past) if past else _MUCH, max(future, default=_MUCH))
    return motion <= _IDENTICAL or motion < min(_SAME_AT_MOST, _SHARE * usual)


def _measure(frames: Iterable[Frame]) -> Iterator[tuple[Frame, float]]:
    """Pass frames on, each with the apparent motion since the one before; inf for the first."""
    previous: Tensor | None = None
    for frame in frames:
        motion = float("inf")
        if previous is not None:
            motion = apparent_motion(previous, frame.pixels, enough=_MUCH)
        yield frame, motion
        previous = frame.pixels


@dataclass(frozen=True, slots=True)
class _Held:
    """A picture that is shown for some frames.

    Attributes:
        frame: the first of them.
        count: how many there are.
        last: the last of them, where it is also the last of the clip.
    """

    frame: Frame
    count: int = 1
    last: Frame | None = None


def _without_repeats(marked: Iterable[tuple[Frame, bool]]) -> Iterator[_Held]:
    """Join a picture's frames; those of a freeze stay single."""
    run: list[Frame] = []
    is_freeze = False
    for frame, repeats in marked:
        if not repeats:
            yield from _joined(run)
            run, is_freeze = [], False
        run.append(frame)
        is_freeze = is_freeze or len(run) > LONGEST_HOLD
        if is_freeze:
            yield from map(_Held, run)
            run = []
    if len(run) > 1:
        yield _Held(run[0], len(run), run[-1])
    else:
        yield from map(_Held, run)


def _joined(run: Sequence[Frame]) -> Iterator[_Held]:
    if run:
        yield _Held(run[0], len(run))


# --- when they are shown -------------------------------------------------------------------------


def _with_even_times(helds: Iterator[_Held]) -> Iterator[Frame]:
    """Spread the pictures of each cycle over it, and pass their frames on."""
    ahead: deque[_Held] = deque()
    past: deque[int] = deque(maxlen=_LONGEST_CYCLE)
    last_size, step = 1, Fraction(0)  # of the last cycle: pictures, and time for each
    while _fill(ahead, helds):
        size = _cycle_size(list(past), [held.count for held in ahead])
        start = ahead[0].frame.time
        if size < len(ahead):
            step = (ahead[size].frame.time - start) / size
        elif size != last_size:  # the clip ends here, and nothing tells how long the cycle takes
            size = 1
        last_size = size
        for index in range(size):
            held = ahead.popleft()
            past.append(held.count)
            yield from _shown_at(held, start + index * step, is_end=not ahead)


def _shown_at(held: _Held, time: Fraction, *, is_end: bool) -> Iterator[Frame]:
    """Pass on a picture's frame at its new time; the last frame of the clip at its own."""
    if not is_end:
        yield replace(held.frame, time=time)
    elif held.last is None:
        yield held.frame
    else:
        yield replace(held.frame, time=time)
        yield held.last


def _fill(ahead: deque[_Held], helds: Iterator[_Held]) -> bool:
    """Look two of the longest cycles ahead; returns whether there is anything left."""
    ahead.extend(islice(helds, 2 * _LONGEST_CYCLE + 1 - len(ahead)))
    return bool(ahead)


def _cycle_size(past: list[int], future: list[int]) -> int:
    """Find after how many pictures the counts repeat themselves; 1 if they do not.

    The cycle that goes on for longest is the one, and it must have been there twice.
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
    """Count the leading pictures that are shown as long as those ``size`` pictures before them."""
    counts = history + future
    for index in range(max(size, len(history)), len(counts)):
        if counts[index] != counts[index - size]:
            return index - len(history)
    return len(future)


def _is_rate_conversion(counts: Sequence[int]) -> bool:
    """Tell whether each picture was shown within a frame of when it is due at an even pace."""
    pace = Fraction(sum(counts), len(counts))
    return all(abs(sum(counts[:index]) - index * pace) < 1 for index in range(len(counts)))
