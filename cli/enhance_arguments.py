"""The command line of ``inference_video_enhance.py``."""

from __future__ import annotations

import argparse

from .arguments import (
    Parser,
    add_clips,
    add_cut_options,
    add_debug_options,
    add_end_option,
    add_image_rate_option,
    add_listings,
    add_output_options,
    add_precision_options,
    add_start_option,
)
from .cluster_arguments import add_cluster_options

_DESCRIPTION = (
    "Clean up a video, or a folder of numbered images, with SAFA, at the same size and rate. "
    "See README.md for more."
)


def build_enhance_parser() -> argparse.ArgumentParser:
    """Describe the command line of ``inference_video_enhance.py``."""
    parser = Parser(prog="inference_video_enhance.py", description=_DESCRIPTION, allow_abbrev=False)
    source = parser.add_argument_group("source (one of these)").add_mutually_exclusive_group(
        required=True
    )
    add_clips(source, "enhance")
    add_listings(source)
    trim = parser.add_argument_group("trim and scene cuts")
    add_start_option(trim)
    add_end_option(trim)
    add_image_rate_option(trim, "24")
    add_cut_options(trim)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default="auto",
        metavar="NAME",
        help="a checkpoint file, folder or .zip, or a release such as SAFA-0.5 (default auto: one found on disk)",
    )
    add_precision_options(model, several_devices=True)
    add_output_options(parser, "<input>_enhanced")
    add_cluster_options(parser)
    add_debug_options(parser)
    return parser
