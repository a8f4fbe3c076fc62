"""Intervals of means by the bootstrap: how far a mean would move with other clips of the same kind.

Frames of one clip resemble each other, so clips are drawn, each with all its frames, and not frames (the
cluster bootstrap; Cameron, Gelbach & Miller, "Bootstrap-Based Improvements for Inference with Clustered
Errors", 2008). Percentiles of the drawn means are too narrow where there are few clips: they are moved away
from the mean by as much as Student's t interval is wider (Hesterberg, "What Teachers Should Know About the
Bootstrap", The American Statistician 2015, section 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
_BLOCK = 1 << 21  # numbers at a time: 16 MB
_NORMAL = 1.96
# Student's t, 97.5 %, for 1 to 30 degrees of freedom; beyond, 1.96 + 2.5 / degrees is within 0.002.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


class Interval(NamedTuple):
    """A mean, and where it would be expected with other clips, with ``CONFIDENCE``.

    Attributes:
        mean: of all frames.
        low: None where there is one frame only; likewise ``high``.
        high: likewise.
    """

    mean: float
    low: float | None
    high: float | None


def num_drawn(clips: Sequence[str]) -> tuple[int, str]:
    """Say how many of what is drawn: clips, or the frames of a single clip."""
    num_clips = len(set(clips))
    return (num_clips, "clips") if num_clips > 1 else (len(clips), "frames")


def find_intervals(values: NDArray[np.float64], clips: Sequence[str]) -> list[Interval]:
    """Find the mean of each column and its interval; all columns share the draws.

    Args:
        values: [frames, columns].
        clips: of each frame. Frames of a single clip are drawn one by one: they resemble each other, so
            the interval is too narrow, and it says nothing of other clips.
    """
    means = values.mean(0)
    count, kind = num_drawn(clips)
    if count < 2:
        return [Interval(mean, None, None) for mean in means.tolist()]
    names: Sequence[Any] = clips if kind == "clips" else range(count)
    drawn = _draw_means(values, np.unique(np.asarray(names), return_inverse=True)[1])
    tail = (1 - CONFIDENCE) / 2
    ends = np.quantile(drawn, (tail, 1 - tail), axis=0)  # [2, columns]
    low, high = means + (ends - means) * _widening(count)
    return [
        Interval(*each) for each in zip(means.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def _draw_means(values: NDArray[np.float64], members: NDArray[np.intp]) -> NDArray[np.float64]:
    """Draw clips with replacement, as many as there are; returns the means, [RESAMPLES, columns]."""
    count = int(members.max()) + 1
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, members, values)
    sizes = np.bincount(members, minlength=count)
    random = np.random.default_rng(SEED)
    shares = np.full(count, 1 / count)
    means: list[NDArray[np.float64]] = []
    rows = max(1, _BLOCK // count)
    for start in range(0, RESAMPLES, rows):
        times = random.multinomial(count, shares, size=min(rows, RESAMPLES - start))
        means.append((times @ sums) / (times @ sizes)[:, None])
    return np.concatenate(means)


def _widening(count: int) -> float:
    """How much wider Student's interval of ``count`` values is than that of the percentiles."""
    degrees = count - 1
    student = _STUDENT[degrees - 1] if degrees <= len(_STUDENT) else _NORMAL + 2.5 / degrees
    return student / _NORMAL * sqrt(count / degrees)
