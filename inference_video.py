"""Make a video, or a folder of numbered images, smoother with RIFE. See --help and README.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.checkpoints import convert_checkpoint, inspect_checkpoint, list_models, load_model
from cli.demo_clip import make_demo
from cli.options import InterpolateOptions, RifeOptions, parse_interpolation, with_video
from cli.plan import Plan, plan_interpolation
from cli.program import (
    Program,
    Result,
    describe_clip,
    list_presets,
    plan_clips,
    render_clip,
)
from cli.sources import open_joined, with_parts
from cli.terminal import prepare_process
from rife_arch import RifeModel, scale_name
from vfi import __version__ as __version__
from vfi.jobs import InterpolationJob
from vfi.preprocess import Duplicates
from vfi.synthesis import Interpolator


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    program = Program(
        sys.argv[1:] if argv is None else argv, "Try --scale 0.5 or --precision fp16."
    )
    with program.reporting():
        run(parse_interpolation(program.argv), program)
    return program.exit_code


def run(options: InterpolateOptions, program: Program) -> None:
    """Do what the options ask for."""
    if options.inspect:
        print(inspect_checkpoint(options.inspect))
    elif options.convert:
        print(convert_checkpoint(*options.convert, overwrite=options.output.overwrite))
    elif options.list_models:
        print(list_models())
    elif options.list_presets:
        print(list_presets())
    elif options.demo:
        path = make_demo(Path("demo.mp4"), overwrite=options.output.overwrite)
        interpolate(with_video(options, path), program)
    else:
        interpolate(options, program)


def interpolate(options: InterpolateOptions, program: Program) -> None:
    """Make the clips smoother: plan all of them, load the model once, then render one by one."""
    options = with_parts(options)
    # What is joined needs a file for its sound until all is written.
    with open_joined(options) as joined:
        plan_one = partial(plan_interpolation, joined=joined)
        plans = plan_clips(program, options, plan_one)
        if not plans:
            return
        model = load_model(options.network)
        for note in _notes(options, model):
            print(f"note: {note}")
        for plan in plans:
            is_alone = len(plans) == 1
            with program.clip(plan.source, Exception, is_alone=is_alone):
                program.results.append(interpolate_clip(plan, model, options.network))


def interpolate_clip(
    plan: Plan[InterpolationJob], model: RifeModel, options: RifeOptions
) -> Result:
    """Make one clip smoother, and say so."""
    print(describe_clip(plan))
    scale = scale_name(options.scale)
    print(f"model   RIFE {model.name}, {model.device}, {model.precision}, scale {scale}")
    redrawn: list[int] = []
    frames = partial(plan.job.frames, make_interpolator(model, options), on_redrawn=redrawn.append)
    key = plan.job.resume_key(*_model_settings(model, options)) if plan.output.resume else None
    result = render_clip(plan, frames, key, model.name)
    if plan.job.preparation.duplicates is Duplicates.REDRAW:
        print(f"redrawn: {sum(redrawn)} repeated frames")
    return {**result, "redrawn": sum(redrawn)}


def make_interpolator(model: RifeModel, options: RifeOptions) -> Interpolator[Any]:
    """Make of a model what a job needs of it."""
    return Interpolator(
        partial(model.encode, scale=options.scale),
        partial(model.interpolate_each, ensemble=options.ensemble, quality=options.quality),
        model.device,
    )


def _model_settings(model: RifeModel, options: RifeOptions) -> list[str]:
    """List what decides the pixels beside the clip's own settings."""
    scale = options.scale
    return [
        model.identity,
        repr((model.evaluation(scale), scale, options.ensemble, options.quality)),
    ]


def _notes(options: InterpolateOptions, model: RifeModel) -> Iterator[str]:
    if options.skip:
        yield "--skip is ignored; --duplicates redraw replaces repeated frames."
    if not options.target_fps and (note := model.note_on_multiplier(options.multi)):
        yield note


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
