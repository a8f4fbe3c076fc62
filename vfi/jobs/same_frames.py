"""Jobs whose result has the frames of the source: as many, of the same size, at the same rate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from math import ceil

from torch import Tensor

from ..frames import Frame, as_float
from ..read import Clip
from ..tracks import AudioMode, SourceTracks
from .prefetch import prefetched


@dataclass(frozen=True)
class SameFrames:
    """What such jobs have in common.

    Attributes:
        clip: the source.
    """

    clip: Clip

    @property
    def num_frames(self) -> int | None:
        """How many frames the result has; an estimate, None if unknown."""
        return self.clip.num_frames

    @property
    def width(self) -> int:
        """Of the result, px."""
        return self.clip.width

    @property
    def height(self) -> int:
        """Of the result, px."""
        return self.clip.height

    @property
    def shown_rate(self) -> Fraction:
        """Of the result, frames per second."""
        return self.clip.rate

    @property
    def tempo(self) -> Fraction | None:
        """How many times as fast as the source the result plays."""
        return Fraction(1)

    def tracks(self, audio_mode: AudioMode) -> SourceTracks | None:
        """Return what comes along with the result."""
        tracks = self.clip.tracks
        return tracks and replace(tracks, audio_mode=audio_mode)


@dataclass(frozen=True)
class ConversionJob(SameFrames):
    """A clip that is written as it is, in another format.

    Attributes:
        clip: the source.
        dither: see ``InterpolationJob``.
    """

    dither: bool = False

    def frames(
        self,
        *,
        first: int = 0,
        bit_depth: int = 8,
        check: Callable[[], object] | None = None,
    ) -> Generator[Tensor, None, None]:
        """Read the clip and yield the frames of the result; see ``RenderJob``."""
        with closing(prefetched(self._source(), check=check)) as source:
            for frame in islice(source, first, None):
                yield as_float(frame.pixels) if bit_depth > 8 else frame.pixels

    def _source(self) -> Generator[Frame, None, None]:
        with closing(self.clip.frames()) as frames:
            yield from steady(frames, self.clip.rate)


def steady(frames: Iterable[Frame], rate: Fraction) -> Iterator[Frame]:
    """Resample frames to a constant rate, each at the output time nearest to its own.

    Frames of a constant rate are passed on as they are. At a variable rate, frames that stay longer
    are repeated, as the same tensor, and frames nearest to no output are dropped; the last one is
    always shown.

    Args:
        frames: times strictly increasing from 0.
        rate: frames per second.
    """
    number = 0
    begins_scene = False
    iterator = iter(frames)
    current = next(iterator, None)
    while current is not None:
        following = next(iterator, None)
        begins_scene |= current.begins_scene
        if following:
            stop = _nearest(following.time * rate)
        else:
            stop = max(number + 1, _nearest((current.time + (current.duration or 0)) * rate))
        for _ in range(number, stop):
            yield replace(current, begins_scene=begins_scene)
            begins_scene = False
        number, current = stop, following


def _nearest(position: Fraction) -> int:
    """Round; halves down."""
    return ceil(position - Fraction(1, 2))
