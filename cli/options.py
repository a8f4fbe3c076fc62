"""The options of ``inference_video.py`` and ``inference_video_enhance.py``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from rife_arch import FLOW_SCALES, QUALITIES
from rife_arch.load import PRECISIONS
from vfi import __version__
from vfi.encode import CONTAINERS, DEFAULT_PRESET, PRESETS, SPEEDS, parse_encoder_options
from vfi.errors import InputError
from vfi.preprocess import DEFAULT_THRESHOLD, CutList, Duplicates, parse_cuts
from vfi.synthesis import AtCut
from vfi.timing import (
    EndRule,
    SpeedCurve,
    constant_speed,
    parse_ramp,
    parse_rate,
    parse_speed,
    parse_timestamp,
)
from vfi.tracks import AudioMode
from vfi.visualize import DEFAULT_LABEL, Layout, parse_labels

from .parser import Parser

ResultT = TypeVar("ResultT")
Group = argparse._ArgumentGroup  # pyright: ignore[reportPrivateUsage]  it has no public name

_DESCRIPTION = (
    "Make a video, or a folder of numbered pictures, smoother with RIFE. See README.md for more."
)
_ENHANCE_DESCRIPTION = (
    "Clean up a video, or a folder of numbered pictures, with SAFA, at the same size and rate. "
    "See README.md for more."
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line of ``inference_video.py``."""
    parser = Parser(prog="inference_video.py", description=_DESCRIPTION, allow_abbrev=False)
    source = parser.add_argument_group("source (one of these)").add_mutually_exclusive_group(
        required=True
    )
    _add_clips(source, "make smoother")
    source.add_argument("--demo", action="store_true", help="make demo.mp4 and interpolate it")
    source.add_argument("--inspect", type=Path, metavar="FILE", help="say what a checkpoint is")
    source.add_argument(
        "--convert",
        type=Path,
        nargs=2,
        metavar=("IN", "OUT"),
        help="write any checkpoint as a clean .safetensors file",
    )
    source.add_argument(
        "--list-models", action="store_true", help="list the versions that can be had, and where"
    )
    _add_questions(source)
    _add_part_options(parser)
    _add_time_options(parser)
    _add_frame_options(parser)
    _add_model_options(parser)
    output = _add_output_options(parser, "<input>_<N>X_<fps>fps")
    _add_montage_options(output)
    _add_debug_options(parser)
    parser.set_defaults(memory_advice="Try --scale 0.5 or --precision fp16.")
    return parser


def build_enhance_parser() -> argparse.ArgumentParser:
    """Describe the command line of ``inference_video_enhance.py``."""
    parser = Parser(
        prog="inference_video_enhance.py", description=_ENHANCE_DESCRIPTION, allow_abbrev=False
    )
    source = parser.add_argument_group("source (one of these)").add_mutually_exclusive_group(
        required=True
    )
    _add_clips(source, "enhance")
    _add_questions(source)
    part = parser.add_argument_group("part of the source, and its cuts")
    _add_start_option(part)
    part.add_argument(
        "--end",
        type=_moment,
        metavar="T",
        help="leave out what comes from here on: seconds, or 1:02.5 (default: the end)",
    )
    _add_picture_rate_option(part, "24")
    _add_cut_options(part)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default="auto",
        metavar="NAME",
        help="a checkpoint file, folder or .zip, or a release such as SAFA-0.5 (default auto: what is on disk)",
    )
    _add_precision_options(model)
    _add_output_options(parser, "<input>_enhanced")
    _add_debug_options(parser)
    parser.set_defaults(
        fps=None,  # what reads a folder asks for it: the rate is always that of the source
        memory_advice="Try --precision fp16.",
    )
    return parser


def _add_clips(source: Group, purpose: str) -> None:
    source.add_argument(
        "--video",
        type=Path,
        nargs="+",
        metavar="FILE",
        help=f"the video to {purpose}, or several, or a folder of them",
    )
    source.add_argument("--img", type=Path, metavar="DIR", help="a folder of numbered pictures")


def _add_questions(source: Group) -> None:
    source.add_argument(
        "--list-presets", action="store_true", help="list what the ffmpeg of this machine can write"
    )
    source.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def _add_debug_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--png", action=_Removed, nargs=0, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")


def _add_start_option(group: Group) -> None:
    group.add_argument(
        "--start",
        type=_moment,
        default=Fraction(0),
        metavar="T",
        help="leave out what comes before: seconds, or 1:02.5 (default 0)",
    )


def _add_part_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("part of the source")
    _add_start_option(group)
    group.add_argument(
        "--end",
        action=_End,
        dest="end_rule",
        default=EndRule.FULL_DURATION,
        metavar="T|RULE",
        help="leave out what comes from here on: seconds, or 1:02.5. Or how the result ends: full-duration (default), N frames give N x multi, as long as the sound; last-frame, on the last source frame. May be given twice",
    )
    parser.set_defaults(end=None)


def _add_time_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("time")
    multiplier = group.add_mutually_exclusive_group()
    multiplier.add_argument(
        "--multi",
        type=_multiplier,
        default=2,
        metavar="N",
        help="N times as many frames (default 2)",
    )
    multiplier.add_argument("--exp", type=_exponent, metavar="E", help="the same as --multi 2^E")
    multiplier.add_argument(
        "--target-fps",
        type=_rate,
        metavar="F",
        help="resample to exactly this rate instead, above or below the source's; length and sound stay",
    )
    speed = group.add_mutually_exclusive_group()
    speed.add_argument(
        "--speed",
        type=_speed,
        default=SpeedCurve(),
        metavar="S",
        help="play S times as fast, 0.5 for slow motion, at the same frame rate; voices keep their pitch",
    )
    speed.add_argument(
        "--ramp",
        dest="speed",
        type=_ramp,
        metavar="POINTS",
        help='change the speed on the way: "0:1 2:0.25 3:1" slows down to a quarter until second 2 of the source',
    )
    group.add_argument(
        "--fps",
        type=_rate,
        metavar="F",
        help="write this rate into the file instead: slow or fast motion; for --img, the rate of the result (default 24 x N)",
    )
    _add_picture_rate_option(group, "--fps / N, else 24")
    group.add_argument(
        "--loop",
        action="store_true",
        help="interpolate from the last frame to the first as well, for a clip that repeats",
    )


def _add_picture_rate_option(group: Group, default: str) -> None:
    group.add_argument(
        "--source-fps",
        type=_rate,
        metavar="F",
        help=f"the rate of the pictures of --img (default: {default})",
    )


def _add_cut_options(group: Group) -> None:
    group.add_argument(
        "--scene-threshold",
        type=_threshold,
        default=DEFAULT_THRESHOLD,
        metavar="T",
        help=f"how much a frame must stand out to count as a cut; 0: none does (default {DEFAULT_THRESHOLD})",
    )
    group.add_argument(
        "--cuts",
        type=_cuts,
        default=CutList(),
        metavar="LIST",
        help='cuts you know: frame numbers from 0, or seconds: "48, 96" or "2.5s"',
    )


def _add_frame_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("cuts, repeats and masks")
    _add_cut_options(group)
    group.add_argument(
        "--at-cut",
        choices=[rule.value for rule in AtCut],
        default=AtCut.NEAREST.value,
        help="what is shown between two scenes: the nearest frame, the previous one, or a cross-fade (default nearest)",
    )
    group.add_argument(
        "--duplicates",
        choices=[rule.value for rule in Duplicates],
        default=Duplicates.KEEP.value,
        help="smooth: leave repeated frames out and spread the motion evenly (default keep)",
    )
    group.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="a picture, white where nothing may move, such as text and logos",
    )
    group.add_argument("--skip", action="store_true", help="does nothing, as in Practical-RIFE")


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default="auto",
        metavar="NAME",
        help="a checkpoint file, folder or .zip, or a version such as 4.25, downloaded if need be (default auto: what is on disk, else 4.25, else 4.26)",
    )
    group.add_argument(
        "--model-version",
        metavar="V",
        help="which release the checkpoint is, where its weights cannot tell 3.6 from 3.8",
    )
    group.add_argument(
        "--refine",
        action="store_true",
        help="use the refinement network that some checkpoints of 4.0-4.4 carry",
    )
    group.add_argument(
        "--ensemble",
        action="store_true",
        help="average with the swapped pair, at twice the time (3.8, 4.0-4.20, 4.24)",
    )
    group.add_argument(
        "--scale",
        type=float,
        choices=FLOW_SCALES,
        default=1.0,
        help="resolution of motion estimation; 0.5 for 4K or very large motion (default 1)",
    )
    group.add_argument(
        "--quality",
        choices=QUALITIES,
        default="fast",
        help="better: average with the reversed pair, twice the time; best: also mirrored, four "
        "times (default fast)",
    )
    group.add_argument("--UHD", action="store_true", help="the same as --scale 0.5")
    group.add_argument(
        "--torch-compile",
        action="store_true",
        help="let torch compile the network: a minute's wait that long clips on a GPU may repay",
    )
    _add_precision_options(group)


def _add_precision_options(group: Group) -> None:
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="of the convolutions (default auto: fp16 on GPUs that are fast at it, bf16 on CPUs that are, else fp32)",
    )
    group.add_argument(
        "--fp16",
        dest="precision",
        action="store_const",
        const="fp16",
        help="the same as --precision fp16",
    )
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps (default auto)"
    )


def _add_output_options(parser: argparse.ArgumentParser, name: str) -> Group:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output",
        type=Path,
        metavar="NAME",
        help=f"video file, or folder with --png-only, or - for raw frames on standard output (default {name}.<ext> beside the input; vid_out/)",
    )
    group.add_argument(
        "--out-dir", type=Path, metavar="DIR", help="where results go that --output does not name"
    )
    group.add_argument(
        "--ext",
        choices=sorted(suffix[1:] for suffix in CONTAINERS),
        help="container where --output has none (default: the preset's first, mp4 for share)",
    )
    group.add_argument(
        "--preset",
        choices=PRESETS,
        default=DEFAULT_PRESET,
        help=f"what to encode as, see --list-presets (default {DEFAULT_PRESET})",
    )
    group.add_argument(
        "--crf",
        type=int,
        metavar="N",
        help="quality, 0 to 51 or 63: lower is better and larger (default: the preset's, 20 for share)",
    )
    group.add_argument(
        "--encoder-speed",
        choices=SPEEDS,
        help="how long the encoder may search: fast takes less time, for a picture that is a little worse or a file that is larger; slow is the reverse (default normal)",
    )
    group.add_argument(
        "--ffmpeg-options",
        type=_encoder_options,
        default={},
        metavar="LINE",
        help='options of the encoder, which take precedence: "-preset slow -tune film"',
    )
    group.add_argument(
        "--dither",
        action="store_true",
        help="against bands in gradients: spread what 8 bits cannot hold over the pixels around; worth it for PNG, lossless, webm, and share with a --crf of 14 or less",
    )
    group.add_argument(
        "--audio",
        choices=[mode.value for mode in AudioMode],
        default=AudioMode.COPY.value,
        help="copy, where the container takes it; encode anew as aac (Opus in webm); or none (default copy)",
    )
    group.add_argument("--png-only", action="store_true", help="numbered pictures, no video")
    group.add_argument(
        "--keep-pngs", action="store_true", help="numbered pictures in vid_out/ beside the video"
    )
    group.add_argument(
        "--picture-format",
        choices=["png", "exr"],
        default="png",
        help="of numbered pictures: png, or exr, linear light in 32-bit floating point (default png)",
    )
    group.add_argument("--overwrite", action="store_true", help="replace existing output")
    group.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on where an interrupted run of the same job has stopped (default)",
    )
    group.add_argument(
        "--json", action="store_true", help="say in the last line what was done, as JSON"
    )
    return group


def _add_montage_options(group: Group) -> None:
    group.add_argument(
        "--montage",
        nargs="?",
        choices=[layout.value for layout in Layout],
        const=Layout.SIDE_BY_SIDE.value,
        help="the source, as it plays, and the result in one picture (side-by-side if none is named)",
    )
    group.add_argument(
        "--montage-labels",
        nargs="?",
        type=_labels,
        const=(DEFAULT_LABEL, DEFAULT_LABEL),
        metavar="TEXT",
        help='write the rates into the montage, or "before | after" ({fps} stands for the rate)',
    )


class _Removed(argparse.Action):
    """Upstream's --png, which this program splits in two."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error("--png was removed: use --png-only, or --keep-pngs to get the video as well")


class _End(argparse.Action):
    """A moment of the source, or a rule: ``--end`` was a rule before it was a moment."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002  argparse passes it by this name
    ) -> None:
        rules = {rule.value: rule for rule in EndRule}
        if values in rules:
            namespace.end_rule = rules[values]
            return
        try:
            namespace.end = parse_timestamp(values)
        except InputError:
            parser.error(
                f"argument --end: expected a time such as 12.5 or 1:02.5, or one of "
                f"{', '.join(rules)}, got {values!r}"
            )


def _multiplier(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 2, got {text!r}")
    return int(text)


def _exponent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 6:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 6, got {text!r}")
    return int(text)


def _explained(parse: Callable[[str], ResultT]) -> Callable[[str], ResultT]:
    """Let argparse show the message of an InputError."""

    def convert(text: str) -> ResultT:
        try:
            return parse(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


@_explained
def _speed(text: str) -> SpeedCurve:
    return constant_speed(parse_speed(text))


_moment = _explained(parse_timestamp)
_ramp = _explained(parse_ramp)
_cuts = _explained(parse_cuts)
_labels = _explained(parse_labels)
_encoder_options = _explained(parse_encoder_options)


def _threshold(text: str) -> float:
    threshold = float(text)
    if not threshold >= 0:
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, got {text!r}")
    return threshold


def _rate(text: str) -> Fraction:
    try:
        return parse_rate(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"expected a frame rate such as 24, 23.976 or 30000/1001, got {text!r}"
        ) from None
