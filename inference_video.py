"""Make a video, or a folder of numbered pictures, smoother with RIFE. See --help and README.md."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm

from cli.checkpoints import convert_checkpoint, inspect_checkpoint, list_models, load_model
from cli.clips import STANDARD_OUTPUT, Plan, open_sinks, plan_all
from cli.options import build_parser
from cli.presets import list_presets
from rife_arch import CatalogError, DownloadError, RifeError, RifeModel
from vfi import __version__ as __version__
from vfi.cuts import Cut
from vfi.demo import make_test_clip
from vfi.errors import InputError, VfiError
from vfi.job import Job, render
from vfi.protocol import Interpolator
from vfi.timing import format_rate
from vfi.tracks import Sound

_MOST_CUTS_SHOWN = 20
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

Result = dict[str, Any]  # of one clip, for --json


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    args = build_parser().parse_args(argv)
    # What is meant for people must not get between the frames.
    with redirect_stdout(sys.stderr) if args.output == STANDARD_OUTPUT else nullcontext():
        results: list[Result] = []
        code, message = _run_safely(args, results)
        if message:
            print(message, file=sys.stderr)
        if args.json:
            print(json.dumps({"exit_code": code, "error": message, "results": results}))
    return code


def _run_safely(args: argparse.Namespace, results: list[Result]) -> tuple[int, str | None]:
    """Do what the arguments ask for; returns the exit code, and what went wrong."""
    try:
        run(args, results)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED, "interrupted; nothing was written under the final name."
    except (RifeError, VfiError, torch.OutOfMemoryError) as error:
        if args.debug:
            raise
        return (EXIT_USAGE if _is_usage(error) else EXIT_FAILED), f"error: {_explain(error)}"
    num_failed = sum("error" in result for result in results)
    if num_failed:
        return EXIT_FAILED, f"error: {num_failed} of {len(results)} clips failed, see above."
    return 0, None


def _is_usage(error: Exception) -> bool:
    """Tell a wrong option or name from a job that failed."""
    is_name = isinstance(error, CatalogError) and not isinstance(error, DownloadError)
    return is_name or isinstance(error, InputError)


def _explain(error: Exception) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        reason = str(error).split("\n", 1)[0]
        return f"{reason} Try --scale 0.5 or --precision fp16."
    return str(error)


def run(args: argparse.Namespace, results: list[Result]) -> None:
    """Do what the arguments ask for; ``results`` gets one entry for each clip that was worked on."""
    if args.inspect:
        print(inspect_checkpoint(args.inspect))
    elif args.convert:
        print(convert_checkpoint(*args.convert, overwrite=args.overwrite))
    elif args.list_models:
        print(list_models())
    elif args.list_presets:
        print(list_presets())
    else:
        interpolate(args, results)


def interpolate(args: argparse.Namespace, results: list[Result]) -> None:
    """Make the clips smoother: the main job."""
    if args.exp:
        args.multi = 2**args.exp
    if args.demo:
        args.video = [make_demo(overwrite=args.overwrite)]
    plans = plan_all(args, print)
    for plan in plans:
        open_sinks(args, plan, None)  # they refuse what they cannot write, before the work
    if not plans:
        return
    model = load_model(args)
    for note in _notes(args, model):
        print(f"note: {note}")
    if len(plans) == 1:
        results.append(interpolate_clip(args, plans[0], model))
    else:
        results += (_interpolate_or_explain(args, plan, model) for plan in plans)


def _interpolate_or_explain(args: argparse.Namespace, plan: Plan, model: RifeModel) -> Result:
    """Make one clip of several smoother; the others need not suffer if it fails."""
    try:
        return interpolate_clip(args, plan, model)
    except (VfiError, torch.OutOfMemoryError) as error:
        if args.debug:
            raise
        print(f"error: {_explain(error)}", file=sys.stderr)
        return {"input": str(plan.source), "error": _explain(error)}


def make_demo(*, overwrite: bool) -> Path:
    """Write a short moving clip into the current folder."""
    path = Path("demo.mp4")
    if path.exists() and not overwrite:
        raise InputError(
            f"{path}: expected no such file here, found one. Interpolate it with --video {path}, "
            "or replace it with --overwrite."
        )
    make_test_clip(path)
    return path


def interpolate_clip(args: argparse.Namespace, plan: Plan, model: RifeModel) -> Result:
    """Make one clip smoother, and say so."""
    print(describe_job(args, plan, model))
    job = plan.job
    fingerprint = job.fingerprint(*_model_settings(args, model)) if args.resume else None
    sinks = open_sinks(args, plan, fingerprint, print)
    cuts: list[Cut] = []
    started = perf_counter()
    try:
        with _progress(job) as watch:
            interpolator = make_interpolator(args, model)
            num_frames = render(partial(job.frames, interpolator, cuts.append), sinks, watch=watch)
    except BaseException:
        if plan.is_kept():
            print("what is done is kept: the same command goes on from there.", file=sys.stderr)
        raise
    seconds = perf_counter() - started
    print(
        f"done: {plan.describe_targets()} "
        f"({num_frames} frames, {seconds:.1f} s, {num_frames / seconds:.1f} fps)"
    )
    if cuts:
        print(describe_cuts(cuts))
    return {
        "input": str(plan.source),
        "output": str(plan.video) if plan.video else None,
        "pngs": str(plan.pngs) if plan.pngs else None,
        "frames": num_frames,
        "width": job.width,
        "height": job.height,
        "fps": str(job.shown_rate),
        "cuts": [cut.number for cut in cuts],
        "model": model.name,
        "seconds": round(seconds, 3),
    }


def make_interpolator(args: argparse.Namespace, model: RifeModel) -> Interpolator[Any]:
    """Make of a model what a job needs of it."""
    return Interpolator(
        partial(model.encode, scale=_flow_scale(args)),
        partial(model.interpolate_each, ensemble=args.ensemble, quality=args.quality),
        model.device,
    )


def _model_settings(args: argparse.Namespace, model: RifeModel) -> list[str]:
    """List what decides the pixels beside the clip's own settings."""
    settings = (model.evaluation(_flow_scale(args)), _flow_scale(args), args.ensemble, args.quality)
    return [model.identity, repr(settings)]


@contextmanager
def _progress(job: Job) -> Generator[Callable[[int, Any], object]]:
    """Show a bar; lends what tells it how many frames there are."""
    with tqdm(total=job.num_frames, unit="frame") as bar:

        def watch(number: int, pixels: object) -> None:
            if pixels is None:  # these were there already: they do not count as speed
                bar.initial = bar.n = number
                bar.refresh()
            bar.update(number - bar.n)

        yield watch


def describe_job(args: argparse.Namespace, plan: Plan, model: RifeModel) -> str:
    """Say what is about to happen."""
    job, clip = plan.job, plan.job.clip
    lines = [
        f"input   {clip.name}  {clip.width}x{clip.height}, {_count(clip.num_frames)} frames, "
        f"{format_rate(clip.rate)} fps",
        f"output  {plan.describe_targets()}  {_count(job.num_frames)} frames, "
        f"{format_rate(job.shown_rate)} fps, {_describe_sound(args, plan)}",
        f"model   RIFE {model.name}, {model.device}, {model.precision}, "
        f"scale {_flow_scale(args):g}",
    ]
    return "\n".join(lines)


def _describe_sound(args: argparse.Namespace, plan: Plan) -> str:
    tracks = plan.job.clip.tracks
    if tracks is None or not tracks.sound or plan.video in (None, STANDARD_OUTPUT):
        return "no sound"
    if Sound(args.audio) is Sound.NONE:
        return "sound left out"
    tempo = plan.job.tempo
    if tempo is None:
        return "sound dropped, because of the ramp"
    return "sound kept" if tempo == 1 else f"sound {float(tempo):.3g} times as fast"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _flow_scale(args: argparse.Namespace) -> float:
    return 0.5 if args.UHD and args.scale == 1 else args.scale


def _notes(args: argparse.Namespace, model: RifeModel) -> Iterator[str]:
    if args.skip:
        yield "--skip does nothing here; --duplicates smooth takes repeated frames out."
    if not args.target_fps and (note := model.note_on_multiplier(args.multi)):
        yield note


def describe_cuts(cuts: Sequence[Cut]) -> str:
    """Say where scenes begin; ``--cuts`` takes the frame numbers."""
    shown = [f"{cut.number} ({float(cut.time):.2f} s)" for cut in cuts[:_MOST_CUTS_SHOWN]]
    more = ["..."] if len(cuts) > _MOST_CUTS_SHOWN else []
    return f"cuts: {len(cuts)}, at frame {', '.join(shown + more)}"


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that a plain kill cleans up like Ctrl-C
    sys.exit(main())
