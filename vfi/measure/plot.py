"""Means with their intervals, drawn as an SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import count
from math import ceil, floor, log10

from .bootstrap import Interval
from .contest import BLEND, Scores
from .figures import PSNR, Subset, subsets_of, summarise
from .groups import Item
from .report import rank

_WIDTH, _TOP, _BOTTOM, _RIGHT = 820, 62, 52, 70  # px
_ROW, _GAP = 20, 16  # px, of an entrant, and between two parts
_LETTER = 6.6  # px, about
_MOST_TICKS = 8
_COLORS = "#0b6bcb", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0e7490"
_GREY = "#777777"  # the blend


def plot_groups(scores: Sequence[Scores], items: Sequence[Item], title: str) -> str:
    """Draw the PSNR of all entrants on all of the material and on each part of it; returns an SVG.

    Args:
        scores: of all entrants.
        items: what the frames are.
        title: of the picture.
    """
    ranked = rank(scores)
    parts = [
        (subset, [summarise(each, items, subset)[PSNR.key] for each in ranked])
        for subset in subsets_of(items)
    ]
    names = [str(each.setting) for each in ranked]
    left = 24 + _LETTER * max(map(len, names))
    scale = _Scale([interval for _, found in parts for interval in found], left)
    height = _TOP + _BOTTOM + sum(_GAP + _ROW * (1 + len(names)) for _ in parts)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="13" fill="#222">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="24" font-size="15">{escape(title)}</text>',
        '<text x="12" y="44">PSNR in dB: mean and its 95 % interval; more is better</text>',
        *scale.draw(height - _BOTTOM),
    ]
    colors = _choose_colors(ranked)
    y = float(_TOP)
    for subset, found in parts:
        y += _GAP
        lines.append(f'<text x="12" y="{y + 14:.1f}" font-weight="bold">{_name(subset)}</text>')
        y += _ROW
        for name, color, interval in zip(names, colors, found, strict=True):
            lines += _draw_row(name, color, interval, scale, y + _ROW / 2)
            y += _ROW
    return "\n".join([*lines, "</svg>"]) + "\n"


class _Scale:
    """From dB to px."""

    def __init__(self, intervals: Sequence[Interval], left: float) -> None:
        ends = [end for interval in intervals for end in interval if end is not None]
        self._left = left
        self._step = _tick_step(max(ends) - min(ends))
        self._low = floor(min(ends) / self._step) * self._step
        self._high = (
            max(ceil(max(ends) / self._step), floor(min(ends) / self._step) + 1) * self._step
        )

    def __call__(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return self._left + share * (_WIDTH - _RIGHT - self._left)

    def draw(self, bottom: float) -> Iterator[str]:
        for number in count():
            value = self._low + number * self._step
            if value > self._high + self._step / 2:
                return
            x = self(value)
            yield f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{value:g}</text>'


def _tick_step(spread: float) -> float:
    """Choose 1, 2 or 5 times a power of ten, so that there are no more than ``_MOST_TICKS``."""
    least = max(spread, 0.01) / (_MOST_TICKS - 2)
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _choose_colors(ranked: Sequence[Scores]) -> list[str]:
    """Give each checkpoint a colour."""
    models = sorted({each.setting.model for each in ranked if each.setting != BLEND})
    chosen = {model: _COLORS[number % len(_COLORS)] for number, model in enumerate(models)}
    return [chosen.get(each.setting.model, _GREY) for each in ranked]


def _name(subset: Subset) -> str:
    frames = f"{len(subset.indices)} frames"
    if subset.kind == "all":
        return f"all, {frames}"
    motion = "apparent motion " if subset.kind == "motion" else ""
    return escape(f"{motion}{subset.name}, {frames}")


def _draw_row(name: str, color: str, interval: Interval, scale: _Scale, y: float) -> Iterator[str]:
    mean, low, high = interval
    x = scale(mean)
    yield f'<text x="20" y="{y + 4:.1f}">{escape(name)}</text>'
    if low is not None and high is not None:
        ends = scale(low), scale(high)
        caps = "".join(f"M{end:.1f} {y - 4:.1f}v8" for end in ends)
        line = f"M{ends[0]:.1f} {y:.1f}H{ends[1]:.1f}{caps}"
        yield f'<path d="{line}" stroke="{color}" stroke-width="2" fill="none"/>'
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
    yield f'<text x="{_WIDTH - 12}" y="{y + 4:.1f}" text-anchor="end">{PSNR.show(mean)}</text>'
