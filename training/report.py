"""What a run came to: a sentence, and a page with figures, curves and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from vfi.measure import Interval, find_intervals

from .chart import Point, draw_curve
from .looks import Look

_SMOOTHED = 40  # points of the curve of the loss, at most
_LOST = 0.05  # dB below the best look from which on the end was not the best
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"
    "img,svg{max-width:100%;height:auto}"
)


@dataclass(frozen=True)
class Gain:
    """How much better the held-out samples are made than before.

    Attributes:
        base: before.
        tuned: after.
        psnr: the difference, dB, with its interval over clips.
        ssim: the same.
        clips: how many there are.
    """

    base: Look
    tuned: Look
    psnr: Interval
    ssim: Interval
    clips: int

    def sentence(self) -> str:
        """Say whether it is better."""
        low, high = self.psnr.low, self.psnr.high
        change = f"{self.psnr.mean:+.2f} dB{_in_brackets(self.psnr, 2)}"
        where = f"the {len(self.base.psnrs)} held-out samples of {self.clips} clip{'s' * (self.clips > 1)}"
        if low is None or high is None or low <= 0 <= high:
            return f"No difference that {where} can show: {change}."
        return f"{'Better' if low > 0 else 'Worse'} on {where}: {change}."


def measure_gain(base: Look, tuned: Look, clips: Sequence[str]) -> Gain:
    """Compare two looks at the same samples.

    Args:
        base: before.
        tuned: after.
        clips: which each sample is from.
    """
    differences = [np.subtract(tuned.psnrs, base.psnrs), np.subtract(tuned.ssims, base.ssims)]
    psnr, ssim = find_intervals(np.stack(differences, axis=1), clips)
    return Gain(base, tuned, psnr, ssim, len(set(clips)))


def _in_brackets(interval: Interval, digits: int) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f" [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def advise(looks: Sequence[Mapping[str, Any]]) -> str:
    """Say what the curve of the held-out samples suggests; empty if it rose to the end."""
    best = max(looks, key=lambda row: row["psnr"])
    if best["step"] == looks[-1]["step"] or best["psnr"] - looks[-1]["psnr"] < _LOST:
        return ""
    if best["step"] == 0:
        return (
            "The held-out samples were never made better than before. Try a smaller --lr, more clips, or leave "
            "the network as it is."
        )
    return (
        f"The held-out samples were made best after {best['step']} steps: later ones learned the clips by heart. "
        "Try fewer --steps, a smaller --lr or more clips."
    )


def write_page(
    title: str,
    gain: Gain | None,
    steps: Sequence[Mapping[str, Any]],
    looks: Sequence[Mapping[str, Any]],
    facts: Mapping[str, object],
    pictures: Iterable[str],
) -> str:
    """Return the report as HTML.

    Args:
        title: of the run.
        gain: None where nothing was held out.
        steps: rows of the journal.
        looks: the same.
        facts: what was trained on what, and how.
        pictures: paths of strips, relative to the page.
    """
    parts = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>',
        f"<h1>{escape(title)}</h1>",
    ]
    if gain is not None:
        parts += [f"<p><strong>{escape(gain.sentence())}</strong> {escape(advise(looks))}</p>"]
        parts += [_gain_table(gain), "<p>In brackets: 95 % interval, drawn over clips.</p>"]
        held_out = [(row["step"], row["psnr"]) for row in looks]
        parts.append(draw_curve("PSNR of the held-out samples, dB, over steps", held_out))
    if steps:
        parts.append(draw_curve("Loss over steps, smoothed", smoothed(steps, "loss")))
    parts += [f'<p><img src="{escape(path)}" alt="{escape(path)}"></p>' for path in pictures]
    rows = [
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    ]
    parts += ["<h2>How it was made</h2>", "<table>", *rows, "</table></html>"]
    return "\n".join(parts) + "\n"


def _gain_table(gain: Gain) -> str:
    rows = [
        ("PSNR, dB", gain.base.psnr, gain.tuned.psnr, gain.psnr, 2),
        ("SSIM", gain.base.ssim, gain.tuned.ssim, gain.ssim, 4),
    ]
    lines = [
        f"<tr><th>{name}</th><td>{before:.{digits}f}</td><td>{after:.{digits}f}</td>"
        f"<td>{change.mean:+.{digits}f}{_in_brackets(change, digits)}</td></tr>"
        for name, before, after, change, digits in rows
    ]
    head = "<tr><th></th><th>before</th><th>after</th><th>difference</th></tr>"
    return "\n".join(["<table>", head, *lines, "</table>"])


def smoothed(rows: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """Average a curve over as many neighbours as make it ``_SMOOTHED`` points."""
    size = -(-len(rows) // _SMOOTHED)
    parts = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
    return [(part[-1]["step"], sum(row[name] for row in part) / len(part)) for part in parts]
