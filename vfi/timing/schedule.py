"""When output frames are shown, in exact fractions; no frames, no files, no torch.

Output k is shown at k / rate seconds, counted from the first source frame. A source frame is shown
at its own time, or where a speed curve puts it. Where an output lies between two source frames
depends only on these times, so constant and variable frame rates, whole multiples, target rates
and speeds are one case, and no error adds up over a long clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil, floor

from ..errors import InputError
from .speed import NORMAL_SPEED, SpeedCurve

MOST_FRAMES = 10_000_000
"""Of a result: more than a day at 100 frames per second."""
_MOST_BETWEEN = 100_000  # outputs between two frames of the source


class EndRule(str, Enum):
    """Where the output ends."""

    LAST_FRAME = "last-frame"
    """On the last frame: N frames at multiplier m give (N - 1) m + 1, a little less than the source."""
    FULL_DURATION = "full-duration"
    """When the source ends, so that the length fits its audio: N frames give N m."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """At which times a clip is shown.

    Attributes:
        rate: outputs per second. Above the source's, new frames lie between the source's; below
            it, the clip is resampled: frames that no output falls on are left out.
        last_duration: seconds the source shows its last frame, unless the frame itself says it.
        end: where the output ends.
        speed: how fast the source plays.
    """

    rate: Fraction
    last_duration: Fraction
    end: EndRule = EndRule.FULL_DURATION
    speed: SpeedCurve = NORMAL_SPEED

    def timesteps_between(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """List the outputs shown from one source frame until the next.

        Between two neighbouring frames the speed counts as constant.

        Args:
            start: time of the earlier frame, source seconds.
            stop: time of the later frame; after ``start``.

        Returns:
            Timesteps in [0, 1), increasing; 0 is the earlier frame itself.

        Raises:
            InputError: there are absurdly many.
        """
        first, last = self._position(start), self._position(stop)
        count = ceil(last) - ceil(first)
        if count > _MOST_BETWEEN:
            raise InputError(
                f"Between two frames of the source, at {float(start):.3f} s and {float(stop):.3f} s, "
                f"the result would have {_spelled(count)} frames; at most {_spelled(_MOST_BETWEEN)} are "
                "made. Choose a higher speed, a lower frame rate or multiplier, or a part of the "
                "clip without this gap."
            )
        return [(index - first) / (last - first) for index in range(ceil(first), ceil(last))]

    def count_before(self, time: Fraction) -> int:
        """Count the outputs shown before ``time``, a frame's."""
        return ceil(self._position(time))

    def count(self, last: Fraction, duration: Fraction | None = None) -> int:
        """Count the outputs of a clip.

        With ``full-duration`` they last as long as the source, to half an output.

        Args:
            last: time of the last frame, source seconds.
            duration: how long the source shows that frame, seconds; None: ``last_duration``.

        Raises:
            InputError: there are absurdly many.
        """
        if self.end is EndRule.LAST_FRAME:
            count = floor(self._position(last)) + 1
        else:
            shown = self.last_duration if duration is None else duration
            count = max(1, self._rounded(last + shown))
        if count > MOST_FRAMES:
            raise InputError(
                f"The result would have {_spelled(count)} frames; at most {_spelled(MOST_FRAMES)} "
                "are made. Choose a higher speed, a lower frame rate or multiplier, or a part of the "
                "clip."
            )
        return count

    def count_certain(self, time: Fraction) -> int:
        """Count the outputs that are certain once there is a frame at ``time``, whatever follows."""
        if self.end is EndRule.LAST_FRAME:
            return floor(self._position(time)) + 1
        return self._rounded(time)

    def _position(self, time: Fraction) -> Fraction:
        """Convert a source time to outputs since the start; whole where an output is shown."""
        return self.speed.shown_at(time) * self.rate

    def _rounded(self, time: Fraction) -> int:
        return floor(self._position(time) + Fraction(1, 2))


def _spelled(count: int) -> str:
    """Write a count; one beyond all measure by its power of ten."""
    return f"{count:,}" if count < 10**15 else f"about 10^{len(str(count)) - 1}"
