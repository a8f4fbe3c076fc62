"""Scene cuts: at which frames a new scene begins.

A frame continues its scene if it can be composed of blocks of the frame before it. So both are
reduced to small luma thumbnails, each block of one is searched for in the other, near its place,
and the residual is compared with the contrast. A pan, a zoom and fast action leave a small residual.
Contrast is normalised first, so flicker and fades leave little as well.

The residual also depends on the scene: in a boxing match it is high all the time. A cut is a frame
that changes the image more than the frames around it do, one by one and two at a time: what moves
twice as fast for once, because a frame is missing, is no cut. It has to stand out in coarse
thumbnails, which follow fast motion, and in fine ones, which are not fooled by light that changes.
And if the image from before comes back within two frames, it was a flash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from ..errors import InputError
from ..frames import Frame
from .similarity import COARSE, FINE, make_thumbnail, scene_difference

DEFAULT_THRESHOLD = 0.2

_SIDES = (COARSE, FINE)
_LOOK_AHEAD = 4  # frames; a hold of up to four (6 fps in 24) must not make a busy scene look calm
_MEMORY = 9  # frames, for the same reason: two such holds
_LONGEST_FLASH = 2  # frames
# Of residuals, which are 0 to about 0.8. The default asks for 0.09 more than is usual nearby; on the clips of
# benchmarks/README.md no frame without a cut reaches it.
_EXPONENT = 1.5  # of the threshold
_CALM = 0.1  # how much any scene may change: a jerk of the camera, a light that is switched off
_SHORTER_THAN_HOLD = 2  # frames: between drawings held as short, there are others to look at
_QUIET = 5  # frames of the past, enough to tell a hold of four
_REPEATED = 0.02  # change of a frame that is encoded once more
_UNKNOWN = 0.3  # how much a scene is assumed to change where there is nothing to tell
_UNRELATED = 0.45  # two frames that have next to nothing in common
_SHORT = 2  # times the margin: asked of a scene that ends within four frames, as fast action does
_BACK = 0.7  # of the change; a new scene stays as different as it was at first


def mark_cuts(
    frames: Iterable[Frame], threshold: float = DEFAULT_THRESHOLD
) -> Iterator[tuple[Frame, bool]]:
    """Pass frames on and say at which ones a new scene begins.

    Four frames after the one passed on are read and held. Fades and cross-fades are not cuts, nor
    are one or two frames after which the scene continues. 3 to 8 ms per frame on one core of a CPU,
    whatever the size; 0.3 s where there is a cut.

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
class _Look:
    """What is kept of a frame: its thumbnails, and how much the coarse one differs from the one before."""

    thumbnails: Sequence[Tensor]
    change: float


def _mark(frames: Iterable[Frame], threshold: float) -> Iterator[tuple[Frame, bool]]:
    source = _measure(frames)
    ahead = deque(islice(source, 1 + _LOOK_AHEAD))
    detector = _Detector(threshold**_EXPONENT)
    while ahead:
        frame, look = ahead.popleft()
        yield frame, detector.begins_scene(look, [later for _, later in ahead])
        ahead.extend(islice(source, 1))


def _measure(frames: Iterable[Frame]) -> Iterator[tuple[Frame, _Look]]:
    previous: _Look | None = None
    for frame in frames:
        thumbnails = [make_thumbnail(frame.pixels, side) for side in _SIDES]
        look = _Look(thumbnails, 0.0)
        if previous is not None:
            look = _Look(thumbnails, _difference(previous, look))
        yield frame, look
        previous = look


def _difference(look0: _Look, look1: _Look, size: int = 0) -> float:
    return scene_difference(look0.thumbnails[size], look1.thumbnails[size])


class _Detector:
    """Decides frame by frame, and remembers the scene so far."""

    def __init__(self, margin: float) -> None:
        self._margin = margin
        self._past: deque[_Look] = deque(maxlen=_MEMORY)  # of this scene, without flashes
        self._flash_left = 0  # frames until the image from before the flash is back

    def begins_scene(self, current: _Look, following: list[_Look]) -> bool:
        """Decide about one frame, given the next ones."""
        if self._flash_left > 0:
            self._flash_left -= 1
            if self._flash_left == 0:
                self._past.append(_Look(current.thumbnails, _difference(self._past[-1], current)))
            return False
        if self._past and self._exceeds(current.change, list(self._past)[1:]):
            self._flash_left = self._frames_until_back(current.change, following)
            if self._flash_left > 0:
                return False
            if self._is_cut(current, following):
                self._past.clear()
                self._past.append(current)
                return True
        self._past.append(current)
        return False

    def _frames_until_back(self, change: float, following: list[_Look]) -> int:
        """Count the frames until the image before the current one is back; 0 if it is not."""
        for count, later in enumerate(following[:_LONGEST_FLASH], 1):
            if _difference(self._past[-1], later) < _BACK * change:
                return count
        return 0

    def _is_cut(self, current: _Look, following: list[_Look]) -> bool:
        """Tell whether a frame changes the image more than the frames around it do."""
        end = self._next_cut(current, following)
        parts = [list(self._past), [current, *following[:end]], following[end:]]
        if not self._exceeds(current.change, [look for part in parts for look in part[1:]]):
            return False
        margin = self._margin * (1 if end == len(following) else _SHORT)
        return all(
            _change_at_once(parts[0], parts[1], size) - _usual_change(parts, size) > margin
            for size in range(len(_SIDES))
        )

    def _next_cut(self, current: _Look, following: list[_Look]) -> int:
        """Count the frames until a third scene begins, if this one is that short; else all.

        Three or four may as well be the hold of a drawing, unless nothing moved for longer before.
        """
        longest = len(following) if len(self._past) >= _QUIET else _SHORTER_THAN_HOLD
        for count, later in enumerate(following[:longest]):
            changes = [current.change, later.change]
            if count < _LONGEST_FLASH:
                changes.append(_difference(self._past[-1], later))
            if min(changes) > _UNRELATED:
                return count
        return len(following)

    def _exceeds(self, change: float, others: list[_Look]) -> bool:
        """Tell whether a change may be a cut; a quick look before the thorough one."""
        return change - max([_CALM, *(look.change for look in others)]) > self._margin


def _change_at_once(past: list[_Look], scene: list[_Look], size: int) -> float:
    """Measure how much a scene differs from the one before, less what grows with the distance.

    Where motion begins or ends suddenly, frames that are further apart differ still more.
    """
    change = _difference(past[-1], scene[0], size)
    wider = [(past[-2], scene[0])] if len(past) > 1 else []
    wider += [(past[-1], scene[1])] if len(scene) > 1 else []
    return 2 * change - max([change, *(_difference(*looks, size) for looks in wider)])


def _usual_change(parts: list[list[_Look]], size: int) -> float:
    """Measure how much a scene changes in one frame and in two; the mean of the largest of both.

    Repeated frames do not count: of animation on twos two drawings are compared.
    """
    if all(len(part) < 2 for part in parts):
        return _UNKNOWN
    steps, leaps = (
        [
            _difference(look0, look1, size)
            for part in map(_without_repeats, parts)
            for look0, look1 in zip(part, part[distance:], strict=False)
        ]
        for distance in (1, 2)
    )
    step = max(steps, default=0.0)
    return max(_CALM, (step + max([step, *leaps])) / 2)


def _without_repeats(looks: list[_Look]) -> list[_Look]:
    return looks[:1] + [look for look in looks[1:] if look.change > _REPEATED]
