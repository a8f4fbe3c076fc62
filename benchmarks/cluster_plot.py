"""Draws efficiency over the number of GPUs, as an SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log2

WIDTH, HEIGHT = 760, 470  # px
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 44, 150  # px, around the axes
ROW = 19  # px, of the legend
COLORS = ("#0b6bcb", "#0b6bcb", "#c2410c", "#c2410c", "#c2410c", "#555555")
DASHES = ("", "7 4", "", "7 4", "2 4", "")
LARGEST = 1024  # GPUs


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        name: for the legend.
        points: GPUs, efficiency.
        limit: GPUs, efficiency and name of what takes longest from there on.
    """

    name: str
    points: Sequence[tuple[int, float]]
    limit: tuple[int, float, str] | None


def draw(lines: Sequence[Line]) -> str:
    """Return an SVG with all lines."""
    height = HEIGHT - BOTTOM + 58 + ROW * len(lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="13" fill="#222">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">Speed-up / GPUs, predicted, not measured</text>',
        *_axes(),
    ]
    for number, line in enumerate(lines):
        parts += _line(line, number)
        parts += _legend(line, number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(gpus: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * log2(gpus) / log2(LARGEST)


def _y(efficiency: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(efficiency, 1.0))


def _axes() -> Iterator[str]:
    for percent in (0, 25, 50, 75, 100):
        y = _y(percent / 100)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
    for power in range(int(log2(LARGEST)) + 1):
        x = _x(2**power)
        yield f'<path d="M{x:.1f} {TOP}V{_y(0):.1f}" stroke="#eee"/>'
        yield f'<text x="{x:.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{2**power}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{_y(0) + 36:.1f}" text-anchor="middle">GPUs</text>'


def _style(number: int) -> str:
    style = number % len(COLORS)
    dash = f' stroke-dasharray="{DASHES[style]}"' if DASHES[style] else ""
    return f'stroke="{COLORS[style]}" stroke-width="2" fill="none"{dash}'


def _line(line: Line, number: int) -> Iterator[str]:
    points = " ".join(f"{_x(gpus):.1f},{_y(value):.1f}" for gpus, value in line.points)
    yield f'<polyline points="{points}" {_style(number)}/>'
    if line.limit and line.limit[0] <= LARGEST:
        gpus, value, _ = line.limit
        color = COLORS[number % len(COLORS)]
        yield f'<circle cx="{_x(gpus):.1f}" cy="{_y(value):.1f}" r="5" fill="{color}"/>'


def _legend(line: Line, number: int) -> Iterator[str]:
    y = _y(0) + 60 + ROW * number
    limit = f" (dot: {line.limit[2]} is the limit from {line.limit[0]} on)" if line.limit else ""
    yield f'<path d="M{LEFT} {y - 4:.1f}h34" {_style(number)}/>'
    yield f'<text x="{LEFT + 44}" y="{y:.1f}">{escape(line.name + limit)}</text>'
