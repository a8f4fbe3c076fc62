"""Clean up a video, or a folder of numbered images, with SAFA. See --help and README.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.checkpoints import load_enhancing_model
from cli.options import EnhanceOptions, parse_enhancement
from cli.plan import Plan, plan_enhancement
from cli.program import (
    Program,
    Result,
    describe_clip,
    list_presets,
    plan_clips,
    render_clip,
)
from cli.terminal import prepare_process
from rife_arch import Enhancer
from vfi.jobs import EnhancementJob
from vfi.synthesis import FrameEnhancer


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    program = Program(sys.argv[1:] if argv is None else argv, "Try --precision fp16.")
    with program.reporting():
        run(parse_enhancement(program.argv), program)
    return program.exit_code


def run(options: EnhanceOptions, program: Program) -> None:
    """Plan all clips, load the model once, then render one by one."""
    if options.list_presets:
        print(list_presets())
        return
    plans = plan_clips(program, options, plan_enhancement)
    if not plans:
        return
    model = load_enhancing_model(options.network)
    for plan in plans:
        is_alone = len(plans) == 1
        with program.clip(plan.source, Exception, is_alone=is_alone):
            program.results.append(enhance_clip(plan, model))


def enhance_clip(plan: Plan[EnhancementJob], model: Enhancer) -> Result:
    """Clean up one clip, and say so."""
    print(describe_clip(plan))
    print(f"model   {model.name}, {model.device}, {model.precision}")
    frames = partial(plan.job.frames, FrameEnhancer(model.encode, model.enhance, model.device))
    key = plan.job.resume_key(model.identity) if plan.output.resume else None
    return render_clip(plan, frames, key, model.name)


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
