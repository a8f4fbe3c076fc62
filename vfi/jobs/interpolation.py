"""A job: a clip becomes files, frame by frame, and goes on where it was interrupted.

The command line and the node for videos differ in where they take the settings from and how they
show progress; what they do is here, so that the same settings give the same files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import TracebackType
from typing import Any, Protocol

import numpy.typing as npt
from torch import Tensor

from .. import __version__
from ..frames import Frame, to_bit_depth, with_float_pixels
from ..preprocess import Cut, Preparation
from ..read import Clip
from ..synthesis import AtCut, FeaturesT, Interpolator, interpolate_stream
from ..timing import Schedule
from ..tracks import AudioMode, SourceTracks
from ..visualize import Montage
from .prefetch import prefetched


class Sink(Protocol):
    """Where frames go: a context manager whose files have their names when its block ends well.

    Attributes:
        depth: bits of a value it takes: 8, 16, or 32 for floating point.
        has_alpha: it takes RGBA.
        part_length: of how many frames ``begin_at`` takes multiples.
        is_whole: the frames that are finished are all there will be; ``begin_at`` takes that too.
    """

    @property
    def depth(self) -> int: ...  # noqa: D102  the class says it
    @property
    def has_alpha(self) -> bool: ...  # noqa: D102
    @property
    def part_length(self) -> int: ...  # noqa: D102
    @property
    def is_whole(self) -> bool: ...  # noqa: D102

    @property
    def num_finished(self) -> int:
        """How many frames an interrupted run of the same job has left here."""
        ...

    def begin_at(self, number: int) -> None:
        """Take ``number`` as the first frame that is written, at most ``num_finished``."""
        ...

    def __enter__(self) -> object: ...
    def write(self, pixels: npt.NDArray[Any]) -> None:
        """Take the next frame, [H, W, 3 or 4], unsigned or float32 as ``depth`` says."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class FrameSource(Protocol):
    """Makes the frames of a result."""

    def __call__(self, *, first: int, is_deep: bool) -> Generator[Tensor, None, None]:
        """Yield [H, W, C], from the frame of this number on, with more than 8 bits if wanted."""
        ...


@dataclass(frozen=True)
class Job:
    """What is to be shown of a clip, and when.

    Attributes:
        clip: the source.
        schedule: at which times the source is shown, before the preparation.
        preparation: what is done to the frames before new ones are put between them.
        shown_rate: frames per second that the result says it has; other than the schedule's, the
            result plays slower or faster.
        at_cut: what is shown between two scenes.
        montage: shows each frame together with the source, as it plays without interpolation.
        dither: where 8 bits are written, spread what lies between two levels over the pixels
            around, see :func:`render`.
    """

    clip: Clip
    schedule: Schedule
    shown_rate: Fraction
    preparation: Preparation = field(default_factory=Preparation)
    at_cut: AtCut = AtCut.NEAREST
    montage: Montage | None = None
    dither: bool = False

    @property
    def num_frames(self) -> int | None:
        """How many frames the result has; an estimate, None if unknown."""
        clip = self.clip
        if clip.num_frames is None:
            return None
        end = clip.num_frames / clip.rate if clip.duration is None else clip.duration
        schedule = self.preparation.fit(self.schedule)
        return schedule.count(end if self.preparation.loop else end - 1 / clip.rate)

    @property
    def width(self) -> int:
        """Of the result, px."""
        return (self.montage or self.clip).width

    @property
    def height(self) -> int:
        """Of the result, px."""
        return (self.montage or self.clip).height

    @property
    def tempo(self) -> Fraction | None:
        """How many times as fast as the source the result plays; None where that changes."""
        first, *more = self.schedule.speed.points
        return None if more else first.speed * self.shown_rate / self.schedule.rate

    def tracks(self, audio_mode: AudioMode) -> SourceTracks | None:
        """Return what comes along with the result, as fast as its picture.

        What has timestamps, such as audio, is left out where the speed changes on the way.
        """
        tracks = self.clip.tracks
        if tracks is None:
            return None
        if self.tempo is None:
            return SourceTracks(tracks.path, tags=tracks.tags)
        return replace(tracks, tempo=self.tempo, audio_mode=audio_mode)

    def fingerprint(self, *details: str) -> str | None:
        """Hash everything that decides the pixels; None if the source cannot be told from others.

        Args:
            details: what the caller knows: the model and its settings.
        """
        masks = [hashlib.sha256(mask.numpy().tobytes()).hexdigest() for mask in self._masks]
        settings = [
            repr(self.schedule),
            repr(replace(self.preparation, masks=())),
            *masks,
            self.at_cut.value,
            repr(self.montage and self.montage.settings),
            repr(self.dither),
        ]
        return hash_settings(self.clip, *settings, *details)

    @property
    def _masks(self) -> Sequence[Tensor]:
        return [mask.cpu().float().contiguous() for mask in self.preparation.masks]

    def frames(
        self,
        interpolator: Interpolator[FeaturesT],
        on_cut: Callable[[Cut], object],
        *,
        first: int = 0,
        is_deep: bool = False,
        check: Callable[[], object] | None = None,
    ) -> Generator[Tensor, None, None]:
        """Read the clip and yield the frames of the result; closing this closes the source.

        Args:
            interpolator: the model.
            on_cut: called with each cut, in order.
            first: number of the first frame that is wanted.
            is_deep: new frames are wanted in more than 8 bits, whatever the source has.
            check: called before each frame of the source is used, many of which may go by without
                one of the result; what it raises ends the work.

        Yields:
            [H, W, C], see ``Frame``.
        """
        with closing(prefetched(self._source(on_cut, is_deep), check=check)) as source:
            yield from interpolate_stream(
                source,
                interpolator,
                self.preparation.fit(self.schedule),
                at_cut=self.at_cut,
                compare=self.montage and self.montage.compose,
                first=first,
            )

    def _source(
        self, on_cut: Callable[[Cut], object], is_deep: bool
    ) -> Generator[Frame, None, None]:
        with closing(self.clip.frames()) as frames:
            prepared, _ = self.preparation.apply(frames, self.schedule, on_cut)
            yield from with_float_pixels(prepared) if is_deep else prepared


def hash_settings(clip: Clip, *settings: str) -> str | None:
    """Hash what decides the pixels; None if the source cannot be told from others."""
    if not clip.identity:
        return None
    return hashlib.sha256(json.dumps([__version__, clip.identity, *settings]).encode()).hexdigest()


def plan_job(
    clip: Clip,
    schedule: Schedule,
    *,
    shown_rate: Fraction | None = None,
    preparation: Preparation | None = None,
    at_cut: AtCut = AtCut.NEAREST,
    montage: Montage | None = None,
    dither: bool = False,
) -> Job:
    """Make a job of a clip and the moments to show; by default it plays at their rate."""
    preparation = preparation or Preparation()
    return Job(clip, schedule, shown_rate or schedule.rate, preparation, at_cut, montage, dither)


def render(
    frames: FrameSource,
    sinks: Sequence[Sink],
    *,
    watch: Callable[[int, Tensor | None], object],
    dither: bool = False,
) -> int:
    """Write the result, from where an interrupted run of the same job has stopped.

    The source is read from its start all the same, as cuts and repeats are found by what was
    before; only the network's work is spared.

    Args:
        frames: makes them, such as :meth:`Job.frames` with its model.
        sinks: where to; not entered yet.
        watch: called at first and after each frame, with the number of frames that are there and
            the last of them. What it raises ends the job.
        dither: for sinks of 8 bits, have frames made with more and dither them, see
            :func:`to_dithered_uint8`.

    Returns:
        How many frames the result has.
    """
    number = _first_frame(sinks)
    is_deep = dither or any(sink.depth > 8 for sink in sinks)
    with ExitStack() as stack:
        source = stack.enter_context(closing(frames(first=number, is_deep=is_deep)))
        for sink in sinks:
            stack.enter_context(sink)
        watch(number, None)
        for pixels in source:
            for sink in sinks:
                sink.write(_fitted(pixels, sink, dither=dither))
            number += 1
            watch(number, pixels)
    return number


def _first_frame(sinks: Sequence[Sink]) -> int:
    """Let all sinks begin at the last frame from which each of them can go on."""
    first = min(sink.num_finished for sink in sinks)
    while any(not _can_begin_at(sink, first) for sink in sinks):
        first -= 1
    for sink in sinks:
        sink.begin_at(first)
    return first


def _can_begin_at(sink: Sink, number: int) -> bool:
    is_end = sink.is_whole and number == sink.num_finished
    return is_end or number % sink.part_length == 0


def _fitted(pixels: Tensor, sink: Sink, *, dither: bool) -> npt.NDArray[Any]:
    colours = pixels if sink.has_alpha else pixels[..., :3]
    return to_bit_depth(colours, sink.depth, dither=dither).numpy()
