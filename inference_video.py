"""Make a video, or a folder of numbered pictures, smoother with RIFE. See --help and README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cli.checkpoints import convert_checkpoint, inspect_checkpoint, list_models, load_model
from cli.demo_clip import make_test_clip
from cli.options import build_parser
from cli.plan import Plan, plan_interpolation
from cli.presets import list_presets
from cli.program import (
    Result,
    describe_clip,
    end_on_terminate,
    make_files,
    plan_clips,
    run_program,
    work_through,
)
from rife_arch import RifeModel
from vfi import __version__ as __version__
from vfi.errors import InputError
from vfi.jobs import Job
from vfi.synthesis import Interpolator


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_program(build_parser(), run, argv)


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
    plans = plan_clips(args, results, plan_interpolation)
    if not plans:
        return
    model = load_model(args)
    for note in _notes(args, model):
        print(f"note: {note}")
    work_through(args, results, plans, partial(interpolate_clip, args, model))


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


def interpolate_clip(args: argparse.Namespace, model: RifeModel, plan: Plan[Job]) -> Result:
    """Make one clip smoother, and say so."""
    print(describe_clip(args, plan))
    print(
        f"model   RIFE {model.name}, {model.device}, {model.precision}, scale {_flow_scale(args):g}"
    )
    job = plan.job
    make_frames = partial(job.frames, make_interpolator(args, model))
    fingerprint = job.fingerprint(*_model_settings(args, model)) if args.resume else None
    return make_files(args, plan, make_frames, fingerprint, model.name)


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


def _flow_scale(args: argparse.Namespace) -> float:
    return 0.5 if args.UHD and args.scale == 1 else args.scale


def _notes(args: argparse.Namespace, model: RifeModel) -> Iterator[str]:
    if args.skip:
        yield "--skip does nothing here; --duplicates smooth takes repeated frames out."
    if not args.target_fps and (note := model.note_on_multiplier(args.multi)):
        yield note


if __name__ == "__main__":
    end_on_terminate()
    sys.exit(main())
