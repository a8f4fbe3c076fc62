"""From frames in to frames out, nothing waits for the newest work of a GPU: upload, network, check, download."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from functools import partial

import pytest
import torch
from torch import Tensor

from rife_arch import Quality, RifeModel
from rife_arch.errors import CheckpointError
from rife_arch.models import Evaluation
from rife_arch.networks import Network
from tests.helpers.networks import narrow, preset_config, random_image, random_model
from tests.helpers.recording_gpu import RecordingGpu, newest_work_waited_for
from vfi.frames import Frame
from vfi.synthesis import Interpolator, interpolate_stream
from vfi.timing import EndRule, Schedule, constant_speed

FIRST, LAST = 2, 2  # pairs for which tables are made, or behind which there is nothing more


def clip(count: int, channels: int = 3, *, is_masked: bool = False) -> list[Frame]:
    colours = [random_image(n, 64, 64)[0].movedim(0, 2) for n in range(count)]
    alpha = random_image(99, 64, 64)[0].movedim(0, 2)[..., : channels - 3]
    mask = torch.rand(64, 64) if is_masked else None
    return [
        Frame(torch.cat((pixels, alpha), 2), Fraction(number), mask=mask)
        for number, pixels in enumerate(colours)
    ]


def made(
    model: RifeModel, frames: list[Frame], multi: int, quality: Quality, gpu: RecordingGpu | None
) -> list[Tensor]:
    """What comes out; the waits after the first pairs and before the last ones are left with the device."""
    interpolator = Interpolator(
        model.encode,
        partial(model.interpolate_each, quality=quality),
        model.device,
        partial(model.draft_each, quality=quality),
    )
    schedule = Schedule(
        Fraction(multi), Fraction(1), EndRule.LAST_FRAME, constant_speed(Fraction(1))
    )
    out: list[Tensor] = []
    for pixels in interpolate_stream(frames, interpolator, schedule):
        out.append(pixels.clone())
        if gpu is not None:
            if len(out) == FIRST * multi:
                gpu.waits.clear()
            if len(out) == (len(frames) - 1 - LAST) * multi:
                steady = list(gpu.waits)
    if gpu is not None:
        gpu.waits[:] = steady
    return out


def network_of(version: str) -> Network:
    return random_model(narrow(preset_config(version))).network


def on_cpu_and_gpu(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    evaluation: Evaluation,
    frames: list[Frame],
    multi: int,
    quality: Quality = "fast",
) -> RecordingGpu:
    """Make frames on both, which have to be the same, and return the latter."""
    network, gpu = network_of(version), RecordingGpu()
    expected = made(
        RifeModel(deepcopy(network), version, evaluation=evaluation), frames, multi, quality, None
    )
    with gpu.in_use(monkeypatch):
        gpu.take(network)
        model = RifeModel(network, version, evaluation=evaluation)
        assert model.device.type == "cuda"
        found = made(model, frames, multi, quality, gpu)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    return gpu


@pytest.mark.parametrize(
    ("version", "evaluation", "multi", "quality"),
    [
        ("4.26", "exact", 2, "fast"),
        ("4.26", "exact", 4, "fast"),
        ("4.26", "exact", 12, "fast"),  # more than a batch
        ("4.26", "exact", 2, "ultra"),
        ("4.26", "plain", 2, "best"),
        ("3.6", "plain", 2, "fast"),
        ("3.6", "plain", 4, "fast"),  # by halving
    ],
)
def test_no_frame_waits_for_the_newest_work(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    evaluation: Evaluation,
    multi: int,
    quality: Quality,
) -> None:
    gpu = on_cpu_and_gpu(monkeypatch, version, evaluation, clip(7), multi, quality)
    assert newest_work_waited_for(gpu.waits) == []
    assert len(gpu.waits) >= 2 * (multi - 1)  # each frame's copy, and its check


def test_masks_and_alpha_wait_for_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = clip(7, channels=4, is_masked=True)
    gpu = on_cpu_and_gpu(monkeypatch, "4.26", "exact", frames, 2)
    assert newest_work_waited_for(gpu.waits) == []


def spoiled(network: Network, numbers: set[int]) -> Network:
    """Let the results of some calls overflow."""
    forward, count = network.forward, iter(range(100))

    def spoiling(*args: object) -> Tensor:
        out = forward(*args)
        return out / 0 if next(count) in numbers else out

    network.forward = spoiling
    return network


@pytest.mark.parametrize("multi", [2, 4])
def test_frames_that_overflow_are_made_again_before_anybody_sees_them(
    monkeypatch: pytest.MonkeyPatch, multi: int
) -> None:
    network, gpu, frames = network_of("4.26"), RecordingGpu(), clip(5)
    precise = RifeModel(deepcopy(network), "4.26", evaluation="plain")
    expected = made(precise, frames, multi, "fast", None)
    network.set_precision(torch.bfloat16)
    with gpu.in_use(monkeypatch):
        for each in (network, precise.network):
            gpu.take(each)
        model = RifeModel(spoiled(network, {1, 3}), "4.26", evaluation="plain")
        model.__dict__["_float32_model"] = precise
        found = made(model, frames, multi, "fast", None)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        is_exact = number // multi in (1, 3) or number % multi == 0
        torch.testing.assert_close(one, other, atol=1e-5 if is_exact else 0.2, rtol=0)


def test_damaged_weights_are_named_before_their_frame_is_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, gpu = network_of("4.26"), RecordingGpu()
    seen: list[Tensor] = []
    with gpu.in_use(monkeypatch):
        gpu.take(network)
        model = RifeModel(spoiled(network, {1}), "4.26", evaluation="plain")
        interpolator = Interpolator(
            model.encode, model.interpolate_each, model.device, model.draft_each
        )
        schedule = Schedule(
            Fraction(2), Fraction(1), EndRule.LAST_FRAME, constant_speed(Fraction(1))
        )
        with pytest.raises(CheckpointError, match="NaN or infinity"):
            seen.extend(interpolate_stream(clip(5), interpolator, schedule))
    assert len(seen) == 3  # two of the source, and the one between them
