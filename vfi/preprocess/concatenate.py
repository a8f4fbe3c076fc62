"""Where clips meet: one behind the other, or the end of a loop with its beginning.

A clip that continues another often shows that one's last frame again, and a clip made to loop often
ends on its first frame. Shown twice, that frame is a hitch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice

import torch
import torch.nn.functional as F
from torch import Tensor

from ..alpha import cross_fade, premultiply_image
from ..errors import InputError
from ..frames import Frame, to_planar

# Two pictures are compared by the means of blocks of 8x8 px, where compression hardly shows and
# motion does, and by the change that 99 % of the blocks stay below. Measured on four real clips cut
# in two, both parts encoded by x264: the repeated frame changes by 3 to 4 of 255 levels at CRF 18
# and by 5 to 8 at CRF 28, the frames around it by 15 to 70. So no fixed limit: a frame is a repeat
# when it changes less than half as much as its neighbours do.
_BLOCK = 8  # px
_MOST_BLOCKS = 0.99
_REPEAT = 0.5
_STEP_IF_UNKNOWN = 8 / 255  # of a clip of one frame


def change_between(pixels0: Tensor, pixels1: Tensor) -> float:
    """Measure how much two frames differ as they are seen, in [0, 1].

    Args:
        pixels0: [H, W, C] uint8 in [0, 255] or floating point in [0, 1].
        pixels1: the same.
    """
    blocks0, blocks1 = (_block_means(pixels) for pixels in (pixels0, pixels1))
    return (blocks0 - blocks1).abs().flatten().quantile(_MOST_BLOCKS).item()


def _block_means(pixels: Tensor) -> Tensor:
    """[H, W, C] -> [1, C, H / 8, W / 8], rounded up."""
    image = premultiply_image(to_planar(pixels, torch.device("cpu")))
    return F.avg_pool2d(image, _BLOCK, ceil_mode=True)


def begins_with_repeat(ending: Sequence[Tensor], beginning: Sequence[Tensor]) -> bool:
    """Tell whether what begins shows the last frame of what ended once more.

    Args:
        ending: the last two frames, [H, W, C] (one will do).
        beginning: the first two frames (one will do).
    """
    change = change_between(ending[-1], beginning[0])
    steps = [change_between(*pair[:2]) for pair in (ending, beginning) if len(pair) > 1]
    return change == 0 or change < _REPEAT * min(steps, default=_STEP_IF_UNKNOWN)


def closed_loop(frames: Iterable[Frame], last_duration: Fraction) -> Iterator[Frame]:
    """Add the first frame behind the last, so that a stream leads back to the beginning.

    Where the last frame is the first one already, it gives way to it. The result has to end just
    before its last frame, which is the first of the next round: a schedule whose last duration is 0
    does that. Four frames are alive at a time.

    Args:
        frames: times increasing.
        last_duration: seconds the source shows its last frame, where that is not known of the frame.

    Yields:
        The frames, then the first one's picture at the time at which it is due again.
    """
    iterator = iter(frames)
    beginning = list(islice(iterator, 2))
    ending: deque[Frame] = deque(maxlen=2)
    for frame in chain(beginning, iterator):
        if ending:
            yield ending[-1]
        ending.append(frame)
    if len(beginning) < 2:  # no loop; let the stream say so
        yield from ending
        return
    first, last = beginning[0], ending[-1]
    if begins_with_repeat(_pixels(ending), _pixels(beginning)):
        yield replace(first, time=last.time, duration=None)
        return
    yield last
    due = last.time + (last_duration if last.duration is None else last.duration)
    yield replace(first, time=due, duration=None)


def joined(
    clips: Iterable[Iterable[Frame]], frame_duration: Fraction, overlap: int = 0
) -> Iterator[Frame]:
    """Put clips one behind the other, so that the seam can be interpolated as any pair.

    Args:
        clips: times of each increasing from 0; consumed lazily.
        frame_duration: seconds from the last frame of a clip to the first of the next.
        overlap: how many frames at the end of a clip the next one shows again. They are
            cross-faded, which hides a step in colour. 0: a repeated boundary frame is recognised
            and dropped.

    Yields:
        Frames whose times increase from 0. A few more than ``overlap`` are alive at a time.

    Raises:
        InputError: a clip is too short for the overlap, or differs in size from the one before.
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
        for frame in chain(seam, (_later(frame, offset) for frame in iterator)):
            ending.append(frame)
            if len(ending) > held:
                yield ending.pop(0)
    yield from ending


def _seam(
    ending: list[Frame], beginning: list[Frame], frame_duration: Fraction, overlap: int
) -> tuple[list[Frame], Fraction]:
    """Put a beginning behind an ending; returns both, and by how much the new clip is later."""
    num_shared = overlap or int(begins_with_repeat(_pixels(ending), _pixels(beginning)))
    if not num_shared:
        offset = ending[-1].time + frame_duration - beginning[0].time
        return [*ending, *(_later(frame, offset) for frame in beginning)], offset
    offset = ending[-1].time - beginning[num_shared - 1].time
    if overlap:
        ending = [*ending[:-overlap], *_cross_faded(ending[-overlap:], beginning[:overlap])]
    return [*ending, *(_later(frame, offset) for frame in beginning[num_shared:])], offset


def _cross_faded(frames0: Sequence[Frame], frames1: Sequence[Frame]) -> Iterator[Frame]:
    """Fade from one series of frames to another, both of which show the same moments."""
    for number, (frame0, frame1) in enumerate(zip(frames0, frames1, strict=True), 1):
        weight = number / (len(frames0) + 1)
        yield replace(frame0, pixels=cross_fade(frame0.pixels, frame1.pixels, weight))


def _later(frame: Frame, offset: Fraction) -> Frame:
    return replace(frame, time=frame.time + offset)


def _pixels(frames: Iterable[Frame]) -> list[Tensor]:
    return [frame.pixels for frame in frames]


def _require_fitting(
    ending: list[Frame], beginning: list[Frame], overlap: int, number: int
) -> None:
    needed = max(1, overlap)
    for frames, which in ((ending, number - 1), (beginning, number)):
        if len(frames) < needed and which:
            raise InputError(
                f"clip {which}: expected at least {needed} frames, got {len(frames)}. "
                "Use a longer clip, or a smaller overlap."
            )
    sizes = [tuple(frames[0].pixels.shape) for frames in (ending, beginning) if frames]
    if len(set(sizes)) > 1:
        before, found = (
            f"{width}x{height} with {channels} channels" for height, width, channels in sizes
        )
        raise InputError(
            f"clip {number}: expected {before} like the clip before, got {found}. "
            "Scale or convert one of them."
        )
