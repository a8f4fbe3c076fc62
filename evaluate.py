"""Find out which checkpoint, scale and quality suits a clip. See --help and docs/checkpoints.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch import Tensor
from tqdm import tqdm

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.checkpoints import choose_checkpoints
from cli.evaluation import Entrants, open_parts, refuse_existing, write_report, write_sheets
from cli.options import EvaluateOptions
from cli.parse import parse_evaluation
from cli.program import Program
from cli.terminal import prepare_process
from vfi.errors import InputError
from vfi.measure import (
    Sample,
    Scores,
    compete,
    describe_sample,
    draw_sheets,
    find_places,
    in_sheets,
    name_winner,
    tabulate,
    take_sample,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    program = Program(
        sys.argv[1:] if argv is None else argv,
        "Try fewer --frames, a smaller --scale or --precision fp16.",
        reports_json=False,
    )
    with program.reporting():
        run(parse_evaluation(program.argv))
    return program.exit_code


def run(options: EvaluateOptions) -> None:
    """Let the checkpoints compete, and say which is best."""
    refuse_existing(options)
    entrants = Entrants(choose_checkpoints(options.models), options, tqdm.write)
    sample = find_sample(options)
    print(f"clip    {options.clip}, {describe_sample(sample)}")
    scores = hold_contest(entrants, sample)
    print(f"\n{tabulate(scores)}\n\n{name_winner(scores)}")
    if options.json:
        write_report(options.json, options.clip, sample, scores)
        print(f"done: {options.json}")
    if options.pictures:
        paths = write_sheets(options.pictures, show_differences(entrants, sample, scores))
        print(f"done: {', '.join(map(str, paths))}")


def find_sample(options: EvaluateOptions) -> Sample:
    """Choose the frames that are left out."""
    with tqdm(desc="looking for motion", unit="frame", leave=False) as bar:
        return take_sample(open_parts(options), options.frames, options.every, bar.update)


def hold_contest(entrants: Entrants, sample: Sample) -> list[Scores]:
    """Let each make all the frames."""
    total = (len(entrants.settings) + 1) * len(sample.triplets)
    with tqdm(total=total, unit="frame", leave=False) as bar:

        def show(name: object) -> None:
            bar.set_description_str(str(name))
            bar.update()

        scores = list(compete(entrants.load(), sample.triplets, show))
    if not entrants.settings:
        raise InputError("No checkpoint on disk could be loaded, see above. Name one with --model.")
    return scores


def show_differences(entrants: Entrants, sample: Sample, scores: Sequence[Scores]) -> list[Tensor]:
    """Draw sheets of the places where they differ most."""
    places = find_places(scores, sample.triplets)
    shown = in_sheets(scores)
    total = (len(shown) + 1) * len(places)
    with tqdm(desc="pictures", total=total, unit="frame", leave=False) as bar:
        return draw_sheets(
            entrants.load(shown), scores, sample.triplets, places, lambda _: bar.update()
        )


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
