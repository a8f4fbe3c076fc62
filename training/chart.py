"""Curves of a run as SVG, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 260  # px
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 30, 34  # px, around the axes
_GRID = 4  # lines
_COLOR = "#0b6bcb"

Point = tuple[float, float]


def draw_curve(title: str, points: Sequence[Point]) -> str:
    """Draw a curve.

    Args:
        title: above it.
        points: (x, y) by rising x; at least one.
    """
    scale = _Scale(points)
    path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>',
        *scale.grid(),
        f'<polyline points="{path}" fill="none" stroke="{_COLOR}" stroke-width="1.6"/>',
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale:
    """From values to px."""

    def __init__(self, points: Sequence[Point]) -> None:
        xs, ys = zip(*points, strict=True)
        self._x0, self._x1 = min(xs), max(xs)
        self._y0, self._y1 = min(ys), max(ys)

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * _share(value, self._x0, self._x1)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * _share(value, self._y0, self._y1)

    def grid(self) -> list[str]:
        """Draw lines and numbers of both axes."""
        parts: list[str] = []
        for index in range(_GRID + 1):
            value = self._y0 + (self._y1 - self._y0) * index / _GRID
            y = self.y(value) if self._y1 > self._y0 else HEIGHT - _BOTTOM
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#ddd"/>')
            parts.append(
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
            )
            at = self._x0 + (self._x1 - self._x0) * index / _GRID
            parts.append(
                f'<text x="{self.x(at):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{at:.0f}</text>'
            )
        return parts


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
