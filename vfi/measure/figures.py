"""Which figures there are, and the parts of the material that they are given for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bootstrap import Interval, find_intervals
from .contest import Scores
from .groups import Item


class Figure(NamedTuple):
    """A figure of a made frame.

    Attributes:
        key: its name in ``Score`` and in files.
        title: for people.
        unit: after a value.
        digits: after the point.
        is_error: less is better.
        ideal: what a perfect frame has, where more than that is wrong as well; None elsewhere.
    """

    key: str
    title: str
    unit: str = ""
    digits: int = 4
    is_error: bool = False
    ideal: float | None = None

    def goodness(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn values round so that more is better."""
        if self.ideal is not None:
            return -np.abs(values - self.ideal)
        return -values if self.is_error else values

    def show(self, value: float, *, sign: bool = False) -> str:
        """Write a value, with its sign if it is a difference."""
        return f"{value:{'+' if sign else ''}.{self.digits}f}"


PSNR = Figure("psnr", "PSNR", " dB", 2)
FIGURES = (
    PSNR,
    Figure("motion_psnr", "moving parts", " dB", 2),
    Figure("ssim", "SSIM"),
    Figure("sharpness", "sharpness", digits=2, ideal=1.0),
    Figure("lpips", "LPIPS", is_error=True),
)


@dataclass(frozen=True)
class Subset:
    """A part of the material.

    Attributes:
        kind: "all", "category" or "motion".
        name: for people; "" for all.
        indices: of its frames.
    """

    kind: str
    name: str
    indices: Sequence[int]


# Apparent motion from the frame before to the frame after, px; about half of a pan's. Not the motion that a
# network finds, which would be another for each.
MOTION_EDGES = (0.0, 1.0, 2.0, 4.0, float("inf"))


def motion_bins() -> list[str]:
    """Name the bins of motion, the least first."""
    return [
        f"{low:g} px or more" if high == float("inf") else f"{low:g} to {high:g} px"
        for low, high in pairwise(MOTION_EDGES)
    ]


def find_bin(motion: float) -> str:
    """Return the name of the bin of an apparent motion, px."""
    number = int(np.searchsorted(MOTION_EDGES[1:-1], motion, side="right"))
    return motion_bins()[number]


def subsets_of(items: Sequence[Item]) -> Iterator[Subset]:
    """Yield all of the material, its categories if there are several, and its bins of motion likewise."""
    yield Subset("all", "", range(len(items)))
    categories = list(dict.fromkeys(item.category for item in items))
    bins = [find_bin(item.motion) for item in items]
    present = [name for name in motion_bins() if name in bins]
    for kind, names, own in (
        ("category", categories, [item.category for item in items]),
        ("motion", present, bins),
    ):
        for name in names if len(names) > 1 else ():
            yield Subset(kind, name, [index for index, each in enumerate(own) if each == name])


def figures_of(scores: Scores) -> tuple[Figure, ...]:
    """Return the figures that were measured."""
    return tuple(each for each in FIGURES if getattr(scores.each[0], each.key) is not None)


def values_of(scores: Scores, indices: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Return the values of ``figures_of``, [frames, figures]."""
    figures = figures_of(scores)
    each = scores.each if indices is None else [scores.each[index] for index in indices]
    return np.array([[getattr(score, figure.key) for figure in figures] for score in each])


def summarise(scores: Scores, items: Sequence[Item], subset: Subset) -> dict[str, Interval]:
    """Return the mean of each figure on a part of the material, with its interval, by key."""
    clips = [items[index].clip for index in subset.indices]
    found = find_intervals(values_of(scores, subset.indices), clips)
    return {each.key: interval for each, interval in zip(figures_of(scores), found, strict=True)}
