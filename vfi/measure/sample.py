"""Frames to leave out and make again: spread over a clip, where something moves and no scene ends.

Of a long clip only short parts are read, as the whole takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from torch import Tensor

from ..errors import InputError
from ..frames import Frame, finite, to_uint8
from ..preprocess import DEFAULT_THRESHOLD, apparent_motion, mark_cuts
from ..read import Clip

LONGEST_READ = 60  # s; clips as long as this are read from their first frame to their last
LEAST_MOTION = 0.2
"""px of apparent motion; less is a repeated frame, or noise. See ``preprocess.duplicates``."""
ItemT = TypeVar("ItemT")
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


class NoPlaceError(InputError):
    """A clip reads well, and has no frame that could be left out and made again."""


@dataclass(kw_only=True)
class Survey:
    """How many places of clips were looked at, and why some are not used.

    Attributes:
        num_seen: places that were looked at.
        num_at_cuts: of these, across a scene cut.
        num_still: of these, with a repeated frame or without motion.
    """

    num_seen: int = 0
    num_at_cuts: int = 0
    num_still: int = 0

    def add(self, other: Survey) -> None:
        """Count the places of another clip as well."""
        self.num_seen += other.num_seen
        self.num_at_cuts += other.num_at_cuts
        self.num_still += other.num_still


@dataclass
class Sample(Survey):
    """Places in a clip, with their frames.

    Attributes:
        triplets: in order.
    """

    triplets: list[Triplet] = field(default_factory=list[Triplet])


@dataclass(frozen=True)
class Plan:
    """Places in a clip, whose frames are read when they are wanted.

    Attributes:
        parts: of the clip, each with the numbers in it of the frames in the middle.
        every: frames from one to the next of a place.
        survey: how many places there were.
    """

    parts: Sequence[tuple[Part, frozenset[int]]]
    every: int
    survey: Survey

    def __len__(self) -> int:
        """Count the places."""
        return sum(len(numbers) for _, numbers in self.parts)

    def read(self, on_frame: Callable[[], object] = lambda: None) -> Generator[Triplet, None, None]:
        """Read the places in order; keeps the frames of places that overlap, and nothing else.

        Args:
            on_frame: called for each frame that is read; what it raises ends the work.

        Raises:
            DecodeError: a frame does not decode.
        """
        for part, numbers in self.parts:
            yield from _read(part, numbers, self.every, on_frame)


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
        NoPlaceError: there is no place; the message says why.
        DecodeError: a frame does not decode.
    """
    plan = plan_sample(parts, count, every, on_frame)
    return Sample(**vars(plan.survey), triplets=list(plan.read(on_frame)))


def plan_sample(
    parts: Sequence[Part],
    count: int,
    every: int = 1,
    on_frame: Callable[[], object] = lambda: None,
) -> Plan:
    """Choose places, and leave their frames to be read; see :func:`take_sample`."""
    survey = Survey()
    chosen: list[tuple[Part, frozenset[int]]] = []
    for part in parts:
        steps = list(_steps(part.clip, every, on_frame))
        usable = list(_usable(steps, survey))
        wanted = -(-count // len(parts))
        numbers = {(index + 1) * every for index in spread(usable, wanted)}
        chosen.append((part, frozenset(numbers)))
    plan = Plan(chosen, every, survey)
    if not len(plan):
        raise _no_place(parts[0].clip.name, survey, every)
    return plan


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


def _usable(steps: Sequence[_Step], survey: Survey) -> Iterator[int]:
    """Yield after which steps there is a frame to make; count the others."""
    for index, pair in enumerate(pairwise(steps)):
        survey.num_seen += 1
        if any(step.has_cut for step in pair):
            survey.num_at_cuts += 1
        elif not all(step.moves for step in pair):
            survey.num_still += 1
        else:
            yield index


def spread(usable: Sequence[ItemT], count: int) -> list[ItemT]:
    """Choose ``count`` of them, evenly, from the middle of as many equal shares."""
    count = min(count, len(usable))
    return [usable[(2 * number + 1) * len(usable) // (2 * count)] for number in range(count)]


def _read(
    part: Part, numbers: Collection[int], every: int, on_frame: Callable[[], object]
) -> Generator[Triplet, None, None]:
    first = round(part.start * part.clip.rate)
    offsets = (-every, 0, every)
    wanted = {number + offset for number in numbers for offset in offsets}
    kept: dict[int, Frame] = {}
    with closing(part.clip.frames()) as frames:
        for index, frame in zip(range(max(wanted, default=-1) + 1), frames, strict=False):
            on_frame()
            if index in wanted:
                kept[index] = Frame(to_uint8(frame.pixels)[..., :3], frame.time)
            if (number := index - every) in numbers:
                near = [kept[number + offset] for offset in offsets]
                kept = {other: kept[other] for other in kept if other > number - every}
                yield _triplet(first + number, part.start, *near)


def _triplet(number: int, start: Fraction, before: Frame, real: Frame, after: Frame) -> Triplet:
    timestep = float((real.time - before.time) / (after.time - before.time))
    return Triplet(number, start + real.time, timestep, before.pixels, real.pixels, after.pixels)


def _no_place(name: str, survey: Survey, every: int) -> NoPlaceError:
    if not survey.num_seen:
        return NoPlaceError(
            f"{name} is too short: three frames are needed, {every} apart, so that the one in the middle can "
            "be left out and made again. Take a longer clip."
        )
    shown = " and ".join(
        f"{count} {reason}"
        for count, reason in (
            (survey.num_still, "do not move or repeat a frame"),
            (survey.num_at_cuts, "are across a scene cut"),
        )
        if count
    )
    return NoPlaceError(
        f"{name} has no frame that can be left out and made again: of {survey.num_seen} places {shown}. "
        f"Compare frames further apart ({2 * every} instead of {every}), or take another clip."
    )
