"""What is said once all clips have been worked on, for people and for ``--json``."""

from __future__ import annotations

from collections.abc import Sequence

from vfi.errors import InputError, VfiError

from ..explain import EXIT_USAGE
from ..program import Program, tell_what_is_kept
from ..rendering import report
from .clip_run import ClipRun
from .summary import summarize


def report_all(program: Program, clips: Sequence[ClipRun], model_name: str) -> None:
    """Say of each clip what happened."""
    refused = [result["input"] for result in program.results]
    for clip in clips:
        if clip.failure is not None:
            if len(clips) > 1:
                error = clip.failure.message
                program.results.append({"input": str(clip.plan.source), "error": error})
        elif clip.is_over:
            program.results.append(report(clip.plan, clip.rendered, model_name))
    tell_what_is_kept(clip.plan for clip in clips if clip.failure or not clip.is_over)
    if len(clips) + len(refused) > 1:
        print(summarize(clips, refused))


def fail_alone(clips: Sequence[ClipRun]) -> None:
    """Raise the error of a clip that is the only one: it ends the program."""
    failure = clips[0].failure
    if len(clips) == 1 and failure is not None:
        raise (InputError if failure.exit_code == EXIT_USAGE else VfiError)(failure.message)
