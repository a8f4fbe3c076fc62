"""The graphics card that evaluations are measured on, behind what a test can stand in for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, cast

import torch

from ..evaluation.gpu import triton_version


class Graphs(Protocol):
    """The part of ``torch.cuda`` that captures and replays graphs."""

    def Stream(self) -> Any: ...  # noqa: D102, N802  as torch.cuda has it
    def CUDAGraph(self) -> Any: ...  # noqa: D102, N802
    def current_stream(self) -> Any: ...  # noqa: D102
    def stream(self, stream: Any) -> AbstractContextManager[Any]: ...  # noqa: D102
    def device(self, device: torch.device) -> AbstractContextManager[Any]: ...  # noqa: D102
    def graph(self, graph: Any, *, capture_error_mode: str) -> AbstractContextManager[Any]: ...  # noqa: D102


@dataclass(frozen=True)
class Gpu:
    """A card, and how work on it is timed.

    Attributes:
        name: as its maker calls it.
        synchronize: waits until all work on it is done.
        graphs: captures and replays work on it.
        now: a clock, seconds.
    """

    name: str
    synchronize: Callable[[], object]
    graphs: Graphs
    now: Callable[[], float] = perf_counter

    def seconds(self, work: Callable[[], object]) -> float:
        """Return how long ``work`` takes until the card has finished."""
        self.synchronize()
        started = self.now()
        work()
        self.synchronize()
        return self.now() - started


def find_gpu(device: torch.device) -> Gpu | None:
    """Return the card behind a device; None for what is not measured: a CPU, and cards without CUDA."""
    if device.type != "cuda":
        return None
    return Gpu(
        torch.cuda.get_device_name(device),
        lambda: torch.cuda.synchronize(device),
        cast("Graphs", torch.cuda),
    )


def software_versions() -> str:
    """Name what the speed depends on beside the card."""
    return f"torch {torch.__version__}, triton {triton_version() or 'none'}"
