"""Clean up a video, or a folder of numbered images, with SAFA. See --help and README.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.checkpoints import find_enhancer
from cli.loaded import EnhancingNetwork
from cli.options import EnhanceOptions
from cli.parse import parse_enhancement
from cli.plan import plan_enhancement
from cli.program import Program, list_presets, plan_clips, render_clips
from cli.terminal import prepare_process


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
    network = EnhancingNetwork(find_enhancer(options.network), options.network)
    render_clips(program, plans, network, options.cluster, options.network.devices)


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
