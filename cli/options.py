"""The options of ``inference_video.py``."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from rife_arch import FLOW_SCALES, QUALITIES
from rife_arch.load import PRECISIONS
from vfi.ffmpeg import CONTAINERS
from vfi.timing import EndRule, parse_rate

from . import __version__

_DESCRIPTION = (
    "Make a video, or a folder of numbered pictures, smoother with RIFE. See README.md for more."
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="inference_video.py", description=_DESCRIPTION, allow_abbrev=False
    )
    source = parser.add_argument_group("source (one of these)").add_mutually_exclusive_group(
        required=True
    )
    source.add_argument("--video", type=Path, metavar="FILE", help="the video to make smoother")
    source.add_argument("--img", type=Path, metavar="DIR", help="a folder of numbered pictures")
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
    source.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_time_options(parser)
    _add_model_options(parser)
    _add_output_options(parser)
    parser.add_argument("--png", action=_Removed, nargs=0, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return parser


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
    group.add_argument(
        "--fps",
        type=_rate,
        metavar="F",
        help="write this rate into the file instead: slow or fast motion, without sound; for --img, the rate of the result (default 24 x N)",
    )
    group.add_argument(
        "--end",
        choices=[rule.value for rule in EndRule],
        default=EndRule.FULL_DURATION.value,
        help="full-duration: N frames give N x multi, as long as the sound; last-frame: end on the last source frame (default full-duration)",
    )


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
        "--torch-compile",
        action="store_true",
        help="let torch compile the network: a minute's wait that long clips on a GPU may repay",
    )
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, mps (default auto)"
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output",
        type=Path,
        metavar="NAME",
        help="video file, or folder with --png-only (default <input>_<N>X_<fps>fps.<ext> beside the input; vid_out/)",
    )
    group.add_argument(
        "--ext",
        choices=sorted(suffix[1:] for suffix in CONTAINERS),
        default="mp4",
        help="container where --output has none (default mp4)",
    )
    group.add_argument("--png-only", action="store_true", help="numbered PNG files, no video")
    group.add_argument(
        "--keep-pngs", action="store_true", help="numbered PNG files in vid_out/ beside the video"
    )
    group.add_argument("--overwrite", action="store_true", help="replace existing output")


class _Removed(argparse.Action):
    """Upstream's --png, which this program splits in two."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error("--png was removed: use --png-only, or --keep-pngs to get the video as well")


def _multiplier(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 2, got {text!r}")
    return int(text)


def _exponent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 6:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 6, got {text!r}")
    return int(text)


def _rate(text: str) -> Fraction:
    try:
        return parse_rate(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"expected a frame rate such as 24, 23.976 or 30000/1001, got {text!r}"
        ) from None
