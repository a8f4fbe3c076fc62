from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from vfi.synthesis import arrival
from vfi.synthesis.arrival import Pending, to_host


class Event:
    """A copy from a GPU that is complete only once it is waited for."""

    def __init__(self) -> None:
        self.is_waited_for = False

    def query(self) -> bool:
        return False

    def synchronize(self) -> None:
        self.is_waited_for = True


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Of the copies that were started: frames of zeros are there already."""
    started: list[Event] = []

    def copy(frame: Tensor) -> tuple[Tensor, Event | None]:
        if frame.item() == 0:
            return frame, None
        started.append(Event())
        return frame, started[-1]

    monkeypatch.setattr(arrival, "_host_copy", copy)
    return started


def test_frames_on_their_way_are_waited_for_in_order(events: list[Event]) -> None:
    stream = to_host(torch.tensor([0, 1, 2, 0, 3, 0]), ahead=2)
    assert next(stream).item() == 0
    assert not events  # nothing is made before it is wanted
    assert next(stream).item() == 1
    assert [event.is_waited_for for event in events] == [True, False]
    assert [frame.item() for frame in stream] == [2, 0, 3, 0]
    assert all(event.is_waited_for for event in events)


def test_frames_made_together_are_waited_for_once_others_were_started(events: list[Event]) -> None:
    batch, other = object(), object()
    frames = [Pending(torch.tensor(n), batch=batch if n < 4 else other) for n in (1, 2, 3, 4)]
    taken: list[int] = []

    def taking() -> Iterator[Pending]:
        for frame in frames:
            taken.append(int(frame.pixels))
            yield frame

    stream = to_host(taking(), ahead=1)
    assert next(stream).item() == 1
    assert taken == [1, 2, 3, 4]
    assert [event.is_waited_for for event in events] == [True, False, False, False]


def test_few_frames_wait_behind_one_while_nothing_is_computed(events: list[Event]) -> None:
    taken = iter(torch.tensor([1, 0, 0, 0, 0, 0, 0]))
    assert next(to_host(taken, ahead=2)).item() == 1
    assert len(list(taken)) == 3


def test_frame_that_was_wrong_is_replaced_when_it_is_there(events: list[Event]) -> None:
    asked: list[bool] = []

    def mended() -> Tensor:
        asked.append(events[0].is_waited_for)
        return torch.tensor(5)

    frame = Pending(torch.tensor(1), mended, shown=lambda pixels: pixels * 10)
    assert [one.item() for one in to_host([frame])] == [50]
    assert asked == [True]


def test_frames_in_main_memory_are_the_same_tensors_at_once() -> None:
    given = [torch.zeros(2, 2, 3) for _ in range(3)]
    taken = iter(given)
    stream = to_host(taken)
    assert next(stream) is given[0]
    assert len(list(taken)) == 2
