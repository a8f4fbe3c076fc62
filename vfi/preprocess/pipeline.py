"""What is done to source frames before new ones are put between them, in its order.

Cuts come first, so that their numbers are those of the source. Then repeats are taken out, and at
last a loop is closed: its seam is no cut.
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
from .duplicates import smoothed
from .scene_detection import DEFAULT_THRESHOLD


class Duplicates(str, Enum):
    """What happens to frames that repeat the one before."""

    KEEP = "keep"
    """They are frames like any other: motion stops there."""
    SMOOTH = "smooth"
    """They are left out, and the motion around them takes their time as well."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to source frames.

    Attributes:
        scene_threshold: of the cut detector; 0 turns it off.
        cuts: those given by hand.
        masks: [H, W] each, 1 where the picture is protected: one for all frames, or one for each.
        duplicates: what happens to repeated frames.
        loop: the clip leads back to its first frame. Then :meth:`schedule` has to be asked.
    """

    scene_threshold: float = DEFAULT_THRESHOLD
    cuts: CutList = field(default_factory=CutList)
    masks: Sequence[Tensor] = ()
    duplicates: Duplicates = Duplicates.KEEP
    loop: bool = False

    def schedule(self, schedule: Schedule) -> Schedule:
        """Fit a schedule to the frames: a loop ends just before its first frame is due again."""
        if not self.loop:
            return schedule
        return replace(schedule, last_duration=Fraction(0), end=EndRule.FULL_DURATION)

    def apply(
        self, frames: Iterable[Frame], last_duration: Fraction, report: Callable[[Cut], object]
    ) -> Iterator[Frame]:
        """Prepare the frames of a clip, lazily.

        Args:
            frames: times strictly increasing from 0.
            last_duration: seconds the source shows its last frame, where that is not known of it.
            report: called with each cut, in order.

        Raises:
            InputError: a mask has another size than its frame.
        """
        frames = with_cuts(frames, self.scene_threshold, self.cuts, report)
        if self.masks:
            frames = _with_masks(frames, self.masks)
        if self.duplicates is Duplicates.SMOOTH:
            frames = smoothed(frames)
        return closed_loop(frames, last_duration) if self.loop else iter(frames)


def _with_masks(frames: Iterable[Frame], masks: Sequence[Tensor]) -> Iterator[Frame]:
    for number, frame in enumerate(frames):
        mask = masks[min(number, len(masks) - 1)]
        height, width, _ = frame.pixels.shape
        if mask.shape != (height, width):
            found = "x".join(str(size) for size in reversed(mask.shape))
            raise InputError(
                f"mask: expected {width}x{height} like the frames, got {found}. Scale the mask."
            )
        yield replace(frame, mask=mask)
