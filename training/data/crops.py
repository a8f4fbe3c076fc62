"""Where to cut: at places that move, chosen by chance, the more likely the more changes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.frames import Frame
from vfi.preprocess import apparent_motion

from .windows import LEAST_MOTION

_GRID = 32  # px, from one place to the next
_CELL = 4  # px; changes are averaged over such squares first
_NOISE = (
    0.5  # code values; what grain and compression change on average in a place that stands still
)
_MOST_PLACES = 4  # of one run of frames
_TRIES = 3  # for each place that is wanted


@dataclass(frozen=True)
class Crop:
    """Frames of a run, cut out at one place.

    Attributes:
        pixels: [N, S, S, 3] uint8.
        times: of the frames, s.
        motion: apparent motion from frame to frame, px, the mean of its steps.
    """

    pixels: Tensor
    times: tuple[Fraction, ...]
    motion: float


def num_places(height: int, width: int, side: int, wanted: int, expected: int | None) -> int:
    """Say at how many places of each run to cut: at several if a clip is large and short.

    Args:
        height: of the clip, px.
        width: of the clip, px.
        side: of a crop, px.
        wanted: samples of the clip.
        expected: runs of the clip; None if unknown.
    """
    fitting = (height // side) * (width // side)
    return max(1, min(_MOST_PLACES, fitting, -(-wanted // max(1, expected or wanted))))


def cut(window: Sequence[Frame], side: int, places: int, rng: Random) -> Iterator[Crop]:
    """Cut a run of frames at some places where something moves in each step.

    Args:
        window: frames of [H, W, 3] uint8 of the same shape.
        side: of a crop, px; a multiple of 32, at most H and W.
        places: at how many, at most.
        rng: decides where.
    """
    weights = _changes(window, side)
    rows, columns = weights.shape
    times = tuple(frame.time for frame in window)
    found = 0
    for _ in range(places * _TRIES):
        total = float(weights.sum())
        if found == places or total <= 0:
            return
        place = int(torch.searchsorted(weights.flatten().cumsum(0), rng.random() * total))
        row, column = divmod(min(place, rows * columns - 1), columns)
        _leave_out(weights, row, column, side)
        pixels = _cut_at(window, row * _GRID, column * _GRID, side)
        motions = [apparent_motion(*pair) for pair in pairwise(pixels)]
        if min(motions) >= LEAST_MOTION:
            found += 1
            yield Crop(pixels, times, sum(motions) / len(motions))


def _changes(window: Sequence[Frame], side: int) -> Tensor:
    """Measure how much changes at each place, in the step in which it changes least: [rows, columns]."""
    least: Tensor | None = None
    for before, after in pairwise(window):
        change = (after.pixels.int() - before.pixels.int()).abs_().sum(-1, dtype=torch.float32) / 3
        cells = F.avg_pool2d(change[None], _CELL)
        mean = F.avg_pool2d(cells, side // _CELL, stride=_GRID // _CELL)[0].double()
        least = mean if least is None else torch.minimum(least, mean)
    assert least is not None
    return (least - _NOISE).clamp_(min=0) if float(least.max()) > _NOISE else least


def _leave_out(weights: Tensor, row: int, column: int, side: int) -> None:
    """Take out the places of which more than half overlaps with one that is taken, or nearly so."""
    reach = side // _GRID // 2
    weights[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0


def _cut_at(window: Sequence[Frame], top: int, left: int, side: int) -> Tensor:
    return torch.stack(
        [frame.pixels[top : top + side, left : left + side] for frame in window]
    ).contiguous()
