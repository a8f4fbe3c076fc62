"""All preparation of source frames before interpolation, in order.

Scene cuts come first, so that their numbers are those of the source. Then duplicates are smoothed,
and a loop is closed: its seam is not a cut. Duplicates are redrawn last, as those at the end of a loop
lead to its first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction

from torch import Tensor

from ..errors import InputError
from ..frames import Frame
from ..timing import EndRule, Schedule
from .concatenate import closed_loop
from .cuts import Cut, CutList, with_cuts
from .duplicates import redraw_duplicates, smooth_duplicates
from .scene_detection import DEFAULT_THRESHOLD


class Duplicates(str, Enum):
    """What happens to duplicate frames, which repeat the frame before."""

    KEEP = "keep"
    """Treat them like any other frame: motion stops there."""
    SMOOTH = "smooth"
    """Drop them, and spread the motion around them evenly over their time."""
    REDRAW = "redraw"
    """Make new frames in their place; all others keep their times."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How source frames are prepared.

    Attributes:
        scene_threshold: of the cut detector; 0 turns it off.
        cuts: given by the user.
        masks: [H, W] each, 1 where the frame is protected: one for all frames, or one for each.
        duplicates: what happens to duplicate frames.
        loop: the clip leads back to its first frame.
    """

    scene_threshold: float = DEFAULT_THRESHOLD
    cuts: CutList = field(default_factory=CutList)
    masks: Sequence[Tensor] = ()
    duplicates: Duplicates = Duplicates.KEEP
    loop: bool = False

    def fit(self, schedule: Schedule) -> Schedule:
        """Return the schedule of the prepared frames, for a schedule of the source.

        A loop ends just before its first frame is due again.
        """
        if not self.loop:
            return schedule
        return replace(schedule, last_duration=Fraction(0), end=EndRule.FULL_DURATION)

    def apply(
        self,
        frames: Iterable[Frame],
        schedule: Schedule,
        on_cut: Callable[[Cut], object],
        on_redrawn: Callable[[int], object] = lambda _: None,
    ) -> tuple[Iterator[Frame], Schedule]:
        """Prepare the frames of a clip and the schedule that goes with them.

        Args:
            frames: of the source, times strictly increasing from 0; consumed lazily.
            schedule: for the source, not fitted yet.
            on_cut: called with each scene cut, in order.
            on_redrawn: called with the number of repeats in each run that is redrawn.

        Returns:
            The prepared frames, which raise an InputError where a mask has another size than its
            frame, and the fitted schedule.
        """
        frames = with_cuts(frames, self.scene_threshold, self.cuts, on_cut)
        if self.masks:
            frames = _with_masks(frames, self.masks)
        if self.duplicates is Duplicates.SMOOTH:
            frames = smooth_duplicates(frames)
        if self.loop:
            frames = closed_loop(frames, schedule.last_duration)
        if self.duplicates is Duplicates.REDRAW:
            frames = redraw_duplicates(frames, on_redrawn)
        return iter(frames), self.fit(schedule)


def _with_masks(frames: Iterable[Frame], masks: Sequence[Tensor]) -> Iterator[Frame]:
    for number, frame in enumerate(frames):
        mask = masks[min(number, len(masks) - 1)]
        height, width, _ = frame.pixels.shape
        if mask.shape != (height, width):
            found = "x".join(str(size) for size in reversed(mask.shape))
            raise InputError(
                f"The mask is {found}, the frames are {width}x{height}. Scale the mask to the size of "
                "the frames."
            )
        yield replace(frame, mask=mask)
