"""Source frames in, the same frames cleaned up out, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic

import torch
from torch import Tensor

from ..alpha import premultiply_image, unpremultiply_image
from ..frames import Frame, from_planar, to_host, to_planar
from .protocol import FeaturesT, FrameEnhancer


def enhance_stream(
    frames: Iterable[Frame], enhancer: FrameEnhancer[FeaturesT], *, first: int = 0
) -> Iterator[Tensor]:
    """Clean up the frames of a clip, each with the help of the one before it.

    The first frame is helped by the one after it. Where a cut lies between the two, or there is no
    other frame, a frame helps itself. So all frames but the first of a scene are made alike, each
    once: nothing changes from pair to pair, and nothing depends on where a run has begun.

    A frame that repeats the one before, the same tensor, is made once. Two frames and their
    features are alive at a time, and each is encoded at most once.

    Args:
        frames: RGB or RGBA, whose alpha is passed on untouched; consumed lazily.
        enhancer: the model.
        first: number of the first frame that is wanted; those before are not made.

    Yields:
        [H, W, C], size and dtype of the source, as many as there are frames; treat as read-only.
    """
    return to_host(_enhance_all(frames, _Maker(enhancer), first))


def _enhance_all(frames: Iterable[Frame], make: _Maker[FeaturesT], first: int) -> Iterator[Tensor]:
    made: tuple[Tensor, Tensor] | None = None  # the newest frame, and what became of it
    for own, other in islice(_with_helpers(frames), first, None):
        if made is None or made[0] is not own.pixels:
            made = own.pixels, make(own.pixels, other.pixels)
        yield made[1]


def _with_helpers(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """Yield each frame with the one that helps it."""
    iterator = iter(frames)
    before = next(iterator, None)
    if before is None:
        return
    frame = next(iterator, None)
    yield before, before if frame is None or frame.begins_scene else frame
    while frame is not None:
        yield frame, frame if frame.begins_scene else before
        before, frame = frame, next(iterator, None)


class _Maker(Generic[FeaturesT]):
    """Makes pictures, and keeps the features of the newest two frames."""

    def __init__(self, enhancer: FrameEnhancer[FeaturesT]) -> None:
        self._enhancer = enhancer
        self._kept: list[tuple[Tensor, FeaturesT]] = []

    def __call__(self, own: Tensor, other: Tensor) -> Tensor:
        """Make one frame anew, still on the model's device; both [H, W, C]."""
        features = [self._features(pixels) for pixels in (other, own)]
        image = self._enhancer.enhance(features[1], features[0])
        if own.shape[-1] == 4:
            # What the network saw, and so what it made, is premultiplied.
            straight = to_planar(own, self._enhancer.device)
            seen = torch.cat((image, straight[:, 3:]), 1)
            image = unpremultiply_image(seen, straight, straight, 0)
        return from_planar(image, own.dtype)

    def _features(self, pixels: Tensor) -> FeaturesT:
        for known, features in self._kept:
            if known is pixels:
                return features
        del self._kept[:-1]
        image = premultiply_image(to_planar(pixels, self._enhancer.device))
        features = self._enhancer.encode(image[:, :3])
        self._kept.append((pixels, features))
        return features
