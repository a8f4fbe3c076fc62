"""Clean up a video, or a folder of numbered pictures, with SAFA. See --help and README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from cli.checkpoints import load_enhancing_model
from cli.options import build_enhance_parser
from cli.plan import Plan, plan_enhancement
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
from rife_arch import Enhancer
from vfi.jobs import EnhanceJob
from vfi.synthesis import FrameEnhancer


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run_program(build_enhance_parser(), run, argv)


def run(args: argparse.Namespace, results: list[Result]) -> None:
    """Do what the arguments ask for; ``results`` gets one entry for each clip that was worked on."""
    if args.list_presets:
        print(list_presets())
        return
    plans = plan_clips(args, results, plan_enhancement)
    if plans:
        model = load_enhancing_model(args)
        work_through(args, results, plans, partial(enhance_clip, args, model))


def enhance_clip(args: argparse.Namespace, model: Enhancer, plan: Plan[EnhanceJob]) -> Result:
    """Clean up one clip, and say so."""
    print(describe_clip(args, plan))
    print(f"model   {model.name}, {model.device}, {model.precision}")
    job = plan.job
    enhancer = FrameEnhancer(model.encode, model.enhance, model.device)
    fingerprint = job.fingerprint(model.identity) if args.resume else None
    return make_files(args, plan, partial(job.frames, enhancer), fingerprint, model.name)


if __name__ == "__main__":
    end_on_terminate()
    sys.exit(main())
