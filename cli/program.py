"""A run of a command line: what it says, how it fails, and how a planned clip is rendered."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, NoReturn, TypeVar

import av
from torch import Tensor
from tqdm import tqdm

from vfi.encode import available_presets
from vfi.errors import DecodeError, InputError
from vfi.timing import format_rate
from vfi.tracks import AudioMode

from .arguments import ArgumentsError
from .checkpoints import require_devices
from .explain import EXIT_FAILED, EXIT_USAGE, exit_code, explain
from .loaded import LoadableNetwork, Loaded
from .options import ClusterOptions, EnhanceOptions, InterpolateOptions
from .plan import JobT, Plan, choose_unfinished
from .rendering import Result, describe_result, render_plan, report
from .sources import list_sources
from .terminal import message_streams

EXIT_INTERRUPTED = 130

OptionsT = TypeVar("OptionsT", InterpolateOptions, EnhanceOptions)


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
            # What was measured on a GPU is said once for each size of frames.
            logging.getLogger("rife_arch.models.selection").setLevel(logging.INFO)
            try:
                yield
                message = self._failures()
            except ArgumentsError as error:
                error.parser.print_usage(sys.stderr)
                print(f"{error.parser.prog}: ", end="", file=sys.stderr)
                message, self.exit_code = f"error: {error}", EXIT_USAGE
            except KeyboardInterrupt as stop:
                message = str(stop) or self._describe_interruption()
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

    def _describe_interruption(self) -> str:
        if any("error" not in result for result in self.results):
            return "interrupted; nothing unfinished was written under its final name."
        return "interrupted; nothing was written under the final name."

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


def render_clips(
    program: Program,
    plans: Sequence[Plan[JobT]],
    network: LoadableNetwork,
    cluster: ClusterOptions | None = None,
    devices: Sequence[str] = (),
) -> None:
    """Write clips; one that fails does not stop the others.

    Args:
        program: gets the results.
        plans: ready to be written.
        network: makes the frames.
        cluster: that they are spread over; None: this process writes them one by one,
        devices: unless these are several.
    """
    if cluster is not None:
        import_cluster(cluster).render_on_cluster(program, plans, network, cluster)
        return
    if len(devices) > 1:
        require_devices(devices)
        import_devices().render_on_devices(program, plans, network, devices)
        return
    loaded = network.load()
    for plan in plans:
        with program.clip(plan.source, Exception, is_alone=len(plans) == 1):
            program.results.append(render_clip(plan, loaded))


def import_cluster(options: ClusterOptions) -> ModuleType:
    """Import what needs Ray, which is an extra.

    Raises:
        InputError: it is not there.
    """
    try:
        from .cluster.environment import prepare_ray

        prepare_ray(options)
        from .cluster import run
    except ModuleNotFoundError as error:
        if error.name == "ray":
            raise InputError(
                "--ray needs Ray, which is not installed here. Install what requirements-ray.txt "
                "names; docs/clusters.md shows how."
            ) from error
        _explain_missing(error, "--ray")
        raise
    return run


def import_devices() -> ModuleType:
    """Import what starts processes, which the archive of the Comfy Registry leaves out.

    Raises:
        InputError: it is not there.
    """
    try:
        from .devices import run
    except ModuleNotFoundError as error:
        _explain_missing(error, "--device with several devices")
        raise
    return run


def _explain_missing(error: ModuleNotFoundError, option: str) -> None:
    """Raise a message in place of an error about a package of ours."""
    if error.name and error.name.startswith(f"{__package__}."):
        raise InputError(
            f"{option} is not part of what the registry of ComfyUI installs. Get the whole pack as "
            "docs/clusters.md shows."
        ) from error


def render_clip(plan: Plan[JobT], loaded: Loaded[Any]) -> Result:
    """Write what a plan says, with a progress bar, and say what was made.

    Args:
        plan: ready to be written.
        loaded: makes the frames.
    """
    print(describe_clip(plan))
    print(f"model   {loaded.description}")
    started = perf_counter()
    try:
        with _Progress(plan.job.num_frames) as progress:
            rendered = render_plan(plan, loaded, on_frame=progress, notify=tqdm.write)
    except BaseException:
        tell_what_is_kept([plan])
        raise
    rendered.seconds = perf_counter() - started
    print(describe_result(plan, rendered))
    return report(plan, rendered, loaded.name)


def tell_what_is_kept(plans: Iterable[Plan[JobT]]) -> None:
    """Say that an interrupted run can go on, if it has left something."""
    if any(plan.has_leftovers() for plan in plans):
        print("Finished frames were kept; run the same command again to resume.", file=sys.stderr)


class _Progress:
    """Shows a bar while a result is rendered; a context manager, and ``on_frame`` of ``render``.

    Frames that an earlier run has left are not part of the speed.
    """

    def __init__(self, num_frames: int | None) -> None:
        self._num_frames = num_frames
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> _Progress:
        return self

    def __call__(self, number: int, _pixels: Tensor | None) -> None:
        if self._bar is None:
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


def list_presets() -> str:
    """Say which presets can be written on this machine: tries each, which takes seconds."""
    lines = [
        f"{preset.name:<17} {', '.join(suffix[1:] for suffix in preset.suffixes):<14} "
        f"{encoder.name:<14} {preset.purpose}"
        for preset, encoder in available_presets()
    ]
    return "\n".join([*lines, f"with PyAV {av.__version__}"])
