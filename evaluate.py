"""Find out which checkpoint, scale and quality suits a clip, or many. See --help and docs/checkpoints.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch import Tensor
from tqdm import tqdm

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.checkpoints import choose_checkpoints, choose_device
from cli.evaluation import Entrants, refuse_existing, write_sheets
from cli.evaluation_report import write_report
from cli.material import CLIP, Material, choose_layout, find_material
from cli.options import EvaluateOptions
from cli.parse import parse_evaluation
from cli.program import Program
from cli.terminal import prepare_process
from vfi.errors import InputError
from vfi.measure import (
    Comparison,
    Contest,
    Judge,
    NoPlaceError,
    Sample,
    Scores,
    Setting,
    compare,
    compete_in_groups,
    describe_comparison,
    describe_intervals,
    draw_sheets,
    find_places,
    in_sheets,
    name_winner,
    plot_groups,
    tabulate,
    tabulate_comparison,
    tabulate_groups,
)
from vfi.measure.perceptual import load_lpips
from vfi.write import write_whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    program = Program(
        sys.argv[1:] if argv is None else argv,
        "Try fewer --frames, a smaller --scale or --precision fp16.",
        reports_json=False,
    )
    with program.reporting():
        run(program, parse_evaluation(program.argv))
    return program.exit_code


def run(program: Program, options: EvaluateOptions) -> None:
    """Let the checkpoints compete, and say which is best."""
    refuse_existing(options)
    layout = choose_layout(options)
    entrants = Entrants(choose_checkpoints(options.models), options, tqdm.write)
    pair = [entrants.find(name) for name in options.compare or ()]
    perceptual = load_lpips(choose_device(options.device)) if options.lpips else None
    material = survey(program, layout, options)
    print(f"{'clip' if layout == CLIP else 'folder'}    {options.clip}, {material.description}")
    contest = hold_contest(program, entrants, material, Judge(perceptual, layout == CLIP))
    comparison = compare_two(contest, pair)
    print(f"\n{describe(layout, contest, comparison)}")
    if options.json:
        write_report(options.json, options.clip, material, contest, comparison)
        print(f"done: {options.json}")
    if options.plot:
        plot = plot_groups(contest.scores, contest.items, f"{options.clip}, {material.description}")
        write_whole(options.plot, plot.encode())
        print(f"done: {options.plot}")
    if options.pictures and material.sample:
        sheets = show_differences(entrants, material.sample, contest.scores)
        print(f"done: {', '.join(map(str, write_sheets(options.pictures, sheets)))}")
    if layout != CLIP:
        program.results += [{"input": clip} for clip in {item.clip for item in contest.items}]


def survey(program: Program, layout: str, options: EvaluateOptions) -> Material:
    """Choose the frames that are left out."""
    with tqdm(desc="looking for motion", unit="frame", leave=False) as bar:
        return find_material(
            layout, options, bar.update, lambda name, error: leave_out(program, name, error)
        )


def leave_out(program: Program, name: str, error: Exception) -> None:
    """Say that a clip is left out; one that cannot be read counts as a failure, unlike a still one."""
    if isinstance(error, NoPlaceError):
        tqdm.write(f"note: left out: {error}")
        return
    tqdm.write(f"error: left out: {name}: {error}", file=sys.stderr)
    program.results.append({"input": name, "error": str(error)})


def hold_contest(program: Program, entrants: Entrants, material: Material, judge: Judge) -> Contest:
    """Let each make all the frames."""
    total = (len(entrants.settings) + 1) * sum(group.count for group in material.groups)
    with tqdm(total=total, unit="frame", leave=False) as bar:

        def show(name: object) -> None:
            bar.set_description_str(str(name))
            bar.update()

        telling = Judge(
            judge.perceptual,
            judge.keeps_errors,
            show,
            lambda group, error: leave_out(program, str(group), error),
        )
        contest = compete_in_groups(entrants.load(), material.groups, telling)
    if not entrants.settings:
        raise InputError("No checkpoint on disk could be loaded, see above. Name one with --model.")
    return contest


def compare_two(contest: Contest, pair: Sequence[Setting]) -> Comparison | None:
    """Compare the entrants of ``--compare``, if it was given."""
    found = {scores.setting: scores for scores in contest.scores}
    for setting in pair:
        if setting not in found:
            raise InputError(f"--compare: {setting} could not be loaded, see above.")
    if not pair:
        return None
    first, second = (found[setting] for setting in pair)
    return compare(first, second, contest.items)


def describe(layout: str, contest: Contest, comparison: Comparison | None) -> str:
    """Say in tables and sentences what came out."""
    scores, items = contest.scores, contest.items
    if layout == CLIP:
        paragraphs = [tabulate(scores), name_winner(scores)]
    else:
        tables = f"{tabulate_groups(scores, items)}\n{describe_intervals(items)}"
        paragraphs = [tables, name_winner(scores)]
    if comparison:
        paragraphs += [tabulate_comparison(comparison), describe_comparison(comparison)]
    return "\n\n".join(paragraphs)


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
