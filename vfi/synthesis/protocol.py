"""What the stream needs from a model, whatever the model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

FeaturesT = TypeVar("FeaturesT")


@dataclass(frozen=True, slots=True)
class Interpolator(Generic[FeaturesT]):
    """A model, cut where its work can be shared between pairs.

    Attributes:
        encode: [1, C, H, W] float32 in [0, 1], C 3 or 4 (alpha, the colours premultiplied) ->
            features of one frame.
        interpolate: features of the earlier and the later frame and increasing timesteps in
            (0, 1) -> [1, C, H, W] in [0, 1] for each, lazily.
        device: where ``encode`` wants its input.
    """

    encode: Callable[[Tensor], FeaturesT]
    interpolate: Callable[[FeaturesT, FeaturesT, Sequence[float]], Iterator[Tensor]]
    device: torch.device


@dataclass(frozen=True, slots=True)
class FrameEnhancer(Generic[FeaturesT]):
    """A model that makes frames anew, cut where its work can be shared between neighbours.

    Attributes:
        encode: [1, 3, H, W] float32 in [0, 1] -> features of one frame.
        enhance: features of the frame and of the one that helps it, which may be the same ->
            [1, 3, H, W] in [0, 1].
        device: where ``encode`` wants its input.
    """

    encode: Callable[[Tensor], FeaturesT]
    enhance: Callable[[FeaturesT, FeaturesT], Tensor]
    device: torch.device
