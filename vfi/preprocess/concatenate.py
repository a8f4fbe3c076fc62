"""Where clips meet: one after the other, or the end of a loop and its beginning.

A clip that continues another one often repeats its last frame, and a clip made to loop often ends
on its first frame. Shown twice, that frame makes the motion stutter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, islice

from torch import Tensor

from ..alpha import cross_fade
from ..frames import Frame
from .color_match import Correction, Match
from .seams import Seam, begins_with_repeat, correction_at


def closed_loop(frames: Iterable[Frame], last_duration: Fraction) -> Iterator[Frame]:
    """Add the first frame after the last, so that the last pair leads back to the beginning.

    A last frame that repeats the first is replaced by it. The output has to end just before the
    added frame, which is the first of the next round: with a schedule whose last duration is 0.
    Four frames are alive at a time.

    Args:
        frames: times increasing.
        last_duration: seconds the source shows its last frame, unless the frame itself says it.

    Yields:
        The frames, then the first one again at the time at which the next round starts.
    """
    iterator = iter(frames)
    beginning = list(islice(iterator, 2))
    ending: deque[Frame] = deque(maxlen=2)
    for frame in chain(beginning, iterator):
        if ending:
            yield ending[-1]
        ending.append(frame)
    if len(beginning) < 2:  # no loop; interpolate_stream refuses it
        yield from ending
        return
    first, last = beginning[0], ending[-1]
    if begins_with_repeat(_pixels(ending), _pixels(beginning)):
        yield replace(first.shown_at(last.time), duration=None)
        return
    yield last
    due = last.time + _duration(last, last_duration)
    yield replace(first.shown_at(due), duration=None)


@dataclass(frozen=True)
class Part:
    """A clip that is joined to others.

    Attributes:
        frames: opens it and yields its frames, times increasing from 0; at least one.
        frame_duration: seconds a frame is shown, unless it says so itself.
        seam: how it follows the part before; of the first one, nothing.
        start: when the first frame is due that the part before does not have, seconds; the frame
            comes later if the part before is longer than was thought.
    """

    frames: Callable[[], Generator[Frame, None, None]]
    frame_duration: Fraction
    seam: Seam = field(default_factory=Seam)
    start: Fraction = Fraction(0)


def concatenate(parts: Sequence[Part], match: Match | None = None) -> Generator[Frame, None, None]:
    """Put clips one after the other, so that the seam can be interpolated like any pair.

    Args:
        parts: the clips; each is opened when the one before has ended.
        match: whether, and how, each gets the colours with which the one before ends, as it is
            shown. None: no frame is changed but those that are cross-faded.

    Yields:
        Frames whose times increase from 0. A few more than a clip repeats are alive at a time.
    """
    match = match or Match()
    held = max(2, *(part.seam.num_repeated for part in parts))
    ending: list[Frame] = []  # the last frames so far, not yielded yet
    duration = Fraction(0)
    for part in parts:
        with closing(part.frames()) as frames:
            following = _joined(ending, frames, part, match, duration) if ending else frames
            for frame in following:
                ending.append(frame)
                if len(ending) > held:
                    yield ending.pop(0)
        duration = part.frame_duration
    yield from ending


def _joined(
    ending: list[Frame], frames: Iterator[Frame], part: Part, match: Match, duration: Fraction
) -> Iterator[Frame]:
    """Yield what a part adds to an ending, whose last frames are replaced where they are faded.

    ``duration`` is that of a frame of the ending.
    """
    seam = part.seam
    beginning = list(islice(frames, max(2, seam.num_repeated)))
    correction = correction_at(_pixels(ending), _pixels(beginning), seam, match)
    frames = chain(beginning, frames)
    del beginning  # or its frames stay for as long as the part
    if correction:
        frames = _corrected(frames, correction, seam, match)
    repeated = list(islice(frames, seam.num_repeated))
    if seam.is_faded:
        ending[-len(repeated) :] = _cross_faded(ending[-len(repeated) :], repeated)
    last = ending[-1]
    shared = repeated[-1].time if repeated else None
    del repeated
    offset: Fraction | None = None
    for frame in frames:
        if offset is None:
            gap = _duration(last, duration) if shared is None else frame.time - shared
            offset = max(last.time + gap, part.start) - frame.time
        yield replace(frame, time=frame.time + offset)


def _corrected(
    frames: Iterable[Frame], correction: Correction, seam: Seam, match: Match
) -> Iterator[Frame]:
    """Correct the frames of a clip; the fade begins where the clip is on its own."""
    for number, frame in enumerate(frames, -seam.num_repeated):
        weight = match.weight(max(number, 0))
        yield replace(frame, pixels=correction.apply(frame.pixels, weight)) if weight else frame


def _cross_faded(frames0: Sequence[Frame], frames1: Sequence[Frame]) -> Iterator[Frame]:
    """Fade from one sequence of frames to another that shows the same."""
    for number, (frame0, frame1) in enumerate(zip(frames0, frames1, strict=True), 1):
        weight = number / (len(frames0) + 1)
        yield replace(frame0, pixels=cross_fade(frame0.pixels, frame1.pixels, weight))


def _duration(frame: Frame, otherwise: Fraction) -> Fraction:
    return otherwise if frame.duration is None else frame.duration


def _pixels(frames: Iterable[Frame]) -> list[Tensor]:
    return [frame.pixels for frame in frames]
