"""A pair of encoded frames: what every network starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .warp import backward_warp


@dataclass(frozen=True, slots=True)
class Pair:
    """Two frames, each with its features behind its colours, of equal padded size.

    Attributes:
        frame0: [B, 3 + C, H, W] float32, the earlier frame.
        frame1: [B, 3 + C, H, W] float32, the later frame.
    """

    frame0: Tensor
    frame1: Tensor

    def warped(self, flow: Tensor) -> Pair:
        """Warp both frames by ``flow`` [B, 4, H, W] px towards the wanted moment."""
        return Pair(
            backward_warp(self.frame0, flow[:, :2]), backward_warp(self.frame1, flow[:, 2:])
        )

    def items(self) -> list[Pair]:
        """Split the batch into pairs of batch size 1."""
        frames = zip(self.frame0.split(1), self.frame1.split(1), strict=True)
        return [Pair(frame0, frame1) for frame0, frame1 in frames]

    def expanded(self, batch: int) -> Pair:
        """Repeat a pair of batch size 1, without copying; any other batch must have this size."""
        return self.mapped(lambda frame: frame.expand(batch, -1, -1, -1))

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Pair:
        """Change both frames."""
        return Pair(change(self.frame0), change(self.frame1))

    def swapped(self) -> Pair:
        """Exchange the frames: the same motion seen backwards."""
        return Pair(self.frame1, self.frame0)

    def colours(self) -> Pair:
        """Leave the features away: what the final blend needs."""
        return Pair(self.frame0[:, :3], self.frame1[:, :3])

    def as_input(self) -> Tensor:
        """Concatenate as blocks expect: both colours, then both features."""
        parts = (self.frame0[:, :3], self.frame1[:, :3], self.frame0[:, 3:], self.frame1[:, 3:])
        return torch.cat(parts, 1)
