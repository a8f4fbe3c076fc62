"""What the two command lines have in common: clips, scene cuts, precision, output."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from rife_arch import EVALUATIONS
from rife_arch.load import PRECISIONS
from vfi import __version__
from vfi.encode import CONTAINERS, DEFAULT_PRESET, PRESETS, SPEEDS
from vfi.jobs import HdrMode
from vfi.preprocess import DEFAULT_THRESHOLD, CutList
from vfi.tracks import AudioMode

from . import argument_types as types

Group = argparse._ArgumentGroup  # pyright: ignore[reportPrivateUsage]  it has no public name


class ArgumentsError(Exception):
    """The arguments are wrong; the message says why."""

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        super().__init__(message)
        self.parser = parser


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse's own prints and exits."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            ArgumentsError: always.
        """
        raise ArgumentsError(self, message)

    def option(self, name: str) -> argparse.Action:
        """Return an option, so that another parser can take the same values."""
        return self._option_string_actions[name]


def add_clips(source: Group, purpose: str) -> None:
    """Add the source: videos or a folder of images."""
    source.add_argument(
        "--video",
        type=Path,
        nargs="+",
        metavar="FILE",
        help=f"the video to {purpose}, or several, or a folder of them",
    )
    source.add_argument("--img", type=Path, metavar="DIR", help="a folder of numbered images")


def add_listings(source: Group) -> None:
    """Add options that list things instead of working on a clip."""
    source.add_argument(
        "--list-presets", action="store_true", help="list the presets that work on this machine"
    )
    source.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def add_debug_options(parser: argparse.ArgumentParser) -> None:
    """Add options for when something goes wrong."""
    parser.add_argument("--png", action=types.Removed, nargs=0, help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")


def add_start_option(group: Group) -> None:
    """Add ``--start``."""
    group.add_argument(
        "--start",
        type=types.timestamp,
        default=Fraction(0),
        metavar="T",
        help="start here: seconds, or 1:02.5 (default 0)",
    )


def add_end_option(group: Group) -> None:
    """Add ``--end`` where it is a time and nothing else."""
    group.add_argument(
        "--end",
        type=types.timestamp,
        metavar="T",
        help="stop here: seconds, or 1:02.5 (default: the end)",
    )


def add_image_rate_option(group: Group, default: str) -> None:
    """Add ``--source-fps``."""
    group.add_argument(
        "--source-fps",
        type=types.rate,
        metavar="F",
        help=f"frame rate of the images of --img (default: {default})",
    )


def add_cut_options(group: Group) -> None:
    """Add scene detection, and cuts given by hand."""
    group.add_argument(
        "--scene-threshold",
        type=types.threshold,
        default=DEFAULT_THRESHOLD,
        metavar="T",
        help=f"how much a frame must differ from its neighbours to count as a scene cut; 0 turns detection off (default {DEFAULT_THRESHOLD})",
    )
    group.add_argument(
        "--cuts",
        type=types.cuts,
        default=CutList(),
        metavar="LIST",
        help='known scene cuts: frame numbers from 0, or seconds: "48, 96" or "2.5s"',
    )


def add_precision_options(group: Group, *, several_devices: bool = False) -> None:
    """Add precision and device; or several of these, with commas between."""
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="precision of the convolutions (default auto: fp16 on GPUs that are fast at it, bf16 on such CPUs, else fp32)",
    )
    group.add_argument(
        "--fp16",
        dest="precision",
        action="store_const",
        const="fp16",
        help="the same as --precision fp16",
    )
    group.add_argument(
        "--device",
        type=types.devices if several_devices else types.device,
        default="auto",
        metavar="D",
        help="cpu, cuda, cuda:1, mps (default auto)"
        + ("; several, such as cuda:0,cuda:1, work at a time" if several_devices else ""),
    )


def add_evaluation_option(group: Group) -> None:
    """Add how frames are computed."""
    group.add_argument(
        "--evaluation",
        choices=EVALUATIONS,
        default="auto",
        help="how frames are computed, all with the same result: for comparisons, and to get around a fault "
        "(default auto: the fastest; on a GPU that is measured)",
    )


def add_output_options(parser: argparse.ArgumentParser, name: str) -> Group:
    """Add where the result goes, and how it is encoded."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--output",
        type=Path,
        metavar="NAME",
        help=f"video file; folder with --png-only; - for raw frames on standard output (default {name}.<ext> beside the input; vid_out/)",
    )
    group.add_argument(
        "--out-dir", type=Path, metavar="DIR", help="folder for results (default: beside the input)"
    )
    group.add_argument(
        "--ext",
        choices=sorted(suffix[1:] for suffix in CONTAINERS),
        help="container, where --output has no extension (default: the preset's first, mp4 for share)",
    )
    group.add_argument(
        "--preset",
        choices=PRESETS,
        default=DEFAULT_PRESET,
        help=f"what to encode as; see --list-presets (default {DEFAULT_PRESET})",
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
        help="how hard the encoder works: fast is quicker, with slightly worse pictures or larger files; slow is the reverse (default normal)",
    )
    group.add_argument(
        "--ffmpeg-options",
        type=types.encoder_options,
        default={},
        metavar="LINE",
        help='options of the encoder, which take precedence: "preset=slow tune=film"',
    )
    group.add_argument(
        "--dither",
        action="store_true",
        help="against banding in gradients, where 8 bits are written; worth it for PNG, lossless, webm, and share with a --crf of 14 or less",
    )
    group.add_argument(
        "--hdr",
        choices=[mode.value for mode in HdrMode],
        default=HdrMode.TONE_MAP.value,
        help="what becomes of HDR where the result cannot hold it (8 bits, images): convert it to SDR, or stop (default tonemap)",
    )
    group.add_argument(
        "--audio",
        choices=[mode.value for mode in AudioMode],
        default=AudioMode.COPY.value,
        help="copy it where the container can hold it, re-encode it (aac; Opus in webm), or drop it (default copy)",
    )
    group.add_argument("--png-only", action="store_true", help="numbered images, no video")
    group.add_argument(
        "--keep-pngs",
        action="store_true",
        help="numbered images in vid_out/ in addition to the video",
    )
    group.add_argument(
        "--picture-format",
        choices=["png", "exr"],
        default="png",
        help="format of numbered images: png, or exr, linear light in 32-bit floating point (default png)",
    )
    group.add_argument("--overwrite", action="store_true", help="replace existing output")
    group.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="resume where an interrupted run of the same job stopped (default)",
    )
    group.add_argument(
        "--json", action="store_true", help="report the results as JSON in the last line"
    )
    return group
