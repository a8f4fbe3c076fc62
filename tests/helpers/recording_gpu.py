"""A stand-in for a CUDA device that computes on the CPU, and notes what waits for it.

Its tensors say that they are on ``cuda:0``. What is copied to main memory without waiting is not there until an
event behind the copy was waited for: until then it is full of ``UNREAD``. So who reads too early gets nonsense,
and who waits for the newest work is found.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

UNREAD = 77
_DEVICE = torch.device("cuda:0")
_READS = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select")
_WORK = ("convolution", "_convolution", "conv2d", "mkldnn_convolution")


@dataclass(frozen=True)
class Wait:
    """Something for which Python waits.

    Attributes:
        reason: what it was.
        behind: how many convolutions had been queued after what was waited for.
    """

    reason: str
    behind: int


class Point(NamedTuple):
    """How much had been queued: convolutions, and copies to main memory."""

    num_convolutions: int
    num_copies: int


@dataclass
class RecordingGpu:
    """The device.

    Attributes:
        waits: in their order.
        num_convolutions: that were queued.
        room: bytes of its memory; None: enough.
        live: bytes of it that are taken, and ``peak``, the most there were.
    """

    room: int | None = None
    live: int = 0
    peak: int = 0
    waits: list[Wait] = field(default_factory=list)
    num_convolutions: int = 0
    _num_copies: int = 0  # to main memory
    _copies: deque[tuple[Tensor, Tensor]] = field(default_factory=deque)  # that are under way
    _known: weakref.WeakSet[torch.UntypedStorage] = field(default_factory=weakref.WeakSet)
    _pinned: weakref.WeakSet[torch.UntypedStorage] = field(default_factory=weakref.WeakSet)

    def now(self) -> Point:
        return Point(self.num_convolutions, self._num_copies)

    def wait(self, reason: str, point: Point | None = None) -> None:
        """Note a wait for what was queued up to some point, and let the copies up to there arrive."""
        convolutions, num_copies = point or self.now()
        self.waits.append(Wait(reason, self.num_convolutions - convolutions))
        with torch.inference_mode():
            while self._copies and num_copies > self._num_copies - len(self._copies):
                target, values = self._copies.popleft()
                target.copy_(values)

    def allocate(self, x: Tensor) -> None:
        """Take memory for what a tensor of the device is stored in, until nobody has it any more."""
        storage = x.untyped_storage()
        if storage in self._known:
            return
        size = storage.nbytes()
        if self.room is not None and self.live + size > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self._known.add(storage)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, size)

    def _release(self, size: int) -> None:
        self.live -= size

    def pinned(self, x: Tensor) -> Tensor:
        self._pinned.add(x.untyped_storage())
        return x

    def upload(self, x: Tensor, *, is_asynchronous: bool) -> Tensor:
        if x.numel() and not (is_asynchronous and x.untyped_storage() in self._pinned):
            self.wait("upload of memory that is not pinned")
        return OnGpu(x.clone(), self)

    def download(self, source: Tensor, target: Tensor, *, is_asynchronous: bool) -> Tensor:
        self._num_copies += 1
        self._copies.append((target, source.clone()))
        with torch.inference_mode():
            target.fill_(UNREAD)
        if not is_asynchronous:
            self.wait("download")
        return target

    @torch.inference_mode()  # as tensors are that networks make of their weights
    def take(self, network: nn.Module) -> None:
        """Move the weights of a network here."""
        for module in network.modules():
            for name, weight in module.named_parameters(recurse=False):
                moved = nn.Parameter(OnGpu(weight.data, self), requires_grad=False)
                module.register_parameter(name, moved)

    @contextmanager
    def in_use(self, monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
        """Stand in for CUDA."""
        with monkeypatch.context() as patch, _Placing(self):
            patch.setattr(torch.cuda, "current_stream", lambda _device=None: _Stream(self))
            patch.setattr(torch.cuda, "Event", lambda: _Event(self))
            yield


class _Event:
    """Never known to have happened, so that whoever is told to wait does."""

    def __init__(self, gpu: RecordingGpu) -> None:
        self._gpu = gpu
        self._point = gpu.now()

    def record(self, _stream: object = None) -> None:
        self._point = self._gpu.now()

    def query(self) -> bool:
        return False

    def synchronize(self) -> None:
        self._gpu.wait("event", self._point)


@dataclass(frozen=True)
class _Stream:
    gpu: RecordingGpu

    def record_event(self) -> _Event:
        return _Event(self.gpu)


class OnGpu(Tensor):
    """A tensor of the device."""

    inner: Tensor
    gpu: RecordingGpu

    @staticmethod
    def __new__(cls, inner: Tensor, gpu: RecordingGpu) -> OnGpu:
        made = Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=inner.device
        )
        gpu.allocate(inner)
        made.inner, made.gpu = inner, gpu
        return made

    def __init__(self, inner: Tensor, gpu: RecordingGpu) -> None: ...

    # For Python alone: torch itself would look for a driver.
    device = property(lambda _: _DEVICE)  # pyright: ignore[reportAssignmentType]
    is_cuda = property(lambda _: True)  # pyright: ignore[reportAssignmentType]

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"OnGpu({list(self.shape)})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        gpu = next(leaf.gpu for leaf in leaves if isinstance(leaf, OnGpu))
        name = func._schema.name.removeprefix("aten::")
        if name == "copy_" and not isinstance(args[0], OnGpu):
            is_asynchronous = bool([*args, False][2] or kwargs.get("non_blocking"))
            is_pinned = args[0].untyped_storage() in gpu._pinned
            gpu.download(args[1].inner, args[0], is_asynchronous=is_asynchronous and is_pinned)
            return args[0]
        if name in _READS:
            gpu.wait(name)
        others = [x for x in leaves if isinstance(x, Tensor) and not isinstance(x, OnGpu)]
        if any(other.ndim for other in others):
            raise RuntimeError(f"{name}: expected all tensors on one device")
        gpu.num_convolutions += name in _WORK
        if "device" in kwargs:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        inner = tree_map_only(OnGpu, lambda x: x.inner, (args, kwargs))
        out = func(*inner[0], **inner[1])
        if func._schema.returns and func._schema.returns[0].alias_info is not None:
            written = func._schema.returns[0].alias_info.is_write
            if written:
                return next((x for x in leaves if isinstance(x, OnGpu) and x.inner is out), args[0])
        return tree_map_only(Tensor, lambda x: OnGpu(x, gpu), out)


class _Placing(TorchFunctionMode):
    """Makes what is asked for on ``cuda`` on the stand-in."""

    def __init__(self, gpu: RecordingGpu) -> None:
        super().__init__()
        self._gpu = gpu

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name == "pin_memory":
            return self._gpu.pinned(args[0].clone())
        if kwargs.pop("pin_memory", False):
            return self._gpu.pinned(func(*args, **kwargs))
        if name in ("to", "cpu") and isinstance(args[0], OnGpu):
            return self._moved(args[0], name, args[1:], kwargs)
        places = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.device)]
        if not any(place.type == "cuda" for place in places):
            return func(*args, **kwargs)
        on_cpu = tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
        if name != "to":  # made there
            made = func(*on_cpu[0], **on_cpu[1])
            if name in ("tensor", "as_tensor"):
                self._gpu.wait("upload of a list")
            return made if isinstance(made, OnGpu) else OnGpu(made, self._gpu)
        is_asynchronous = bool(on_cpu[1].pop("non_blocking", False))
        return self._gpu.upload(func(*on_cpu[0], **on_cpu[1]), is_asynchronous=is_asynchronous)

    def _moved(self, x: OnGpu, name: str, args: Any, kwargs: Any) -> Tensor:
        """Do what ``Tensor.to`` and ``Tensor.cpu`` do with a tensor of the device."""
        given = (*args, *kwargs.values())
        dtype = next((each for each in given if isinstance(each, torch.dtype)), x.dtype)
        places = [torch.device(each) for each in given if isinstance(each, (str, torch.device))]
        likes = [each for each in given if isinstance(each, Tensor)]
        if likes:
            places, dtype = [likes[0].device], likes[0].dtype
        if name == "to" and (not places or places[0].type == "cuda"):
            return OnGpu(x.inner.to(dtype), self._gpu)
        target = self._gpu.pinned(torch.empty(x.shape, dtype=dtype))
        is_asynchronous = bool(kwargs.get("non_blocking"))
        return self._gpu.download(x.inner.to(dtype), target, is_asynchronous=is_asynchronous)


def newest_work_waited_for(waits: Iterable[Wait]) -> list[str]:
    """List the waits behind which a GPU had nothing to do."""
    return [wait.reason for wait in waits if not wait.behind]
