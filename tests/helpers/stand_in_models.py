"""Models in place of networks, with results that can be computed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vfi.synthesis import FrameEnhancer, Interpolator


class Blend:
    """Mixes two frames without motion.

    Attributes:
        num_encoded: how many frames it has encoded.
    """

    def __init__(self) -> None:
        self.num_encoded = 0

    def encode(self, img: Tensor) -> Tensor:
        self.num_encoded += 1
        return img.clone()

    def interpolate(
        self, features0: Tensor, features1: Tensor, timesteps: Sequence[float]
    ) -> Iterator[Tensor]:
        for timestep in timesteps:
            yield torch.lerp(features0, features1, timestep)

    def __call__(self) -> Interpolator[Tensor]:
        return Interpolator(self.encode, self.interpolate, torch.device("cpu"))


class Sum:
    """Adds a tenth of its neighbour to a frame.

    Attributes:
        num_encoded: how many frames it has encoded.
        num_enhanced: how many frames it has enhanced.
    """

    def __init__(self) -> None:
        self.num_encoded = 0
        self.num_enhanced = 0

    def encode(self, img: Tensor) -> Tensor:
        assert img.shape[1] == 3
        self.num_encoded += 1
        return img.clone()

    def enhance(self, own: Tensor, other: Tensor) -> Tensor:
        self.num_enhanced += 1
        return own + other / 10

    def __call__(self) -> FrameEnhancer[Tensor]:
        return FrameEnhancer(self.encode, self.enhance, torch.device("cpu"))
