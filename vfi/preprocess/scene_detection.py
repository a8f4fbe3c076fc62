"""Scene cuts: at which frames a new scene begins.

A frame continues its scene when it can be put together from pieces of the frame before it. So both
are made small and grey, each block of one is looked for in the other, near its place, and what is
left over is compared with what there is to see. A pan, a zoom and fast action leave little. Contrast
is made the same before, so flicker and fades leave little as well.

What is left over also depends on the scene: in a boxing match it is high all the time. A cut is a
frame that stands out from its neighbours. And if the picture from before comes back within two
frames, it was a flash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch.nn.functional as F
from torch import Tensor

from ..alpha import premultiply
from ..errors import InputError
from ..frames import Frame

DEFAULT_THRESHOLD = 0.2

_GRID = 32  # px, side of a thumbnail
_BLOCK = 8  # px of a thumbnail
_REACH = 8  # px of a thumbnail: motion of a quarter of the picture per frame is followed
_DARKNESS = 0.02  # contrast of a picture that is as good as black
_FLOOR = 0.15  # contrast of a thumbnail; keeps noise in such a picture from counting
# Luma. Alpha counts as light as well, so that a black object on nothing is seen; where all is opaque
# it adds the same everywhere, which is taken off with the mean.
_LIGHT = (0.299, 0.587, 0.114, 0.5)
_SAMPLES = 256  # rows and columns of a frame that are looked at, about

_LOOK_AHEAD = 2  # frames; the longest flash
_MEMORY = 4  # frames; repeated frames (12 fps in 24) must not make a busy scene look calm
_CALM = 0.1  # how much any scene may change: a jerk of the camera, a light that is switched off
_UNKNOWN = 0.3  # how busy a scene is taken to be of which there is one frame
_BACK = 0.7  # of the change; a new scene stays as different as it was at first


def mark_cuts(
    frames: Iterable[Frame], threshold: float = DEFAULT_THRESHOLD
) -> Iterator[tuple[Frame, bool]]:
    """Pass frames on and say at which ones a new scene begins.

    Two frames after the one passed on are read and held. Fades and cross-fades are no cuts, nor is
    a picture of one or two frames after which the scene goes on; a scene as short as that is taken
    for fast action. 2 to 6 ms per frame on one core of a CPU, whatever the size.

    Args:
        frames: [H, W, C] each, RGB or RGBA; the sizes may differ.
        threshold: how much more than its neighbours a frame must differ from the one before, above
            0 to about 0.8. Lower finds more cuts. 0 finds none and costs nothing.

    Yields:
        The same frames in the same order, each with whether a scene begins there. The first frame
        begins none.

    Raises:
        InputError: ``threshold`` is negative.
    """
    if threshold < 0:
        raise InputError(
            f"scene threshold: expected 0 or more, got {threshold}. "
            f"{DEFAULT_THRESHOLD} is a good default, 0 switches the search off."
        )
    if threshold == 0:
        return ((frame, False) for frame in frames)
    return _mark(frames, threshold)


def difference(thumbnail0: Tensor, thumbnail1: Tensor) -> float:
    """Measure how much of two pictures is not explained by motion or a change of brightness.

    Args:
        thumbnail0: from :func:`make_thumbnail`.
        thumbnail1: likewise.

    Returns:
        0 for the same picture, 0.7 to 1 for two that have nothing in common; symmetric.
    """
    residual, contrast = _compare(thumbnail0, thumbnail1)
    residual_back, contrast_back = _compare(thumbnail1, thumbnail0)
    return (residual + residual_back) / (contrast + contrast_back + 2 * _FLOOR)


def make_thumbnail(pixels: Tensor) -> Tensor:
    """Make what two frames are compared by: [H, W, C] -> [32, 32] float32, CPU.

    Luma as it is seen, with the mean taken off and scaled to a contrast of nearly 1: a scene looks
    the same in any light. Pictures without contrast stay without.
    """
    height, width, _ = pixels.shape
    rows, columns = max(1, height // _SAMPLES), max(1, width // _SAMPLES)
    sample = premultiply(pixels[::rows, ::columns])
    luma = sample @ sample.new_tensor(_LIGHT[: sample.shape[-1]])
    if not pixels.is_floating_point():
        luma /= 255
    thumbnail = F.adaptive_avg_pool2d(luma[None], _GRID)[0].cpu()
    thumbnail -= thumbnail.mean()
    return thumbnail / (thumbnail.abs().mean() + _DARKNESS)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame, its thumbnail, and how much it differs from the frame before it."""

    frame: Frame
    thumbnail: Tensor
    change: float


def _mark(frames: Iterable[Frame], threshold: float) -> Iterator[tuple[Frame, bool]]:
    source = _look_at(frames)
    ahead = deque(islice(source, 1 + _LOOK_AHEAD))
    detector = _Detector(threshold)
    while ahead:
        seen = ahead.popleft()
        yield seen.frame, detector.begins_scene(seen, list(ahead))
        ahead.extend(islice(source, 1))


def _look_at(frames: Iterable[Frame]) -> Iterator[_Seen]:
    previous: Tensor | None = None
    for frame in frames:
        thumbnail = make_thumbnail(frame.pixels)
        change = 0.0 if previous is None else difference(previous, thumbnail)
        yield _Seen(frame, thumbnail, change)
        previous = thumbnail


class _Detector:
    """Decides frame by frame; remembers how much the scene has been changing."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._previous: Tensor | None = None
        self._changes: deque[float] = deque(maxlen=_MEMORY)
        self._flash_left = 0  # frames until the picture from before the flash is back

    def begins_scene(self, seen: _Seen, following: list[_Seen]) -> bool:
        """Decide about one frame, given the next ones."""
        previous, self._previous = self._previous, seen.thumbnail
        if previous is None:
            return False
        if self._flash_left > 0:
            self._flash_left -= 1
            return False
        self._flash_left = self._frames_until_back(previous, seen.change, following)
        if self._flash_left > 0:
            return False
        nearby = [*self._changes, *(later.change for later in following)]
        if seen.change - max(_CALM, *nearby or [_UNKNOWN]) > self._threshold:
            return True
        self._changes.append(seen.change)
        return False

    def _frames_until_back(self, before: Tensor, change: float, following: list[_Seen]) -> int:
        """Count the frames after this one until the picture ``before`` is back; 0 if it is not."""
        if change > self._threshold:
            for count, later in enumerate(following, 1):
                if difference(before, later.thumbnail) < _BACK * change:
                    return count
        return 0


def _compare(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Put ``target`` together from blocks of ``source``; returns what is left and what there was.

    Both are mean absolute values after each block's mean is taken off.
    """
    padded = F.pad(source[None, None], (_REACH,) * 4, mode="replicate")[0, 0]
    shifted = padded.unfold(0, _GRID, 1).unfold(1, _GRID, 1)  # [17, 17, 32, 32], one per shift
    residual = _magnitude(shifted - target).flatten(0, 1).amin(0)
    return residual.mean().item(), _magnitude(target).mean().item()


def _magnitude(image: Tensor) -> Tensor:
    """Measure the mean absolute deviation in each block: [..., 32, 32] -> [..., 4, 4]."""
    blocks = image.unflatten(-1, (-1, _BLOCK)).unflatten(-3, (-1, _BLOCK))  # [..., 4, 8, 4, 8]
    return (blocks - blocks.mean((-3, -1), keepdim=True)).abs().mean((-3, -1))
