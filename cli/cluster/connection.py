"""Connecting to a cluster, and refusing one that would not do."""

from __future__ import annotations

import hashlib
import platform
import re
import signal
import socket
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from math import floor
from pathlib import Path
from time import sleep
from typing import Any

import av
import numpy as np
import ray
import torch
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vfi import __version__
from vfi.errors import InputError

from ..options import ClusterOptions
from .temporary import temporary_folder

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("rife_arch", "vfi", "cli")
_LOCAL = "local"
_CORES_PER_WORKER = 4
_LONGEST_FOLDER = 10  # characters: its sockets may have 107, most of which Ray and we take
_CONNECT_LIMIT = 5.0  # seconds
_LOOKS = 5  # one a second
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_NO_MODULE = re.compile(r"No module named '[\w.]+'")


@dataclass(frozen=True)
class Share:
    """What one worker takes of a machine."""

    cpus: float
    gpus: float

    @property
    def num_threads(self) -> int:
        """That it computes with."""
        return max(1, floor(self.cpus))


@dataclass(frozen=True)
class Cluster:
    """A cluster one is connected to.

    Attributes:
        is_local: it was started for this run, on this machine.
        nodes: id of each machine -> its name.
        own_node: id of the machine of this process.
        num_workers: how many workers it is asked for.
        share: of each.
    """

    is_local: bool
    nodes: dict[str, str]
    own_node: str
    num_workers: int
    share: Share


@contextmanager
def connected(options: ClusterOptions) -> Generator[Cluster, None, None]:
    """Connect to the cluster that the options name, or start one here.

    Raises:
        InputError: there is none, or it does not have what the workers need.
    """
    with ExitStack() as stack:
        _connect(options.ray, stack)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        num_workers, share = share_out([node["Resources"] for node in nodes], options)
        yield Cluster(
            options.ray == _LOCAL,
            {node["NodeID"]: node["NodeManagerHostname"] for node in nodes},
            ray.get_runtime_context().get_node_id(),
            num_workers,
            share,
        )


def _connect(address: str, stack: ExitStack) -> None:
    """Connect until the stack is closed."""
    is_local = address == _LOCAL
    if not is_local and address != "auto":
        _require_listener(address)
    details: dict[str, Any] = {}
    if is_local:
        details = {"_temp_dir": str(stack.enter_context(_folder_for_sockets()))}
        details["include_dashboard"] = False
    try:
        with _own_signal_handlers():
            ray.init(address, configure_logging=False, log_to_driver=False, **details)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise _no_cluster(address, first_line(error.__cause__ or error)) from error
    stack.callback(ray.shutdown)


def _folder_for_sockets() -> AbstractContextManager[Path]:
    """Return a temporary folder whose name is short enough for the sockets in it."""
    folder = Path(tempfile.gettempdir())
    return temporary_folder(folder if len(str(folder)) <= _LONGEST_FOLDER else Path("/tmp"))


@contextmanager
def _own_signal_handlers() -> Generator[None, None, None]:
    """Keep our handlers: Ray puts its own in place of one, and ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the processes that are started here
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require_listener(address: str) -> None:
    """Refuse an address where nobody answers; Ray would try for a quarter of an hour.

    Raises:
        InputError: nobody does.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise InputError(
            f"--ray {address}: this is no address. Give local, auto, or host:port, such as "
            "first-machine:6379."
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_LIMIT).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, getattr(error, "strerror", None) or str(error)) from error


def _no_cluster(address: str, reason: str) -> InputError:
    return InputError(
        f"--ray {address}: there is no cluster to connect to ({reason}). Start one with ray start "
        "--head and give its address, or use --ray local."
    )


def first_line(error: BaseException) -> str:
    """Return what an error says, without the colours and the traceback that Ray adds."""
    text = _COLOR.sub("", str(getattr(error, "cause", None) or error)).strip()
    return text.split("\n", 1)[0].strip().rstrip(".")


def share_out(resources: Sequence[dict[str, float]], options: ClusterOptions) -> tuple[int, Share]:
    """Decide how many workers there are, and what each takes.

    Raises:
        InputError: the cluster does not have so much.
    """
    gpus = [node.get("GPU", 0.0) for node in resources]
    cpus = [node.get("CPU", 0.0) for node in resources]
    if options.gpus_per_worker or (sum(gpus) and options.gpus_per_worker is None):
        wanted = options.gpus_per_worker or 1.0
        room = sum(floor(count / wanted + 1e-6) for count in gpus)
        num_workers = options.workers or room
        if not room or num_workers > room:
            raise InputError(
                f"The cluster has {_plain(sum(gpus))} GPUs, room for {room} workers with "
                f"{_plain(wanted)} each; {num_workers or 'at least 1'} were asked for. Choose fewer "
                "--workers, or fewer --gpus-per-worker, 0 for none."
            )
        return num_workers, Share(min(1.0, sum(cpus) / num_workers), wanted)
    return _share_cores([count for count in cpus if count], options.workers)


def _share_cores(cpus: Sequence[float], num_workers: int | None) -> tuple[int, Share]:
    """Share out the cores of machines, each of which has some."""
    if not cpus:
        raise InputError("The cluster has no cores. Start its machines without --num-cpus=0.")
    num_workers = num_workers or sum(max(1, floor(n / _CORES_PER_WORKER)) for n in cpus)
    for each in range(floor(max(cpus)), 0, -1):
        if sum(floor(count / each) for count in cpus) >= num_workers:
            return num_workers, Share(float(each), 0.0)
    return num_workers, Share(min(cpus) / num_workers, 0.0)


def _plain(number: float) -> str:
    return f"{number:g}"


@dataclass(frozen=True)
class Versions:
    """What must be equal on all machines."""

    pack: str
    torch: str
    av: str
    numpy: str
    python: str


def versions_here() -> Versions:
    """Return those of this machine; of the pack a hash of its code as well."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((_ROOT / package).rglob("*.py")):
            digest.update(file.relative_to(_ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return Versions(
        pack=f"{__version__} ({digest.hexdigest()[:8]})",
        torch=str(torch.__version__),
        av=av.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
    )


def check_nodes(cluster: Cluster, paths: Sequence[Path]) -> None:
    """Refuse machines that have other versions, or lack files.

    Args:
        cluster: all of its machines are asked.
        paths: that all of them must have.

    Raises:
        InputError: one does not; the message says which, and what.
    """
    own = versions_here()
    asked = {
        node: _ask.options(scheduling_strategy=on_node(node)).remote(list(paths))
        for node in cluster.nodes
    }
    for node, answer in asked.items():
        name = cluster.nodes[node]
        try:
            found, missing = ray.get(answer)
        except RayError as error:
            raise InputError(
                f"{name}: the pack cannot be used there ({_missing_module(error)}). Run ray start on "
                "that machine with the Python that has the pack's packages, and with PYTHONPATH set to "
                "the pack's folder."
            ) from error
        for part, version in asdict(found).items():
            if version != getattr(own, part):
                raise InputError(
                    f"{name} has {part} {version}, this machine has {getattr(own, part)}. Results "
                    "would differ: install the same version on all machines."
                )
        if missing:
            raise InputError(
                f"{name} does not see {missing[0].parent} as this machine does: {missing[0].name} is not "
                "there. Use folders that all machines share under the same path, or add --ship, which "
                "sends the files."
            )


def _missing_module(error: RayError) -> str:
    found = _NO_MODULE.search(str(error))
    return found[0] if found else first_line(error)


@ray.remote(num_cpus=0, max_retries=3)
def _ask(paths: list[Path]) -> tuple[Any, list[Path]]:
    missing = list(paths)
    for _ in range(_LOOKS):  # a network folder shows new files late
        missing = [path for path in paths if not path.exists()]
        if not missing:
            break
        sleep(1)
    return versions_here(), missing


def on_node(node: str) -> NodeAffinitySchedulingStrategy:
    """Return how to run something on one machine."""
    return NodeAffinitySchedulingStrategy(node, soft=False)
