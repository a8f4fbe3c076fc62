"""The environment of a process that works with Ray, or for it."""

from __future__ import annotations

import os
import secrets

from ..options import ClusterOptions


def prepare_ray(options: ClusterOptions) -> None:
    """Make Ray quiet, and a cluster of this process private to it; what the user has set stays.

    Ray reads this when it is imported.
    """
    wanted = {
        "RAY_USAGE_STATS_ENABLED": "0",
        # "A worker died" goes to standard output otherwise; such a worker begins its unit anew.
        "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
        # One attempt to reach an address. It makes twenty, of 40 s each, and says nothing meanwhile.
        "RAY_gcs_server_port_wait_time_s": "1",
    }
    if options.ray == "local":
        # Without a token of its own Ray writes one to the user's home folder, with a warning.
        wanted |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        # Not 15, with which the workers wait for every other program.
        wanted["RAY_worker_niceness"] = "0"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def hide_gpus() -> None:
    """Let this process use no GPU: Ray shows all of them to one that was given none."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
