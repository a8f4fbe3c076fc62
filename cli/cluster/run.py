"""Planned clips are written by a cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import ray
from ray.exceptions import RayError

from vfi.errors import InputError
from vfi.write import unfinished_name

from ..loaded import LoadableNetwork
from ..options import ClusterOptions
from ..plan import JobT, Plan
from ..program import Program
from ..spread.clip_run import clip_runs
from ..spread.outcome import Failure, Made, WorkerInfo, require_alike
from ..spread.report import fail_alone, report_all
from .connection import Cluster, check_nodes, connected, first_line
from .dispatch import ClusterDispatcher
from .watch import ClusterWatch
from .worker import Stored, Worker

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
            clips = clip_runs(plans, info.settings)
            try:
                with ClusterWatch(clips, workers, is_debug=program.shows_tracebacks) as watch:
                    dispatcher = ClusterDispatcher(
                        cluster, workers, stored, watch, ships=options.ship
                    )
                    dispatcher.run(clips)
            finally:
                report_all(program, clips, info.name)
    fail_alone(clips)


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
    return require_alike(map(_loaded, [worker.load.remote(network) for worker in workers]))


def _loaded(loading: Any) -> WorkerInfo:
    """Wait until a worker has loaded the network."""
    try:
        made = cast(Made[WorkerInfo] | Failure, ray.get(loading))
    except RayError as error:
        raise InputError(
            f"A worker cannot be started: {first_line(error)}. Is there enough memory? Try fewer "
            "--workers."
        ) from error
    if isinstance(made, Failure):
        raise InputError(made.message)
    return made.value
