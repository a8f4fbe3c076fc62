"""Planned clips are written by a cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import ray
from ray.exceptions import RayError

from vfi.errors import InputError, VfiError
from vfi.write import unfinished_name

from ..explain import EXIT_USAGE
from ..loaded import LoadableNetwork
from ..options import ClusterOptions
from ..plan import JobT, Plan
from ..program import Program, tell_what_is_kept
from ..rendering import report, resume_key_of
from .clip_run import ClipRun, new_key
from .connection import Cluster, check_nodes, connected, first_line
from .dispatch import Dispatcher
from .summary import summarize
from .watch import Watch
from .worker import Failure, Made, Stored, Worker, WorkerInfo

_PATIENCE = 10.0  # seconds for workers to remove copies; the next run would do it as well


def render_on_cluster(
    program: Program,
    plans: Sequence[Plan[JobT]],
    network: LoadableNetwork,
    options: ClusterOptions,
) -> None:
    """Write clips with the workers of a cluster; one that fails does not stop the others.

    Raises:
        InputError: there is no such cluster, or it cannot do this.
    """
    with connected(options) as cluster:
        if not cluster.is_local:
            with _needed(plans) if not options.ship else nullcontext([]) as paths:
                check_nodes(cluster, paths)
        # In the store, which brings it to each machine once.
        stored = Stored(ray.put(network), network.sha256)
        with started_workers(cluster, program.memory_advice, has_copies=options.ship) as workers:
            info = load_network(workers, stored)
            where = f"{len(cluster.nodes)} machine{'s' * (len(cluster.nodes) > 1)}"
            print(f"cluster {len(workers)} worker{'s' * (len(workers) > 1)} on {where}")
            print(f"model   {info.description}")
            clips = [
                ClipRun(plan, resume_key_of(plan, info.settings) or new_key()) for plan in plans
            ]
            try:
                with Watch(clips, workers, is_debug=program.shows_tracebacks) as watch:
                    dispatcher = Dispatcher(cluster, workers, stored, watch, ships=options.ship)
                    dispatcher.run(clips)
            finally:
                _report(program, clips, info)
    _fail_alone(clips)


@contextmanager
def _needed(plans: Sequence[Plan[Any]]) -> Generator[list[Path], None, None]:
    """Yield what all machines must see: the first source, and a file in each folder of results.

    The file is new: a folder of the same name that is not shared does not have it.
    """
    folders = {target.absolute().parent for plan in plans for target in plan.targets}
    marks = [unfinished_name(folder / "practical-rife") for folder in sorted(folders)]
    try:
        for mark in marks:
            mark.touch()
        yield [plans[0].source.absolute(), *marks]
    finally:
        for mark in marks:
            mark.unlink(missing_ok=True)


@contextmanager
def started_workers(
    cluster: Cluster, memory_advice: str, *, has_copies: bool
) -> Generator[list[Any], None, None]:
    """Start workers for the block; with copies of files, they are asked to remove these."""
    share = cluster.share
    actor = ray.remote(
        num_cpus=share.cpus,
        num_gpus=share.gpus,
        max_restarts=-1,
        max_task_retries=0,  # the dispatcher does that
        concurrency_groups={"status": 1},  # type: ignore[call-overload]  it is documented
    )(Worker)
    run = uuid4().hex[:6]
    workers = [
        actor.options(name=f"rife-{run}-{number}").remote(share, memory_advice)
        for number in range(cluster.num_workers)
    ]
    try:
        yield workers
    finally:
        if has_copies:
            leaving = [worker.leave.remote() for worker in workers]
            ray.wait(leaving, num_returns=len(leaving), timeout=_PATIENCE)
        for worker in workers:
            ray.kill(worker)


def load_network(workers: Sequence[Any], network: Stored) -> WorkerInfo:
    """Wait until all workers have loaded the network.

    Raises:
        InputError: one cannot, or they would not make the same frames.
    """
    first: WorkerInfo | None = None
    for loading in [worker.load.remote(network) for worker in workers]:
        try:
            made = cast(Made[WorkerInfo] | Failure, ray.get(loading))
        except RayError as error:
            raise InputError(
                f"A worker cannot be started: {first_line(error)}. Is there enough memory? Try fewer "
                "--workers."
            ) from error
        if isinstance(made, Failure):
            raise InputError(made.message)
        found = made.value
        first = first or found
        if found.settings != first.settings:
            raise InputError(
                f"Workers differ: {found.host} has {found.description}, {first.host} has "
                f"{first.description}. Frames would not be alike: choose the same --precision and "
                "--device for all, such as --precision fp32."
            )
    assert first is not None
    return first


def _fail_alone(clips: Sequence[ClipRun]) -> None:
    """Raise the error of a clip that is the only one: it ends the program."""
    failure = clips[0].failure
    if len(clips) == 1 and failure is not None:
        raise (InputError if failure.exit_code == EXIT_USAGE else VfiError)(failure.message)


def _report(program: Program, clips: Sequence[ClipRun], info: WorkerInfo) -> None:
    """Say of each clip what happened, for people and for ``--json``."""
    refused = [result["input"] for result in program.results]
    for clip in clips:
        if clip.failure is not None:
            if len(clips) > 1:
                error = clip.failure.message
                program.results.append({"input": str(clip.plan.source), "error": error})
        elif clip.is_over:
            program.results.append(report(clip.plan, clip.rendered, info.name))
    tell_what_is_kept(clip.plan for clip in clips if clip.failure or not clip.is_over)
    if len(clips) + len(refused) > 1:
        print(summarize(clips, refused))
