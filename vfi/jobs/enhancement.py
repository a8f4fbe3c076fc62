"""The job to enhance a clip: the same frames at the same rate, into files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field

from torch import Tensor

from ..frames import Frame, with_float_pixels
from ..preprocess import DEFAULT_THRESHOLD, Cut, CutList, with_cuts
from ..synthesis import FeaturesT, FrameEnhancer, enhance_stream
from .pieces import Piece, checking, cut_frames, read_planned, write_down
from .prefetch import prefetched
from .render import hash_settings
from .same_frames import SameFrames, steady


@dataclass(frozen=True)
class EnhancementJob(SameFrames):
    """A clip that is to be enhanced.

    Attributes:
        clip: the source.
        scene_threshold: of the cut detector; 0 turns it off.
        cuts: those given by hand.
        dither: see ``InterpolationJob``.
    """

    scene_threshold: float = DEFAULT_THRESHOLD
    cuts: CutList = field(default_factory=CutList)
    dither: bool = False

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

    def pieces(
        self,
        on_cut: Callable[[Cut], object],
        *,
        length: int,
        check: Callable[[], object] | None = None,
    ) -> Generator[Piece, None, None]:
        """Look at all frames of the clip, and yield the result in pieces; see ``SplitJob``."""
        with closing(self._source(on_cut, 8)) as frames:
            yield from cut_frames(write_down(checking(frames, check)), length)

    def frames_of(
        self, enhancer: FrameEnhancer[FeaturesT], piece: Piece, *, bit_depth: int = 8
    ) -> Generator[Tensor, None, None]:
        """Yield the frames of a piece; see ``SplitJob``."""
        frames = read_planned(self.clip, piece, bit_depth=bit_depth)
        with closing(prefetched(frames)) as source:
            num_before = len(piece.frames) - piece.num_frames
            yield from enhance_stream(source, enhancer, first=num_before)

    def _source(
        self, on_cut: Callable[[Cut], object], bit_depth: int
    ) -> Generator[Frame, None, None]:
        with closing(self.clip.frames()) as frames:
            marked = with_cuts(frames, self.scene_threshold, self.cuts, on_cut)
            yield from steady(
                with_float_pixels(marked) if bit_depth > 8 else marked, self.clip.rate
            )
