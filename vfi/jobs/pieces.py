"""A job in pieces: what is decided by looking at all frames is decided once, the rest is done apart.

Scene cuts, repeats, loops and times depend on frames that may be far away, so one process looks at the
whole clip and writes down which frames there are after all of this: a :class:`PlannedFrame` is a frame
without its pixels. A :class:`Piece` has those that a run of output frames depends on. Whoever has
it reads these from the source again, and makes exactly the frames that one process would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from torch import Tensor

from ..errors import DecodeError
from ..frames import Frame, with_float_pixels
from ..read import Clip
from ..timing import Schedule


@dataclass(frozen=True, slots=True)
class PlannedFrame:
    """A frame that is ready for a model, but for its pixels.

    Attributes:
        read_at: time at which the clip has its pixels.
        time: at which it is shown; see ``Frame``, like the rest.
        begins_scene: there is a cut before it.
        duration: seconds.
        mask: number of its mask among those of the job; None: it has none.
    """

    read_at: Fraction
    time: Fraction
    begins_scene: bool = False
    duration: Fraction | None = None
    mask: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of frames of a result, and what they are made of.

    Attributes:
        first: number of its first frame in the result, from 0.
        stop: number of the first frame after it.
        frames: all that its frames depend on, in order.
    """

    first: int
    stop: int
    frames: tuple[PlannedFrame, ...]

    @property
    def num_frames(self) -> int:
        """How many frames of the result it has."""
        return self.stop - self.first


def checking(
    frames: Iterable[Frame], check: Callable[[], object] | None
) -> Generator[Frame, None, None]:
    """Pass on frames, and call ``check`` before each."""
    for frame in frames:
        if check is not None:
            check()
        yield frame


def write_down(frames: Iterable[Frame], masks: Sequence[Tensor] = ()) -> Iterator[PlannedFrame]:
    """Pass on all of each frame but the pixels.

    Args:
        frames: of a source, prepared.
        masks: among which those of the frames are.
    """
    numbers = {id(mask): number for number, mask in enumerate(masks)}
    for frame in frames:
        mask = None if frame.mask is None else numbers[id(frame.mask)]
        yield PlannedFrame(frame.read_at, frame.time, frame.begins_scene, frame.duration, mask)


def read_planned(
    clip: Clip, piece: Piece, masks: Sequence[Tensor] = (), *, bit_depth: int = 8
) -> Generator[Frame, None, None]:
    """Yield what a piece is made of, with its pixels, read from the clip.

    It is read from the first of its frames on, and once more where they go back, as a loop does.

    Args:
        clip: the source.
        piece: of a result made of it.
        masks: those of the job.
        bit_depth: above 8, pixels become floating point whatever the source has.

    Raises:
        DecodeError: the clip does not have one of them: it is another file now.
    """
    for run in _forward_runs(piece.frames):
        with closing(_from_first(clip, run[0].read_at)) as read:
            # Converted here, so that a frame that is shown twice remains one tensor.
            frames = with_float_pixels(read) if bit_depth > 8 else iter(read)
            frame: Frame | None = None
            for wanted in run:
                while frame is None or frame.time < wanted.read_at:
                    frame = next(frames, None)
                    if frame is None:
                        raise _is_changed(clip, wanted)
                if frame.time != wanted.read_at:
                    raise _is_changed(clip, wanted)
                mask = None if wanted.mask is None else masks[wanted.mask]
                yield Frame(frame.pixels, wanted.time, wanted.begins_scene, mask, wanted.duration)


def _forward_runs(planned: Sequence[PlannedFrame]) -> Iterator[Sequence[PlannedFrame]]:
    """Split frames where one is read from before the last one."""
    backward = [n for n, (a, b) in enumerate(pairwise(planned), 1) if b.read_at < a.read_at]
    edges = [0, *backward, len(planned)]
    return (planned[start:stop] for start, stop in pairwise(edges))


def _from_first(clip: Clip, start: Fraction) -> Generator[Frame, None, None]:
    """Read a clip from the frame at ``start`` on.

    Where a file cannot be entered there exactly, as one without timestamps, it is read from its start.
    """
    with closing(clip.frames_from(start)) as frames:
        first = next(frames, None)
        if first is not None and first.time == start:
            yield first
            yield from frames
            return
    with closing(clip.frames()) as frames:
        yield from frames


def _is_changed(clip: Clip, wanted: PlannedFrame) -> DecodeError:
    return DecodeError(
        f"{clip.name}: there is no frame at {float(wanted.read_at):.3f} s any more. The file was changed "
        "meanwhile: start again."
    )


def cut_schedule(
    frames: Iterable[PlannedFrame], schedule: Schedule, length: int
) -> Iterator[Piece]:
    """Cut what a schedule shows of a clip into pieces, as soon as each is known.

    Args:
        frames: all of the clip, prepared.
        schedule: fitted to them.
        length: outputs in a piece; only the last one has fewer.
    """
    first = 0
    held: deque[PlannedFrame] = deque()
    for frame in frames:
        held.append(frame)
        while len(held) > 1 and schedule.count_certain(frame.time) >= first + length:
            yield Piece(first, first + length, tuple(held))
            first += length
            while len(held) > 2 and schedule.count_before(held[1].time) <= first:
                held.popleft()
    if not held:
        return
    count = schedule.count(held[-1].time, held[-1].duration)
    for start in range(first, count, length):
        yield Piece(start, min(start + length, count), tuple(held))


def cut_frames(frames: Iterable[PlannedFrame], length: int) -> Iterator[Piece]:
    """Cut frames that are shown one by one, each made with the one before as its reference.

    Args:
        frames: all of the clip, those that are shown twice twice.
        length: frames in a piece; only the last one has fewer.
    """
    first, number = 0, 0
    held: list[PlannedFrame] = []
    for number, frame in enumerate(frames, 1):
        held.append(frame)
        if number == first + length:
            yield Piece(first, number, tuple(held))
            first, held = number, _with_reference(held)
    if number > first:
        yield Piece(first, number, tuple(held))


def _with_reference(held: list[PlannedFrame]) -> list[PlannedFrame]:
    """Keep what the next frame may depend on: the frames that show the last picture, and one before."""
    start = len(held) - 1
    while start and held[start].read_at == held[-1].read_at:
        start -= 1
    return held[start:]
