"""Where a GPU runs out of memory: smaller batches, then strips of rows, then a message that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from rife_arch import RifeModel, is_out_of_memory
from rife_arch.errors import NotEnoughMemoryError, RifeError
from rife_arch.evaluation import Pyramid
from rife_arch.models import Evaluation, count_working_bytes
from rife_arch.models.evaluations import Call
from rife_arch.networks import Network, Pair
from tests.helpers.networks import narrow, preset_config, random_image, random_model
from tests.helpers.recording_gpu import RecordingGpu

SIZE = 128, 192
TIMES = [0.2, 0.4, 0.6, 0.8]


def network_of(version: str = "4.26") -> Network:
    return random_model(narrow(preset_config(version))).network


def made(model: RifeModel, times: list[float] = TIMES) -> list[Tensor]:
    features = [model.encode(random_image(seed, *SIZE)) for seed in (1, 2)]
    return list(model.interpolate_each(*features, times))


@contextmanager
def on_gpu(
    monkeypatch: pytest.MonkeyPatch, evaluation: Evaluation = "exact", batch_size: int = 4
) -> Iterator[tuple[RifeModel, RecordingGpu]]:
    network, gpu = network_of(), RecordingGpu()
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (gpu.room, gpu.room))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: gpu.live)
    with gpu.in_use(monkeypatch):
        gpu.take(network)
        yield RifeModel(network, "4.26", evaluation=evaluation, batch_size=batch_size), gpu


def peak_of(monkeypatch: pytest.MonkeyPatch, batch_size: int, *, in_strips: bool = False) -> int:
    """What frames take at most with enough memory, bytes."""
    with on_gpu(monkeypatch, batch_size=batch_size) as (model, gpu):
        if in_strips:
            model._evaluator.saves_memory = True
        made(model)
        return gpu.peak


@pytest.fixture(autouse=True)
def _small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rife_arch.evaluation.level._STRIP_PIXELS", 1 << 11)


@pytest.fixture
def expected() -> list[Tensor]:
    return made(RifeModel(network_of(), "4.26", evaluation="exact"))


def check(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.cpu(), other, atol=1e-5, rtol=0)


def test_smaller_batches_come_first(
    monkeypatch: pytest.MonkeyPatch, expected: list[Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    room = (peak_of(monkeypatch, 1) + peak_of(monkeypatch, 4)) // 2
    with on_gpu(monkeypatch) as (model, gpu):
        gpu.room = room
        check(made(model), expected)
    assert "strips" not in caplog.text


@pytest.mark.parametrize("evaluation", ["exact", "auto"])
def test_strips_take_less_and_give_the_same(
    monkeypatch: pytest.MonkeyPatch,
    expected: list[Tensor],
    caplog: pytest.LogCaptureFixture,
    evaluation: Evaluation,
) -> None:
    whole, strips = peak_of(monkeypatch, 1), peak_of(monkeypatch, 1, in_strips=True)
    assert strips < 0.7 * whole
    monkeypatch.setattr("rife_arch.models.evaluator.find_gpu", lambda _device: None)
    with on_gpu(monkeypatch, evaluation) as (model, gpu):
        gpu.room = (whole + strips) // 2
        check(made(model), expected)
        check(made(model), expected)
    (record,) = caplog.records
    assert "RIFE 4.26: memory ran out; from now on frames are made in strips" in record.message


def test_measured_way_gives_way_to_strips_and_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rife_arch.models.evaluator.find_gpu", lambda _device: object())
    evaluator = RifeModel(network_of(), "4.26")._evaluator
    img = random_image(0, *SIZE)
    frame = evaluator.encode_frame(img, 1)
    call = Call(Pair(frame, frame), torch.full((1, 1, 1, 1), 0.5), 1, averages=False)
    assert evaluator.evaluation(1) == "auto"
    assert evaluator.save_memory()
    assert isinstance(evaluator._for(call), Pyramid)
    assert evaluator.evaluation(1) == "auto"  # by which unfinished results are found again
    assert not evaluator.save_memory()


def test_where_nothing_helps_the_message_says_what_is_needed_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rife_arch.evaluation.level._STRIP_PIXELS", 1 << 16)
    with on_gpu(monkeypatch) as (model, gpu):
        features = [model.encode(random_image(seed, *SIZE)) for seed in (1, 2)]
        gpu.room = gpu.live + 300_000
        with pytest.raises(NotEnoughMemoryError) as caught:
            list(model.interpolate_each(*features, TIMES))
    assert isinstance(caught.value, (RifeError, torch.OutOfMemoryError))
    assert is_out_of_memory(caught.value)
    message = str(caught.value)
    assert "RIFE 4.26: there is not enough memory on cuda:0 for a frame of 192x128" in message
    assert (
        "takes at least 0.0 GB, and 0.0 GB are free. Lower scale (0.25: 0.0 GB, 0.5: 0.0 GB), use"
        in message
    )


def test_a_way_that_was_chosen_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with on_gpu(monkeypatch, "plain") as (model, gpu):
        features = [model.encode(random_image(seed, *SIZE)) for seed in (1, 2)]
        gpu.room = gpu.live + 300_000
        with pytest.raises(NotEnoughMemoryError):
            list(model.interpolate_each(*features, TIMES))
    assert not caplog.records


def test_other_errors_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_gpu(monkeypatch) as (model, _):
        features = [model.encode(random_image(seed, *SIZE)) for seed in (1, 2)]
        monkeypatch.setattr("rife_arch.evaluation.pyramid._run_block", None)
        with pytest.raises(TypeError):
            list(model.interpolate_each(*features, TIMES))


@pytest.mark.parametrize("version", ["4.26", "4.6"])
def test_counts_say_that_strips_take_less(version: str) -> None:
    network = network_of(version)
    whole, strips = (
        count_working_bytes(network, *SIZE, in_strips=in_strips) for in_strips in (False, True)
    )
    assert strips < 0.8 * whole
