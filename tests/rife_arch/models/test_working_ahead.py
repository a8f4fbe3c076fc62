"""A GPU is given the next batch before the last one is read, and no frame is handed out unread."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from rife_arch import RifeModel
from rife_arch.errors import CheckpointError
from rife_arch.models.batching import Batcher, Start, Started, finished_behind
from tests.helpers.fake_gpu import Reads
from tests.helpers.networks import narrow, preset_config, random_image, random_model

TIMES = [(index + 1) / 8 for index in range(7)]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in its order; the CPU passes for a GPU."""
    monkeypatch.setattr(RifeModel, "_works_ahead", True)
    return []


def noting(model: RifeModel, events: list[str], spoiled: set[int] = frozenset()) -> RifeModel:
    """Let a model note each batch; those of some numbers overflow."""
    forward, count = model.network.forward, iter(range(100))

    def noted(*args: object) -> Tensor:
        number = next(count)
        events.append(f"launch {number}")
        out = forward(*args)
        return out / 0 if number in spoiled else out

    model.network.forward = noted
    return model


def made(model: RifeModel, events: list[str]) -> Iterator[Tensor]:
    features = [model.encode(random_image(seed, 64, 64)) for seed in (1, 2)]
    for number, frame in enumerate(model.interpolate_each(*features, TIMES)):
        events.append(f"frame {number}")
        yield frame


def test_each_batch_is_launched_before_the_one_before_is_read(events: list[str]) -> None:
    network = random_model(narrow(preset_config("4.25"))).network
    model = noting(RifeModel(network, "4.25", evaluation="plain", batch_size=3), events)
    frames = made(model, events)
    with Reads(events):
        assert len(list(frames)) == 7
    steady = events[events.index("launch 0") :]
    assert steady == [
        *("launch 0", "launch 1", "read", "frame 0", "frame 1", "frame 2"),
        *("launch 2", "read", "frame 3", "frame 4", "frame 5"),
        *("read", "frame 6"),
    ]


def half(spoiled: set[int], events: list[str]) -> tuple[RifeModel, RifeModel]:
    """A model of which some batches overflow, and one that never does."""
    network = random_model(narrow(preset_config("4.25"))).network
    precise = RifeModel(deepcopy(network), "4.25", evaluation="plain")
    network.set_precision(torch.bfloat16)
    model = RifeModel(network, "4.25", evaluation="plain", batch_size=3)
    model.__dict__["_float32_model"] = precise
    return noting(model, events, spoiled), precise


@pytest.mark.parametrize("spoiled", [{0}, {1}, {2}, {0, 1, 2}])
def test_frames_that_overflow_are_made_again_before_they_are_handed_out(
    events: list[str], spoiled: set[int]
) -> None:
    model, precise = half(spoiled, events)
    frames = list(made(model, events))
    expected = list(made(precise, []))
    assert len(frames) == 7
    for index, frame in enumerate(frames):
        exactly = index // 3 in spoiled
        tolerance = 1e-5 if exactly else 0.2
        torch.testing.assert_close(frame, expected[index], atol=tolerance, rtol=0)
        assert torch.isfinite(frame).all()


def test_weights_that_give_no_numbers_are_named_before_any_frame(events: list[str]) -> None:
    network = random_model(narrow(preset_config("4.25"))).network
    model = noting(RifeModel(network, "4.25", evaluation="plain", batch_size=3), events, {0})
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        list(made(model, events))
    assert not [event for event in events if event.startswith("frame")]


# --- batches, held and not -----------------------------------------------------------------------


class Worker:
    """Starts batches, and counts how many are alive; memory ends at ``room`` items."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.alive = self.most = 0
        self.started: list[int] = []

    def start(self, batch: Tensor) -> Started:
        if self.alive + len(batch) > self.room:
            raise torch.OutOfMemoryError("out of memory")
        self.started.append(len(batch))
        self.alive += len(batch)
        self.most = max(self.most, self.alive)

        def mend() -> None:
            self.alive -= len(batch)

        return Started(batch * 2, mend)


def finished(batcher: Batcher, start: Start, items: Tensor) -> list[int]:
    return [int(one) for one in finished_behind(batcher.run(start, items))]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8])
def test_results_come_in_order_one_per_item(count: int) -> None:
    items = torch.arange(count)
    assert finished(Batcher(3), Worker(100).start, items) == (items * 2).tolist()


def test_one_more_batch_is_held_and_no_more() -> None:
    worker = Worker(100)
    finished(Batcher(3), worker.start, torch.arange(20))
    assert worker.most == 6


@pytest.mark.parametrize(
    ("room", "started"), [(3, [3, 3, 3]), (5, [3, 3, 3]), (2, [2, 2, 2, 2, 1])]
)
def test_memory_for_one_batch_is_enough(room: int, started: list[int]) -> None:
    worker, batcher = Worker(room), Batcher(4 if room == 2 else 3)
    assert finished(batcher, worker.start, torch.arange(9)) == list(range(0, 18, 2))
    assert worker.started == started


def test_memory_for_no_item_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        finished(Batcher(3), Worker(0).start, torch.arange(9))


def test_memory_that_ends_when_a_batch_is_made_again_takes_smaller_ones() -> None:
    def start(batch: Tensor) -> Started:
        def mend() -> Tensor:
            if len(batch) > 1:
                raise torch.OutOfMemoryError("out of memory")
            return batch * 2

        return Started(batch * 0, mend)

    assert finished(Batcher(4), start, torch.arange(9)) == list(range(0, 18, 2))


def test_batches_of_another_pair_are_finished_first_where_they_fill_the_memory() -> None:
    worker, batcher = Worker(3), Batcher(3)
    held = list(batcher.run(worker.start, torch.arange(3)))  # which nobody has asked for yet
    assert finished(batcher, worker.start, torch.arange(3, 6)) == [6, 8, 10]
    assert worker.started == [3, 3]
    assert batcher.size == 3
    assert [held_draft.mended() for held_draft in held] == [None, None, None]


def test_what_nobody_waits_for_is_not_kept() -> None:
    def start(batch: Tensor) -> Started:
        needed = torch.zeros(1)  # to do it again
        kept.append(weakref.ref(needed))
        return Started(batch, lambda: needed)

    kept: list[weakref.ref[Tensor]] = []
    batcher = Batcher(3)
    list(batcher.run(start, torch.arange(3)))
    assert kept[0]() is None
