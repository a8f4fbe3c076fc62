"""A pair of encoded frames, the input of every network, and the frame it interpolates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from .blocks import Motion
from .warp import backward_warp

Averaging = Literal["none", "last", "all"]
"""Which steps of a network are averaged with the same step for the swapped pair.

Averaging the last alone takes 0.1 to 0.3 of the time more, and gains what averaging the frames made of both pairs
gains at twice the time (docs/decisions/0020).
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two frames of equal padded size, each as colours followed by encoder features.

    Attributes:
        frame0: [B, 3 + C, H, W] float32, the earlier frame.
        frame1: [B, 3 + C, H, W] float32, the later frame.
        alphas: [B, 1, H, W] each, where the frames have any. Networks do not read them.
    """

    frame0: Tensor
    frame1: Tensor
    alphas: Pair | None = None

    def warped(self, flow: Tensor) -> Pair:
        """Warp both frames by ``flow`` [B, 4, H, W] px towards the timestep."""
        return Pair(
            backward_warp(self.frame0, flow[:, :2]), backward_warp(self.frame1, flow[:, 2:])
        )

    def blended(self, motion: Motion) -> Tensor:
        """Warp both frames by the motion found and mix them by its mask."""
        warped = self.warped(motion.flow)
        return torch.lerp(warped.frame1, warped.frame0, torch.sigmoid(motion.mask_logits))

    def items(self) -> list[Pair]:
        """Split the batch into pairs of batch size 1."""
        alphas = self.alphas.items() if self.alphas else [None] * len(self.frame0)
        frames = zip(self.frame0.split(1), self.frame1.split(1), alphas, strict=True)
        return [Pair(*frame) for frame in frames]

    def expanded(self, batch: int) -> Pair:
        """Repeat a pair of batch size 1, without copying; any other batch must have this size."""
        pair = self.mapped(lambda frame: frame.expand(batch, -1, -1, -1))
        return replace(pair, alphas=self.alphas and self.alphas.expanded(batch))

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Pair:
        """Change both frames, not their alphas."""
        return Pair(change(self.frame0), change(self.frame1), self.alphas)

    def swapped(self) -> Pair:
        """Exchange the frames: the same motion reversed in time."""
        return Pair(self.frame1, self.frame0, self.alphas and self.alphas.swapped())

    def colours(self) -> Pair:
        """Drop features and alphas: what the final blend needs."""
        return Pair(self.frame0[:, :3], self.frame1[:, :3])

    def colours_and_alpha(self) -> Pair:
        """Drop features, and append alpha to the colours where there is any."""
        colours = self.colours()
        if self.alphas is None:
            return colours
        return Pair(
            torch.cat((colours.frame0, self.alphas.frame0), 1),
            torch.cat((colours.frame1, self.alphas.frame1), 1),
        )

    def as_input(self) -> Tensor:
        """Concatenate as blocks expect: both colours, then both features."""
        parts = (self.frame0[:, :3], self.frame1[:, :3], self.frame0[:, 3:], self.frame1[:, 3:])
        return torch.cat(parts, 1)


class Interpolated(NamedTuple):
    """A new frame, and the motion it was made with.

    Attributes:
        frame: [B, 3, H, W] float32 in [0, 1].
        motion: at the resolution of the frame, float32; ``hidden`` is meaningless.
    """

    frame: Tensor
    motion: Motion

    @staticmethod
    def concatenated(parts: Sequence[Interpolated]) -> Interpolated:
        """Concatenate parts of a batch."""
        if len(parts) == 1:
            return parts[0]
        motions = zip(*(part.motion for part in parts), strict=True)
        frame = torch.cat([part.frame for part in parts])
        return Interpolated(frame, Motion(*(torch.cat(planes) for planes in motions)))
