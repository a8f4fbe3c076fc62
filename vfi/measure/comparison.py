"""Whether one entrant is better than another: paired differences on the same frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .bootstrap import Interval, find_intervals, num_drawn
from .contest import Scores, Setting
from .figures import PSNR, Figure, Subset, figures_of, subsets_of, values_of
from .groups import Item

_FEW = 10  # clips


class Verdict(Enum):
    """What an interval of differences says."""

    BETTER = "better"
    WORSE = "worse"
    LEVEL = "no difference"


@dataclass(frozen=True)
class Difference:
    """Of one figure, B less A.

    Attributes:
        figure: which.
        interval: of the mean difference.
        verdict: on B.
        num_ahead: clips in which B's mean is better; frames, where there is one clip.
        num_all: clips, or frames.
    """

    figure: Figure
    interval: Interval
    verdict: Verdict
    num_ahead: int
    num_all: int


@dataclass(frozen=True)
class Comparison:
    """B against A, on all of the material and on each part.

    Attributes:
        first: A.
        second: B.
        kind: what ``num_all`` counts, and what was drawn: "clips" or "frames".
        parts: differences of each figure, the first on all of the material.
    """

    first: Setting
    second: Setting
    kind: str
    parts: Sequence[tuple[Subset, Sequence[Difference]]]

    @property
    def whole(self) -> Sequence[Difference]:
        """Differences on all of the material."""
        return self.parts[0][1]


def compare(first: Scores, second: Scores, items: Sequence[Item]) -> Comparison:
    """Compare two entrants frame by frame.

    Args:
        first: A.
        second: B; a positive difference of PSNR means that it is better.
        items: what the frames are.
    """
    parts = [(subset, _differences(first, second, items, subset)) for subset in subsets_of(items)]
    kind = num_drawn([item.clip for item in items])[1]
    return Comparison(first.setting, second.setting, kind, parts)


def _differences(
    first: Scores, second: Scores, items: Sequence[Item], subset: Subset
) -> list[Difference]:
    clips = [items[index].clip for index in subset.indices]
    old, new = (values_of(scores, subset.indices) for scores in (first, second))
    figures = figures_of(first)
    gains = np.stack(
        [f.goodness(new[:, n]) - f.goodness(old[:, n]) for n, f in enumerate(figures)], axis=1
    )
    count, kind = num_drawn(clips)
    names = np.asarray(clips) if kind == "clips" else np.arange(count)
    unique, members = np.unique(names, return_inverse=True)
    sums = np.zeros((len(unique), len(figures)))
    np.add.at(sums, members, gains)
    ahead = (sums > 0).sum(0).tolist()
    shown, judged = find_intervals(new - old, clips), find_intervals(gains, clips)
    return [
        Difference(figure, shown[n], _judge(judged[n]), ahead[n], count)
        for n, figure in enumerate(figures)
    ]


def _judge(gain: Interval) -> Verdict:
    if gain.low is None or gain.high is None or gain.low <= 0 <= gain.high:
        return Verdict.LEVEL
    return Verdict.BETTER if gain.low > 0 else Verdict.WORSE


def describe_comparison(comparison: Comparison) -> str:
    """Say in sentences whether B is better than A, and where figures disagree."""
    main = next(each for each in comparison.whole if each.figure == PSNR)
    first, second = comparison.first, comparison.second
    counted = f"better in {main.num_ahead} of {main.num_all} {comparison.kind}"
    amount = f"{describe_difference(main)}, {counted}"
    if main.verdict is Verdict.LEVEL:
        head = f"{second} and {first}: no difference that this material can show: {amount}."
    else:
        head = f"{second} is {main.verdict.value} than {first} on this material: {amount}."
    lines = [head, _describe_others(comparison)]
    if comparison.kind == "frames":
        lines.append(
            "All frames are of one clip: the interval is of other frames of it, and too narrow. For a "
            "verdict on more than this clip, evaluate a folder of clips."
        )
    elif main.num_all < _FEW:
        lines.append(f"{main.num_all} clips are few: take the interval for a rough one.")
    return "\n".join(filter(None, lines))


def describe_difference(difference: Difference) -> str:
    """Write a difference with its interval: "+0.31 dB [0.18, 0.44]"."""
    figure, (mean, low, high) = difference.figure, difference.interval
    ends = "" if low is None or high is None else f" [{figure.show(low)}, {figure.show(high)}]"
    return f"{figure.show(mean, sign=True)}{figure.unit}{ends}"


def _describe_others(comparison: Comparison) -> str:
    """Name the other figures that show a difference, and all of them if they do not agree."""
    found = {
        verdict: [each for each in comparison.whole if each.verdict is verdict]
        for verdict in (Verdict.BETTER, Verdict.WORSE)
    }
    if all(found.values()):
        return f"Mixed: {'; but '.join(_list(*each) for each in found.items())}."
    for verdict, those in found.items():
        if others := [each for each in those if each.figure != PSNR]:
            return f"{'But' if len(others) == len(those) else 'Also'} {_list(verdict, others)}."
    return ""


def _list(verdict: Verdict, those: Sequence[Difference]) -> str:
    shown = (f"{each.figure.title} {describe_difference(each)}" for each in those)
    return f"{verdict.value}: {', '.join(shown)}"
