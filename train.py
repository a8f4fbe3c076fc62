"""Fine-tune a RIFE checkpoint on your own clips. See --help and docs/training.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.program import Program
from cli.terminal import prepare_process
from training.arguments import parse_training
from training.run import train


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    program = Program(
        sys.argv[1:] if argv is None else argv,
        "Try a smaller --batch, a larger --accumulate or a smaller --crop.",
        reports_json=False,
    )
    with program.reporting():
        train(parse_training(program.argv))
    return program.exit_code


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
