"""Tables of a contest on many clips, with intervals, and of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .bootstrap import CONFIDENCE, Interval, num_drawn
from .comparison import Comparison, describe_difference
from .contest import Scores
from .figures import PSNR, Figure, Subset, figures_of, subsets_of, summarise
from .groups import Item
from .report import mark, rank

_BY = {"category": "category", "motion": "apparent motion"}


def tabulate_groups(scores: Sequence[Scores], items: Sequence[Item]) -> str:
    """Draw the tables: all of the material, then PSNR on each part of it; the best first.

    Args:
        scores: of all entrants.
        items: what the frames are.
    """
    whole, *parts = subsets_of(items)
    tables = [_tabulate_whole(scores, items, whole)]
    for kind, subsets in groupby(parts, lambda subset: subset.kind):
        tables.append(_tabulate_parts(scores, items, _BY[kind], list(subsets)))
    return "\n\n".join(tables)


def describe_intervals(items: Sequence[Item]) -> str:
    """Say what the intervals are of."""
    count, kind = num_drawn([item.clip for item in items])
    of_what = f"{count} clips" if kind == "clips" else f"{count} frames of a single clip"
    return f"[ ]: {CONFIDENCE:.0%} intervals of the means, by bootstrap over {of_what}"


def tabulate_comparison(comparison: Comparison) -> str:
    """Draw the differences, B less A, on all of the material and on each part of it."""
    head = ["B less A", *(each.figure.title for each in comparison.whole), "B better in"]
    rows = [
        [
            subset.name or "all",
            *(describe_difference(each) for each in differences),
            f"{differences[0].num_ahead} of {differences[0].num_all}",
        ]
        for subset, differences in comparison.parts
    ]
    return _align([head, *rows])


def _tabulate_whole(scores: Sequence[Scores], items: Sequence[Item], whole: Subset) -> str:
    figures = figures_of(scores[0])
    head = ["", *(f"{figure.title}{figure.unit}" for figure in figures), "s/frame", ""]
    rows = [
        [
            str(each.setting),
            *(_show(figure, found[figure.key], whole=figure == PSNR) for figure in figures),
            f"{each.seconds:.3f}",
            mark(each, scores),
        ]
        for each in rank(scores)
        for found in [summarise(each, items, whole)]
    ]
    return _align([head, *rows])


def _tabulate_parts(
    scores: Sequence[Scores], items: Sequence[Item], by: str, subsets: Sequence[Subset]
) -> str:
    head = [f"PSNR dB by {by}", *(subset.name for subset in subsets)]
    counts = ["", *(_count(items, subset) for subset in subsets)]
    rows = [
        [
            str(each.setting),
            *(_show(PSNR, summarise(each, items, subset)[PSNR.key]) for subset in subsets),
        ]
        for each in rank(scores)
    ]
    return _align([head, counts, *rows])


def _count(items: Sequence[Item], subset: Subset) -> str:
    num_clips = len({items[index].clip for index in subset.indices})
    return f"{len(subset.indices)} in {num_clips} clip{'s' * (num_clips > 1)}"


def _show(figure: Figure, interval: Interval, *, whole: bool = True) -> str:
    mean, low, high = interval
    if not whole or low is None or high is None:
        return figure.show(mean)
    return f"{figure.show(mean)} [{figure.show(low)}, {figure.show(high)}]"


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Put columns below each other, the first to the left, as the last if it has no head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 or not rows[0][number] else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
