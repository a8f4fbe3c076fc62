"""Colour and brightness of one clip, brought to those of the clip before it.

A generator that continues a clip from its last frame starts a little brighter, with more contrast, or
tinted, and each part of a chain drifts further. The drift comes about in code values, not in light:
so it is undone in code values. Each channel is changed by a curve of its own, as long as the
frames are those of one scene; alpha stays as it is, and what it hides has no say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..frames import as_float, to_uint8

DEFAULT_FADE = 32
"""Frames; two seconds of a generator's 16 fps, in which even a large step is spread thin."""

UNNOTICED = 0.5 / 255
"""A change of colour, on average, that is lost in 8 bits; frames that need no more stay as they are."""

_LEVELS = 257  # of a curve, with straight lines between
_SAMPLES = 512  # rows and columns that are looked at, about; of many frames, fewer of each
_QUANTILES = 256
_SMOOTHED = 5  # levels; what a handful of pixels would make of a histogram shall not make bands
_LEAST_SPREAD = 1 / 255  # standard deviation; keeps noise in a flat frame from being stretched
_MOST_GAIN = 2.0  # no drift is as large


class Statistics(str, Enum):
    """What is made equal on both sides of a seam, in each channel."""

    OFF = "off"
    """Nothing: the frames stay as they are."""
    MEAN_AND_SPREAD = "mean and spread"
    """Mean and standard deviation: undoes a change of brightness and contrast."""
    HISTOGRAM = "histogram"
    """How often each level occurs: undoes a gamma as well."""


@dataclass(frozen=True)
class Match:
    """How clips that are joined are matched.

    Attributes:
        statistics: what is made equal.
        num_frames: over so many frames the correction of a clip fades out; 0: it holds for all of it.
    """

    statistics: Statistics = Statistics.OFF
    num_frames: int = DEFAULT_FADE

    @property
    def is_on(self) -> bool:
        """Whether anything is changed at all."""
        return self.statistics is not Statistics.OFF

    def weight(self, number: int) -> float:
        """Return how much of the correction frame ``number`` of a clip gets, in [0, 1]; from 0."""
        return max(0.0, 1 - number / self.num_frames) if self.num_frames else 1.0


@dataclass(frozen=True)
class Correction:
    """What becomes of the colours of a clip.

    Attributes:
        curve: [K, 3] float32: what the levels 0, 1 / (K - 1), ..., 1 of each channel become.
        change: of the frame it was made for, mean absolute, in [0, 1].
    """

    curve: Tensor
    change: float

    def apply(self, pixels: Tensor, weight: float = 1.0) -> Tensor:
        """Correct a frame.

        Args:
            pixels: [H, W, C], RGB or RGBA; uint8 or floating point; never modified.
            weight: 0 to 1; how much of the correction.

        Returns:
            A frame of the same shape and type. No value leaves [0, 1] that was within.
        """
        if weight == 0:
            return pixels
        # One channel at a time: places in the curve take eight bytes each.
        corrected = [
            _corrected(as_float(pixels[..., channel]).float(), self.curve[:, channel], weight)
            for channel in range(3)
        ]
        colours = torch.stack(corrected, -1)
        colours = to_uint8(colours) if pixels.dtype == torch.uint8 else colours.to(pixels.dtype)
        return torch.cat((colours, pixels[..., 3:]), -1)


def _corrected(values: Tensor, curve: Tensor, weight: float) -> Tensor:
    curve = curve.to(values.device)
    within = values.clamp(0, 1)
    position = within * (len(curve) - 1)
    below = position.long().clamp_(max=len(curve) - 2)
    target = torch.lerp(curve[below], curve[below + 1], position - below)
    # Beyond 0 and 1, where HDR may be, a value moves as far as the nearest within.
    moved = values + weight * (target - within)
    return moved.maximum(values.clamp(max=0)).minimum(values.clamp(min=1))


def find_correction(
    frames: Sequence[Tensor], wanted: Sequence[Tensor], statistics: Statistics
) -> Correction:
    """Find what gives frames the statistics of others.

    Args:
        frames: [H, W, C] each, RGB or RGBA; uint8 or floating point. All of them count together.
        wanted: the same; what they should look like.
        statistics: what is made equal; not ``OFF``.
    """
    (values, weights), (target, target_weights) = _sample(frames), _sample(wanted)
    if not weights.any() or not target_weights.any():  # all is transparent
        return Correction(_levels()[:, None].expand(-1, 3), 0.0)
    find = _spread_curve if statistics is Statistics.MEAN_AND_SPREAD else _histogram_curve
    curve = find(values, weights, target, target_weights)
    moved = [_corrected(values[:, c], curve[:, c], 1.0) - values[:, c] for c in range(3)]
    change = torch.stack([(one.abs() * weights).sum() / weights.sum() for one in moved]).mean()
    return Correction(curve, change.item())


def _levels() -> Tensor:
    return torch.linspace(0, 1, _LEVELS)


def _sample(frames: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return colours, [N, 3] float32 on the CPU, and how much each counts, [N]."""
    most = max(1, round(_SAMPLES / len(frames) ** 0.5))
    rows, columns = (max(1, size // most) for size in frames[0].shape[:2])
    samples = [as_float(frame[::rows, ::columns].cpu()).flatten(0, 1).float() for frame in frames]
    pixels = torch.cat(samples)
    weights = pixels[:, 3] if pixels.shape[1] > 3 else torch.ones(len(pixels))
    return pixels[:, :3], weights.clamp(0, 1)


def _spread_curve(
    values: Tensor, weights: Tensor, target: Tensor, target_weights: Tensor
) -> Tensor:
    mean, spread = _mean_and_spread(values, weights)
    wanted_mean, wanted_spread = _mean_and_spread(target, target_weights)
    gain = (wanted_spread + _LEAST_SPREAD) / (spread + _LEAST_SPREAD)
    gain = gain.clamp(1 / _MOST_GAIN, _MOST_GAIN)
    return (_levels()[:, None] - mean) * gain + wanted_mean


def _mean_and_spread(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    share = (weights / weights.sum())[:, None]
    mean = (values * share).sum(0)
    return mean, ((values - mean).square() * share).sum(0).sqrt()


def _histogram_curve(
    values: Tensor, weights: Tensor, target: Tensor, target_weights: Tensor
) -> Tensor:
    curves: list[Tensor] = []
    for channel in range(3):
        found = _quantiles(values[:, channel], weights)
        wanted = _quantiles(target[:, channel], target_weights)
        # Of values that occur often, such as black bars, several quantiles are equal.
        places, which = found.unique(return_inverse=True)
        count = torch.zeros_like(places).index_add_(0, which, torch.ones_like(found))
        moves = torch.zeros_like(places).index_add_(0, which, wanted - found) / count
        curves.append(_levels() + _smooth(_interpolated(_levels(), places, moves)))
    return torch.stack(curves, -1).cummax(0).values  # brighter stays brighter


def _quantiles(values: Tensor, weights: Tensor) -> Tensor:
    ordered, order = values.sort()
    cumulated = weights[order].double().cumsum(0)
    wanted = (torch.arange(_QUANTILES, dtype=torch.double) + 0.5) / _QUANTILES * cumulated[-1]
    return ordered[torch.searchsorted(cumulated, wanted).clamp_(max=len(ordered) - 1)]


def _interpolated(positions: Tensor, places: Tensor, moves: Tensor) -> Tensor:
    """Draw straight lines between points; beyond the first and the last one nothing changes."""
    moved = np.interp(positions.numpy(), places.numpy(), moves.numpy())
    return torch.from_numpy(moved.astype(np.float32))


def _smooth(values: Tensor) -> Tensor:
    """Average over neighbours. The ends stay: often much of a frame is black or white."""
    more = _SMOOTHED // 2
    before = 2 * values[0] - values[1 : more + 1].flip(0)
    after = 2 * values[-1] - values[-more - 1 : -1].flip(0)
    return F.avg_pool1d(torch.cat((before, values, after))[None, None], _SMOOTHED, 1)[0, 0]
