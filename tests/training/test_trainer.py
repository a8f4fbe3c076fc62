"""Steps of training: that they learn, go on where they stopped, and may be divided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rife_arch.load import load_trainable
from rife_arch.networks import build_trainable
from tests.helpers.networks import TINY_CONFIG, random_image, random_weights
from training.data import Batch
from training.errors import TrainingError
from training.interruption import Interruption
from training.losses import Loss, LossOptions
from training.network import Trainee
from training.optimizer import learning_rate
from training.options import OptimizerOptions
from training.processes import Processes
from training.state import read_state, write_state
from training.trainer import Step, Trainer
from vfi.errors import InputError

OPTIONS = OptimizerOptions(steps=8, batch=2, warm_up=2, lr=1e-3)
SETTINGS = {"lr": 1e-3, "data": "abc"}


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """The tiny network is slower on many threads."""


def new_trainer(options: OptimizerOptions = OPTIONS) -> Trainer:
    network = build_trainable(TINY_CONFIG, random_weights(TINY_CONFIG, 0))
    trainee = Trainee(network, freezes_encoder=options.freeze == "encoder")
    return Trainer(trainee, Loss(LossOptions()), options, torch.device("cpu"))


def batch_of(step: int, size: int = 2) -> Batch:
    """A smooth picture that moves 4 px, and is asked for in the middle."""
    wide = torch.cat([random_image(100 * step + item, 64, 128) for item in range(size)])
    img0, truth, img1 = (wide[..., 32 + shift : 96 + shift] for shift in (0, 2, 4))
    return Batch(img0, img1, truth, torch.full((size, 1, 1, 1), 0.5), ("clip",) * size)


def cut(batch: Batch, items: slice) -> Batch:
    tensors = (batch.img0, batch.img1, batch.truth, batch.timestep)
    img0, img1, truth, timestep = (tensor[items] for tensor in tensors)
    return Batch(img0, img1, truth, timestep, batch.clips[items])


def run(trainer: Trainer, until: int) -> list[Step]:
    return [
        trainer.step([cut(batch_of(step), share) for share in trainer.shares])
        for step in range(trainer.done, until)
    ]


def same_weights(a: Trainer, b: Trainer) -> bool:
    pairs = [(a.weights(), b.weights()), (a.average.weights, b.average.weights)]
    return all(torch.equal(x[name], y[name]) for x, y in pairs for name in x)


@pytest.mark.slow  # 60 steps of a whole network
def test_one_triplet_is_learned_by_heart(checkpoint_file: Callable[[str], Path]) -> None:
    options = replace(OPTIONS, steps=60, batch=1, lr=3e-4, last_lr=1e-5, warm_up=5)
    _, network = load_trainable(checkpoint_file("4.26"))
    trainer = Trainer(Trainee(network), Loss(LossOptions()), options, torch.device("cpu"))
    batch = batch_of(1, 1)
    steps = [trainer.step([batch]) for _ in range(options.steps)]
    assert steps[0].psnr < 35
    assert steps[-1].psnr > 45


def test_resumed_run_is_that_of_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    whole, first, second = new_trainer(), new_trainer(), new_trainer()
    told = run(whole, 8)
    told_first = run(first, 3)
    write_state(tmp_path / "state.safetensors", first, SETTINGS)
    read_state(tmp_path / "state.safetensors", second, SETTINGS)
    assert second.done == 3
    assert told_first + run(second, 8) == told
    assert same_weights(whole, second)
    assert not same_weights(whole, first)


def test_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    write_state(path, new_trainer(), SETTINGS)
    with pytest.raises(InputError, match=r"other settings: lr 0\.001, not 0\.01\. Give the same"):
        read_state(path, new_trainer(), {**SETTINGS, "lr": 0.01})


@pytest.mark.parametrize("harm", ["cut short", "of another network"])
def test_state_that_does_not_fit_is_refused(tmp_path: Path, harm: str) -> None:
    path, trainer = tmp_path / "state.safetensors", new_trainer()
    write_state(path, new_trainer(), SETTINGS)
    if harm == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    if harm == "of another network":
        config = replace(TINY_CONFIG, hidden_features=4)
        network = build_trainable(config, random_weights(config, 0))
        trainer = Trainer(Trainee(network), Loss(LossOptions()), OPTIONS, torch.device("cpu"))
    with pytest.raises(InputError, match="is damaged, or of another version"):
        read_state(path, trainer, SETTINGS)


def test_batch_in_parts_changes_the_weights_as_the_whole_does() -> None:
    whole, parts = new_trainer(), new_trainer(replace(OPTIONS, accumulate=2))
    assert [len(range(2)[share]) for share in parts.shares] == [1, 1]
    for a, b in zip(run(whole, 3), run(parts, 3), strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-5)
    for name, weight in whole.weights().items():
        assert torch.allclose(parts.weights()[name], weight, atol=1e-5), name


def test_batch_is_shared_out_without_gaps_or_overlaps() -> None:
    shares = [share for rank in range(3) for share in Processes(rank, 3).shares(12, 2)]
    assert [number for share in shares for number in range(12)[share]] == list(range(12))
    with pytest.raises(
        InputError, match="--batch 8 cannot be divided among 3 processes in 2 parts"
    ):
        Processes(0, 3).shares(8, 2)


def test_frozen_encoder_stays_as_it_was() -> None:
    trainer = new_trainer(replace(OPTIONS, freeze="encoder"))
    before = {name: weight.clone() for name, weight in trainer.weights().items()}
    run(trainer, 2)
    changed = {name for name, weight in trainer.weights().items() if not weight.equal(before[name])}
    assert changed
    assert not any(name.startswith("encode.") for name in changed)


def test_learning_rate_rises_and_then_falls_as_a_cosine() -> None:
    options = OptimizerOptions(steps=1100, warm_up=100, lr=1e-4, last_lr=1e-6)
    rates = {step: learning_rate(step, options) for step in (0, 49, 99, 100, 600, 1099)}
    assert rates[0] == pytest.approx(1e-6)
    assert rates[49] == pytest.approx(5e-5)
    assert rates[99] == rates[100] == pytest.approx(1e-4)
    assert rates[600] == pytest.approx((1e-4 + 1e-6) / 2)
    assert rates[1099] == pytest.approx(1e-6, rel=0.01)


def test_average_follows_the_weights_slowly() -> None:
    trainer = new_trainer(replace(OPTIONS, ema=0.9))
    name, expected = "blocks.0.lastconv.0.bias", None
    expected = trainer.weights()[name].clone()
    for step in range(4):
        run(trainer, step + 1)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * trainer.weights()[name]
    assert torch.allclose(trainer.average.weights[name], expected, atol=1e-7)
    assert not torch.equal(expected, trainer.weights()[name])


@pytest.mark.parametrize("broken", ["truth", "img0"])
def test_step_that_is_not_finite_is_skipped(broken: str) -> None:
    trainer, batch = new_trainer(), batch_of(0)
    harmed = getattr(batch, broken).clone()
    harmed[0, 0, 9, 9] = float("nan")
    batch = replace(batch, **{broken: harmed})
    before = {name: weight.clone() for name, weight in trainer.weights().items()}
    for _ in range(49):
        trainer.step([batch])
    assert all(weight.equal(before[name]) for name, weight in trainer.weights().items())
    with pytest.raises(TrainingError, match=r"not finite in 50 steps .* smaller --lr"):
        trainer.step([batch])


def test_interruption_while_processes_agree_ends_the_run_one_step_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer, interruption = new_trainer(), Interruption()

    def interrupted(_processes: Processes, values: Sequence[float], _device: object) -> list[float]:
        interruption.has_come = True  # as by a signal
        return list(values)

    monkeypatch.setattr(Processes, "averaged", interrupted)
    for step, is_wanted in enumerate((False, True)):
        trainer.step([batch_of(step)], interruption)
        assert interruption.is_wanted is is_wanted


def test_gradients_are_shortened() -> None:
    free, held = (
        new_trainer(replace(OPTIONS, clip_norm=1e9)),
        new_trainer(replace(OPTIONS, clip_norm=1e-3)),
    )
    (step,) = run(held, 1)
    assert step.gradient > 1e-3
    norms = [weight.grad.norm() for weight in held.trainee.parameters() if weight.grad is not None]
    assert torch.stack(norms).norm().item() == pytest.approx(1e-3, rel=1e-3)
    assert run(free, 1)[0].gradient == pytest.approx(step.gradient)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_as_well(precision: str) -> None:
    exact, half = new_trainer(), new_trainer(replace(OPTIONS, precision=precision))  # pyright: ignore[reportArgumentType]
    for a, b in zip(run(exact, 4), run(half, 4), strict=True):
        assert b.loss == pytest.approx(a.loss, rel=0.05)
    assert {weight.dtype for weight in half.weights().values()} == {torch.float32}
