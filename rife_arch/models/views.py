"""Test-time augmentation: the same pair time-reversed, flipped, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from ..networks import Pair

Quality = Literal["fast", "better", "best"]
QUALITIES: tuple[Quality, ...] = ("fast", "better", "best")
"""How many views of a pair are averaged: one, two or four."""


@dataclass(frozen=True, slots=True)
class PairView:
    """A pair as it is, time-reversed, flipped, or both.

    Attributes:
        pair: the encoded frames in this view.
        is_time_reversed: the later frame comes first.
        is_flipped: left and right are exchanged.
    """

    pair: Pair
    is_time_reversed: bool = False
    is_flipped: bool = False

    def time_reversed(self) -> PairView:
        """Exchange the two frames."""
        return replace(self, pair=self.pair.swapped(), is_time_reversed=True)

    def flipped(self, encode: Callable[[Tensor], Tensor]) -> PairView:
        """Exchange left and right; ``encode`` makes the features of the flipped frames."""
        pair = self.pair.mapped(lambda frame: encode(frame[:, :3].flip(3)))
        alphas = self.pair.alphas and self.pair.alphas.mapped(lambda alpha: alpha.flip(3))
        return replace(self, pair=replace(pair, alphas=alphas), is_flipped=True)

    def timesteps(self, timesteps: Tensor) -> Tensor:
        """Convert timesteps of the pair to timesteps of this view."""
        return 1 - timesteps if self.is_time_reversed else timesteps

    def restored(self, frame: Tensor) -> Tensor:
        """Convert a frame interpolated in this view back."""
        return frame.flip(3) if self.is_flipped else frame


def make_views(pair: Pair, quality: Quality, encode: Callable[[Tensor], Tensor]) -> list[PairView]:
    """List the views whose results are averaged; see ``PairView.flipped`` for ``encode``."""
    views = [PairView(pair)]
    if quality == "best":  # a network treats left and right differently
        views.append(views[0].flipped(encode))
    if quality != "fast":
        views += [view.time_reversed() for view in views]
    return views
