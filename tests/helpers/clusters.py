"""Clusters on this machine, the processes of a run, and what a run leaves behind."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.running import ONE_THREAD

ROOT = Path(__file__).resolve().parents[2]
_MARK = "RIFE_TEST_RUN"
_PATIENCE = 90.0  # seconds; the agents of a cluster whose head was killed stay for up to a minute


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a temporary folder that is short enough for a cluster's sockets."""
    folder = Path("/tmp", secrets.token_hex(2))
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """Processes that can be told from all others, with a temporary folder of their own.

    Attributes:
        temporary: that folder.
        mark: in the environment of all of them.
    """

    temporary: Path
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        """What such a process is started with."""
        added = {_MARK: self.mark, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        return {**ONE_THREAD, **added}

    def processes(self) -> list[int]:
        """List those that live."""
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in found if self._owns(pid)]

    def workers(self) -> list[int]:
        """List those that make frames, look at clips or complete them."""
        titles = {pid: _title(pid) for pid in self.processes()}
        return [
            pid
            for pid, title in titles.items()
            if title.startswith("ray::") and not title.endswith(("IDLE", "Idle", "Agent"))
        ]

    def wait_until_over(self) -> None:
        """Wait until none is left."""
        deadline = time.monotonic() + _PATIENCE
        while left := self.processes():
            assert time.monotonic() < deadline, [_title(pid) for pid in left]
            time.sleep(0.2)

    def kill(self) -> None:
        """End all at once, as if the machine was gone."""
        for pid in self.processes():
            kill(pid)

    def _owns(self, pid: int) -> bool:
        return f"{_MARK}={self.mark}".encode() in _read(pid, "environ").split(b"\0")


@contextmanager
def own_run() -> Iterator[Run]:
    """Make a run; what is left of it in the end is killed."""
    with short_folder() as folder:
        run = Run(folder, secrets.token_hex(8))
        try:
            yield run
        finally:
            run.kill()


def kill(pid: int) -> None:
    """Kill a process, if it is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _title(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""


class Cluster:
    """Nodes that are started with ``ray start`` on this machine."""

    def __init__(self, stack: ExitStack) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{found.getsockname()[1]}"
        self._stack = stack
        self.token = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # else other tests leave them no time
        }
        self.nodes: list[Run] = []

    def start(
        self, num_cpus: int, before: tuple[str, ...] = (), more: Mapping[str, str] | None = None
    ) -> Run:
        """Start a node with folders of its own; the first one is the head.

        Args:
            num_cpus: that it offers.
            before: a command that runs the command that follows it.
            more: environment.
        """
        node = self._stack.enter_context(own_run())
        port = self.address.rpartition(":")[2]
        place = [f"--address={self.address}"]
        if not self.nodes:
            place = ["--head", f"--port={port}", "--include-dashboard=false"]
        command = [*before, sys.executable, "-m", "ray.scripts.scripts", "start", *place]
        command += [f"--temp-dir={node.temporary}", f"--num-cpus={num_cpus}", "--block"]
        command += ["--object-store-memory=100000000", "--disable-usage-stats"]
        log = node.temporary / "start.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                env={**node.environment, **self.token, **(more or {})},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._stack.callback(_end, process)
        self.nodes.append(node)
        deadline = time.monotonic() + 60
        while b"Ray runtime started" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return node


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
