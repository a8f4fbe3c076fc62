"""Options for several videos that become one."""

from __future__ import annotations

import argparse
from pathlib import Path

from vfi.preprocess import DEFAULT_FADE, Statistics

from . import argument_types as types
from .arguments import Group


def add_join(source: Group) -> None:
    """Add the source: videos that are joined."""
    source.add_argument(
        "--join",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="parts of one video, in their order, or a folder of them: join them, and make the result smoother",
    )


def add_join_options(parser: argparse.ArgumentParser) -> None:
    """Add how the parts of ``--join`` follow each other."""
    group = parser.add_argument_group("joined parts")
    group.add_argument(
        "--overlap",
        type=types.count_or_none,
        metavar="N",
        help="how many frames at the end of a part the next one repeats; they are cross-faded (default 0: one is detected and dropped)",
    )
    group.add_argument(
        "--match",
        choices=[one.value.replace(" ", "-") for one in Statistics],
        help="give each part the colours with which the one before ends: brightness and contrast, or histogram for gamma as well (default off)",
    )
    group.add_argument(
        "--match-frames",
        type=types.count_or_none,
        metavar="N",
        help=f"fade the correction out over N frames; 0: keep it for the whole part (default {DEFAULT_FADE})",
    )
