"""The command line of ``inference_video.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rife_arch import QUALITIES, SCALES
from vfi.preprocess import Duplicates
from vfi.synthesis import AtCut
from vfi.timing import EndRule, SpeedCurve
from vfi.visualize import DEFAULT_LABEL, Layout

from . import argument_types as types
from .arguments import (
    Group,
    Parser,
    add_clips,
    add_cut_options,
    add_debug_options,
    add_evaluation_option,
    add_image_rate_option,
    add_listings,
    add_output_options,
    add_precision_options,
    add_start_option,
)
from .cluster_arguments import add_cluster_options
from .join_arguments import add_join, add_join_options

_DESCRIPTION = (
    "Make a video, or a folder of numbered images, smoother with RIFE. See README.md for more."
)


def build_parser() -> Parser:
    """Describe the command line of ``inference_video.py``."""
    parser = Parser(prog="inference_video.py", description=_DESCRIPTION, allow_abbrev=False)
    source = parser.add_argument_group("source (one of these)").add_mutually_exclusive_group(
        required=True
    )
    add_clips(source, "make smoother")
    add_join(source)
    source.add_argument("--demo", action="store_true", help="make demo.mp4 and interpolate it")
    source.add_argument("--inspect", type=Path, metavar="FILE", help="describe a checkpoint")
    source.add_argument(
        "--convert",
        type=Path,
        nargs=2,
        metavar=("IN", "OUT"),
        help="write any checkpoint as a clean .safetensors file",
    )
    source.add_argument(
        "--list-models",
        action="store_true",
        help="list the released versions and where they can be had",
    )
    add_listings(source)
    add_join_options(parser)
    _add_trim_options(parser)
    _add_time_options(parser)
    _add_frame_options(parser)
    _add_model_options(parser)
    output = add_output_options(parser, "<input>_<N>X_<fps>fps")
    _add_montage_options(output)
    add_cluster_options(parser)
    add_debug_options(parser)
    return parser


def _add_trim_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("trim")
    add_start_option(group)
    group.add_argument(
        "--end",
        action=types.End,
        dest="end_rule",
        default=EndRule.FULL_DURATION,
        metavar="T|RULE",
        help="stop here: seconds, or 1:02.5. Or how the result ends: full-duration (default): N frames give N x multi, as long as the audio; last-frame: on the last source frame. May be given twice",
    )
    parser.set_defaults(end=None)


def _add_time_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("time")
    multiplier = group.add_mutually_exclusive_group()
    multiplier.add_argument(
        "--multi",
        type=types.multiplier,
        default=2,
        metavar="N",
        help="N times as many frames (default 2)",
    )
    multiplier.add_argument(
        "--exp", type=types.exponent, metavar="E", help="the same as --multi 2^E"
    )
    multiplier.add_argument(
        "--target-fps",
        type=types.rate,
        metavar="F",
        help="resample to exactly this rate instead, above or below the source's; duration and audio stay",
    )
    speed = group.add_mutually_exclusive_group()
    speed.add_argument(
        "--speed",
        type=types.speed,
        default=SpeedCurve(),
        metavar="S",
        help="play S times as fast, 0.5 for slow motion, at the same frame rate; audio keeps its pitch",
    )
    speed.add_argument(
        "--ramp",
        dest="speed",
        type=types.ramp,
        metavar="POINTS",
        help='a speed curve, points of time:speed: "0:1 2:0.25 3:1" slows down to a quarter by second 2 of the source',
    )
    group.add_argument(
        "--fps",
        type=types.rate,
        metavar="F",
        help="play the result at this rate instead: slow or fast motion; for --img, the rate of the result (default 24 x N)",
    )
    add_image_rate_option(group, "--fps / N, else 24")
    group.add_argument(
        "--loop",
        action="store_true",
        help="for a clip that repeats: interpolate from the last frame to the first as well",
    )


def _add_frame_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("scene cuts, repeated frames and masks")
    add_cut_options(group)
    group.add_argument(
        "--at-cut",
        choices=[rule.value for rule in AtCut],
        default=AtCut.NEAREST.value,
        help="shown across a scene cut: the nearest frame, the last one of the scene (hold), or a cross-fade (blend) (default nearest)",
    )
    group.add_argument(
        "--duplicates",
        choices=[rule.value for rule in Duplicates],
        default=Duplicates.KEEP.value,
        help="smooth: drop repeated frames and spread the motion evenly; redraw: make new frames in their place (default keep)",
    )
    group.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="an image, white where nothing may move, such as text and logos",
    )
    group.add_argument(
        "--skip",
        action="store_true",
        help="ignored; accepted for compatibility with Practical-RIFE",
    )


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default="auto",
        metavar="NAME",
        help="a checkpoint file, folder or .zip, or a version such as 4.25, downloaded if needed (default auto: one found on disk, else 4.25, else 4.26)",
    )
    group.add_argument(
        "--model-version",
        metavar="V",
        help="release of the checkpoint, where the weights cannot tell (3.6 or 3.8)",
    )
    group.add_argument(
        "--refine",
        action="store_true",
        help="use the refinement network that some 4.0-4.4 checkpoints have",
    )
    group.add_argument(
        "--ensemble",
        action="store_true",
        help="average with the swapped pair, at twice the time (3.8, 4.0-4.20, 4.24)",
    )
    group.add_argument(
        "--scale",
        type=types.flow_scale,
        choices=SCALES,
        default=1.0,
        help="resolution of motion estimation; 0.5 for 4K or very large motion; auto: 1, with its last "
        "step in both directions of time (default 1)",
    )
    group.add_argument(
        "--quality",
        choices=QUALITIES,
        default="fast",
        help="better: average with the pair reversed in time, twice the time; best: also with it flipped, "
        "four times; ultra: estimates at two scales, ten times (default fast)",
    )
    group.add_argument("--UHD", action="store_true", help="the same as --scale 0.5")
    group.add_argument(
        "--torch-compile",
        action="store_true",
        help="compile the network with torch: takes a minute, may pay off for long clips on a GPU",
    )
    add_evaluation_option(group)
    add_precision_options(group, several_devices=True)


def _add_montage_options(group: Group) -> None:
    group.add_argument(
        "--montage",
        nargs="?",
        choices=[layout.value for layout in Layout],
        const=Layout.SIDE_BY_SIDE.value,
        help="show source and result in one frame (default layout side-by-side)",
    )
    group.add_argument(
        "--montage-labels",
        nargs="?",
        type=types.labels,
        const=(DEFAULT_LABEL, DEFAULT_LABEL),
        metavar="TEXT",
        help='label the montage with the frame rates, or with "before | after" ({fps} stands for the rate)',
    )
