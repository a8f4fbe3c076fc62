"""Losses, against computations of their own in NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rife_arch import CheckpointError
from training.losses import (
    Loss,
    LossOptions,
    PerceptualDistance,
    census_distance,
    laplacian_distance,
    read_vgg,
)
from vfi.errors import InputError

Plane = NDArray[np.float64]
BELL = np.array([1, 4, 6, 4, 1]) / 16
VGG_WIDTHS = {
    0: 4,
    2: 4,
    5: 5,
    7: 5,
    10: 6,
    12: 6,
    14: 6,
    16: 6,
    19: 7,
    21: 7,
    23: 7,
    25: 7,
    28: 8,
    30: 8,
}


def pictures(seed: int, side: int = 64, batch: int = 2) -> tuple[Tensor, Tensor]:
    random = np.random.RandomState(seed)
    made, real = random.rand(2, batch, 3, side, side).astype(np.float32)
    return torch.from_numpy(made), torch.from_numpy(real)


def blurred(plane: Plane) -> Plane:
    padded = np.pad(plane, 2, mode="reflect")
    height, width = plane.shape
    out = np.zeros_like(plane)
    for row in range(5):
        for column in range(5):
            weight = BELL[row] * BELL[column]
            out += weight * padded[row : row + height, column : column + width]
    return out


def pyramid(plane: Plane) -> list[Plane]:
    levels: list[Plane] = []
    for _ in range(5):
        smaller = blurred(plane)[::2, ::2]
        larger = np.zeros_like(plane)
        larger[::2, ::2] = smaller
        levels.append(plane - 4 * blurred(larger))
        plane = smaller
    return [*levels, plane]


def test_laplacian_distance_is_that_of_two_pyramids() -> None:
    made, real = pictures(0)
    planes = [
        [pyramid(plane) for plane in image.double().numpy().reshape(-1, 64, 64)]
        for image in (made, real)
    ]
    expected = sum(
        np.mean([np.abs(a[level] - b[level]) for a, b in zip(*planes, strict=True)])
        for level in range(6)
    )
    assert laplacian_distance(made, real).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("side", [48, 50, 65])
def test_laplacian_distance_takes_sides_that_do_not_halve(side: int) -> None:
    made, real = pictures(1, side)
    assert laplacian_distance(made, real).item() > 0.1
    assert laplacian_distance(made, made).item() == 0


def test_laplacian_distance_sees_a_change_of_colour_all_over() -> None:
    made, _ = pictures(2)
    assert laplacian_distance(made + 0.1, made).item() == pytest.approx(0.1, rel=1e-3)


def census(plane: Plane) -> NDArray[np.float64]:
    """[H, W] of grey values up to 255 -> [49, H, W]."""
    padded = np.pad(plane, 3)
    height, width = plane.shape
    signs: list[Plane] = []
    for row in range(7):
        for column in range(7):
            difference = padded[row : row + height, column : column + width] - plane
            signs.append(difference / np.sqrt(0.81 + difference**2))
    return np.stack(signs)


def test_census_distance_is_that_of_soft_signs_of_neighbours() -> None:
    made, real = pictures(3, 24)
    greys = [
        255 * (np.array([0.299, 0.587, 0.114]) @ image.double().numpy().reshape(2, 3, -1))
        for image in (made, real)
    ]
    distances: list[Plane] = []
    for a, b in zip(*(grey.reshape(2, 24, 24) for grey in greys), strict=True):
        squares = (census(a) - census(b)) ** 2
        distances.append((squares / (0.1 + squares)).mean(0)[3:-3, 3:-3])
    assert census_distance(made, real).item() == pytest.approx(np.mean(distances), rel=1e-4)


def test_census_distance_does_not_see_brightness() -> None:
    made, real = pictures(4, 24)
    assert census_distance(made + 0.2, made).item() < 1e-6
    assert census_distance(made, real).item() > 0.3


def vgg_weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}
    inputs = 3
    for number, width in VGG_WIDTHS.items():
        weights[f"features.{number}.weight"] = (
            torch.randn(width, inputs, 3, 3, generator=generator) / 4
        )
        weights[f"features.{number}.bias"] = torch.randn(width, generator=generator) / 8
        inputs = width
    weights["features.34.weight"] = torch.randn(8, 8, 3, 3)  # deeper than is looked at
    weights["features.34.bias"] = torch.randn(8)
    weights["classifier.0.weight"] = torch.randn(2, 3)
    return weights


def vgg_features(weights: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """torchvision's vgg19().features, layer by layer, as far as the fifth depth."""
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x, found = (image - mean) / deviation, []
    pools = {4, 9, 18, 27}
    for index in range(32):
        if index in VGG_WIDTHS:
            weight, bias = (weights[f"features.{index}.{part}"] for part in ("weight", "bias"))
            x = F.conv2d(x, weight, bias, padding=1)
        elif index in pools:
            x = F.max_pool2d(x, 2, 2)
        else:
            x = F.relu(x)
        if index in {3, 8, 13, 22, 31}:  # the activation after the second convolution of a depth
            found.append(x)
    return found


def test_perceptual_distance_is_that_of_activations_of_vgg(tmp_path: Path) -> None:
    weights = vgg_weights()
    torch.save(weights, tmp_path / "vgg19.pth")
    made, real = pictures(5, 32)
    features = [vgg_features(weights, image) for image in (made, real)]
    expected = np.mean([(a - b).abs().mean().item() for a, b in zip(*features, strict=True)])
    distance = PerceptualDistance(read_vgg(tmp_path / "vgg19.pth"))
    assert distance(made, real).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("missing", ["features.30.weight", "features.0.bias"])
def test_another_network_than_vgg_is_refused(tmp_path: Path, missing: str) -> None:
    weights = vgg_weights()
    path = tmp_path / "vgg.pth"
    torch.save({name: weight for name, weight in weights.items() if name != missing}, path)
    with pytest.raises(InputError, match="is not VGG-19: it lacks"):
        read_vgg(path)


def test_missing_vgg_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Name its file with --vgg"):
        Loss(LossOptions(perceptual=0.1))
    with pytest.raises(CheckpointError, match="there is no such file"):
        Loss(LossOptions(perceptual=0.1, vgg=tmp_path / "none.pth"))


def test_blocks_are_weighted_towards_the_last() -> None:
    made, real = pictures(6)
    steps = [made, made.flip(3), made.flip(2)]
    each = [laplacian_distance(step, real).item() for step in steps]
    expected = 0.25 * each[0] + 0.5 * each[1] + each[2]
    assert Loss(LossOptions(block_decay=0.5))(steps, real).item() == pytest.approx(expected)
    assert Loss(LossOptions(block_decay=0))(steps, real).item() == pytest.approx(each[2])


def test_options_add_to_the_loss(tmp_path: Path) -> None:
    torch.save(vgg_weights(), tmp_path / "vgg19.pth")
    made, real = pictures(7)
    plain = Loss(LossOptions())([made], real).item()
    with_census = Loss(LossOptions(census=0.5))([made], real).item()
    assert with_census == pytest.approx(plain + 0.5 * census_distance(made, real).item())
    loss = Loss(LossOptions(perceptual=2, vgg=tmp_path / "vgg19.pth"))
    assert loss.vgg is not None
    assert loss([made], real).item() == pytest.approx(plain + 2 * loss.vgg(made, real).item())
    assert not any(weight.requires_grad for weight in loss.parameters())
