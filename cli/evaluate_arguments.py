"""The command line of ``evaluate.py``."""

from __future__ import annotations

from pathlib import Path

from rife_arch import QUALITIES, SCALES
from vfi.measure import LAYOUTS

from . import argument_types as types
from .arguments import (
    Group,
    Parser,
    add_end_option,
    add_evaluation_option,
    add_precision_options,
    add_start_option,
)

_DESCRIPTION = (
    "Which checkpoint, scale and quality suits a clip? Leaves frames of it out, makes them again with "
    "each, and compares them with the real ones. A folder of clips, or of a data set, is evaluated as a "
    "whole. See docs/checkpoints.md for more."
)
DEFAULT_FRAMES = 12


def build_evaluate_parser() -> Parser:
    """Describe the command line of ``evaluate.py``."""
    parser = Parser(prog="evaluate.py", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "clip",
        type=Path,
        metavar="CLIP",
        help="a video, or a folder of numbered images; or a folder of clips, or of a data set",
    )
    _add_place_options(parser.add_argument_group("where in the clip"))
    _add_entrant_options(parser.add_argument_group("what is compared"))
    output = parser.add_argument_group("output")
    output.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures of each frame to a JSON file"
    )
    output.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="write PNGs of the places where the results differ most: the real frame beside each",
    )
    output.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw means and intervals of PSNR, on all and by category and motion, as an SVG",
    )
    output.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return parser


def _add_place_options(group: Group) -> None:
    group.add_argument(
        "--frames",
        type=types.count,
        metavar="N",
        help="how many frames are left out and made again, spread over the clip, or over each clip of a "
        f"folder (default {DEFAULT_FRAMES}; of data sets those that papers report on)",
    )
    group.add_argument(
        "--every",
        type=types.count,
        default=1,
        metavar="N",
        help="take each N-th frame only, for larger motion or repeated frames (default 1)",
    )
    group.add_argument(
        "--layout",
        choices=["auto", "clips", *LAYOUTS],
        default="auto",
        help="what a folder holds: clips, or a data set (default auto: told by its files)",
    )
    add_start_option(group)
    add_end_option(group)


def _add_entrant_options(group: Group) -> None:
    group.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="NAME",
        help="checkpoint files, folders or .zip, or versions such as 4.25, downloaded if needed "
        "(default: all that are on disk)",
    )
    group.add_argument(
        "--scale",
        nargs="+",
        type=types.flow_scale,
        choices=SCALES,
        default=[1.0],
        help="resolutions of motion estimation (default 1)",
    )
    group.add_argument(
        "--quality",
        nargs="+",
        choices=QUALITIES,
        default=QUALITIES[:1],
        help=f"quality modes (default {QUALITIES[0]})",
    )
    group.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="tell whether B is better than A, two of --model: a name, or NAME@SCALE@QUALITY where there "
        "are several; or blend",
    )
    group.add_argument(
        "--lpips",
        action="store_true",
        help="measure LPIPS as well; needs the package lpips and its weights on disk",
    )
    add_evaluation_option(group)
    add_precision_options(group)
