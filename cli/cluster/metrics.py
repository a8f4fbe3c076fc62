"""What Ray's dashboard shows of the work, where it is installed."""

from __future__ import annotations

from ray.util.metrics import Counter


class FramesMade:
    """Counts frames, as the metric ``rife_frames_made``."""

    def __init__(self) -> None:
        self._counter = Counter("rife_frames_made", description="Frames of results.")

    def add(self, number: int) -> None:
        """Count frames."""
        if number:
            self._counter.inc(number)
