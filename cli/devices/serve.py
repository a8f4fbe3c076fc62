"""The process of a device: it keeps a network loaded, and makes what it is told to."""

from __future__ import annotations

import pickle
import signal
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch

from ..loaded import LoadableNetwork, Loaded
from ..spread.making import Maker
from ..spread.outcome import WorkerInfo
from .messages import STOP, Answer, Load, MakeClip, MakePiece, Progress, send


def serve(connection: Connection, device: str, num_threads: int, memory_advice: str) -> None:
    """Do what is asked for until nobody asks any more.

    Args:
        connection: to the process that asks.
        device: where the network runs, as torch calls it.
        num_threads: to compute with on the CPU.
        memory_advice: what to try when a GPU runs out of memory.
    """
    _leave_signals()
    torch.set_num_threads(num_threads)
    with suppress(OSError):  # whoever asks is gone
        _Server(connection, device, memory_advice).run()


def _leave_signals() -> None:
    """Leave it to the process that asks what happens at Ctrl-C, which reaches all of a terminal."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


class _Server:
    def __init__(self, connection: Connection, device: str, memory_advice: str) -> None:
        self._connection = connection
        self._device = device
        self._maker = Maker(memory_advice, self._tell)
        self._loaded: Loaded[Any] | None = None
        self._unit = -1
        self._requests: SimpleQueue[bytes] = SimpleQueue()

    def run(self) -> None:
        # Work at hand is ended by a message as well, so another thread listens.
        Thread(target=self._listen, name="listen", daemon=True).start()
        while (request := self._requests.get()) != STOP:
            self._do(pickle.loads(request))

    def _listen(self) -> None:
        while (request := self._receive()) != STOP:
            self._requests.put(request)
        self._maker.stop()
        self._requests.put(STOP)

    def _receive(self) -> bytes:
        try:
            return self._connection.recv_bytes()
        except (EOFError, OSError):  # whoever asks was killed
            return STOP

    def _do(self, request: Load | MakePiece | MakeClip) -> None:
        if isinstance(request, Load):
            work = partial(self._load, request.network)
        else:
            assert self._loaded, "a network is sent first"
            self._unit = request.unit
            if isinstance(request, MakePiece):
                what = request.job, request.piece, request.stores
                work = partial(self._maker.make_piece, self._loaded, *what)
            else:
                work = partial(self._maker.make_clip, self._loaded, request.plan)
        send(self._connection, Answer(self._maker.guarded(work)))

    def _load(self, network: LoadableNetwork) -> WorkerInfo:
        if torch.device(self._device).type == "cuda":
            torch.cuda.set_device(self._device)  # or pinned memory would take some of the first GPU
        self._loaded = loaded = network.load()
        return WorkerInfo(self._device, loaded.name, loaded.settings, loaded.description)

    def _tell(self, num_made: int) -> None:
        send(self._connection, Progress(self._unit, num_made))
