"""What the programs share: from arguments to an exit code, and from a plan to files."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from rife_arch import CatalogError, DownloadError, RifeError
from vfi.errors import InputError, VfiError
from vfi.jobs import EnhanceJob, Job, Sink, render
from vfi.preprocess import Cut
from vfi.timing import format_rate
from vfi.tracks import AudioMode
from vfi.write import VideoWriter

from .parser import ArgumentsError
from .plan import STANDARD_OUTPUT, JobT, MakeJob, Plan, open_sinks, plan_all

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
_MOST_CUTS_SHOWN = 20

Result = dict[str, Any]  # of one clip, for --json
Run = Callable[[argparse.Namespace, list[Result]], None]
"""Does what the arguments ask for; the list gets one entry for each clip that was worked on."""


class MakeFrames(Protocol):
    """Makes the frames of one clip's result: a job's ``frames`` that knows its model already."""

    def __call__(
        self, on_cut: Callable[[Cut], object], *, first: int, is_deep: bool
    ) -> Generator[Tensor, None, None]:
        """Yield [H, W, C]; see ``Job.frames``."""
        ...


def run_program(
    parser: argparse.ArgumentParser, run: Run, argv: Sequence[str] | None = None
) -> int:
    """Parse the arguments, do what they ask for and say how it went; returns the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        args = parser.parse_args(argv)
    except ArgumentsError as error:
        return _refuse(parser, error, sys.argv[1:] if argv is None else argv)
    # What is meant for people must not get between the frames.
    with redirect_stdout(sys.stderr) if args.output == STANDARD_OUTPUT else nullcontext():
        results: list[Result] = []
        code, message = _run_safely(run, args, results)
        if message:
            print(message, file=sys.stderr)
        if args.json:
            _print_json(code, message, results)
    return code


def _refuse(parser: argparse.ArgumentParser, error: ArgumentsError, argv: Sequence[str]) -> int:
    """Say what is wrong with the arguments, which could not be parsed; returns the exit code."""
    parser.print_usage(sys.stderr)
    print(f"{parser.prog}: error: {error}", file=sys.stderr)
    if "--json" in argv:
        with redirect_stdout(sys.stderr) if "-" in argv else nullcontext():
            _print_json(EXIT_USAGE, f"error: {error}", [])
    return EXIT_USAGE


def _print_json(code: int, message: str | None, results: list[Result]) -> None:
    print(json.dumps({"exit_code": code, "error": message, "results": results}))


def _run_safely(
    run: Run, args: argparse.Namespace, results: list[Result]
) -> tuple[int, str | None]:
    """Do what the arguments ask for; returns the exit code, and what went wrong."""
    try:
        run(args, results)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED, "interrupted; nothing was written under the final name."
    except (RifeError, VfiError, torch.OutOfMemoryError) as error:
        if args.debug:
            raise
        return (EXIT_USAGE if _is_usage(error) else EXIT_FAILED), f"error: {_explain(error, args)}"
    num_failed = sum("error" in result for result in results)
    if num_failed:
        return EXIT_FAILED, f"error: {num_failed} of {len(results)} clips failed, see above."
    return 0, None


def _is_usage(error: Exception) -> bool:
    """Tell a wrong option or name from a job that failed."""
    is_name = isinstance(error, CatalogError) and not isinstance(error, DownloadError)
    return is_name or isinstance(error, InputError)


def _explain(error: Exception, args: argparse.Namespace) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        reason = str(error).split("\n", 1)[0]
        return f"{reason} {args.memory_advice}"
    return str(error)


def plan_clips(
    args: argparse.Namespace, results: list[Result], make_job: MakeJob[JobT]
) -> list[Plan[JobT]]:
    """Decide what becomes of all clips, and refuse what cannot be written, before any work."""
    plans = plan_all(args, make_job, print, partial(fail, args, results))
    for plan in plans:
        open_sinks(args, plan, None)
    return plans


def work_through(
    args: argparse.Namespace,
    results: list[Result],
    plans: Sequence[Plan[JobT]],
    work: Callable[[Plan[JobT]], Result],
) -> None:
    """Work on all clips, one by one. Of several, the others need not suffer if one fails."""
    for plan in plans:
        try:
            results.append(work(plan))
        except (VfiError, torch.OutOfMemoryError) as error:  # noqa: PERF203  once per clip
            if args.debug or len(plans) == 1:
                raise
            fail(args, results, plan.source, error)


def fail(args: argparse.Namespace, results: list[Result], source: Path, error: Exception) -> None:
    """Say that one of several clips has failed, and why."""
    message = _explain(error, args)
    print(f"error: {message}", file=sys.stderr)
    results.append({"input": str(source), "error": message})


def make_files(
    args: argparse.Namespace,
    plan: Plan[JobT],
    make_frames: MakeFrames,
    fingerprint: str | None,
    model_name: str,
) -> Result:
    """Write what a plan says, and say so.

    Args:
        args: of the command line.
        plan: what and where to.
        make_frames: makes the frames.
        fingerprint: of the job, to go on with what an interrupted run has left; None: begin anew.
        model_name: for the result.
    """
    job = plan.job
    sinks = open_sinks(args, plan, fingerprint, print)
    cuts: list[Cut] = []
    started = perf_counter()
    try:
        with _progress(job) as watch:
            num_frames = render(
                partial(make_frames, cuts.append), sinks, watch=watch, dither=job.dither
            )
    except BaseException:
        if plan.is_kept():
            print("what is done is kept: the same command goes on from there.", file=sys.stderr)
        raise
    seconds = perf_counter() - started
    width, height = _written_size(job, sinks)
    print(
        f"done: {plan.describe_targets()} "
        f"({num_frames} frames, {seconds:.1f} s, {num_frames / seconds:.1f} fps)"
    )
    if cuts:
        print(_describe_cuts(cuts))
    return {
        "input": str(plan.source),
        "output": str(plan.video) if plan.video else None,
        "pngs": str(plan.pngs) if plan.pngs else None,
        "frames": num_frames,
        "width": width,
        "height": height,
        "fps": str(job.shown_rate),
        "cuts": [cut.number for cut in cuts],
        "model": model_name,
        "seconds": round(seconds, 3),
    }


def _written_size(job: Job | EnhanceJob, sinks: Sequence[Sink]) -> tuple[int, int]:
    """Return width and height of the result; those of the video, which may have to be even."""
    sizes = [sink.size for sink in sinks if isinstance(sink, VideoWriter)]
    return sizes[0] if sizes else (job.width, job.height)


@contextmanager
def _progress(job: Job | EnhanceJob) -> Generator[Callable[[int, Any], object]]:
    """Show a bar; lends what tells it how many frames there are."""
    with tqdm(total=job.num_frames, unit="frame") as bar:

        def watch(number: int, pixels: object) -> None:
            if pixels is None:  # these were there already: they do not count as speed
                bar.initial = bar.n = number
                bar.refresh()
            bar.update(number - bar.n)

        yield watch


def describe_clip(args: argparse.Namespace, plan: Plan[JobT]) -> str:
    """Say what goes in and what comes out."""
    job, clip = plan.job, plan.job.clip
    about = "" if clip.duration is None else "about "  # the frame rate varies
    return (
        f"input   {clip.name}  {clip.width}x{clip.height}, {about}{_count(clip.num_frames)} frames, "
        f"{about}{format_rate(clip.rate)} fps\n"
        f"output  {plan.describe_targets()}  {about}{_count(job.num_frames)} frames, "
        f"{format_rate(job.shown_rate)} fps, {_describe_sound(args, plan)}"
    )


def _describe_sound(args: argparse.Namespace, plan: Plan[JobT]) -> str:
    tracks = plan.job.clip.tracks
    if tracks is None or not tracks.audio or not plan.holds_audio:
        return "no sound"
    if AudioMode(args.audio) is AudioMode.NONE:
        return "sound left out"
    tempo = plan.job.tempo
    if tempo is None:
        more = ", subtitles and chapters" if tracks.subtitles or tracks.chapters else ""
        return f"sound{more} dropped, because of the ramp"
    return "sound kept" if tempo == 1 else f"sound {float(tempo):.3g} times as fast"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _describe_cuts(cuts: Sequence[Cut]) -> str:
    """Say where scenes begin; ``--cuts`` takes the frame numbers."""
    shown = [f"{cut.number} ({float(cut.time):.2f} s)" for cut in cuts[:_MOST_CUTS_SHOWN]]
    more = ["..."] if len(cuts) > _MOST_CUTS_SHOWN else []
    return f"cuts: {len(cuts)}, at frame {', '.join(shown + more)}"


def end_on_terminate() -> None:
    """Let a plain kill clean up like Ctrl-C."""
    signal.signal(signal.SIGTERM, _stop)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
