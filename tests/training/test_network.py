"""What is trained: that gradients reach all of it, and that it is the network that inference runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rife_arch import IFNetConfig, UnsupportedCheckpointError, load_rife
from rife_arch.checkpoints import Tuning, canonical_sha256
from rife_arch.load import load_trainable
from rife_arch.networks import build_trainable
from tests.helpers.networks import (
    TINY_CONFIG,
    narrow,
    preset_config,
    psnr,
    random_image,
    random_weights,
)
from training.losses import Loss, LossOptions
from training.network import Trainee
from training.state import write_checkpoint

FAMILIES = (
    "3.9",
    "4.0",
    "4.2",
    "4.5",
    "4.7",
    "4.10",
    "4.15",
    "4.21",
    "4.22.lite",
    "4.25",
    "4.25.lite",
    "4.26",
)
TUNING = Tuning("4.26", "0" * 64, "1" * 64, 10, "CC BY 4.0")


def family(version: str) -> IFNetConfig:
    config = narrow(preset_config(version))
    assert isinstance(config, IFNetConfig)
    # The width of its last block is how 4.25.lite is told from 4.25, whose scales are others.
    return replace(config, widths=(8, 8, 8, 8, 24)) if version == "4.25.lite" else config


def frames(side: int = 128, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Two frames, and one to be made from them, [2, 3, side, side]."""
    images = [random_image(seed + number, side, side) for number in range(6)]
    img0, img1, truth = (torch.cat(images[first : first + 2]) for first in (0, 2, 4))
    return img0, img1, truth


@pytest.mark.parametrize("version", FAMILIES)
def test_gradients_reach_every_weight(version: str) -> None:
    config = family(version)
    trainee = Trainee(build_trainable(config, random_weights(config, 0)))
    img0, img1, truth = frames()
    timestep = torch.tensor([0.5, 0.25]).view(2, 1, 1, 1)
    Loss(LossOptions())(trainee(img0, img1, timestep), truth).backward()
    without = [
        name
        for name, weight in trainee.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert without == []


@pytest.mark.parametrize("version", FAMILIES)
def test_result_in_training_is_that_of_inference(tmp_path: Path, version: str) -> None:
    config = family(version)
    trainee = Trainee(build_trainable(config, random_weights(config, 1)))
    path = tmp_path / "rife_tuned.safetensors"
    write_checkpoint(path, trainee.network.state_dict(), TUNING)
    model = load_rife(path)
    img0, img1, _ = frames(seed=7)
    timestep = torch.tensor([0.5, 0.3])
    made = trainee(img0, img1, timestep.view(2, 1, 1, 1))[-1].detach()
    assert psnr(made, model(img0, img1, timestep)) >= 100


def test_frozen_encoder_gets_no_gradients() -> None:
    network = build_trainable(TINY_CONFIG, random_weights(TINY_CONFIG, 0))
    trainee = Trainee(network, freezes_encoder=True)
    img0, img1, truth = frames()
    Loss(LossOptions())(trainee(img0, img1, torch.full((2, 1, 1, 1), 0.5)), truth).backward()
    frozen = {name for name, weight in trainee.named_parameters() if weight.grad is None}
    assert frozen == {name for name, _ in trainee.named_parameters() if ".encode." in name}
    assert frozen


def test_half_precision_keeps_the_encoder_in_float32() -> None:
    trainee = Trainee(build_trainable(TINY_CONFIG, random_weights(TINY_CONFIG, 0)))
    img0, img1, _ = frames()
    dtypes: list[torch.dtype] = []

    def note(_module: nn.Module, _inputs: object, features: Tensor) -> None:
        dtypes.append(features.dtype)

    trainee.network.encode.register_forward_hook(note)
    timestep = torch.full((2, 1, 1, 1), 0.5)
    with torch.no_grad():
        made = trainee(img0, img1, timestep, torch.bfloat16)[-1]
        exact = trainee(img0, img1, timestep)[-1]
    assert set(dtypes) == {made.dtype} == {torch.float32}
    assert 25 < psnr(made, exact) < 100


def test_weights_of_the_checkpoint_are_not_changed() -> None:
    weights = random_weights(TINY_CONFIG, 0)
    before = canonical_sha256(weights)
    network = build_trainable(TINY_CONFIG, weights)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 1
    assert canonical_sha256(weights) == before


@pytest.mark.parametrize("version", ["3.6", "3.1", "RIFE_m"])
def test_networks_before_4_are_refused_with_the_reason(tmp_path: Path, version: str) -> None:
    torch.save(random_weights(preset_config(version), 0), tmp_path / "flownet.pkl")
    with pytest.raises(
        UnsupportedCheckpointError, match=r"cannot be fine-tuned. Choose a checkpoint of 4"
    ):
        load_trainable(tmp_path / "flownet.pkl")
