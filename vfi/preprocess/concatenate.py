"""Where clips meet: one after the other, or the end of a loop and its beginning.

A clip that continues another one often repeats its last frame, and a clip made to loop often ends
on its first frame. Shown twice, that frame makes the motion stutter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice

from torch import Tensor

from ..alpha import cross_fade
from ..errors import InputError
from ..frames import Frame
from .similarity import block_change

# Measured on four real clips cut in two, both halves encoded by x264: the repeated frame changes by 3
# to 4 of 255 levels at CRF 18 and by 5 to 8 at CRF 28, the frames around it by 15 to 70. So there is
# no fixed limit: a frame is a repeat if it changes less than half as much as its neighbours do.
_REPEAT = 0.5
_STEP_IF_UNKNOWN = 8 / 255  # of a clip of one frame


def begins_with_repeat(ending: Sequence[Tensor], beginning: Sequence[Tensor]) -> bool:
    """Tell whether a clip begins with the last frame of the clip before.

    Args:
        ending: the last two frames of the clip before, [H, W, C]; one will do.
        beginning: the first two frames of the clip; one will do.
    """
    change = block_change(ending[-1], beginning[0])
    steps = [block_change(*pair[:2]) for pair in (ending, beginning) if len(pair) > 1]
    return change == 0 or change < _REPEAT * min(steps, default=_STEP_IF_UNKNOWN)


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
        yield replace(first, time=last.time, duration=None)
        return
    yield last
    due = last.time + (last_duration if last.duration is None else last.duration)
    yield replace(first, time=due, duration=None)


def concatenate(
    clips: Iterable[Iterable[Frame]], frame_duration: Fraction, overlap: int = 0
) -> Iterator[Frame]:
    """Put clips one after the other, so that the seam can be interpolated like any pair.

    Args:
        clips: times of each increasing from 0; consumed lazily.
        frame_duration: seconds from the last frame of a clip to the first of the next.
        overlap: how many frames at the end of a clip the next one repeats. They are cross-faded,
            which hides a step in colour. 0: a repeated boundary frame is detected and dropped.

    Yields:
        Frames whose times increase from 0. A few more than ``overlap`` are alive at a time.

    Raises:
        InputError: a clip is too short for the overlap, or its frames differ in size from those of the
            clip before.
    """
    held = max(2, overlap)
    ending: list[Frame] = []  # the last frames so far, not yielded yet
    for number, clip in enumerate(clips, 1):
        iterator = iter(clip)
        beginning = list(islice(iterator, held))
        _require_fitting(ending, beginning, overlap, number)
        seam, offset = (beginning, Fraction(0))
        if ending:
            seam, offset = _seam(ending, beginning, frame_duration, overlap)
        ending = []
        for frame in chain(seam, (_delayed(frame, offset) for frame in iterator)):
            ending.append(frame)
            if len(ending) > held:
                yield ending.pop(0)
    yield from ending


def _seam(
    ending: list[Frame], beginning: list[Frame], frame_duration: Fraction, overlap: int
) -> tuple[list[Frame], Fraction]:
    """Join an ending and a beginning; returns both, and the offset of the new clip's times."""
    num_repeated = overlap or int(begins_with_repeat(_pixels(ending), _pixels(beginning)))
    if not num_repeated:
        offset = ending[-1].time + frame_duration - beginning[0].time
        return [*ending, *(_delayed(frame, offset) for frame in beginning)], offset
    offset = ending[-1].time - beginning[num_repeated - 1].time
    if overlap:
        ending = [*ending[:-overlap], *_cross_faded(ending[-overlap:], beginning[:overlap])]
    return [*ending, *(_delayed(frame, offset) for frame in beginning[num_repeated:])], offset


def _cross_faded(frames0: Sequence[Frame], frames1: Sequence[Frame]) -> Iterator[Frame]:
    """Fade from one sequence of frames to another that shows the same."""
    for number, (frame0, frame1) in enumerate(zip(frames0, frames1, strict=True), 1):
        weight = number / (len(frames0) + 1)
        yield replace(frame0, pixels=cross_fade(frame0.pixels, frame1.pixels, weight))


def _delayed(frame: Frame, offset: Fraction) -> Frame:
    return replace(frame, time=frame.time + offset)


def _pixels(frames: Iterable[Frame]) -> list[Tensor]:
    return [frame.pixels for frame in frames]


def _require_fitting(
    ending: list[Frame], beginning: list[Frame], overlap: int, number: int
) -> None:
    needed = max(1, overlap)
    for frames, which in ((ending, number - 1), (beginning, number)):
        if len(frames) < needed and which:
            raise _too_short(which, len(frames), overlap)
    sizes = [tuple(frames[0].pixels.shape) for frames in (ending, beginning) if frames]
    if len(set(sizes)) > 1:
        before, found = (
            f"{width}x{height} with {channels} channels" for height, width, channels in sizes
        )
        raise InputError(
            f"Clip {number} is {found}, not {before} like the clip before. "
            "Scale or convert one of them."
        )


def _too_short(number: int, num_frames: int, overlap: int) -> InputError:
    if not num_frames:
        return InputError(
            f"Clip {number} has no frames. Leave it out, or check where it comes from."
        )
    return InputError(
        f"Clip {number} is too short for an overlap of {overlap} frames: it has {num_frames}. "
        "Use a longer clip or a smaller overlap."
    )
