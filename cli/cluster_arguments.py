"""Options that spread work over the processes of a cluster."""

from __future__ import annotations

import argparse

from . import argument_types as types


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--ray`` and what goes with it."""
    group = parser.add_argument_group("many clips, many machines (needs Ray: docs/clusters.md)")
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="spread clips, and segments of long ones, over workers: local for this machine, auto for the cluster it is part of, or a cluster's host:port",
    )
    group.add_argument(
        "--workers",
        type=types.num_workers,
        metavar="N",
        help="how many (default: one per GPU; without GPUs one per 4 cores)",
    )
    group.add_argument(
        "--gpus-per-worker",
        type=types.share_of_gpu,
        metavar="F",
        help="such as 0.5 for two workers on each GPU, 0 for none (default 1, where there are GPUs)",
    )
    group.add_argument(
        "--ship",
        action="store_true",
        help="send sources and results over the network, where the machines share no folder",
    )
