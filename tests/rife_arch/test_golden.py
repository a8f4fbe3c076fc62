"""The networks against the outputs of an independent implementation (see data/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rife_arch import RifeModel, load_rife
from rife_arch.networks.config import PRESETS
from tests.helpers.networks import preset_config, random_image, random_model, real_pair

DATA = Path(__file__).parent / "data"
VERSIONS = [
    "4.0",
    "4.1",
    "4.2",
    "4.3",
    "4.4",
    "4.5",
    "4.6",
    "4.7",
    "4.8",
    "4.9",
    "4.10",
    "4.11",
    "4.12",
    "4.12.lite",
    "4.13",
    "4.13.lite",
    "4.14",
    "4.14.lite",
    "4.15",
    "4.15.lite",
    "4.16.lite",
    "4.17",
    "4.17.lite",
    "4.18",
    "4.19",
    "4.20",
    "4.21",
    "4.22",
    "4.22.lite",
    "4.23",
    "4.24",
    "4.25",
    "4.25.lite",
    "4.25.heavy",
    "4.26",
    "4.26.heavy",
]
NEWEST = {preset.versions[-1] for preset in PRESETS}
LEGACY_SEEDS = {
    "3.8": 3800,
    "3.5": 3500,
    "3.1": 3100,
    "2.4": 2400,
    "RIFE (paper)": 100,
    "RIFE_m": 200,
}


def golden(file: str, version: str) -> dict[str, Tensor]:
    with np.load(DATA / file) as archive:
        names, outputs = archive["names"], archive["outputs"]
    return {
        str(name): torch.from_numpy(output.astype(np.float32))
        for name, output in zip(names, outputs, strict=True)
        if version in str(name).split("|")
    }


def options(name: str) -> dict[str, float]:
    return {key: float(value) for key, value in (x.split("=") for x in name.split("|") if "=" in x)}


def run(model: RifeModel, img0: Tensor, img1: Tensor, wanted: dict[str, float]) -> Tensor:
    ensemble = wanted.get("ensemble", 0) == 1
    return model(img0, img1, wanted["t"], scale=wanted.get("scale", 1), ensemble=ensemble)[0]


@pytest.mark.parametrize(
    "version", [pytest.param(v, marks=[] if v in NEWEST else pytest.mark.slow) for v in VERSIONS]
)
def test_network_on_random_weights_gives_the_reference_output(version: str) -> None:
    seed = 4000 + VERSIONS.index(version)
    model = random_model(preset_config(version), seed)
    img0, img1 = random_image(seed + 1), random_image(seed + 2)
    entries = golden("rife4_golden.npz", version)
    assert len(entries) in (4, 8, 12)
    for name, expected in entries.items():
        out = run(model, img0, img1, options(name))[:, ::16, ::16]
        difference = (out - expected).abs()
        assert difference.mean() < 2e-3, name
        assert difference.quantile(0.99) < 1e-2, name


@pytest.mark.parametrize("version", LEGACY_SEEDS)
def test_network_before_40_gives_the_reference_output(version: str) -> None:
    seed = LEGACY_SEEDS[version]
    model = random_model(preset_config(version), seed)
    img0, img1 = random_image(seed + 1), random_image(seed + 2)
    entries = golden("legacy_golden.npz", version)
    assert entries
    for name, expected in entries.items():
        out = run(model, img0, img1, options(name))[:, ::16, ::16]
        assert (out - expected).abs().mean() < 2e-4, name


@pytest.mark.weights
def test_refinement_of_released_40_gives_the_reference_output(
    checkpoint_file: Callable[[str], Path],
) -> None:
    model = load_rife(checkpoint_file("4.0"), refine=True)
    for name, expected in golden("real_golden.npz", "4.0").items():
        wanted = options(name)
        if wanted.get("refine"):
            difference = (run(model, *real_pair(), wanted)[:, ::8, ::8] - expected).abs()
            assert difference.mean() < 2e-4, name
            assert difference.max() < 5e-3, name


@pytest.mark.weights
@pytest.mark.parametrize("version", ["4.26", "4.0", "3.6"])
def test_released_weights_on_real_frames_give_the_reference_output(
    version: str, released_model: Callable[[str], RifeModel]
) -> None:
    model = released_model(version)
    assert model.name == version
    for name, expected in golden("real_golden.npz", version).items():
        wanted = options(name)
        if wanted.get("refine"):
            continue
        img0, img1 = real_pair()
        if "roll" in wanted:
            img1 = img0.roll(int(wanted["roll"]), -1)
        difference = (run(model, img0, img1, wanted)[:, ::8, ::8] - expected).abs()
        assert difference.mean() < 2e-4, name
        assert difference.max() < 5e-3, name
