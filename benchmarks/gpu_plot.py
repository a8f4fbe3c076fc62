"""Draws how fast each way is, relative to the plain network, as an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, ROW, LEFT = 760, 20, 300  # px
_COLORS = {
    "plain": "#777777",
    "ComfyUI": "#c2410c",
    "vs-rife": "#7c3aed",
    "convolutions": "#cccccc",
}
_OURS = "#0b6bcb"


def draw_bars(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return an SVG with a bar for each row that has a time: longer is faster than plain."""
    plain = {
        _task(row): row["s/frame"] for row in rows if row["way"] == "plain" and "s/frame" in row
    }
    bars = [
        (row, plain[_task(row)] / row["s/frame"])
        for row in rows
        if "s/frame" in row and _task(row) in plain
    ]
    longest = max((factor for _, factor in bars), default=1.0)
    height = 48 + ROW * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}: speed, plain is 1</text>',
    ]
    for number, (row, factor) in enumerate(bars):
        y = 36 + ROW * number
        length = (WIDTH - LEFT - 90) * factor / longest
        color = _COLORS.get(row["way"], _OURS)
        label = f"{row['size']} x{row['multi']} {row['precision']} {row['way']}"
        parts += [
            f'<text x="10" y="{y + 13}">{escape(label)}</text>',
            f'<rect x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="{ROW - 5}" fill="{color}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}">{factor:.2f}, '
            f"{row['s/frame'] * 1000:.1f} ms</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _task(row: dict[str, Any]) -> tuple[object, ...]:
    return row["size"], row["multi"], row["precision"]
