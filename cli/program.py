"""A run of a command line: what it says, how it fails, and how a planned clip is rendered."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn, Protocol, TypeVar

import av
from torch import Tensor
from tqdm import tqdm

from vfi.encode import available_presets
from vfi.errors import DecodeError
from vfi.jobs import render
from vfi.preprocess import Cut
from vfi.timing import format_rate
from vfi.tracks import AudioMode

from .arguments import ArgumentsError
from .explain import EXIT_FAILED, EXIT_USAGE, exit_code, explain
from .options import EnhanceOptions, InterpolateOptions
from .plan import JobT, Plan, choose_unfinished
from .sources import list_sources
from .terminal import message_streams

EXIT_INTERRUPTED = 130
_MOST_CUTS_SHOWN = 20

Result = dict[str, Any]  # of one clip, for --json
OptionsT = TypeVar("OptionsT", InterpolateOptions, EnhanceOptions)


class FramesWithCuts(Protocol):
    """Makes the frames of one clip's result: a job's ``frames`` with its model."""

    def __call__(
        self, on_cut: Callable[[Cut], object], *, first: int, bit_depth: int
    ) -> Generator[Tensor, None, None]:
        """Yield [H, W, C]; see ``RenderJob.frames``."""
        ...


@dataclass
class Program:
    """One run of a command line.

    Attributes:
        argv: its arguments.
        memory_advice: what to try when a GPU runs out of memory.
        reports_json: ``--json`` asks for a report on standard output, not for a file.
        exit_code: once :meth:`reporting` has ended.
        results: one for each clip that was worked on, for ``--json``.
    """

    argv: Sequence[str]
    memory_advice: str
    reports_json: bool = True
    exit_code: int = 0
    results: list[Result] = field(default_factory=list[Result])

    @contextmanager
    def reporting(self) -> Generator[None, None, None]:
        """Turn errors of the block into a message and an exit code, and print JSON if asked."""
        message: str | None = None
        # Frames on standard output must not be mixed with messages.
        pipes_frames = not {"-", "--output=-"}.isdisjoint(self.argv)
        with (
            message_streams() as out,
            redirect_stdout(sys.stderr) if pipes_frames else nullcontext(),
        ):
            logging.basicConfig(format="%(levelname)s: %(message)s")
            try:
                yield
                message = self._failures()
            except ArgumentsError as error:
                error.parser.print_usage(sys.stderr)
                print(f"{error.parser.prog}: ", end="", file=sys.stderr)
                message, self.exit_code = f"error: {error}", EXIT_USAGE
            except KeyboardInterrupt:
                message = "interrupted; nothing was written under the final name."
                self.exit_code = EXIT_INTERRUPTED
            except Exception as error:
                if self.shows_tracebacks:
                    raise
                message = f"error: {explain(error, self.memory_advice)}"
                self.exit_code = exit_code(error)
            if message:
                print(message, file=sys.stderr)
            if self.reports_json and "--json" in self.argv:
                report = {"exit_code": self.exit_code, "error": message, "results": self.results}
                print(json.dumps(report), flush=True)
                self.exit_code = self.exit_code or EXIT_FAILED * out.is_lost

    @property
    def shows_tracebacks(self) -> bool:
        """Whether errors are shown with where they come from."""
        return "--debug" in self.argv

    @contextmanager
    def clip(
        self, source: Path, *errors: type[Exception], is_alone: bool
    ) -> Generator[None, None, None]:
        """Work on one clip; if it is one of several, the others need not suffer when it fails.

        Args:
            source: the clip.
            errors: which errors concern this clip alone.
            is_alone: it is the only clip: the error ends the program.
        """
        try:
            yield
        except errors as error:
            if is_alone or self.shows_tracebacks:
                raise
            message = explain(error, self.memory_advice)
            print(f"error: {message}", file=sys.stderr)
            self.results.append({"input": str(source), "error": message})

    def _failures(self) -> str | None:
        num_failed = sum("error" in result for result in self.results)
        if not num_failed:
            return None
        self.exit_code = EXIT_FAILED
        return f"error: {num_failed} of {len(self.results)} clips failed, see above."


def plan_clips(
    program: Program,
    options: OptionsT,
    plan_clip: Callable[[Path, OptionsT, bool], Plan[JobT]],
) -> list[Plan[JobT]]:
    """Decide what becomes of every clip, and refuse what cannot be written, before any work.

    Args:
        program: gets the errors of single clips.
        options: of the command line.
        plan_clip: ``plan_interpolation`` or ``plan_enhancement``.
    """
    sources = list_sources(options.source, options.output)
    is_alone = len(sources) == 1
    plans: list[Plan[JobT]] = []
    for source in sources:
        with program.clip(source, DecodeError, OSError, is_alone=is_alone):
            plans.append(plan_clip(source, options, is_alone))
    unfinished = choose_unfinished(plans, options.output, print, is_alone=is_alone)
    return [plan.make_ready() for plan in unfinished]


def render_clip(
    plan: Plan[JobT], frames: FramesWithCuts, resume_key: str | None, model_name: str
) -> Result:
    """Write what a plan says, with a progress bar.

    Args:
        plan: ready to be written.
        frames: makes the frames.
        resume_key: of the job, to go on with what an interrupted run has left; None: start over.
        model_name: for the result.
    """
    job = plan.job
    cuts: list[Cut] = []
    started = perf_counter()
    try:
        with _Progress(job.num_frames) as progress:
            num_frames = render(
                partial(frames, cuts.append),
                plan.sinks(resume_key, tqdm.write),
                on_frame=progress,
                dither=job.dither,
            )
    except BaseException:
        if plan.has_leftovers():
            print(
                "Finished frames were kept; run the same command again to resume.", file=sys.stderr
            )
        raise
    seconds = perf_counter() - started
    resumed = f"{progress.resumed_at} of them from an earlier run, " if progress.resumed_at else ""
    print(
        f"done: {plan.describe_targets()} ({num_frames} frames, {resumed}{seconds:.1f} s, "
        f"{(num_frames - progress.resumed_at) / seconds:.1f} fps)"
    )
    if cuts:
        print(_describe_cuts(cuts))
    width, height = plan.size
    return {
        **plan.inputs,
        "output": str(plan.video) if plan.video else None,
        "pngs": str(plan.images) if plan.images else None,
        "frames": num_frames,
        "resumed_at": progress.resumed_at,
        "width": width,
        "height": height,
        "fps": str(job.shown_rate),
        "cuts": [cut.number for cut in cuts],
        "model": model_name,
        "seconds": round(seconds, 3),
    }


class _Progress:
    """Shows a bar while a result is rendered; a context manager, and ``on_frame`` of ``render``.

    Attributes:
        resumed_at: how many frames an earlier run has left. They are not part of the speed.
    """

    def __init__(self, num_frames: int | None) -> None:
        self.resumed_at = 0
        self._num_frames = num_frames
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> _Progress:
        return self

    def __call__(self, number: int, _pixels: Tensor | None) -> None:
        if self._bar is None:
            self.resumed_at = number
            self._bar = tqdm(total=self._num_frames, initial=number, unit="frame")
        self._bar.update(number - self._bar.n)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()


def describe_clip(plan: Plan[JobT]) -> str:
    """Say what goes in and what comes out."""
    job, clip = plan.job, plan.job.clip
    about = "" if clip.duration is None else "about "  # the frame rate varies
    hdr = f"HDR ({clip.color.hdr_name}), " if clip.color.is_hdr else ""
    notes = "".join(f"\nnote    {note}" for note in plan.notes)
    return (
        f"input   {clip.name}  {clip.width}x{clip.height}, {about}{_count(clip.num_frames)} frames, "
        f"{about}{format_rate(clip.rate)} fps\n"
        f"output  {plan.describe_targets()}  {about}{_count(job.num_frames)} frames, "
        f"{format_rate(job.shown_rate)} fps, {hdr}{_describe_audio(plan)}{notes}"
    )


def _describe_audio(plan: Plan[JobT]) -> str:
    tracks = plan.job.clip.tracks
    if tracks is None or not tracks.audio or not plan.holds_audio:
        return "no audio"
    if plan.output.audio is AudioMode.NONE:
        return "audio dropped"
    tempo = plan.job.tempo
    if tempo is None:
        more = ", subtitles and chapters" if tracks.subtitles or tracks.chapters else ""
        return f"audio{more} dropped, because the speed varies"
    return "audio kept" if tempo == 1 else f"audio {float(tempo):.3g} times as fast"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _describe_cuts(cuts: Sequence[Cut]) -> str:
    """Say where scenes begin; ``--cuts`` takes the frame numbers."""
    shown = [f"{cut.number} ({float(cut.time):.2f} s)" for cut in cuts[:_MOST_CUTS_SHOWN]]
    more = ["..."] if len(cuts) > _MOST_CUTS_SHOWN else []
    return f"cuts: {len(cuts)}, at frame {', '.join(shown + more)}"


def list_presets() -> str:
    """Say which presets can be written on this machine: tries each, which takes seconds."""
    lines = [
        f"{preset.name:<17} {', '.join(suffix[1:] for suffix in preset.suffixes):<14} "
        f"{encoder.name:<14} {preset.purpose}"
        for preset, encoder in available_presets()
    ]
    return "\n".join([*lines, f"with PyAV {av.__version__}"])
