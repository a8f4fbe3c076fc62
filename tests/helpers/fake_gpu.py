"""A stand-in for a graphics card: it counts and times what a test says, and replays what it recorded.

A captured graph repeats the same operations on the same tensors, whatever Python would decide now. So does
this one: it notes every operation with its arguments and its results, and a replay does it again and writes
to the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rife_arch.models.evaluations import Evaluates, PlainForward
from rife_arch.models.gpu import Gpu
from rife_arch.networks import IFNet, Interpolated, Pair

Change = Callable[[Tensor, int], Tensor]


class Recording(TorchDispatchMode):
    """A graph: the operations that were noted."""

    def __init__(self) -> None:
        super().__init__()
        self._operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Any]]] = []
        self.num_replays = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._operations.append((func, args, kwargs or {}, tree_leaves(out)))
        return out

    def replay(self) -> None:
        self.num_replays += 1
        for func, args, kwargs, outs in self._operations:
            again = tree_leaves(func(*args, **kwargs))
            for old, new in zip(outs, again, strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class FakeStream:
    def wait_stream(self, _other: FakeStream) -> None: ...


class FakeGraphs:
    """In place of ``torch.cuda``."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.captured: list[Recording] = []
        self.modes: list[str] = []

    def Stream(self) -> FakeStream:  # noqa: N802
        return FakeStream()

    def current_stream(self) -> FakeStream:
        return FakeStream()

    def CUDAGraph(self) -> Recording:  # noqa: N802
        return Recording()

    @contextmanager
    def stream(self, _stream: FakeStream) -> Generator[None, None, None]:
        yield

    @contextmanager
    def device(self, _device: torch.device) -> Generator[None, None, None]:
        yield

    @contextmanager
    def graph(self, graph: Recording, *, capture_error_mode: str) -> Generator[None, None, None]:
        if self.failing:
            raise RuntimeError(self.failing)
        self.modes.append(capture_error_mode)
        with graph:
            yield
        self.captured.append(graph)


class Clock:
    """A clock that stands still but for what evaluations take."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def fake_gpu(clock: Clock, graphs: FakeGraphs | None = None, name: str = "NVIDIA Fake") -> Gpu:
    return Gpu(name, lambda: None, graphs or FakeGraphs(failing="no graphs today"), clock)


class StandIn:
    """An evaluation that takes some seconds, and changes the result in its n-th call."""

    def __init__(
        self,
        network: IFNet,
        clock: Clock,
        seconds: float,
        change: Change = lambda x, _: x,
        *,
        inner: Evaluates | None = None,
    ) -> None:
        self._inner = inner or PlainForward(network)
        self._clock = clock
        self._seconds = seconds
        self._change = change
        self.num_calls = 0

    def encode_frame(self, img: Tensor) -> Tensor:
        return self._inner.encode_frame(img)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        self._begin()
        return self._change(self._inner(pair, timestep, flow_scale, averages), self.num_calls)

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        self._begin()
        result = self._inner.with_motion(pair, timestep, flow_scale, averages)
        return result._replace(frame=self._change(result.frame, self.num_calls))

    def _begin(self) -> None:
        self.num_calls += 1
        self._clock.time += self._seconds


class Reads(TorchDispatchMode):
    """Notes in ``events`` each time Python reads a value, which on a GPU waits for it."""

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self.events = events

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "_local_scalar_dense" in str(func) or "is_nonzero" in str(func):
            self.events.append("read")
        return func(*args, **(kwargs or {}))


def lines(records: Iterator[Any] | list[Any]) -> list[str]:
    return [record.getMessage() for record in records]
