"""Make a video, or a folder of numbered images, smoother with RIFE. See --help and README.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.checkpoints import convert_checkpoint, find_rife, inspect_checkpoint, list_models
from cli.demo_clip import make_demo
from cli.loaded import RifeNetwork
from cli.options import InterpolateOptions, with_video
from cli.parse import parse_interpolation
from cli.plan import plan_interpolation
from cli.program import Program, list_presets, plan_clips, render_clips
from cli.sources import open_joined, with_parts
from cli.terminal import prepare_process
from rife_arch.load import Recognised
from rife_arch.models import note_on_multiplier
from vfi import __version__ as __version__


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
        found = find_rife(options.network)
        for note in _notes(options, found):
            print(f"note: {note}")
        network = RifeNetwork(found, options.network)
        render_clips(program, plans, network, options.cluster, options.network.devices)


def _notes(options: InterpolateOptions, found: Recognised) -> Iterator[str]:
    if options.skip:
        yield "--skip is ignored; --duplicates redraw replaces repeated frames."
    if options.target_fps:
        return
    if note := note_on_multiplier(found.name, found.config, options.multi):
        yield note


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
