"""Frames to leave out and make again: spread over a clip, where something moves and no scene ends.

Of a long clip only short parts are read, as the whole takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from torch import Tensor

from ..errors import InputError
from ..frames import Frame, finite, to_uint8
from ..preprocess import DEFAULT_THRESHOLD, apparent_motion, mark_cuts
from ..read import Clip

LONGEST_READ = 60  # s; clips as long as this are read from their first frame to their last
LEAST_MOTION = 0.2
"""px of apparent motion; less is a repeated frame, or noise. See ``preprocess.duplicates``."""
_PART = Fraction(2)  # s, of a part of a long clip
_LEAST_STEPS = 6  # steps from frame to frame in a part: two for a triplet, and some to choose from


@dataclass(frozen=True)
class Part:
    """A stretch of a clip, or all of it.

    Attributes:
        clip: the stretch; its frames begin at time 0.
        start: of the stretch in the clip, s.
    """

    clip: Clip
    start: Fraction = Fraction(0)


@dataclass(frozen=True)
class Triplet:
    """A frame that is left out, and the two it is made from.

    Attributes:
        number: of the frame in the middle, from 0; an estimate in parts of a clip whose rate varies.
        time: of that frame, s.
        timestep: where it is between the two, in (0, 1); 0.5 unless the frame rate varies.
        before: [H, W, 3] uint8.
        real: the frame in the middle.
        after: the same.
    """

    number: int
    time: Fraction
    timestep: float
    before: Tensor
    real: Tensor
    after: Tensor


@dataclass
class Sample:
    """Places in a clip.

    Attributes:
        triplets: in order.
        num_seen: how many places were looked at.
        num_at_cuts: of these, across a scene cut.
        num_still: of these, with a repeated frame or without motion.
    """

    triplets: list[Triplet] = field(default_factory=list[Triplet])
    num_seen: int = 0
    num_at_cuts: int = 0
    num_still: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """From one of the frames that are looked at to the next.

    Attributes:
        moves: by ``LEAST_MOTION`` at least.
        has_cut: a scene begins in between, or at the next.
    """

    moves: bool
    has_cut: bool


def part_starts(
    length: Fraction | None, rate: Fraction, count: int, every: int
) -> tuple[list[Fraction], Fraction | None]:
    """Say which parts of a clip to read for ``count`` places.

    Args:
        length: of the clip, s; None if unknown.
        rate: frames per second.
        count: how many places are wanted.
        every: frames from one to the next of those looked at.

    Returns:
        When the parts begin, s, and how long each is; None for to the end of the clip.
    """
    part = max(_PART, _LEAST_STEPS * every / rate)
    if length is None or length <= max(LONGEST_READ, count * part):
        return [Fraction(0)], None
    gap = (length - part) / max(1, count - 1)
    return [number * gap for number in range(count)], part


def take_sample(
    parts: Sequence[Part],
    count: int,
    every: int = 1,
    on_frame: Callable[[], object] = lambda: None,
) -> Sample:
    """Choose places and read their frames.

    Keeps the chosen frames in memory, at most ``3 * count``, besides a few while it reads. Each part is
    read twice: to find the places, then for their frames.

    Args:
        parts: of the clip, in order.
        count: how many places are wanted.
        every: frames from one to the next of a place; more makes motion larger.
        on_frame: called for each frame that is read; what it raises ends the work.

    Returns:
        The places, fewer than ``count`` where there are no more.

    Raises:
        InputError: there is no place; the message says why.
        DecodeError: a frame does not decode.
    """
    sample = Sample()
    for part in parts:
        steps = list(_steps(part.clip, every, on_frame))
        usable = list(_usable(steps, sample))
        wanted = -(-count // len(parts))
        numbers = {(index + 1) * every for index in _spread(usable, wanted)}
        sample.triplets += _read(part, numbers, every, on_frame)
    if not sample.triplets:
        raise _no_place(parts[0].clip.name, sample, every)
    return sample


def _steps(clip: Clip, every: int, on_frame: Callable[[], object]) -> Iterator[_Step]:
    """Compare each ``every``-th frame of a clip with the one before it."""
    previous: Tensor | None = None
    has_cut = False
    with closing(_frames_of(clip)) as frames:
        for number, (frame, begins_scene) in enumerate(mark_cuts(frames, DEFAULT_THRESHOLD)):
            on_frame()
            has_cut |= begins_scene
            if number % every:
                continue
            if previous is not None:
                motion = apparent_motion(previous, frame.pixels, enough=LEAST_MOTION)
                yield _Step(motion >= LEAST_MOTION, has_cut)
            previous, has_cut = frame.pixels, False


def _frames_of(clip: Clip) -> Generator[Frame, None, None]:
    with closing(clip.frames()) as frames:
        yield from finite(frames, clip.name)


def _usable(steps: Sequence[_Step], sample: Sample) -> Iterator[int]:
    """Yield after which steps there is a frame to make; count the others."""
    for index, pair in enumerate(pairwise(steps)):
        sample.num_seen += 1
        if any(step.has_cut for step in pair):
            sample.num_at_cuts += 1
        elif not all(step.moves for step in pair):
            sample.num_still += 1
        else:
            yield index


def _spread(usable: Sequence[int], count: int) -> list[int]:
    """Choose ``count`` of them, evenly, from the middle of as many equal shares."""
    count = min(count, len(usable))
    return [usable[(2 * number + 1) * len(usable) // (2 * count)] for number in range(count)]


def _read(
    part: Part, numbers: set[int], every: int, on_frame: Callable[[], object]
) -> list[Triplet]:
    """Read the frames of the places with these frames in the middle."""
    wanted = {number + offset for number in numbers for offset in (-every, 0, every)}
    kept: dict[int, Frame] = {}
    with closing(part.clip.frames()) as frames:
        for number, frame in zip(range(max(wanted, default=-1) + 1), frames, strict=False):
            on_frame()
            if number in wanted:
                kept[number] = Frame(to_uint8(frame.pixels)[..., :3], frame.time)
    first = round(part.start * part.clip.rate)
    return [
        _triplet(first + number, part.start, *(kept[number + n] for n in (-every, 0, every)))
        for number in sorted(numbers)
    ]


def _triplet(number: int, start: Fraction, before: Frame, real: Frame, after: Frame) -> Triplet:
    timestep = float((real.time - before.time) / (after.time - before.time))
    return Triplet(number, start + real.time, timestep, before.pixels, real.pixels, after.pixels)


def _no_place(name: str, sample: Sample, every: int) -> InputError:
    if not sample.num_seen:
        return InputError(
            f"{name} is too short: three frames are needed, {every} apart, so that the one in the middle can "
            "be left out and made again. Take a longer clip."
        )
    shown = " and ".join(
        f"{count} {reason}"
        for count, reason in (
            (sample.num_still, "do not move or repeat a frame"),
            (sample.num_at_cuts, "are across a scene cut"),
        )
        if count
    )
    return InputError(
        f"{name} has no frame that can be left out and made again: of {sample.num_seen} places {shown}. "
        f"Compare frames further apart ({2 * every} instead of {every}), or take another clip."
    )
