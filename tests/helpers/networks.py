"""Networks, weights and pictures that tests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from rife_arch import (
    Enhancer,
    HDv3Config,
    IFNetConfig,
    NetworkConfig,
    RifeModel,
    SafaConfig,
)
from rife_arch.networks.build import build_enhancer, build_network, expected_shapes
from rife_arch.networks.config import PRESETS, EncoderConfig

DATA = Path(__file__).parents[1] / "data"

# The structure of 4.25, narrow enough to run in milliseconds.
TINY_CONFIG = IFNetConfig(
    widths=(16, 16, 8, 8, 8),
    block_scales=(16, 8, 4, 2, 1),
    encoder=EncoderConfig(hidden=8, features=4),
    hidden_features=8,
    head_channels=52,
)


def preset_config(version: str) -> IFNetConfig:
    return next(preset.config for preset in PRESETS if version in preset.versions)


def narrow(config: NetworkConfig) -> NetworkConfig:
    """The same structure with few channels."""
    if isinstance(config, HDv3Config):
        return replace(config, width=8)
    return replace(config, widths=(8,) * len(config.widths))


def random_weights(config: IFNetConfig, seed: int) -> dict[str, Tensor]:
    """Weights anyone can make again: one draw per name in sorted order, scaled by what it is."""
    rng = np.random.RandomState(seed)
    shapes = expected_shapes(config)
    return {key: _weight(key, rng.standard_normal(shapes[key])) for key in sorted(shapes)}


def _weight(key: str, values: np.ndarray) -> Tensor:
    if key.endswith("beta"):
        values = 1 + 0.1 * values
    elif key.endswith("bias"):
        values = 0.05 * values
    elif values.ndim == 1:  # slopes of a PReLU
        values = 0.25 + 0.02 * values
    else:
        values = values * 0.9 / np.sqrt(np.prod(values.shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def random_model(config: IFNetConfig = TINY_CONFIG, seed: int = 0) -> RifeModel:
    return RifeModel(build_network(config, random_weights(config, seed)), name="random")


def psnr(a: Tensor, b: Tensor) -> float:
    """In dB, for pictures in [0, 1]."""
    return float(-10 * torch.log10((a - b).square().mean().clamp(min=1e-20)))


def random_image(seed: int, height: int = 256, width: int = 256) -> Tensor:
    """A smooth random picture [1, 3, height, width] in [0, 1]."""
    values = np.random.RandomState(seed).rand(1, 3, 32, 32).astype(np.float32)
    size = (height, width)
    image = F.interpolate(torch.from_numpy(values), size, mode="bicubic", align_corners=False)
    return image.clamp(0, 1)


def real_pair() -> tuple[Tensor, Tensor]:
    """Two neighbouring real frames, [1, 3, 256, 448] in [0, 1]."""
    first, second = (_read_image(DATA / f"pair_{i}.png") for i in (0, 1))
    return first, second


def _read_image(path: Path) -> Tensor:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def as_upstream(weights: Mapping[str, Tensor], prefix: str = "module.") -> dict[str, Tensor]:
    """Name canonical weights as upstream's .pkl files do."""
    return {prefix + key.replace("blocks.", "block", 1): value for key, value in weights.items()}


# A network like SAFA 0.5, narrow enough to run in milliseconds.
TINY_SAFA = SafaConfig(width=8, encoder_width=4, num_final_units=2)


def safa_weights(config: SafaConfig, seed: int) -> dict[str, Tensor]:
    """Weights anyone can make again, with which steps differ in the scale they work at."""
    rng = np.random.RandomState(seed)
    shapes = expected_shapes(config)
    weights = {key: _safa_weight(key, rng.standard_normal(shapes[key])) for key in sorted(shapes)}
    weights["lastconv1.1.bias"] += 0.5  # pictures of medium brightness,
    weights["lastconv1.1.weight"] *= 4  # and of some contrast
    return weights


def _safa_weight(key: str, values: np.ndarray) -> Tensor:
    if key.endswith("beta"):
        return torch.from_numpy((0.3 + 0.1 * values).astype(np.float32))
    if values.ndim == 2:
        return torch.from_numpy((8 * values / np.sqrt(values.shape[1])).astype(np.float32))
    return _weight(key, values)


def save_enhancer(path: Path, config: SafaConfig = TINY_SAFA, seed: int = 0) -> Path:
    """Save weights under the names that upstream's training gives them."""
    weights = {f"module.{key}": value for key, value in safa_weights(config, seed).items()}
    torch.save(weights, path)
    return path


def random_enhancer(config: SafaConfig = TINY_SAFA, seed: int = 0) -> Enhancer:
    return Enhancer(build_enhancer(config, safa_weights(config, seed)), name="random")
