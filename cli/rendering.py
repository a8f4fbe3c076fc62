"""A planned clip is written, by one process; and what is said of a result, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor

from vfi.jobs import InterpolationJob, render
from vfi.preprocess import Cut, Duplicates

from .loaded import Loaded
from .plan import JobT, Plan

_MOST_CUTS_SHOWN = 20

Result = dict[str, Any]  # of one clip, for --json


@dataclass
class Rendered:
    """What is known of a result once it is written.

    Attributes:
        num_frames: how many it has.
        resumed_at: how many of them an earlier run had left.
        cuts: scene cuts of the source.
        redrawn: how many repeated frames were redrawn.
        notes: what could not be kept as it was, one sentence each.
        seconds: it took.
    """

    num_frames: int = 0
    resumed_at: int = 0
    cuts: list[Cut] = field(default_factory=list[Cut])
    redrawn: int = 0
    notes: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def count_redrawn(self, number: int) -> None:
        """Count repeated frames that are redrawn."""
        self.redrawn += number


def watched(job: Any, rendered: Rendered) -> dict[str, Any]:
    """Return what a job takes to tell what it redraws, if it can."""
    return {"on_redrawn": rendered.count_redrawn} if isinstance(job, InterpolationJob) else {}


def render_plan(
    plan: Plan[JobT],
    loaded: Loaded[Any],
    *,
    on_frame: Callable[[int, Tensor | None], object],
    notify: Callable[[str], object],
) -> Rendered:
    """Write what a plan says.

    Args:
        plan: ready to be written.
        loaded: makes the frames.
        on_frame: see ``render``.
        notify: called with a sentence for each thing that cannot be kept as it is.
    """
    rendered, job = Rendered(), plan.job

    def frames(*, first: int, bit_depth: int) -> Generator[Tensor, None, None]:
        rendered.resumed_at = first
        add_cut = rendered.cuts.append
        made = partial(job.frames, loaded.model, add_cut, **watched(job, rendered))
        return made(first=first, bit_depth=bit_depth)

    sinks = plan.sinks(resume_key_of(plan, loaded.settings), notify)
    rendered.num_frames = render(frames, sinks, on_frame=on_frame, dither=job.dither)
    return rendered


def resume_key_of(plan: Plan[JobT], settings: Sequence[str]) -> str | None:
    """Hash everything that decides the pixels of a result; None: it starts over.

    Args:
        plan: of the result.
        settings: of the network; see ``Loaded``.
    """
    return plan.job.resume_key(*settings) if plan.output.resume else None


def describe_result(plan: Plan[JobT], rendered: Rendered) -> str:
    """Say what was made, in one line or a few."""
    num_new = rendered.num_frames - rendered.resumed_at
    resumed = f"{rendered.resumed_at} of them from an earlier run, " if rendered.resumed_at else ""
    lines = [
        f"done: {plan.describe_targets()} ({rendered.num_frames} frames, {resumed}"
        f"{rendered.seconds:.1f} s, {num_new / rendered.seconds:.1f} fps)"
    ]
    if rendered.cuts:
        lines.append(_describe_cuts(rendered.cuts))
    job = plan.job
    if isinstance(job, InterpolationJob) and job.preparation.duplicates is Duplicates.REDRAW:
        lines.append(f"redrawn: {rendered.redrawn} repeated frames")
    return "\n".join(lines)


def _describe_cuts(cuts: Sequence[Cut]) -> str:
    """Say where scenes begin; ``--cuts`` takes the frame numbers."""
    shown = [f"{cut.number} ({float(cut.time):.2f} s)" for cut in cuts[:_MOST_CUTS_SHOWN]]
    more = ["..."] if len(cuts) > _MOST_CUTS_SHOWN else []
    return f"cuts: {len(cuts)}, at frame {', '.join(shown + more)}"


def report(plan: Plan[JobT], rendered: Rendered, model_name: str) -> Result:
    """Return what ``--json`` says of a result."""
    width, height = plan.size
    is_redrawn = isinstance(plan.job, InterpolationJob)
    return {
        **plan.inputs,
        "output": str(plan.video) if plan.video else None,
        "pngs": str(plan.images) if plan.images else None,
        "frames": rendered.num_frames,
        "resumed_at": rendered.resumed_at,
        "width": width,
        "height": height,
        "fps": str(plan.job.shown_rate),
        "cuts": [cut.number for cut in rendered.cuts],
        "model": model_name,
        "seconds": round(rendered.seconds, 3),
        **({"redrawn": rendered.redrawn} if is_redrawn else {}),
    }
