"""What became of many clips, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .clip_run import ClipRun

_LONGEST_NAME = 40  # characters
_FAILED = "failed, see above"


def summarize(clips: Sequence[ClipRun], refused: Sequence[str]) -> str:
    """Return a table: a row for each clip, those that failed last, and a line over all.

    Args:
        clips: those that were worked on.
        refused: the sources of those that were not, as they could not be read.
    """
    rows = [_row(clip) for clip in sorted(clips, key=lambda clip: clip.failure is not None)]
    rows += [(_short(Path(source).name), "", "", "", _FAILED) for source in refused]
    width = max(len(name) for name, *_ in rows)
    lines = [f"{'clip':<{width}} {'frames':>8} {'seconds':>9} {'fps':>7}  result"]
    lines += [
        f"{name:<{width}} {frames:>8} {seconds:>9} {fps:>7}  {result}"
        for name, frames, seconds, fps, result in rows
    ]
    done = [clip for clip in clips if clip.is_over and clip.failure is None]
    num_frames = sum(clip.rendered.num_frames for clip in done)
    return "\n".join(
        [*lines, f"{len(done)} of {len(clips) + len(refused)} clips, {num_frames} frames"]
    )


def _row(clip: ClipRun) -> tuple[str, str, str, str, str]:
    name = _short(clip.plan.source.name)
    if not clip.is_over:
        return name, "", "", "", "not finished; the same command goes on"
    if clip.failure is not None:
        return name, "", "", "", _FAILED
    made = clip.rendered
    fps = (made.num_frames - made.resumed_at) / made.seconds if made.seconds else 0.0
    targets = clip.plan.describe_targets()
    return name, str(made.num_frames), f"{made.seconds:.1f}", f"{fps:.1f}", targets


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
