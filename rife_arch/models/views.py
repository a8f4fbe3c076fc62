"""Several looks at one pair: time-reversed, flipped, at another scale of flow estimation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from ..networks import Pair

Quality = Literal["fast", "better", "best", "ultra"]
QUALITIES: tuple[Quality, ...] = ("fast", "better", "best", "ultra")
"""How many views of a pair are averaged: one, two or four; ``ultra`` takes two scales."""

# Finer estimates are the better ones on most clips. On 15 clips that were not used to choose it, 0.6 is
# worth 0.007 dB more than 0.5 and 0.8, and flow that agrees with both frames says nothing (decision 0020).
_FINE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class PairView:
    """A pair as it is, time-reversed, flipped, or both, and how its motion is estimated.

    Attributes:
        pair: the encoded frames in this view.
        flow_scale: resolution of flow estimation.
        weight: share in the average of all views.
        is_time_reversed: the later frame comes first.
        is_flipped: left and right are exchanged.
    """

    pair: Pair
    flow_scale: float
    weight: float = 1.0
    is_time_reversed: bool = False
    is_flipped: bool = False

    def time_reversed(self) -> PairView:
        """Exchange the two frames."""
        return replace(self, pair=self.pair.swapped(), is_time_reversed=True)

    def encoded(self, encode: Callable[[Tensor], Tensor]) -> PairView:
        """Encode both frames anew: ``encode`` makes features of colours [B, 3, H, W]."""
        return replace(self, pair=self.pair.mapped(lambda frame: encode(frame[:, :3])))

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


def make_views(
    pair: Pair, quality: Quality, flow_scale: float, encode: Callable[[Tensor, float], Tensor]
) -> list[PairView]:
    """List the views whose results are averaged; their weights add up to 1.

    Args:
        pair: the frames, encoded for ``flow_scale``.
        quality: how many views there are.
        flow_scale: resolution of flow estimation; ``ultra`` adds twice this.
        encode: makes the features of colours [B, 3, H, W] for a flow scale.
    """
    first = PairView(pair, flow_scale)
    if quality == "ultra":
        return _views_at_two_scales(first, encode)
    views = [first]
    if quality == "best":  # a network treats left and right differently
        views.append(first.flipped(lambda img: encode(img, flow_scale)))
    if quality != "fast":
        views += [view.time_reversed() for view in views]
    return [replace(view, weight=1 / len(views)) for view in views]


def _views_at_two_scales(
    first: PairView, encode: Callable[[Tensor, float], Tensor]
) -> list[PairView]:
    """List the views of ``ultra``. Time is reversed within each: see ``Averaging``."""
    views: list[PairView] = []
    for factor, share in ((1, 1 - _FINE_SHARE), (2, _FINE_SHARE)):
        scale = factor * first.flow_scale

        def encode_here(img: Tensor, scale: float = scale) -> Tensor:
            return encode(img, scale)

        view = replace(first, flow_scale=scale, weight=share / 2)
        if factor != 1:
            view = view.encoded(encode_here)
        views += [view, view.flipped(encode_here)]
    return views


def averaged(
    views: Sequence[PairView],
    timesteps: Tensor,
    interpolate: Callable[[PairView, Pair, Tensor], Tensor],
) -> Tensor:
    """Interpolate in each view, and average the results.

    Args:
        views: at least one, of a pair of frames.
        timesteps: [B, 1, 1, 1], of the pair.
        interpolate: makes the frames [B, C, H, W] of a view, given its pair B times and its timesteps.
    """
    out: Tensor | None = None
    for view in views:
        frame = interpolate(view, view.pair.expanded(len(timesteps)), view.timesteps(timesteps))
        frame = view.restored(frame)
        if view.weight != 1:
            frame = frame * view.weight
        out = frame if out is None else out + frame
    assert out is not None  # there is always a view
    return out
