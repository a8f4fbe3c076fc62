"""The job to enhance a clip: the same frames at the same rate, into files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field

from torch import Tensor

from ..frames import Frame, with_float_pixels
from ..preprocess import DEFAULT_THRESHOLD, Cut, CutList, with_cuts
from ..synthesis import FeaturesT, FrameEnhancer, enhance_stream
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

    def _source(
        self, on_cut: Callable[[Cut], object], bit_depth: int
    ) -> Generator[Frame, None, None]:
        with closing(self.clip.frames()) as frames:
            marked = with_cuts(frames, self.scene_threshold, self.cuts, on_cut)
            yield from steady(
                with_float_pixels(marked) if bit_depth > 8 else marked, self.clip.rate
            )
