"""Planned clips are written by a process for each of several devices."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from vfi.errors import InputError

from ..loaded import LoadableNetwork
from ..plan import Plan
from ..program import Program
from ..spread.clip_run import clip_runs
from ..spread.outcome import Failure, WorkerInfo, require_alike
from ..spread.report import fail_alone, report_all
from ..spread.watch import Watch
from .dispatch import DeviceDispatcher
from .process import DeviceProcess, started


def render_on_devices(
    program: Program, plans: Sequence[Plan[Any]], network: LoadableNetwork, devices: Sequence[str]
) -> None:
    """Write clips with one process per device; one clip that fails does not stop the others.

    Args:
        program: gets the results.
        plans: ready to be written.
        network: makes the frames.
        devices: that there are; one that is named twice gets two processes.

    Raises:
        VfiError: the processes cannot work.
    """
    with started(devices, program.memory_advice) as processes:
        info = require_alike(_load(processes, network))
        print(f"devices {', '.join(devices)}")
        print(f"model   {info.description}")
        clips = clip_runs(plans, info.settings)
        try:
            with Watch(clips, len(processes), is_debug=program.shows_tracebacks) as watch:
                DeviceDispatcher(processes, watch).run(clips)
        finally:
            report_all(program, clips, info.name)
    fail_alone(clips)


def _load(
    processes: Sequence[DeviceProcess], network: LoadableNetwork
) -> Generator[WorkerInfo, None, None]:
    """Send the network to all processes, then yield what each is."""
    for process in processes:
        process.load(network.on(process.device))
    for process in processes:
        loaded = process.wait_until_loaded()
        if isinstance(loaded, Failure):
            raise InputError(loaded.message)
        yield loaded
