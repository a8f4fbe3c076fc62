"""Enhance a clip: source frames in, the same number of enhanced frames out, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic

import torch
from torch import Tensor

from ..alpha import premultiply_image, unpremultiply_image
from ..frames import Frame, from_planar, to_planar
from .arrival import to_host
from .protocol import FeaturesT, FrameEnhancer


def enhance_stream(
    frames: Iterable[Frame], enhancer: FrameEnhancer[FeaturesT], *, first: int = 0
) -> Iterator[Tensor]:
    """Enhance the frames of a clip, each with the frame before it as its reference.

    The reference of the first frame is the one after it. Across a scene cut, or where there is no
    other frame, a frame is its own reference. So all frames but the first of a scene are treated
    alike, and the result does not depend on where a run starts.

    A frame that is the same tensor as the one before is enhanced once. Two frames and their
    features are alive at a time, and each is encoded at most once.

    Args:
        frames: RGB or RGBA, whose alpha is passed on untouched; consumed lazily.
        enhancer: the model.
        first: number of the first frame that is wanted; those before are not enhanced.

    Yields:
        [H, W, C], size and dtype of the source, as many as there are frames; treat as read-only.
    """
    return to_host(_enhance_on_device(frames, _CachingEnhancer(enhancer), first))


def _enhance_on_device(
    frames: Iterable[Frame], enhancer: _CachingEnhancer[FeaturesT], first: int
) -> Iterator[Tensor]:
    newest: tuple[Tensor, Tensor] | None = None  # a source frame, and the same enhanced
    for frame, reference in islice(_with_references(frames), first, None):
        if newest is None or newest[0] is not frame.pixels:
            newest = frame.pixels, enhancer.enhance(frame.pixels, reference.pixels)
        yield newest[1]


def _with_references(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """Yield each frame with its reference frame."""
    iterator = iter(frames)
    before = next(iterator, None)
    if before is None:
        return
    frame = next(iterator, None)
    reference = before if frame is None or frame.begins_scene else frame
    yield before, reference
    while frame is not None:
        if frame.pixels is not before.pixels:  # or it is the same picture, wherever a run starts
            reference = frame if frame.begins_scene else before
        yield frame, reference
        before, frame = frame, next(iterator, None)


class _CachingEnhancer(Generic[FeaturesT]):
    """Enhances frames, and keeps the features of the newest two."""

    def __init__(self, enhancer: FrameEnhancer[FeaturesT]) -> None:
        self._enhancer = enhancer
        self._cache: list[tuple[Tensor, FeaturesT]] = []

    def enhance(self, pixels: Tensor, reference: Tensor) -> Tensor:
        """Enhance one frame; both [H, W, C], the result on the model's device."""
        reference_features = self._features(reference)
        image = self._enhancer.enhance(self._features(pixels), reference_features)
        if pixels.shape[-1] == 4:
            # The network takes premultiplied colours, so it gives premultiplied ones.
            straight = to_planar(pixels, self._enhancer.device)
            rgba = torch.cat((image, straight[:, 3:]), 1)
            image = unpremultiply_image(rgba, straight, straight, 0)
        return from_planar(image, pixels.dtype)

    def _features(self, pixels: Tensor) -> FeaturesT:
        for cached, features in self._cache:
            if cached is pixels:
                return features
        del self._cache[:-1]
        image = premultiply_image(to_planar(pixels, self._enhancer.device))
        features = self._enhancer.encode(image[:, :3])
        self._cache.append((pixels, features))
        return features
