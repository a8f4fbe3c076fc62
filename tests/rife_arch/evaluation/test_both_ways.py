"""Averaging the last block with its output for the swapped pair, in each way to evaluate it."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from rife_arch.models.evaluator import Evaluator
from rife_arch.networks import IFNetConfig, Pair
from rife_arch.networks.config import PRESETS, Preset
from tests.helpers.networks import narrow, random_image, random_model

CONFIGS = [preset for preset in PRESETS if isinstance(preset.config, IFNetConfig)]


@pytest.mark.parametrize("evaluation", ["fused", "exact"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("preset", CONFIGS, ids=lambda preset: preset.versions[-1])
def test_result_is_that_of_the_plain_forward(
    preset: Preset, scale: float, evaluation: Literal["fused", "exact"]
) -> None:
    if evaluation == "fused":
        pytest.importorskip("numba")
    network = random_model(narrow(preset.config)).network
    evaluator = Evaluator(network, evaluation, torch_compile=False)
    images = random_image(1, 128, 128), random_image(2, 128, 128)
    times = torch.tensor([0.2]).view(1, 1, 1, 1)
    plain = Pair(network.encode_frame(images[0]), network.encode_frame(images[1]))
    expected = network.with_motion(plain, times, scale, "last")
    encoded = [evaluator.encode_frame(img, scale) for img in images]
    pair = Pair(encoded[0], encoded[1])
    made = evaluator.interpolate(pair, times, scale, averaging="last")
    moved = evaluator.with_motion(pair, times, scale, averaging="last")
    if network.config.supports_any_timestep:
        torch.testing.assert_close(made, expected.frame, atol=5e-5, rtol=0)
        torch.testing.assert_close(moved.frame, expected.frame, atol=5e-5, rtol=0)
        torch.testing.assert_close(moved.motion.flow, expected.motion.flow, atol=1e-3, rtol=1e-4)
    once = evaluator.interpolate(pair, times, scale, averaging="none")
    assert not torch.allclose(made, once, atol=1e-4)
