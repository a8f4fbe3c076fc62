"""Scene cuts: at which frames a new scene begins.

A frame continues its scene if it can be composed of blocks of the frame before it. So both are
reduced to small luma thumbnails, each block of one is searched for in the other, near its place,
and the residual is compared with the contrast. A pan, a zoom and fast action leave a small residual.
Contrast is normalised first, so flicker and fades leave little as well.

The residual also depends on the scene: in a boxing match it is high all the time. A cut is a frame
that stands out from its neighbours. And if the image from before comes back within two frames, it
was a flash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from ..errors import InputError
from ..frames import Frame
from .similarity import make_thumbnail, scene_difference

DEFAULT_THRESHOLD = 0.2

_LOOK_AHEAD = 2  # frames; the longest flash
_MEMORY = 4  # frames; duplicate frames (12 fps in 24) must not make a busy scene look calm
_CALM = 0.1  # how much any scene may change: a jerk of the camera, a light that is switched off
_UNKNOWN = 0.3  # how much a scene with a single frame is assumed to change
_BACK = 0.7  # of the change; a new scene stays as different as it was at first


def mark_cuts(
    frames: Iterable[Frame], threshold: float = DEFAULT_THRESHOLD
) -> Iterator[tuple[Frame, bool]]:
    """Pass frames on and say at which ones a new scene begins.

    Two frames after the one passed on are read and held. Fades and cross-fades are not cuts, nor
    are one or two frames after which the scene continues; a scene as short as that counts as fast
    action. 2 to 6 ms per frame on one core of a CPU, whatever the size.

    Args:
        frames: [H, W, C] each, RGB or RGBA; the sizes may differ.
        threshold: how much more than its neighbours a frame must differ from the one before, up to
            about 0.8. Lower finds more cuts; 0 turns the search off and costs nothing.

    Yields:
        The same frames in the same order, each with whether a new scene begins there; for the
        first frame that is false.

    Raises:
        InputError: ``threshold`` is negative, or no number.
    """
    if not threshold >= 0:  # nor no number at all
        raise InputError(
            f"The scene threshold must be 0 or more, not {threshold}. "
            f"{DEFAULT_THRESHOLD} is a good default; 0 turns the search off."
        )
    if threshold == 0:
        return ((frame, False) for frame in frames)
    return _mark(frames, threshold)


@dataclass(frozen=True, slots=True)
class _MeasuredFrame:
    """A frame, its thumbnail, and how much it differs from the frame before it."""

    frame: Frame
    thumbnail: Tensor
    change: float


def _mark(frames: Iterable[Frame], threshold: float) -> Iterator[tuple[Frame, bool]]:
    source = _measure(frames)
    ahead = deque(islice(source, 1 + _LOOK_AHEAD))
    detector = _Detector(threshold)
    while ahead:
        current = ahead.popleft()
        yield current.frame, detector.begins_scene(current, list(ahead))
        ahead.extend(islice(source, 1))


def _measure(frames: Iterable[Frame]) -> Iterator[_MeasuredFrame]:
    previous: Tensor | None = None
    for frame in frames:
        thumbnail = make_thumbnail(frame.pixels)
        change = 0.0 if previous is None else scene_difference(previous, thumbnail)
        yield _MeasuredFrame(frame, thumbnail, change)
        previous = thumbnail


class _Detector:
    """Decides frame by frame, and remembers how much the scene has changed lately."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._previous: Tensor | None = None
        self._changes: deque[float] = deque(maxlen=_MEMORY)
        self._flash_left = 0  # frames until the image from before the flash is back

    def begins_scene(self, current: _MeasuredFrame, following: list[_MeasuredFrame]) -> bool:
        """Decide about one frame, given the next ones."""
        previous, self._previous = self._previous, current.thumbnail
        if previous is None:
            return False
        if self._flash_left > 0:
            self._flash_left -= 1
            return False
        self._flash_left = self._frames_until_back(previous, current.change, following)
        if self._flash_left > 0:
            return False
        nearby = [*self._changes, *(later.change for later in following)]
        if current.change - max(_CALM, *nearby or [_UNKNOWN]) > self._threshold:
            return True
        self._changes.append(current.change)
        return False

    def _frames_until_back(
        self, before: Tensor, change: float, following: list[_MeasuredFrame]
    ) -> int:
        """Count the frames until the image ``before`` the current one is back; 0 if it is not."""
        if change > self._threshold:
            for count, later in enumerate(following, 1):
                if scene_difference(before, later.thumbnail) < _BACK * change:
                    return count
        return 0
