"""The job to enhance a clip: the same frames at the same rate, into files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from torch import Tensor

from ..frames import Frame, with_float_pixels
from ..preprocess import DEFAULT_THRESHOLD, Cut, CutList, with_cuts
from ..read import Clip
from ..synthesis import FeaturesT, FrameEnhancer, enhance_stream
from ..tracks import AudioMode, SourceTracks
from .prefetch import prefetched
from .render import hash_settings


@dataclass(frozen=True)
class EnhancementJob:
    """A clip that is to be enhanced.

    Attributes:
        clip: the source.
        scene_threshold: of the cut detector; 0 turns it off.
        cuts: those given by hand.
        dither: see ``InterpolationJob``.
    """

    clip: Clip
    scene_threshold: float = DEFAULT_THRESHOLD
    cuts: CutList = field(default_factory=CutList)
    dither: bool = False

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

    def resume_key(self, *details: str) -> str | None:
        """Hash everything that decides the pixels; see ``RenderJob``."""
        settings = ("enhance", repr(self.scene_threshold), repr(self.cuts), repr(self.dither))
        return hash_settings(self.clip, *settings, *details)

    def frames(
        self,
        enhancer: FrameEnhancer[FeaturesT],
        on_cut: Callable[[Cut], object],
        *,
        first: int = 0,
        bit_depth: int = 8,
        check: Callable[[], object] | None = None,
    ) -> Generator[Tensor, None, None]:
        """Read the clip and yield the frames of the result; see ``RenderJob``."""
        with closing(prefetched(self._source(on_cut, bit_depth), check=check)) as source:
            yield from enhance_stream(source, enhancer, first=first)

    def _source(
        self, on_cut: Callable[[Cut], object], bit_depth: int
    ) -> Generator[Frame, None, None]:
        with closing(self.clip.frames()) as frames:
            marked = with_cuts(frames, self.scene_threshold, self.cuts, on_cut)
            yield from steady(
                with_float_pixels(marked) if bit_depth > 8 else marked, self.clip.rate
            )


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
