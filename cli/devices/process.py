"""The process of a device, as seen from the one that hands out the work."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import torch

from vfi.errors import VfiError

from ..loaded import LoadableNetwork
from ..spread.outcome import Failure, WorkerInfo
from .messages import STOP, Answer, Load, receive, send
from .serve import serve

_PATIENCE = 15.0  # seconds until a process that is asked to end is killed: a frame may take some


class DeviceProcess:
    """A process with a network on one device.

    Attributes:
        device: its name.
        connection: to it.
    """

    def __init__(self, device: str, num_threads: int, memory_advice: str) -> None:
        """Start it; see ``serve``."""
        self.device = device
        self._has_loaded = False
        # Started anew: a copy of this process would have its threads' locks, and could not use CUDA.
        context = multiprocessing.get_context("spawn")
        self.connection, there = context.Pipe()
        arguments = there, device, num_threads, memory_advice
        self._process = context.Process(target=serve, args=arguments, name=f"rife {device}")
        with _deaf_to_ctrl_c():
            self._process.start()
        there.close()  # so that the connection ends with the process

    def load(self, network: LoadableNetwork) -> None:
        """Send it the network.

        Raises:
            VfiError: it has ended.
        """
        try:
            send(self.connection, Load(network))
        except OSError as error:
            raise self.ended_at_start() from error

    def wait_until_loaded(self) -> WorkerInfo | Failure:
        """Wait until it has the network on its device.

        Raises:
            VfiError: it has ended.
        """
        try:
            answer: Answer = receive(self.connection)
        except (EOFError, OSError) as error:
            raise self.ended_at_start() from error
        self._has_loaded = True
        outcome: Any = answer.outcome
        return outcome if isinstance(outcome, Failure) else outcome.value

    def ended_at_start(self) -> VfiError:
        """Return the error to raise for a process that has ended before it could work."""
        return VfiError(
            f"The process for --device {self.device} ended while it started ({self.how_it_ended()}). "
            f"Is there enough memory? Leave {self.device} out of --device, or try --precision fp16."
        )

    def how_it_ended(self) -> str:
        """Say by what a process has ended."""
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        if code is None:
            return "it does not answer"
        if code >= 0:
            return f"exit code {code}"
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def ask_to_end(self) -> None:
        """Ask it to leave what it is at; while it loads there is nothing to leave."""
        if not self._has_loaded:
            self._process.kill()
        with suppress(OSError):
            self.connection.send_bytes(STOP)

    def end(self, until: float) -> None:
        """Wait until it has ended, to a time of ``monotonic``; kill it then."""
        self._process.join(max(0.0, until - monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()


@contextmanager
def started(
    devices: Sequence[str], memory_advice: str
) -> Generator[list[DeviceProcess], None, None]:
    """Start a process for each device, for the block; the cores are shared out among them."""
    num_threads = max(1, torch.get_num_threads() // len(devices))
    processes: list[DeviceProcess] = []
    try:
        for device in devices:
            process = DeviceProcess(device, num_threads, memory_advice)
            processes.append(process)  # one by one, so that none is left behind if the next fails
        yield processes
    finally:
        until = monotonic() + _PATIENCE
        try:
            for process in processes:
                process.ask_to_end()
            for process in processes:
                process.end(until)
        except KeyboardInterrupt:  # a second one: no more patience
            for process in processes:
                process.end(0.0)
            raise


@contextmanager
def _deaf_to_ctrl_c() -> Generator[None, None, None]:
    """Let a process that is started in the block hear no Ctrl-C, not even before it can say so itself.

    It reaches all processes of a terminal, and what becomes of them is decided here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
