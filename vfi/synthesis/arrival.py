"""From a device to main memory: frames are copied while the next ones are computed.

Waiting for the newest work of a GPU leaves it idle until there is more. So a frame is waited for only once work
that was started later is under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Pending:
    """A frame that a device may still be working on.

    Attributes:
        pixels: [H, W, C] on any device.
        mended: waits until it is made; None where ``pixels`` are right, else what takes their place.
        batch: the same object for frames that are made together; None: made by itself.
        shown: what is made of it in main memory.
    """

    pixels: Tensor
    mended: Callable[[], Tensor | None] | None = None
    batch: object = None
    shown: Callable[[Tensor], Tensor] | None = None


def to_host(frames: Iterable[Tensor | Pending], ahead: int = 2) -> Iterator[Tensor]:
    """Copy frames to main memory, in order, while the next ones are computed.

    Args:
        frames: on any device; those already on the CPU are passed on as they are.
        ahead: how many frames may wait behind one that is on its way, where nothing else is computed.
    """
    in_flight: deque[_Arrival] = deque()
    for frame in frames:
        in_flight.append(_start(frame if isinstance(frame, Pending) else Pending(frame)))
        del frame  # its device needs the memory
        while in_flight and _may_be_waited_for(in_flight, ahead):
            yield in_flight.popleft().result()
    while in_flight:
        yield in_flight.popleft().result()


def _may_be_waited_for(in_flight: deque[_Arrival], ahead: int) -> bool:
    first = in_flight[0]
    if first.is_complete():
        return True
    behind = [other for other in in_flight if other.batch is not first.batch]
    return len(behind) > ahead or any(other.event is not None for other in behind)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A copy of a frame in main memory, complete once an event on its device has happened.

    Attributes:
        frame: whose pixels are that copy.
        event: None for a frame that is there.
        batch: as of the frame, or its own.
    """

    frame: Pending
    event: torch.cuda.Event | None
    batch: object

    def is_complete(self) -> bool:
        return self.event is None or self.event.query()

    def result(self) -> Tensor:
        if self.event is not None:
            self.event.synchronize()
        mended = None if self.frame.mended is None else self.frame.mended()
        pixels = self.frame.pixels if mended is None else mended.cpu()
        return pixels if self.frame.shown is None else self.frame.shown(pixels)


def _start(frame: Pending) -> _Arrival:
    """Begin to copy a frame, and let go of it on its device."""
    pixels, event = _host_copy(frame.pixels)
    return _Arrival(replace(frame, pixels=pixels), event, frame.batch or object())


def _host_copy(frame: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """Copy a frame; the copy is complete once the event has happened."""
    if frame.device.type != "cuda":
        return frame.cpu(), None
    pixels = torch.empty(frame.shape, dtype=frame.dtype, pin_memory=True)
    pixels.copy_(frame, non_blocking=True)
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(frame.device))
    return pixels, event
