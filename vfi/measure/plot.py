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
    scale = _Scale([found for _, found in parts], left)
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
    """From dB to px. An interval of two or three clips may leave it, and is cut there."""

    def __init__(self, parts: Sequence[Sequence[Interval]], left: float) -> None:
        """Reach as far as the intervals do, but not further beyond the means than the widest of the first part."""
        means = [interval.mean for found in parts for interval in found]
        ends = [end for found in parts for interval in found for end in interval if end is not None]
        margin = max(high - low for _, low, high in map(_closed, parts[0]))
        low = max(min(ends), min(means) - margin)
        high = min(max(ends), max(means) + margin)
        self._left = left
        self._step = _tick_step(high - low)
        self._low = floor(low / self._step) * self._step
        self._high = max(ceil(high / self._step), floor(low / self._step) + 1) * self._step

    def holds(self, value: float) -> bool:
        """Whether a value lies on it."""
        return self._low <= value <= self._high

    def __call__(self, value: float) -> float:
        """Return the position of a value, or the end that it is beyond."""
        share = (min(max(value, self._low), self._high) - self._low) / (self._high - self._low)
        return self._left + share * (_WIDTH - _RIGHT - self._left)

    def draw(self, bottom: float) -> Iterator[str]:
        """Draw lines to read it by."""
        for number in count():
            value = self._low + number * self._step
            if value > self._high + self._step / 2:
                return
            x = self(value)
            yield f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{value:g}</text>'


def _closed(interval: Interval) -> tuple[float, float, float]:
    mean, low, high = interval
    return mean, mean if low is None else low, mean if high is None else high


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
        caps = "".join(
            f"M{scale(end):.1f} {y - 4:.1f}v8" for end in (low, high) if scale.holds(end)
        )
        line = f"M{scale(low):.1f} {y:.1f}H{scale(high):.1f}{caps}"
        yield f'<path d="{line}" stroke="{color}" stroke-width="2" fill="none"/>'
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
    yield f'<text x="{_WIDTH - 12}" y="{y + 4:.1f}" text-anchor="end">{PSNR.show(mean)}</text>'
